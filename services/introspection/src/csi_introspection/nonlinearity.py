"""Does the next sample depend on the last ones in a way no linear model has?

Barahona & Poon 1996 (doi:10.1038/381215a0): one-step errors of a linear autoregression against the same with
polynomial terms. Here four linear lags against those plus every square and cube of the first two lags; under linear
Gaussian noise, n times the log ratio is chi-squared with seven degrees of freedom.
"""

from __future__ import annotations

from math import log, sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64
from csi_introspection.regression import least_squares

LAGS = 4
LINEAR_TERMS = 1 + LAGS
TERMS = LINEAR_TERMS + 7
_RENORMALISED = 6
"""Frames between two renormalisations of the displacement; the first such stretch turns it into the fastest direction
and is not counted."""


@kernel
def cubic_gain(x: Float64, columns: Float64, factor: Float64, coefficients: Float64) -> tuple[float, float]:
    """Compare linear and cubic one-step prediction of ``x``, a series about its mean.

    Args:
        x: (n) the series.
        columns: (> TERMS, >= n) work space.
        factor: (> TERMS, > TERMS) work space.
        coefficients: (>= TERMS) work space.

    Returns:
        Log ratio of the linear error to the cubic one (>= 0), and the cubic error as a share of the variance.
    """
    n = x.size - LAGS
    energy = 0.0
    for t in range(x.size):
        energy += x[t] * x[t]
    gain = 1.0 / sqrt(energy / x.size + 1e-300)
    for t in range(n):
        a, b = x[t + 3] * gain, x[t + 2] * gain
        columns[0, t] = 1.0
        columns[1, t] = a
        columns[2, t] = b
        columns[3, t] = x[t + 1] * gain
        columns[4, t] = x[t] * gain
        columns[5, t] = a * a
        columns[6, t] = a * b
        columns[7, t] = b * b
        columns[8, t] = a * a * a
        columns[9, t] = a * a * b
        columns[10, t] = a * b * b
        columns[11, t] = b * b * b
        columns[TERMS, t] = x[t + 4] * gain
    least_squares(columns, TERMS, n, factor, coefficients)
    linear = factor[TERMS, TERMS]
    for i in range(LINEAR_TERMS):
        linear -= factor[TERMS, i] * factor[TERMS, i]
    cubic = linear
    for i in range(LINEAR_TERMS, TERMS):
        cubic -= factor[TERMS, i] * factor[TERMS, i]
    return log(max(linear, 1e-9) / max(cubic, 1e-9)), max(cubic, 0.0) / n


@kernel
def predictor_exponent(columns: Float64, n: int, coefficients: Float64) -> float:
    """Largest exponent of the cubic predictor that ``cubic_gain`` fitted, natural log per frame.

    The growth of a small displacement under the predictor's Jacobian along the series (Eckmann & Ruelle 1985,
    doi:10.1103/RevModPhys.57.617).

    Args:
        columns: As ``cubic_gain`` left them.
        n: Samples of the series.
        coefficients: As ``cubic_gain`` left them.
    """
    steps = n - LAGS
    now, before = columns[1, :steps], columns[2, :steps]
    linear_now, linear_before, third, fourth = coefficients[1], coefficients[2], coefficients[3], coefficients[4]
    aa, ab, bb = coefficients[5], coefficients[6], coefficients[7]
    aaa, aab, abb, bbb = coefficients[8], coefficients[9], coefficients[10], coefficients[11]
    w, x, y, z = 1.0, 0.0, 0.0, 0.0
    total = 0.0
    for t in range(steps):
        a, b = now[t], before[t]
        along = linear_now + 2.0 * aa * a + ab * b + 3.0 * aaa * a * a + 2.0 * aab * a * b + abb * b * b
        across = linear_before + ab * a + 2.0 * bb * b + aab * a * a + 2.0 * abb * a * b + 3.0 * bbb * b * b
        w, x, y, z = along * w + across * x + third * y + fourth * z, w, x, y
        if t % _RENORMALISED == _RENORMALISED - 1:
            size = max(abs(w), abs(x), abs(y), abs(z), 1e-300)
            if t >= _RENORMALISED:
                total += log(size)
            w, x, y, z = w / size, x / size, y / size, z / size
    counted = steps // _RENORMALISED * _RENORMALISED - _RENORMALISED
    return total / counted
