"""How far the evidence of a signature goes while a stream is quiet, and how unlikely more of it is.

Evidence is kept as the maximum of every calm second, so that the answer knows neither frame rate nor how alike the
neighbouring frames are; evidence against the signature counts as none. Above their median, maxima follow a generalised
Pareto distribution (Pickands 1975, doi:10.1214/aos/1176343003), fitted by probability-weighted moments (Hosking &
Wallis 1987, doi:10.1080/00401706.1987.10488243). Its shape is kept within 0 and ``HEAVIEST``: a bounded tail would call
impossible what a minute has not shown.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64

KEPT = 240
"""Calm seconds remembered."""
FEWEST = 60
"""Calm seconds needed before anything is called unlikely."""
FEWEST_RESTLESS = 16
"""Restless seconds needed before their tail counts too. It only makes promotion rarer, so it need not be well known."""
PENDING = 16
"""Seconds that can wait for a verdict on whether they were calm; of more, the last of them count as one."""
HEAVIEST = 0.5
THRESHOLD, SCALE, SHAPE, SHARE, LIMIT, FADES, EARLY = range(7)
"""Columns of a fitted tail: where it begins, its scale and shape, and the share of seconds beyond; then the evidence
above which a match is promoted, that below which it ends, and that above which a prefix is enough. The last three are
endless until enough was seen."""


@kernel
def put_in_order(maxima: Float32, count: int, order: Int64) -> None:
    """Bring ``order``, the places 0 .. count - 1 of ``maxima`` in any order, to rising values.

    By insertion: one second after the last time all but one of them are in order already.
    """
    for i in range(1, count):
        place = order[i]
        before = i - 1
        while before >= 0 and maxima[order[before]] > maxima[place]:
            order[before + 1] = order[before]
            before -= 1
        order[before + 1] = place


@kernel
def fit_tail(maxima: Float32, count: int, noise: float, order: Int64, work: Float32, tail: Float64) -> None:
    """Fit the upper half of the first ``count`` (>= 4) of ``maxima``.

    Args:
        maxima: (KEPT) evidence, any order.
        count: How many there are.
        noise: Least scale: what evidence owes to the quiet's own noise when nothing resembles the signature.
        order: (>= count) see ``put_in_order``; kept from one fit to the next.
        work: (>= KEPT) work space.
        tail: (>= 4) its first four receive the fit, see ``THRESHOLD``.
    """
    ordered = work[:count]
    put_in_order(maxima, count, order)
    for i in range(count):
        ordered[i] = maxima[order[i]]
    middle = count // 2
    threshold = np.float64(ordered[middle])
    n = count - middle - 1
    mean, weighted = 0.0, 0.0
    for i in range(n):
        over = ordered[middle + 1 + i] - threshold
        mean += over
        weighted += (1.0 - (i + 0.65) / n) * over
    mean /= n
    weighted /= n
    shape = 0.0
    if mean - 2.0 * weighted > 0.0:
        shape = 2.0 - mean / (mean - 2.0 * weighted)
    shape = min(max(shape, 0.0), HEAVIEST)
    tail[THRESHOLD] = threshold
    tail[SCALE] = max(mean * (1.0 - shape), noise)
    tail[SHAPE] = shape
    tail[SHARE] = n / count


@kernel
def log_p(tail: Float64, evidence: float) -> float:
    """Natural log of the share of quiet seconds with this much evidence; 0 up to the tail's threshold."""
    over = (evidence - tail[THRESHOLD]) / tail[SCALE]
    if over <= 0.0:
        return 0.0
    shape = tail[SHAPE]
    if shape < 1e-6:
        return float(np.log(tail[SHARE]) - over)
    return float(np.log(tail[SHARE]) - np.log1p(shape * over) / shape)


@kernel
def evidence_at(tail: Float64, log_p: float) -> float:
    """Return the evidence of which ``log_p`` (< 0) is the natural log of the p-value: the inverse of ``log_p``."""
    beyond = max(np.log(tail[SHARE]) - log_p, 0.0)
    shape = tail[SHAPE]
    over = beyond if shape < 1e-6 else np.expm1(shape * beyond) / shape
    return float(tail[THRESHOLD] + tail[SCALE] * over)


@kernel
def keep_maximum(maxima: Float32, count: Int64, k: int, value: float) -> None:
    """Put signature ``k``'s maximum of a calm second into its ring, over the oldest when full."""
    maxima[k, count[k] % KEPT] = np.float32(max(value, 0.0))
    count[k] += 1
