"""Level shifts inside a window."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SEGMENT = 3
"""Frames a level must last."""
MIN_GAIN = 8.0
"""Variance explained by a shift, in units of the noise's, averaged over columns; noise alone gives 1 at one place."""


@kernel("int64(float64[:,::1], int64, int64, boolean[::1])")
def change_points(products: NDArray[np.float64], frames: int, columns: int, begins: NDArray[np.bool_]) -> int:
    """Find where the mean of frames shifts, each of ``columns`` sub-carriers in units of its own noise.

    Splits at the place that explains most variance while that is at least ``MIN_GAIN`` noise variances per column, then
    looks into both halves (binary segmentation).

    Args:
        products: (at least ``frames``, the same): scalar products of the frames with one another.
        frames: of the window.
        columns: that were multiplied and added up.
        begins: (``frames`` + 1,): the first frame of each new level is marked.

    Returns:
        How many were marked.
    """
    sums = np.zeros((frames + 1, frames + 1))  # of the products of all frames before one with all before another
    for f in range(frames):
        for g in range(frames):
            sums[f + 1, g + 1] = products[f, g] + sums[f, g + 1] + sums[f + 1, g] - sums[f, g]
    starts, stops = np.empty(frames + 1, np.int64), np.empty(frames + 1, np.int64)
    starts[0], stops[0], pending = 0, frames, 1
    count = 0
    while pending:
        pending -= 1
        start, stop = starts[pending], stops[pending]
        n = stop - start
        best, best_gain = 0, -1.0
        for split in range(start + MIN_SEGMENT, stop - MIN_SEGMENT + 1):
            k = split - start
            left = sums[split, split] - 2.0 * sums[start, split] + sums[start, start]
            both = sums[split, stop] - sums[split, split] - sums[start, stop] + sums[start, split]
            right = sums[stop, stop] - 2.0 * sums[split, stop] + sums[split, split]
            gain = (left / (k * k) - 2.0 * both / (k * (n - k)) + right / ((n - k) * (n - k))) * k * (n - k)
            gain /= n * columns
            if gain > best_gain:
                best, best_gain = split, gain
        if best_gain >= MIN_GAIN:
            begins[best] = True
            count += 1
            starts[pending], stops[pending] = start, best
            starts[pending + 1], stops[pending + 1] = best, stop
            pending += 2
    return count
