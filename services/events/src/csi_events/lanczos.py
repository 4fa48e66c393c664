"""Leading eigenvectors of the differences of a wide stretch, without their matrix of products.

Where some hundred sub-carriers are looked at over more frames than that, this matrix is larger than the frames are and
takes longest of all to make and to reduce. Lanczos's method asks only for its product with a vector, a dozen of which
tell the few eigenvalues that stand out of the noise. With every vector made orthogonal to all before it (Golub & Van
Loan, Matrix Computations, 10.3); in steps, as :mod:`csi_events.eigen`, which solves the small tridiagonal matrix.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.eigen import ITERATIONS, eigenvalue, tridiagonal_vector, values_above
from csi_events.rows import Rows, parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

VALUE_US, ALONG_US, PAIR_US = 2.4e-3, 1e-3, 0.4
"""What one difference, one number of an earlier vector, and one of a pair of the tridiagonal matrix take, about."""
ROOM = 4
"""Vectors for which room is made at a time: one of a wide stream is as large as two of its frames."""
MOST_STEPS = 128
"""Vectors at most: with more than a third of that above the bound it is motion that stands out, not gain, and those
that have not settled by then are left out."""
FEWEST_STEPS, EVERY = 8, 2
"""Vectors before it is asked whether eigenvalues have settled, and in between."""
SETTLED = 1e-7
"""An eigenvector has settled when its residual is less than this share of its eigenvalue."""
NOTHING = 1e-12
"""A new vector shorter than this share of the largest eigenvalue is none: all that can be reached has been."""


@kernel("void(float32[:,::1], float64[::1], float64[::1], float64[::1])")
def _multiply(
    x: NDArray[np.float32], weight: NDArray[np.float64], vector: NDArray[np.float64], product: NDArray[np.float64]
) -> None:
    """Add what the differences of consecutive rows of ``x`` make of ``vector`` to ``product`` (columns,).

    That is the difference times its scalar product with the vector, and times the square of its ``weight``.
    """
    columns = x.shape[1]
    difference = np.empty(columns)
    for f in range(len(weight)):
        before, after = x[f], x[f + 1]
        along = 0.0
        for c in range(columns):
            difference[c] = np.float64(after[c]) - np.float64(before[c])
            along += difference[c] * vector[c]
        along *= weight[f] * weight[f]
        for c in range(columns):
            product[c] += along * difference[c]


@kernel("float64(float64[:,::1], int64, float64[::1])")
def _orthogonal(vectors: NDArray[np.float64], count: int, w: NDArray[np.float64]) -> float:
    """Make ``w`` orthogonal to the first ``count`` of orthonormal ``vectors``, in place; returns what is left of it."""
    for _ in range(2):
        for k in range(count):
            vector = vectors[k]
            along = 0.0
            for c in range(len(w)):
                along += vector[c] * w[c]
            for c in range(len(w)):
                w[c] -= along * vector[c]
    left = 0.0
    for c in range(len(w)):
        left += w[c] * w[c]
    length: float = np.sqrt(left)
    return length


@dataclass(slots=True)
class _Krylov:
    """Orthonormal vectors, and the tridiagonal matrix that is the operator among them."""

    vectors: NDArray[np.float64]
    """(room, columns)."""
    diagonal: NDArray[np.float64]
    """(room,)."""
    beside: NDArray[np.float64]
    """(room,): the last that is known leads to a vector that is not there yet."""
    count: int = 0
    block: int = 0
    """First vector since a new beginning."""

    def grow(self) -> None:
        """Make room for more."""
        room = len(self.vectors) + ROOM
        for name in ("vectors", "diagonal", "beside"):
            array = getattr(self, name)
            more = np.zeros((room, *array.shape[1:]))
            more[: len(array)] = array
            setattr(self, name, more)

    def above(self, least: float, first: int = 0) -> int:
        """Count eigenvalues above ``least`` of what begins with vector ``first``."""
        return values_above(self.diagonal[first : self.count], self.beside[first : self.count - 1], least)

    def pair(self, number: int, found: NDArray[np.float64]) -> tuple[float, float]:
        """Return eigenvalue ``number``, 0 for the largest, and its residual; its vector becomes row ``number``."""
        diagonal, beside = self.diagonal[: self.count], self.beside[: self.count - 1]
        value = eigenvalue(diagonal, beside, number)
        start = np.random.default_rng(number).standard_normal(self.count)
        found[number] = tridiagonal_vector(diagonal, beside, value, found, number, start)
        return value, abs(float(found[number, -1] * self.beside[self.count - 1]))


def leading_of_differences(
    rows: Rows, weight: NDArray[np.float64], noise: NDArray[np.float64], least: float
) -> Generator[float | tuple[float, NDArray[np.float64]], None, None]:
    """Yield the eigenvalues above ``least`` with their unit vectors (columns,), largest first.

    Of the products with one another of the columns of the differences of consecutive rows over sqrt(2), in units of
    noise. Before each step it yields what the step will take, us, about.

    Args:
        rows: of the stretch.
        weight: (frames - 1,) of the differences.
        noise: (columns,).
        least: eigenvalues no larger are not looked for.
    """
    count, columns = rows.frames - 1, rows.columns
    size = min(count + 1, columns)  # one more: the first vector may lie outside of what the differences span
    scale = np.sqrt(0.5) / noise
    generator = np.random.default_rng(0)
    krylov = _Krylov(np.zeros((ROOM, columns)), np.zeros(ROOM), np.zeros(ROOM))
    w = generator.standard_normal(columns)
    left = float(np.linalg.norm(w))
    while True:
        if krylov.count == len(krylov.vectors):
            krylov.grow()
        q = krylov.vectors[krylov.count]
        q[:] = w / left
        krylov.count += 1
        vector, w = q * scale, np.zeros(columns)
        for first, stop in parts(count, columns):
            yield VALUE_US * (stop - first) * columns
            _multiply(rows.part(first, stop + 1), weight[first:stop], vector, w)
        w *= scale
        krylov.diagonal[krylov.count - 1] = w @ q
        yield ALONG_US * 2 * krylov.count * columns
        left = _orthogonal(krylov.vectors, krylov.count, w)
        krylov.beside[krylov.count - 1] = left
        reached = left <= NOTHING * max(float(krylov.diagonal[: krylov.count].max()), least)
        if reached:
            krylov.beside[krylov.count - 1] = 0.0
        last = krylov.count in {size, MOST_STEPS}
        if reached and not last and krylov.above(least, krylov.block):
            # equal eigenvalues are met one at a time: begin anew in what has not been reached
            krylov.block = krylov.count
            w = generator.standard_normal(columns)
            left = _orthogonal(krylov.vectors, krylov.count, w)
        elif last or reached or (krylov.count >= FEWEST_STEPS and krylov.count % EVERY == 0):
            yield PAIR_US * krylov.count
            wanted = krylov.above(least)
            pairs = yield from _settled(krylov, wanted, least)
            if last or reached or len(pairs) == wanted + (wanted < krylov.count):
                break
    for value, z in pairs[:wanted]:
        yield ALONG_US * krylov.count * columns
        yield value, z @ krylov.vectors[: krylov.count]


def _settled(
    krylov: _Krylov, wanted: int, least: float
) -> Generator[float, None, list[tuple[float, NDArray[np.float64]]]]:
    """Return the eigenvalues above ``least`` up to the first that has not settled, with their vectors.

    When all have, and the next is surely no larger than ``least``, it is the last of them.
    """
    pairs: list[tuple[float, NDArray[np.float64]]] = []
    asked = min(wanted + 1, krylov.count)
    found = np.zeros((asked, krylov.count))
    for number in range(asked):
        yield PAIR_US * krylov.count * ITERATIONS
        value, residual = krylov.pair(number, found)
        if residual > SETTLED * value if number < wanted else value + residual > least:
            break
        pairs.append((value, found[number]))
    return pairs
