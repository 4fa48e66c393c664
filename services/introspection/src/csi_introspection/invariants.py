"""Largest Lyapunov exponent and correlation dimension of the pairs of a tail (see ``pairs``)."""

from __future__ import annotations

from math import log, nan, sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Int64, Record
from csi_introspection.embedding import OCTAVE
from csi_introspection.pairs import BINS, HORIZON, PER_OCTAVE
from csi_introspection.tones import TAIL

LEAST_CONFIDENCE = 0.3
"""Below it a value is withheld."""
_FEWEST_PAIRS = 500
_FEWEST_NEIGHBOURS = 30
FOLDS = 36.0
"""E-foldings in a tail below which an exponent that is not zero is withheld."""
_AGREE = 0.2
"""Share by which the two exponents may differ."""
_SATURATED = 1.5
"""Divergence stops being exponential this many octaves below the mean distance."""
_LARGEST_SHARE = 0.12
"""Share of the pairs within the largest radius of the dimension's fit."""


@kernel
def straight_line(n: int, sx: float, sy: float, sxx: float, sxy: float, syy: float) -> tuple[float, float]:
    """Slope and root mean square residual of the least-squares line through ``n`` points, from their sums."""
    vx = sxx - sx * sx / n
    vxy = sxy - sx * sy / n
    slope = vxy / vx
    return slope, sqrt(max(syy - sy * sy / n - vxy * slope, 0.0) / n)


@kernel
def growth_of_neighbours(
    divergence: Int64, neighbours: int, mean: float, step: int, log_floor: float
) -> tuple[float, float]:
    """Fit the divergence of nearest neighbours (Rosenstein, Collins & De Luca 1993).

    The first step is left out: neighbours near each other by chance and by noise part at once, before they follow the
    fastest direction.

    Args:
        divergence: (HORIZON + 1) sums of log2 distance, in 1 / OCTAVE.
        neighbours: Pairs followed.
        mean: Mean log2 distance of all pairs, where divergence saturates.
        step: Frames per step.
        log_floor: log2 of the noise's standard deviation.

    Returns:
        Exponent, natural log per frame (nan where the data cannot say), and its confidence 0-1.
    """
    unit = 1.0 / (OCTAVE * neighbours)
    last = 1
    while last < HORIZON and divergence[last + 1] * unit < mean - _SATURATED:
        last += 1
    n = last
    if n < 3:
        return nan, 0.0
    sx, sy, sxx, sxy, syy = 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(1, last + 1):
        y = divergence[k] * unit
        sx += k
        sy += y
        sxx += k * k
        sxy += k * y
        syy += y * y
    slope, rms = straight_line(n, sx, sy, sxx, sxy, syy)
    confidence = min(1.0, n / 4.0) * max(0.0, 1.0 - 4.0 * rms)
    confidence *= min(1.0, max(0.0, divergence[1] * unit - log_floor - 1.0))  # inside the noise they say nothing
    return slope * log(2.0) / step, confidence


@kernel
def lyapunov_exponent(neighbours: float, confidence: float, predictor: float, frames: int) -> tuple[float, float]:
    """Decide whether the growth of neighbours may be published.

    Over a tail, an exponent is a mean of few independent growths: the true exponent of 128 frames of the Lorenz system
    ten frames a time unit has a standard deviation of 13 %. So it must grow by ``FOLDS`` e-foldings in a tail, or by
    less than one and be zero for all that the tail can tell; and the predictor must agree.

    Args:
        neighbours: Growth of neighbours, natural log per frame.
        confidence: Of it.
        predictor: Exponent of the fitted predictor.
        frames: Length of the tail.

    Returns:
        Exponent (nan where the data cannot say) and its confidence 0-1.
    """
    folds = abs(neighbours) * frames
    if 1.0 < folds < FOLDS:
        return nan, 0.0
    apart = abs(neighbours - predictor) / (_AGREE * max(abs(neighbours), abs(predictor)) + 1.0 / frames)
    confidence *= max(0.0, 1.0 - apart * apart)
    if not confidence >= LEAST_CONFIDENCE:
        return nan, 0.0
    return neighbours, confidence


@kernel
def correlation_dimension(histogram: Int64, pairs: int, lowest: float, log_floor: float) -> tuple[float, float]:
    """Fit the correlation sum between five noise deviations and 12 % of the pairs.

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
        if within > 25 and radius > log_floor + 2.2:
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
def fit_pairs(state: Record, log_floor: float, predictor: float, out: Float64) -> None:
    """Write exponent, its confidence, dimension, its confidence to ``out`` (4).

    Args:
        state: A record of ``pairs.STATE``.
        log_floor: log2 of the noise's standard deviation.
        predictor: Exponent of the predictor fitted to the same tail; nan if there is none.
        out: Receives the answers; nan with confidence 0 where the data cannot say.
    """
    out[0], out[1], out[2], out[3] = nan, 0.0, nan, 0.0
    if state.pairs < _FEWEST_PAIRS or state.neighbours < _FEWEST_NEIGHBOURS:
        return
    lowest = state.lowest / OCTAVE
    mean = 0.0
    for b in range(BINS):
        mean += state.histogram[b] * (lowest + (b + 0.5) / PER_OCTAVE)
    mean /= state.pairs
    growth, confidence = growth_of_neighbours(state.divergence, state.neighbours, mean, state.step, log_floor)
    out[0], out[1] = lyapunov_exponent(growth, confidence, predictor, TAIL)
    out[2], out[3] = correlation_dimension(state.histogram, state.pairs, lowest, log_floor)
