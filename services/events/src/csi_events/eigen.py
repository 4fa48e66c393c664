"""Leading eigenvectors of a symmetric matrix, in steps that are each short: no call takes the whole of it at once.

Householder's reduction to a tridiagonal matrix, which can be interrupted between columns; its largest eigenvalues by
bisection with Sturm's counts; their vectors by inverse iteration, orthogonal to those already found; turned back. As
LAPACK's dsyevx does (Golub & Van Loan, Matrix Computations, 8.3 and 8.4).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_PRODUCTS = 100_000
"""Multiplications of one step of the reduction, but for the last column's, which may exceed it."""
STEP_US = 75.0
"""What such a step takes, about."""
VECTOR_US, TURN_US = 0.7, 0.7e-3
"""What finding and turning back a vector takes, about, for a number of it and for a number of the matrix."""
BISECTIONS = 80
ITERATIONS = 4
"""Of inverse iteration; one is nearly always enough."""


@kernel("int64(float64[:,::1], float64[::1], float64[::1], float64[::1], int64, int64)")
def _reduce(  # noqa: C901, PLR0917 - a kernel takes no structs, and calls cost it registers
    matrix: NDArray[np.float64],
    diagonal: NDArray[np.float64],
    beside: NDArray[np.float64],
    weight: NDArray[np.float64],
    first: int,
    products: int,
) -> int:
    """Reduce columns from ``first`` on until about so many products are done; returns the next column.

    ``matrix`` (size, size) is overwritten: right of the diagonal of row k stands the vector of reflection k, which has
    the weight ``weight[k]``. ``diagonal`` (size,) and ``beside`` (size - 1,) are those of the tridiagonal matrix.
    """
    size = len(diagonal)
    v, w = np.empty(size), np.empty(size)
    done = 0
    for k in range(first, size):
        if done and done + 3 * (size - k) ** 2 > products:
            return k
        diagonal[k] = matrix[k, k]
        if k == size - 1:
            break
        weight[k] = 0.0
        norm = 0.0
        for j in range(k + 1, size):
            v[j] = matrix[k, j]
            norm += v[j] * v[j]
        norm = np.sqrt(norm)
        head = v[k + 1]
        if norm == 0.0 or k == size - 2:
            beside[k] = head
            continue
        beside[k] = -norm if head > 0.0 else norm
        v[k + 1] = head - beside[k]
        matrix[k, k + 1] = v[k + 1]
        weight[k] = 1.0 / (norm * norm - head * beside[k])  # 2 over the squared length of v
        along = 0.0
        for i in range(k + 1, size):
            row = matrix[i]
            total = 0.0
            for j in range(k + 1, size):
                total += row[j] * v[j]
            w[i] = total * weight[k]
            along += w[i] * v[i]
        along *= 0.5 * weight[k]
        for i in range(k + 1, size):
            w[i] -= along * v[i]
        for i in range(k + 1, size):
            row = matrix[i]
            vi, wi = v[i], w[i]
            for j in range(k + 1, size):
                row[j] -= vi * w[j] + wi * v[j]
        done += 3 * (size - k) * (size - k)
    return size


@kernel("int64(float64[::1], float64[::1], float64)")
def _above(diagonal: NDArray[np.float64], beside: NDArray[np.float64], value: float) -> int:
    """Count eigenvalues of the tridiagonal matrix above ``value`` (Sturm)."""
    count = 0
    pivot = 1.0
    for i in range(len(diagonal)):
        pivot = diagonal[i] - value - (beside[i - 1] * beside[i - 1] / pivot if i else 0.0)
        if pivot == 0.0:
            pivot = 1e-300
        count += pivot > 0.0
    return count


@kernel("float64(float64[::1], float64[::1], int64)")
def _eigenvalue(diagonal: NDArray[np.float64], beside: NDArray[np.float64], number: int) -> float:
    """Eigenvalue ``number`` of the tridiagonal matrix, 0 for the largest, by bisection."""
    size = len(diagonal)
    low, high = diagonal[0], diagonal[0]
    for i in range(size):
        reach = (abs(beside[i - 1]) if i else 0.0) + (abs(beside[i]) if i < size - 1 else 0.0)
        low, high = min(low, diagonal[i] - reach), max(high, diagonal[i] + reach)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        if middle in {low, high}:
            break
        if _above(diagonal, beside, middle) > number:
            low = middle
        else:
            high = middle
    value: float = 0.5 * (low + high)
    return value


@kernel("float64[::1](float64[::1], float64[::1], float64, float64[:,::1], int64, float64[::1])")
def _tridiagonal_vector(  # noqa: C901, PLR0912, PLR0917 - elimination and substitution belong together
    diagonal: NDArray[np.float64],
    beside: NDArray[np.float64],
    value: float,
    found: NDArray[np.float64],
    count: int,
    start: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Unit eigenvector of the tridiagonal matrix for ``value``, orthogonal to the first ``count`` rows of ``found``."""
    size = len(diagonal)
    tiny = 1e-16 * (np.abs(diagonal).max() + np.abs(beside).max() + 1e-280) if size > 1 else 1e-280
    z = start.copy()
    # rows of U after elimination with partial pivoting: main, first and second above; factors and swaps of L
    main, first, second = np.zeros(size), np.zeros(size), np.zeros(size)
    factor, swapped = np.zeros(size), np.zeros(size, np.bool_)
    here, after = diagonal[0] - value, beside[0] if size > 1 else 0.0
    for i in range(size - 1):
        below, below_next = beside[i], diagonal[i + 1] - value
        below_after = beside[i + 1] if i < size - 2 else 0.0
        if abs(here) >= abs(below):
            if abs(here) < tiny:
                here = tiny
            factor[i] = below / here
            main[i], first[i], second[i] = here, after, 0.0
            here, after = below_next - factor[i] * after, below_after
        else:
            swapped[i] = True
            factor[i] = here / below
            main[i], first[i], second[i] = below, below_next, below_after
            here, after = after - factor[i] * below_next, -factor[i] * below_after
    main[size - 1] = here if abs(here) >= tiny else tiny
    for _ in range(ITERATIONS):
        for i in range(size - 1):
            if swapped[i]:
                z[i], z[i + 1] = z[i + 1], z[i]
            z[i + 1] -= factor[i] * z[i]
        for back in range(size):
            i = size - 1 - back
            if i + 1 < size:
                z[i] -= first[i] * z[i + 1]
            if i + 2 < size:
                z[i] -= second[i] * z[i + 2]
            z[i] /= main[i]
        largest = np.abs(z).max()
        z /= largest
        for _ in range(2):
            for f in range(count):
                along = 0.0
                for i in range(size):
                    along += found[f, i] * z[i]
                for i in range(size):
                    z[i] -= along * found[f, i]
        norm = np.sqrt((z * z).sum())
        z /= norm
    return z


@kernel("void(float64[:,::1], float64[::1], float64[::1])")
def _turn_back(matrix: NDArray[np.float64], weight: NDArray[np.float64], z: NDArray[np.float64]) -> None:
    """Turn a vector of the tridiagonal matrix into one of the matrix that was reduced, in place."""
    size = len(z)
    for back in range(size - 1):
        k = size - 2 - back
        if weight[k] == 0.0:
            continue
        along = 0.0
        for j in range(k + 1, size):
            along += matrix[k, j] * z[j]
        along *= weight[k]
        for j in range(k + 1, size):
            z[j] -= along * matrix[k, j]


def leading(
    matrix: NDArray[np.float64], least: float
) -> Generator[float | tuple[float, NDArray[np.float64]], None, None]:
    """Yield the eigenvalues above ``least`` with their unit vectors, largest first.

    Before each step it yields what the step will take, us, about.

    Args:
        matrix: (size, size) symmetric; it is overwritten.
        least: eigenvalues no larger are not looked for.
    """
    size = len(matrix)
    diagonal, beside, weight = np.zeros(size), np.zeros(max(size - 1, 0)), np.zeros(size)
    column = 0
    while column < size:
        left = size - column
        yield STEP_US * max(1.0, 3 * left**2 / STEP_PRODUCTS) * min(1.0, left**3 / STEP_PRODUCTS)
        column = _reduce(matrix, diagonal, beside, weight, column, STEP_PRODUCTS)
    wanted = _above(diagonal, beside, least)
    found = np.zeros((wanted, size))
    start = np.random.default_rng(0)
    for number in range(wanted):
        yield VECTOR_US * size + TURN_US * size**2
        value = _eigenvalue(diagonal, beside, number)
        z = _tridiagonal_vector(diagonal, beside, value, found, number, start.standard_normal(size))
        found[number] = z
        z = z.copy()
        _turn_back(matrix, weight, z)
        yield value, z
