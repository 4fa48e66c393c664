"""Largest Lyapunov exponent and correlation dimension from a table of log2 distances (see ``embedding``).

Rosenstein, Collins & De Luca 1993 (doi:10.1016/0167-2789(93)90009-P): the mean log distance of nearest neighbours
grows by the exponent per step. Grassberger & Procaccia 1983 (doi:10.1016/0167-2789(83)90298-1): the share of pairs
closer than r grows as r to the dimension. Both leave out pairs closer in time than the Theiler window.
"""

from __future__ import annotations

from math import log, nan, sqrt

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64

HORIZON = 8
"""Steps over which neighbours are followed."""
PER_OCTAVE = 4
"""Bins of the distance histogram in a factor of two."""
BINS = 160
LEAST_CONFIDENCE = 0.3
"""Below it a value is withheld."""
_FEWEST_PAIRS = 500
_FEWEST_NEIGHBOURS = 30
_SATURATED = 0.9
"""Divergence stops being exponential this many octaves below the mean distance."""
_LARGEST_SHARE = 0.12
"""Share of the pairs within the largest radius of the dimension's fit."""
_FAR = np.float32(1e9)


@kernel
def follow_reference(
    rows: Float32,
    newest: int,
    reference: int,
    count: int,
    theiler: int,
    step: int,
    lowest: float,
    divergence: Float64,
    histogram: Int64,
) -> int:
    """Add one reference vector: follow its nearest neighbour, and count its distances to the vectors before it.

    Args:
        rows: (R, >= count) ring of log2 distances; row of vector t is ``t % R``.
        newest: Time of the newest vector of this scan.
        reference: Time of the reference vector, ``newest - count < reference <= newest``.
        count: Vectors in the scan.
        theiler: Pairs closer in time than this are left out.
        step: Frames per step of the horizon.
        lowest: log2 distance of the histogram's first bin.
        divergence: (HORIZON + 1) sums of log2 distance after 0, 1, ... steps.
        histogram: (BINS) counts.

    Returns:
        1 if a neighbour was followed, else 0 (too few frames left before ``newest``, or none outside the window).
    """
    size = rows.shape[0]
    last = newest - HORIZON * step
    nearest = _FAR
    lag, later = -1, 0
    own = reference % size
    for back in range(theiler, count - (newest - reference)):
        value = rows[own, back]
        at = int((value - lowest) * PER_OCTAVE)
        histogram[min(max(at, 0), histogram.size - 1)] += 1
        if value < nearest:
            nearest = value
            lag, later = back, reference
    for other in range(reference + theiler, last + 1):
        value = rows[other % size, other - reference]
        if value < nearest:
            nearest = value
            lag, later = other - reference, other
    if lag < 0 or reference > last:
        return 0
    for k in range(HORIZON + 1):
        divergence[k] += rows[(later + k * step) % size, lag]
    return 1


@kernel
def straight_line(n: int, sx: float, sy: float, sxx: float, sxy: float, syy: float) -> tuple[float, float]:
    """Slope and root mean square residual of the least-squares line through ``n`` points, from their sums."""
    vx = sxx - sx * sx / n
    vxy = sxy - sx * sy / n
    slope = vxy / vx
    return slope, sqrt(max(syy - sy * sy / n - vxy * slope, 0.0) / n)


@kernel
def lyapunov_exponent(
    divergence: Float64, neighbours: int, mean: float, step: int, log_floor: float
) -> tuple[float, float]:
    """Fit the divergence of nearest neighbours.

    Args:
        divergence: (HORIZON + 1) sums of log2 distance.
        neighbours: Pairs followed.
        mean: Mean log2 distance of all pairs, where divergence saturates.
        step: Frames per step.
        log_floor: log2 of the noise's standard deviation.

    Returns:
        Exponent, natural log per frame (nan where the data cannot say), and its confidence 0-1.
    """
    start_level = divergence[0] / neighbours - log_floor
    # within the noise, step 0 -> 1 is selection (the nearest of many is too near), not divergence
    first = 0 if start_level > 2.5 else 1
    last = first
    while last < HORIZON and divergence[last + 1] / neighbours < mean - _SATURATED:
        last += 1
    n = last - first + 1
    if n < 3:
        return nan, 0.0
    sx, sy, sxx, sxy, syy = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(first, last + 1):
        y = divergence[k] / neighbours
        sx += k
        sy += y
        sxx += k * k
        sxy += k * y
        syy += y * y
    slope, rms = straight_line(n, sx, sy, sxx, sxy, syy)
    confidence = min(1.0, n / 4.0) * max(0.0, 1.0 - 4.0 * rms)
    confidence *= min(1.0, max(0.0, (start_level + 0.7) / 2.5))  # neighbours closer than the noise say nothing
    if confidence < LEAST_CONFIDENCE:
        return nan, 0.0
    return slope * log(2.0) / step, confidence


@kernel
def correlation_dimension(histogram: Int64, pairs: int, lowest: float, log_floor: float) -> tuple[float, float]:
    """Fit the correlation sum between three noise deviations and 12 % of the pairs.

    Returns:
        Dimension (nan where the data cannot say) and its confidence 0-1.
    """
    n, within = 0, 0
    sx, sy, sxx, sxy, syy = 0.0, 0.0, 0.0, 0.0, 0.0
    for b in range(histogram.size):
        within += histogram[b]
        radius = lowest + (b + 1) / PER_OCTAVE
        if within > _LARGEST_SHARE * pairs:
            break
        if within > 25 and radius > log_floor + 1.6:
            y = log(within) / log(2.0)
            n += 1
            sx += radius
            sy += y
            sxx += radius * radius
            sxy += radius * y
            syy += y * y
    if n < 4:
        return nan, 0.0
    slope, rms = straight_line(n, sx, sy, sxx, sxy, syy)
    confidence = min(1.0, n / 8.0) * max(0.0, 1.0 - 4.0 * rms)
    if confidence < LEAST_CONFIDENCE:
        return nan, 0.0
    return slope, confidence


@kernel
def fit_scan(
    divergence: Float64,
    histogram: Int64,
    neighbours: int,
    step: int,
    lowest: float,
    log_floor: float,
    out: Float64,
) -> None:
    """Write exponent, its confidence, dimension, its confidence of a finished scan to ``out`` (4)."""
    pairs = 0
    mean = 0.0
    for b in range(histogram.size):
        pairs += histogram[b]
        mean += histogram[b] * (lowest + (b + 0.5) / PER_OCTAVE)
    out[0], out[1], out[2], out[3] = nan, 0.0, nan, 0.0
    if pairs < _FEWEST_PAIRS or neighbours < _FEWEST_NEIGHBOURS:
        return
    out[0], out[1] = lyapunov_exponent(divergence, neighbours, mean / pairs, step, log_floor)
    out[2], out[3] = correlation_dimension(histogram, pairs, lowest, log_floor)
