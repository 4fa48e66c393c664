"""Least squares by the Cholesky factor of the Gram matrix, small and without allocation."""

from __future__ import annotations

from math import sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64


@kernel
def gram(columns: Float64, count: int, n: int, factor: Float64) -> None:
    """Write the lower triangle of the inner products of ``columns[:count, :n]`` to ``factor``."""
    for i in range(count):
        for j in range(i + 1):
            total = 0.0
            for t in range(n):
                total += columns[i, t] * columns[j, t]
            factor[i, j] = total


@kernel
def least_squares(columns: Float64, q: int, n: int, factor: Float64, coefficients: Float64) -> None:
    """Regress row ``q`` of ``columns`` on rows ``0 .. q-1``.

    Args:
        columns: (> q, >= n) regressors, then the target in row ``q``.
        q: Regressors.
        n: Samples.
        factor: (> q, > q) work space. Afterwards ``factor[q, q]`` is the target's sum of squares and
            ``factor[q, i]**2`` what regressor ``i`` explains of it beyond those before it.
        coefficients: (>= q) receives the solution. A regressor that depends on those before it gets about 0.
    """
    gram(columns, q + 1, n, factor)
    for i in range(q):
        pivot = factor[i, i]
        smallest = 1e-10 * pivot + 1e-300
        for k in range(i):
            pivot -= factor[i, k] * factor[i, k]
        pivot = sqrt(max(pivot, smallest))
        factor[i, i] = pivot
        for r in range(i + 1, q + 1):
            total = factor[r, i]
            for k in range(i):
                total -= factor[r, k] * factor[i, k]
            factor[r, i] = total / pivot
    for i in range(q - 1, -1, -1):
        total = factor[q, i]
        for k in range(i + 1, q):
            total -= factor[k, i] * coefficients[k]
        coefficients[i] = total / factor[i, i]
