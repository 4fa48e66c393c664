"""Leading eigenvectors of a symmetric matrix, in steps that are each short: no call takes the whole of it at once.

Householder's reduction to a tridiagonal matrix, which can be interrupted between columns; its largest eigenvalues by
bisection with Sturm's counts; their vectors by inverse iteration, orthogonal to those already found; turned back. As
LAPACK's dsyevx does (Golub & Van Loan, Matrix Computations, 8.3 and 8.4).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

STEP_PRODUCTS = 75_000
"""Multiplications of one step of the reduction."""
STEP_US = 50.0
"""What such a step takes, about."""
VALUE_US, VECTOR_US, TURN_US = 0.5, 0.2, 0.7e-3
"""What finding an eigenvalue and its vector takes, about, for each number of it, and what turning it back takes, for
each number of the matrix."""
BISECTIONS = 80
ITERATIONS = 4
"""Of inverse iteration; one is nearly always enough."""


BEGIN, TURN, UPDATE = range(3)
"""What is done next of a column: its reflection, its product with the rest of the matrix, the change of that rest."""


class _Reduction(NamedTuple):
    """How far a reduction has come; as a tuple it is what the kernel takes."""

    matrix: NDArray[np.float64]
    """(size, size), overwritten: right of the diagonal of row k stands the vector of reflection k."""
    diagonal: NDArray[np.float64]
    """(size,) of the tridiagonal matrix."""
    beside: NDArray[np.float64]
    """(size - 1,) of the tridiagonal matrix."""
    weight: NDArray[np.float64]
    """(size,) of the reflections."""
    v: NDArray[np.float64]
    """(size,): the vector of the reflection under way."""
    w: NDArray[np.float64]
    """(size,): its product with the rest of the matrix."""
    place: NDArray[np.int64]
    """(3,): column, what is done next of it, and the next row to do it to."""

    @classmethod
    def of(cls, matrix: NDArray[np.float64]) -> _Reduction:
        """Begin with a matrix."""
        size = len(matrix)
        beside = np.zeros(max(size - 1, 0))
        place = np.zeros(3, np.int64)
        return cls(matrix, np.zeros(size), beside, np.zeros(size), np.zeros(size), np.zeros(size), place)


@kernel("void(float64[:,::1], float64[::1], float64[::1], float64[::1], float64[::1], float64[::1], int64[::1], int64)")
def _reduce(  # noqa: C901, PLR0912, PLR0917 - a kernel takes no structs, and calls cost it registers
    matrix: NDArray[np.float64],
    diagonal: NDArray[np.float64],
    beside: NDArray[np.float64],
    weight: NDArray[np.float64],
    v: NDArray[np.float64],
    w: NDArray[np.float64],
    place: NDArray[np.int64],
    products: int,
) -> None:
    """Go on with a :class:`_Reduction` until about so many products are done."""
    size = len(diagonal)
    k, stage, i = place
    done = 0
    while k < size and done < products:
        if stage == BEGIN:
            diagonal[k] = matrix[k, k]
            if k == size - 1:
                k = size
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
                k += 1
                continue
            beside[k] = -norm if head > 0.0 else norm
            v[k + 1] = head - beside[k]
            matrix[k, k + 1] = v[k + 1]
            weight[k] = 1.0 / (norm * norm - head * beside[k])  # 2 over the squared length of v
            stage, i = TURN, k + 1
        elif stage == TURN:
            row = matrix[i]
            total = 0.0
            for j in range(k + 1, size):
                total += row[j] * v[j]
            w[i] = total * weight[k]
            i += 1
            done += size - k
            if i == size:
                along = 0.0
                for j in range(k + 1, size):
                    along += w[j] * v[j]
                along *= 0.5 * weight[k]
                for j in range(k + 1, size):
                    w[j] -= along * v[j]
                stage, i = UPDATE, k + 1
        else:
            row = matrix[i]
            vi, wi = v[i], w[i]
            for j in range(k + 1, size):
                row[j] -= vi * w[j] + wi * v[j]
            i += 1
            done += 2 * (size - k)
            if i == size:
                k, stage = k + 1, BEGIN
    place[0], place[1], place[2] = k, stage, i


@kernel("int64(float64[::1], float64[::1], float64)")
def values_above(diagonal: NDArray[np.float64], beside: NDArray[np.float64], value: float) -> int:
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
def eigenvalue(diagonal: NDArray[np.float64], beside: NDArray[np.float64], number: int) -> float:
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
        if values_above(diagonal, beside, middle) > number:
            low = middle
        else:
            high = middle
    value: float = 0.5 * (low + high)
    return value


@kernel("float64[::1](float64[::1], float64[::1], float64, float64[:,::1], int64, float64[::1])")
def tridiagonal_vector(  # noqa: C901, PLR0912, PLR0917 - elimination and substitution belong together
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
    under_way = _Reduction.of(matrix)
    _, diagonal, beside, weight, _, _, place = under_way
    while place[0] < size:
        yield STEP_US * min(1.0, float(size - place[0]) ** 3 / STEP_PRODUCTS)
        _reduce(*under_way, STEP_PRODUCTS)
    wanted = values_above(diagonal, beside, least)
    found = np.zeros((wanted, size))
    start = np.random.default_rng(0)
    for number in range(wanted):
        yield VALUE_US * size
        value = eigenvalue(diagonal, beside, number)
        yield VECTOR_US * size
        z = tridiagonal_vector(diagonal, beside, value, found, number, start.standard_normal(size))
        found[number] = z
        z = z.copy()
        yield TURN_US * size**2
        _turn_back(matrix, weight, z)
        yield value, z
