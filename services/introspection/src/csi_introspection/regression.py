"""Least squares by the Cholesky factor of the Gram matrix, small and without allocation."""

from __future__ import annotations

from math import sqrt

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64


@kernel
def gram(columns: Float32 | Float64, count: int, n: int, factor: Float64) -> None:
    """Write the lower triangle of the inner products of ``columns[:count, :n]``, in their precision, to ``factor``."""
    for i in range(count):
        for j in range(i + 1):
            total = np.float32(0.0)  # a sum of float64 columns becomes float64
            for t in range(n):
                total += columns[i, t] * columns[j, t]
            factor[i, j] = total


@kernel
def solve(factor: Float64, q: int, coefficients: Float64) -> None:
    """Regress on ``q`` columns, given the inner products of them and, in row ``q``, of the target.

    Args:
        factor: (> q, > q), lower triangle. Afterwards ``factor[q, q]`` is still the target's sum of squares and
            ``factor[q, i]**2`` what regressor ``i`` explains of it beyond those before it.
        q: Regressors.
        coefficients: (>= q) receives the solution. A regressor that depends on those before it gets about 0.
    """
    for i in range(q):
        pivot = factor[i, i]
        smallest = 1e-10 * pivot + 1e-300
        for k in range(i):
            pivot -= factor[i, k] * factor[i, k]
        pivot = sqrt(max(pivot, smallest))
        factor[i, i] = pivot
        share = 1.0 / pivot
        for r in range(i + 1, q + 1):
            total = factor[r, i]
            for k in range(i):
                total -= factor[r, k] * factor[i, k]
            factor[r, i] = total * share
    for i in range(q - 1, -1, -1):
        total = factor[q, i]
        for k in range(i + 1, q):
            total -= factor[k, i] * coefficients[k]
        coefficients[i] = total / factor[i, i]


@kernel
def least_squares(columns: Float32 | Float64, q: int, n: int, factor: Float64, coefficients: Float64) -> None:
    """Regress row ``q`` of ``columns`` (> q, >= n) on rows ``0 .. q-1``; the rest as in ``solve``."""
    gram(columns, q + 1, n, factor)
    solve(factor, q, coefficients)
