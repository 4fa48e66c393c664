"""Level shifts of a window."""

from __future__ import annotations

import numpy as np
from csi_events.levels import MIN_GAIN, MIN_SEGMENT, change_points
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


def shifts(y: NDArray[np.floating]) -> list[int]:
    """Level shifts of frames (frames, columns), by their scalar products."""
    exact, begins = y.astype(float), np.zeros(len(y) + 1, np.bool_)
    count = change_points(exact @ exact.T, len(y), y.shape[1], begins)
    assert count == begins.sum()
    return [int(frame) for frame in np.flatnonzero(begins)]


def naive_change_points(y: NDArray[np.float64], start: int, stop: int) -> list[int]:
    """Recursive definition: explained variance of every split, from sums of squares."""
    best, best_gain = 0, -1.0
    for split in range(start + MIN_SEGMENT, stop - MIN_SEGMENT + 1):
        parts = (y[start:split], y[split:stop])
        whole = ((y[start:stop] - y[start:stop].mean(axis=0)) ** 2).sum()
        gain = (whole - sum(((part - part.mean(axis=0)) ** 2).sum() for part in parts)) / y.shape[1]
        if gain > best_gain:
            best, best_gain = split, gain
    if best_gain < MIN_GAIN:
        return []
    return [*naive_change_points(y, start, best), best, *naive_change_points(y, best, stop)]


@given(st.integers(0, 2**32 - 1), st.integers(0, 30), st.integers(1, 6))
def test_splits_are_the_naive_ones(seed: int, frames: int, columns: int) -> None:
    """The kernel finds the splits of the recursive definition, in order."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((frames, columns)) + np.repeat(rng.normal(0, 4, (31, columns)), 5, axis=0)[:frames]
    assert shifts(y) == naive_change_points(y, 0, frames)


def test_a_step_is_one_shift_and_noise_is_none() -> None:
    """A clear step counts once, at its place; noise over 50 columns counts never; a staircase counts its steps."""
    y = np.random.default_rng(2).standard_normal((16, 50)).astype(np.float32)
    assert shifts(y) == []
    y[7:] += 4
    assert shifts(y) == [7]
    y[12:] -= 4
    assert shifts(y) == [7, 12]
