"""Is the tail a level plus one or two sinusoids?

The strongest sinusoid on a half-bin grid, then the strongest of what is left; frequencies refined jointly by one
Gauss-Newton step between two linear least-squares fits (Rife & Boorstyn 1974, doi:10.1109/TIT.1974.1055282, for the
grid; the step is the usual linearisation).
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64
from csi_introspection.regression import least_squares

TAIL = 128
"""Samples the tables below are made for."""
NOTHING_LEFT = 1.1
"""After the first sinusoid, a residual below this many floors has no second."""
_LOWEST = 1.5
"""Lowest frequency the refinement may reach, in half cycles a tail."""


def _half_tables() -> Float32:
    frequency = np.arange(1, TAIL)[:, None]
    phase = np.pi * frequency * (np.arange(TAIL // 2)[None] - (TAIL - 1) / 2) / TAIL
    return np.hstack([np.cos(phase), np.sin(phase)]).astype(np.float32)


GRID = _half_tables()
"""(TAIL - 1, TAIL) cosines, then sines, of k half cycles a tail over its first half, phase 0 at the middle: a cosine
is even about the middle and a sine odd, so half of each is enough."""


@kernel
def strongest(residual: Float64, folded: Float32, power: Float32) -> float:
    """Return the angular frequency (rad per sample) of the strongest sinusoid in ``residual``, interpolated."""
    n = residual.size
    half = n // 2
    for t in range(half):
        folded[t] = residual[t] + residual[n - 1 - t]
        folded[half + t] = residual[t] - residual[n - 1 - t]
    best = np.float32(-1.0)
    at = 0
    for f in range(GRID.shape[0]):
        even = np.float32(0.0)
        odd = np.float32(0.0)
        for t in range(half):
            even += GRID[f, t] * folded[t]
            odd += GRID[f, half + t] * folded[half + t]
        power[f] = even * even + odd * odd
        if power[f] > best:
            best = power[f]
            at = f
    shift = 0.0
    if 0 < at < GRID.shape[0] - 1:
        below, here, above = sqrt(power[at - 1]), sqrt(power[at]), sqrt(power[at + 1])
        curvature = below - 2.0 * here + above
        if curvature < 0.0:
            shift = 0.5 * (below - above) / curvature
    return max(at + 1 + shift, 1.6) * pi / n


@kernel
def sinusoids(omega: Float64, count: int, n: int, basis: Float64) -> None:
    """Write cosine and sine of each of the ``count`` frequencies to rows 1, 2, 3, 4 ... of ``basis``."""
    for j in range(count):
        c, s = cos(omega[j]), sin(omega[j])
        re, im = 1.0, 0.0
        for t in range(n):
            basis[1 + 2 * j, t] = re
            basis[2 + 2 * j, t] = im
            re, im = re * c - im * s, im * c + re * s


@kernel
def refine(x: Float64, omega: Float64, count: int, basis: Float64, factor: Float64, coefficients: Float64) -> None:
    """One joint Gauss-Newton step of the frequencies, given a fit of level and amplitudes in ``coefficients``."""
    n = x.size
    q = 1 + 2 * count
    for j in range(count):
        for t in range(n):
            slope = coefficients[2 + 2 * j] * basis[1 + 2 * j, t] - coefficients[1 + 2 * j] * basis[2 + 2 * j, t]
            basis[q + j, t] = (t - 0.5 * n) * slope
    for t in range(n):
        basis[q + count, t] = x[t]
    least_squares(basis, q + count, n, factor, coefficients)
    for j in range(count):
        step = min(max(coefficients[q + j], -pi / n), pi / n)
        omega[j] = min(max(omega[j] + step, _LOWEST * pi / n), pi)


@kernel
def fit_amplitudes(x: Float64, count: int, basis: Float64, factor: Float64, coefficients: Float64) -> None:
    """Least squares of ``x`` on the level and the sinusoids in ``basis``."""
    q = 1 + 2 * count
    for t in range(x.size):
        basis[q, t] = x[t]
    least_squares(basis, q, x.size, factor, coefficients)


@kernel
def residual_of(x: Float64, q: int, basis: Float64, coefficients: Float64, residual: Float64) -> float:
    """Write what ``q`` regressors leave of ``x`` to ``residual`` and return its sum of squares."""
    total = 0.0
    for t in range(x.size):
        left = x[t]
        for i in range(q):
            left -= coefficients[i] * basis[i, t]
        residual[t] = left
        total += left * left
    return total


@kernel
def fit_tones(
    x: Float64,
    floor: float,
    basis: Float64,
    factor: Float64,
    coefficients: Float64,
    residual: Float64,
    folded: Float32,
    power: Float32,
    omega: Float64,
) -> tuple[float, float]:
    """Fit one, then two sinusoids plus a level.

    Args:
        x: (TAIL) the tail about its mean.
        floor: Noise variance at rest.
        basis: (>= 8, TAIL) work space.
        factor: (>= 8, >= 8) work space.
        coefficients: (>= 8) work space.
        residual: (TAIL) work space.
        folded: (TAIL) work space.
        power: (>= TAIL) work space.
        omega: (2) receives the angular frequencies, rad per sample.

    Returns:
        Residual sums of squares with one and with two sinusoids.
    """
    n = x.size
    for t in range(n):
        basis[0, t] = 1.0
        residual[t] = x[t]
    one = 0.0
    left = 0.0
    for k in range(2):
        omega[k] = strongest(residual, folded, power)
        sinusoids(omega, k + 1, n, basis)
        fit_amplitudes(x, k + 1, basis, factor, coefficients)
        refine(x, omega, k + 1, basis, factor, coefficients)
        sinusoids(omega, k + 1, n, basis)
        fit_amplitudes(x, k + 1, basis, factor, coefficients)
        left = residual_of(x, 3 + 2 * k, basis, coefficients, residual)
        if k == 0:
            one = left
            if left < NOTHING_LEFT * floor * n:
                break
    return one, left
