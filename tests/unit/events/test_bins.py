"""Time bins against a dictionary."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest
from csi_events.bins import TimeBins
from hypothesis import given
from hypothesis import strategies as st

WIDTH_NS = 1000


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@given(chunks=st.lists(st.lists(st.integers(0, 900), max_size=6), max_size=12), capacity=st.integers(1, 9))
def test_bins_are_means_by_time(dtype: type[np.inexact], chunks: list[list[int]], capacity: int) -> None:
    """Whatever the chunks, the newest bins hold the mean row and mean time of their frames; older ones are gone."""
    bins = TimeBins(WIDTH_NS, capacity)
    expected: dict[int, list[tuple[int, complex]]] = defaultdict(list)
    now, frame = 5_000_000_000, 0
    for chunk in chunks:
        t_ns, rows = [], []
        for gap in chunk:
            now, frame = now + gap, frame + 1
            value = frame + (1j if dtype is np.complex64 else 0)
            t_ns.append(now)
            rows.append([value, 2 * value])
            expected[now // WIDTH_NS].append((now, value))
        bins.add(np.array(t_ns, np.int64), np.array(rows, dtype).reshape(-1, 2))
    kept = sorted(expected)[-capacity:]
    t_s, rows_read = bins.read(1e9)
    if not kept:
        assert len(t_s) == 0
        return
    start = kept[-1] * WIDTH_NS
    np.testing.assert_allclose(t_s, [np.mean([t - start for t, _ in expected[k]]) * 1e-9 for k in kept], atol=1e-15)
    means = [np.mean([value for _, value in expected[k]]) for k in kept]
    np.testing.assert_allclose(rows_read, np.outer(means, [1, 2]), rtol=1e-5)


def test_late_frames_count_into_the_newest_bin() -> None:
    """A frame older than the newest bin never reorders the bins: times stay ascending."""
    bins = TimeBins(WIDTH_NS, 4)
    bins.add(np.array([5000, 6000], np.int64), np.array([[1.0], [3.0]], np.float32))
    bins.add(np.array([5500], np.int64), np.array([[5.0]], np.float32))
    t_s, rows = bins.read(1.0)
    assert rows.ravel().tolist() == [1.0, 4.0]
    assert (np.diff(t_s) > 0).all()


def test_reading_less_than_everything() -> None:
    """``read`` returns the bins of the last so many seconds only."""
    bins = TimeBins(100_000_000, 50)
    bins.add(np.arange(50, dtype=np.int64) * 100_000_000, np.arange(50, dtype=np.float32)[:, None])
    assert bins.read(1.0)[1].ravel().tolist() == list(range(39, 50))


def test_other_columns_are_refused_until_cleared() -> None:
    """Rows of another width are an error that says what to do; after ``clear`` they are taken."""
    bins = TimeBins(WIDTH_NS, 4)
    bins.add(np.array([1], np.int64), np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="clear first"):
        bins.add(np.array([2], np.int64), np.zeros((1, 3), np.float32))
    bins.clear()
    bins.add(np.array([2], np.int64), np.zeros((1, 3), np.float32))
    assert bins.read(1.0)[1].shape == (1, 3)
