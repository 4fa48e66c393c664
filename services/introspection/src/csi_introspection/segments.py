"""Is the tail better told as a few straight pieces, or as one window of activity in a rest?

Every description is priced by its Bayesian information criterion (BIC): samples x log variance plus log n per
parameter, in nats, constants dropped. Variances are shrunk towards the noise floor by two pseudo-samples, so that a
piece of a few samples cannot be infinitely good.
"""

from __future__ import annotations

from math import log

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64

SHORTEST = 4
"""Samples in the shortest piece."""
AT_FLOOR = 2.2
"""A piece rests when its variance is below this many floors."""


@kernel
def prefix_sums(x: Float64, sums: Float64) -> None:
    """Write the running sums of x, t x and x squared to ``sums`` (3, n + 1)."""
    for t in range(x.size):
        value = x[t]
        sums[0, t + 1] = sums[0, t] + value
        sums[1, t + 1] = sums[1, t] + t * value
        sums[2, t + 1] = sums[2, t] + value * value


@kernel
def line_variance(sums: Float64, start: int, stop: int, floor: float) -> float:
    """Variance about the straight line through ``[start, stop)``, shrunk to ``floor`` by two pseudo-samples."""
    n = stop - start
    y = sums[0, stop] - sums[0, start]
    ty = sums[1, stop] - sums[1, start]
    yy = sums[2, stop] - sums[2, start]
    slope_part = ty - 0.5 * (start + stop - 1) * y
    residual = yy - y * y / n - slope_part * slope_part * 12.0 / (n * (n * n - 1.0))
    return float((max(residual, 0.0) + 2.0 * floor) / n)


@kernel
def split_cost(sums: Float64, start: int, at: int, stop: int, floor: float) -> float:
    """Price in nats of two lines that meet at ``at``."""
    left = (at - start) * log(line_variance(sums, start, at, floor))
    return left + (stop - at) * log(line_variance(sums, at, stop, floor))


@kernel
def best_split(sums: Float64, start: int, stop: int, floor: float) -> tuple[float, int]:
    """Return the price of the best two lines over ``[start, stop)`` and where the second begins.

    A coarse search in steps of four, refined around its best.
    """
    best = 1e300
    at = start + SHORTEST
    for s in range(start + SHORTEST, stop - SHORTEST + 1, 4):
        cost = split_cost(sums, start, s, stop, floor)
        if cost < best:
            best = cost
            at = s
    coarse = at
    for s in range(max(start + SHORTEST, coarse - 3), min(stop - SHORTEST + 1, coarse + 4)):
        cost = split_cost(sums, start, s, stop, floor)
        if cost < best:
            best = cost
            at = s
    return best, at


@kernel
def resting_samples(sums: Float64, start: int, stop: int, floor: float) -> int:
    """Samples of ``[start, stop)`` if it rests at the floor, else 0."""
    if stop > start and line_variance(sums, start, stop, floor) < AT_FLOOR * floor:
        return stop - start
    return 0


@kernel
def price_lines(sums: Float64, n: int, floor: float) -> tuple[float, float]:
    """Return the BIC of the best one, two or three lines over the tail, and the share of it that rests."""
    nats = log(n)
    first, second = n, n
    bic = n * log(line_variance(sums, 0, n, floor)) + nats
    two, middle = best_split(sums, 0, n, floor)
    if two + 5 * nats < bic:
        bic = two + 5 * nats
        first = middle
    gain_left, gain_right, left, right = 0.0, 0.0, middle, n
    if middle >= 2 * SHORTEST:
        cost, left = best_split(sums, 0, middle, floor)
        gain_left = middle * log(line_variance(sums, 0, middle, floor)) - cost
    if n - middle >= 2 * SHORTEST:
        cost, right = best_split(sums, middle, n, floor)
        gain_right = (n - middle) * log(line_variance(sums, middle, n, floor)) - cost
    three = two - max(gain_left, gain_right) + 9 * nats
    if three < bic:
        bic = three
        if gain_left > gain_right:
            first, second = left, middle
        else:
            first, second = middle, right
    calm = resting_samples(sums, 0, first, floor)
    calm += resting_samples(sums, first, second, floor)
    calm += resting_samples(sums, second, n, floor)
    return bic, calm / n


@kernel
def price_window(sums: Float64, n: int, width: int, floor: float) -> tuple[float, float]:
    """Return the BIC of one window of ``width`` samples with a level and variance of its own, and the rest's share."""
    most = -1.0
    at = 0
    for s in range(0, n - width + 1, width // 4):
        energy = sums[2, s + width] - sums[2, s]
        if energy > most:
            most = energy
            at = s
    inside = sums[0, at + width] - sums[0, at]
    outside = sums[0, n] - inside
    m = n - width
    variance_outside = (max(sums[2, n] - most - outside * outside / m, 0.0) + 2.0 * floor) / (m + 1)
    variance_inside = (max(most - inside * inside / width, 0.0) + 2.0 * floor) / (width + 1)
    bic = m * log(variance_outside) + width * log(variance_inside) + 5 * log(n)
    calm = m / n if variance_outside < AT_FLOOR * floor else 0.0
    return bic, calm


@kernel
def describe(x: Float64, floor: float, sums: Float64) -> tuple[float, float, float]:
    """Price a tail as a constant and as pieces.

    Args:
        x: (n) the tail; its level does not matter.
        floor: Noise variance of the stream at rest, > 0.
        sums: (3, n + 1) work space whose first column is 0.

    Returns:
        BIC of a constant; BIC of the best pieces or window; share of the tail that rests at the floor in the latter.
    """
    n = x.size
    prefix_sums(x, sums)
    spread = max(sums[2, n] - sums[0, n] * sums[0, n] / n, 0.0)
    constant = n * log((spread + 2.0 * floor) / (n + 1.0))
    pieces, calm = price_lines(sums, n, floor)
    width = SHORTEST
    while width <= n // 4:
        bic, resting = price_window(sums, n, width, floor)
        if bic < pieces:
            pieces = bic
            calm = resting
        width *= 2
    return constant, pieces, calm
