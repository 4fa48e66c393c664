"""Sums over some rows or columns of a stretch: what a calibration in steps is put together from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray


@kernel("void(float32[:,::1], int64, int64, float64[::1])")
def write_lengths(x: NDArray[np.float32], first: int, stop: int, length: NDArray[np.float64]) -> None:
    """Write the lengths of the differences ``first`` to ``stop`` of consecutive rows of ``x``, over sqrt(2)."""
    for f in range(first, stop):
        total = 0.0
        for c in range(x.shape[1]):
            total += (np.float64(x[f + 1, c]) - np.float64(x[f, c])) ** 2
        length[f] = np.sqrt(0.5 * total)


@kernel("void(float32[:,::1], int64, int64, float64[::1], float64[::1])")
def add_squares(
    x: NDArray[np.float32], first: int, stop: int, weight: NDArray[np.float64], total: NDArray[np.float64]
) -> None:
    """Add the squares of these differences times ``weight`` (differences,) to ``total`` (columns,)."""
    for f in range(first, stop):
        for c in range(x.shape[1]):
            total[c] += (weight[f] * (np.float64(x[f + 1, c]) - np.float64(x[f, c]))) ** 2 * 0.5


@kernel("float64[:,::1](float32[:,::1], int64, int64, int64, int64, float64[::1], float64[::1])")
def jumps_of(  # noqa: PLR0917 - a kernel takes no structs
    x: NDArray[np.float32],
    first: int,
    stop: int,
    left: int,
    right: int,
    weight: NDArray[np.float64],
    noise: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Differences ``first`` to ``stop`` in the columns ``left`` to ``right``, times weight, in units of noise."""
    jumps = np.empty((stop - first, right - left))
    for f in range(first, stop):
        for c in range(left, right):
            jumps[f - first, c - left] = (
                weight[f] * (np.float64(x[f + 1, c]) - np.float64(x[f, c])) * np.sqrt(0.5) / noise[c]
            )
    return jumps


@kernel("void(float32[:,::1], float64[::1], int64, int64, float64[::1], float64[::1])")
def add_turned(  # noqa: PLR0917 - a kernel takes no structs
    x: NDArray[np.float32],
    vector: NDArray[np.float64],
    first: int,
    stop: int,
    noise: NDArray[np.float64],
    direction: NDArray[np.float64],
) -> None:
    """Add the differences ``first`` to ``stop``, each times its ``vector`` entry, to ``direction``, in noise."""
    for f in range(first, stop):
        for c in range(x.shape[1]):
            direction[c] += vector[f] * (np.float64(x[f + 1, c]) - np.float64(x[f, c])) * np.sqrt(0.5) / noise[c]


@kernel("void(float32[:,::1], float64[::1], int64, int64, float64[::1])")
def write_along(
    x: NDArray[np.float32], direction: NDArray[np.float64], first: int, stop: int, along: NDArray[np.float64]
) -> None:
    """Write the products of rows ``first`` to ``stop`` with ``direction`` (columns,)."""
    for f in range(first, stop):
        total = 0.0
        for c in range(x.shape[1]):
            total += x[f, c] * direction[c]
        along[f] = total


@kernel("void(float32[:,::1], float32[::1], float64[::1], float64[::1])")
def add_moments(
    x: NDArray[np.float32], origin: NDArray[np.float32], total: NDArray[np.float64], squares: NDArray[np.float64]
) -> None:
    """Add how far rows are from ``origin`` (columns,) to ``total`` (columns,), and its squares to ``squares``."""
    for f in range(len(x)):
        for c in range(x.shape[1]):
            away = np.float64(x[f, c]) - np.float64(origin[c])
            total[c] += away
            squares[c] += away * away


@kernel("void(float32[:,::1], float64[::1], int64[::1], int64, int64, float64, int64, float64[:,::1])")
def write_energies(  # noqa: PLR0917 - a kernel takes no structs
    x: NDArray[np.float32],
    noise: NDArray[np.float64],
    widths: NDArray[np.int64],
    first: int,
    stop: int,
    loud: float,
    rounds: int,
    energy: NDArray[np.float64],
) -> None:
    """Write the log energies (widths, frames) of frames ``first`` to ``stop`` that have theirs, in units of noise.

    What an energy is, :func:`csi_events.arrival.newest_score` says, and what ``loud`` and ``rounds`` are its constants.
    """
    columns = x.shape[1]
    near, far, root = np.empty(columns), np.empty(columns), np.empty(columns)
    for w in range(len(widths)):
        m = widths[w]
        for f in range(max(first, 2 * m - 1), stop):
            if f == max(first, 2 * m - 1):
                near[:], far[:] = 0.0, 0.0
                for g in range(m):
                    for c in range(columns):
                        near[c] += x[f - g, c]
                        far[c] += x[f - m - g, c]
            else:
                for c in range(columns):
                    near[c] += np.float64(x[f, c]) - np.float64(x[f - m, c])
                    far[c] += np.float64(x[f - m, c]) - np.float64(x[f - 2 * m, c])
            size = 0.0
            for c in range(columns):
                root[c] = np.sqrt(abs(near[c] - far[c]) / noise[c])
                size += root[c]
            for _ in range(rounds):
                most, size = loud * size / columns, 0.0
                for c in range(columns):
                    size += min(root[c], most)
            energy[w, f] = 4.0 * np.log(size / columns / (2.0 * m) ** 0.25 + 1e-6)
