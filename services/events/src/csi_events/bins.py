"""Means over short bins of time: one bounded memory for any frame rate, with the real time of every bin kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

_ADD = (
    "Tuple((int64, int64))(int64[::1], {0}[:,::1], int64, "
    "int64[::1], int64[::1], float64[::1], {0}[:,::1], int64, int64)"
)


@kernel(_ADD.format("float32"), _ADD.format("complex64"))
def _add(  # noqa: PLR0917 - a kernel takes no structs
    t_ns: NDArray[np.int64],
    rows: NDArray[Any],
    width_ns: int,
    index: NDArray[np.int64],
    count: NDArray[np.int64],
    offset: NDArray[np.float64],
    total: NDArray[Any],
    newest: int,
    size: int,
) -> tuple[int, int]:
    """Add frames to the ring in place; returns the slot of the newest bin and how many bins are filled."""
    capacity = len(index)
    for f in range(len(t_ns)):
        own = t_ns[f] // width_ns
        if size == 0 or own > index[newest]:
            newest = (newest + 1) % capacity
            size = min(size + 1, capacity)
            index[newest], count[newest], offset[newest] = own, 0, 0.0
            total[newest, :] = 0
        count[newest] += 1
        offset[newest] += t_ns[f] - index[newest] * width_ns
        for c in range(rows.shape[1]):
            total[newest, c] += rows[f, c]
    return newest, size


_MEANS = "{0}[:,::1]({0}[:,::1], int64[::1], int64[::1], int64, int64)"


@kernel(_MEANS.format("float32"), _MEANS.format("complex64"))
def _means(
    total: NDArray[Any], slots: NDArray[np.int64], count: NDArray[np.int64], first: int, stop: int
) -> NDArray[Any]:
    """Mean rows of some slots, in the columns ``first`` to ``stop`` (not included)."""
    means = np.empty((len(slots), stop - first), total.dtype)
    for s in range(len(slots)):
        for c in range(first, stop):
            means[s, c - first] = total[slots[s], c] / np.float32(count[s])
    return means


@dataclass(slots=True, init=False)
class TimeBins:
    """The newest ``capacity`` bins of ``width_ns``; a bin holds the mean row and the mean time of its frames.

    Frames need not be evenly spaced and bins need not follow one another: nothing is resampled. Averaging over a bin
    attenuates a line of frequency f by sinc(f * width), to 0.64 at the bins' Nyquist frequency.
    """

    width_ns: int
    capacity: int
    newest: int
    """Slot of the newest bin."""
    size: int
    """Bins that are filled."""
    index: NDArray[np.int64]
    """(capacity,): time // width of each bin."""
    count: NDArray[np.int64]
    """(capacity,): frames in it."""
    offset: NDArray[np.float64]
    """(capacity,): sum of its frames' times since its start, ns."""
    total: NDArray[Any] | None
    """(capacity, columns): sum of its frames' rows; made when the number of columns is known."""

    def __init__(self, width_ns: int, capacity: int) -> None:
        """Make an empty memory."""
        self.width_ns, self.capacity = width_ns, capacity
        self.index = np.zeros(capacity, np.int64)
        self.count = np.zeros(capacity, np.int64)
        self.offset = np.zeros(capacity)
        self.clear()

    def add(self, t_ns: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Add frames (float32 or complex64 rows); those older than the newest bin are counted into it.

        Raises:
            ValueError: the rows have another number of columns than those before; ``clear`` first.
        """
        if self.total is None:
            self.total = np.zeros((self.capacity, rows.shape[1]), rows.dtype)
        elif self.total.shape[1] != rows.shape[1]:
            raise ValueError(f"rows of {rows.shape[1]} columns among rows of {self.total.shape[1]}; clear first")
        self.newest, self.size = _add(
            t_ns, rows, self.width_ns, self.index, self.count, self.offset, self.total, self.newest, self.size
        )

    def clear(self) -> None:
        """Forget everything."""
        self.newest, self.size, self.total = self.capacity - 1, 0, None

    def read(self, seconds: float) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return times (s, relative to the newest bin's start) and mean rows of the bins of the last ``seconds``."""
        t_s, parts = self.parts(seconds)
        return t_s, next(parts, np.zeros((0, 0)))

    def parts(self, seconds: float, columns: int | None = None) -> tuple[NDArray[np.float64], Iterator[NDArray[Any]]]:
        """Do what :meth:`read` does, at most so many columns at a time."""
        if self.total is None or not self.size:
            return np.zeros(0), iter(())
        slots = (np.arange(self.newest - self.size + 1, self.newest + 1)) % self.capacity
        newest = self.index[self.newest]
        slots = slots[self.index[slots] >= newest - int(seconds * 1e9) // self.width_ns]
        count = self.count[slots]
        t_s = ((self.index[slots] - newest) * self.width_ns + self.offset[slots] / count) * 1e-9
        width = self.total.shape[1]
        step = columns or max(1, width)
        total = self.total
        return t_s, (_means(total, slots, count, first, min(first + step, width)) for first in range(0, width, step))
