"""Variance and level shifts inside a window."""

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


@kernel("int64[::1](float32[:,::1])")
def change_points(y: NDArray[np.float32]) -> NDArray[np.int64]:
    """Find where the mean of ``y`` (frames, columns) shifts, each column in units of its own noise.

    Splits at the place that explains most variance while that is at least ``MIN_GAIN`` noise variances per column, then
    looks into both halves (binary segmentation).

    Returns:
        First frames of new levels, ascending.
    """
    frames, columns = y.shape
    cumulated = np.zeros((frames + 1, columns))
    for f in range(frames):
        for c in range(columns):
            cumulated[f + 1, c] = cumulated[f, c] + y[f, c]
    is_split = np.zeros(frames + 1, np.bool_)
    starts, stops = np.empty(frames + 1, np.int64), np.empty(frames + 1, np.int64)
    starts[0], stops[0], pending = 0, frames, 1
    while pending:
        pending -= 1
        start, stop = starts[pending], stops[pending]
        n = stop - start
        best, best_gain = 0, -1.0
        for split in range(start + MIN_SEGMENT, stop - MIN_SEGMENT + 1):
            k = split - start
            gain = 0.0
            for c in range(columns):
                left = cumulated[split, c] - cumulated[start, c]
                right = cumulated[stop, c] - cumulated[split, c]
                gain += (left / k - right / (n - k)) ** 2
            gain *= k * (n - k) / (n * columns)
            if gain > best_gain:
                best, best_gain = split, gain
        if best_gain >= MIN_GAIN:
            is_split[best] = True
            starts[pending], stops[pending] = start, best
            starts[pending + 1], stops[pending + 1] = best, stop
            pending += 2
    return np.flatnonzero(is_split)


@kernel("float64(float32[:,::1])")
def variance(x: NDArray[np.float32]) -> float:
    """Mean over columns of the variance of ``x`` (frames, columns) along frames."""
    frames, columns = x.shape
    total: float = 0.0
    for c in range(columns):
        mean = 0.0
        for f in range(frames):
            mean += x[f, c]
        mean /= frames
        for f in range(frames):
            total += (x[f, c] - mean) ** 2
    return total / float(frames * columns)
