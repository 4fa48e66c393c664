"""Distances in the delay embedding of a scalar series, one row a frame.

Vectors are (x[t], x[t - tau], x[t - 2 tau]) under the maximum norm (Takens 1981, doi:10.1007/BFb0091924). Row t holds
log2 of the distance from vector t to each of the vectors before it, indexed by lag, so that what becomes of a pair
(i, i - lag) is read down one column: rows i + 1, i + 2, ... of the same lag. Logarithms are kept as whole numbers of
``1 / OCTAVE``: sums of them are exact however many are added and taken away again.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int16

DIMENSION = 3
"""Embedding dimension m."""
LONGEST_DELAY = 8
"""Largest tau, frames."""
OCTAVE = 256
"""Units of a stored logarithm in a factor of two."""
_MANTISSA = np.float32(2.0**-23)
_ONE = np.float32(1.0)
_BOW = np.float32(0.4207)
_BOW_SLOPE = np.float32(0.15)
_UNITS = np.float32(OCTAVE)


@kernel
def log2_of_mantissa(word: np.int32) -> np.float32:
    """log2 of the mantissa (1 to 2) of the positive float whose bits are ``word``, exact to 0.002."""
    f = np.float32(word & 0x7FFFFF) * _MANTISSA
    return f + f * (_ONE - f) * (_BOW - _BOW_SLOPE * f)


@kernel
def log2_into(values: Float32, out: Int16) -> None:
    """Write log2 of positive ``values``, in units of 1 / OCTAVE, to ``out``.

    Exact to 0.004 octaves, from the bits of the float (no call, so SIMD).
    """
    bits = values.view(np.int32)
    for i in range(values.size):
        word = bits[i]
        out[i] = np.int16(((word >> 23) - 127) * OCTAVE + np.int32(log2_of_mantissa(word) * _UNITS))


@kernel
def distance_row(
    ring: Float64, newest: int, delay: int, count: int, blur: float, distances: Float32, row: Int16
) -> None:
    """Write log2 distances from the vector that ends at ``ring[newest]`` to those 0 .. count - 1 frames before.

    Args:
        ring: Contiguous samples; ``newest - 2 * delay - count + 1 >= 0``.
        newest: Index of the newest sample of the vector.
        delay: tau.
        count: Lags to fill.
        blur: Added to every distance, so that equal vectors have a finite logarithm.
        distances: (>= count) work space.
        row: (>= count) receives the logarithms in units of 1 / OCTAVE.
    """
    a, b, c = ring[newest], ring[newest - delay], ring[newest - 2 * delay]
    for lag in range(count):
        first = abs(a - ring[newest - lag])
        second = abs(b - ring[newest - delay - lag])
        third = abs(c - ring[newest - 2 * delay - lag])
        distances[lag] = np.float32(max(first, second, third) + blur)
    log2_into(distances[:count], row[:count])


@kernel
def delay_by_correlation(x: Float64, variance: float) -> int:
    """First lag at which the autocorrelation of ``x`` falls below 1/e, at most ``LONGEST_DELAY``."""
    for lag in range(1, LONGEST_DELAY):
        total = 0.0
        for t in range(x.size - lag):
            total += x[t] * x[t + lag]
        if total < 0.37 * variance * x.size:
            return lag
    return LONGEST_DELAY
