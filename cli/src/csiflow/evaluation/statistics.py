"""Shares, rates and medians with what is known of them."""

from __future__ import annotations

import math
from collections.abc import Sequence

Z95 = 1.959963984540054
"""Standard normal quantile of 97.5 %."""


def share(count: int, total: int) -> float | None:
    """``count`` of ``total``, ``None`` when there is nothing to count."""
    return count / total if total else None


def wilson(count: int, total: int) -> tuple[float, float] | None:
    """95 % interval of a share, to four decimals; ``None`` when nothing was counted.

    Wilson 1927, doi:10.1080/01621459.1927.10502953.
    """
    if not total:
        return None
    p, z2 = count / total, Z95 * Z95
    centre = (p + z2 / (2 * total)) / (1 + z2 / total)
    half = Z95 * math.sqrt(p * (1 - p) / total + z2 / (4 * total * total)) / (1 + z2 / total)
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)


def poisson_interval(count: int) -> tuple[float, float]:
    """95 % interval of the mean of which ``count`` events are one sample (Garwood 1936, doi:10.1093/biomet/28.3-4.437).

    Found by bisection of the Poisson distribution; exact to 1e-9 relative.
    """
    lower = 0.0 if count == 0 else _mean_where(0.975, count - 1)
    return lower, _mean_where(0.025, count)


def _mean_where(probability: float, count: int) -> float:
    """Return the Poisson mean of which at most ``count`` events have this probability."""
    low, high = 0.0, count + 10.0 * math.sqrt(count + 1) + 10.0
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        at_most = math.fsum(math.exp(k * math.log(middle) - middle - math.lgamma(k + 1)) for k in range(count + 1))
        low, high = (middle, high) if at_most > probability else (low, middle)
    return (low + high) / 2


def median(values: Sequence[float]) -> float | None:
    """Middle of ``values``, in which infinity stands for never; ``None`` when that is the middle, or without values."""
    if not values:
        return None
    ordered = sorted(values)
    half = len(ordered) // 2
    upper = ordered[half]
    middle = upper if len(ordered) % 2 else (ordered[half - 1] + upper) / 2
    return middle if math.isfinite(middle) else None


def per_hour(count: int, seconds: float) -> float | None:
    """Events an hour, ``None`` when no time was watched."""
    return count * 3600 / seconds if seconds > 0 else None


def rounded(value: float | None, digits: int = 4) -> float | None:
    """For printing."""
    return None if value is None else round(value, digits)
