"""Which frames make a window."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np
import pytest
from csi_events.offline import windows
from csi_events.windows import ClosedWindow, WindowBuffer, WindowRule
from csi_schemas.frame import CsiFrame
from hypothesis import given
from hypothesis import strategies as st

SECOND = 10**9


def frame(t_ns: int, *, value: int = 0, missing: int = 0) -> CsiFrame:
    """A frame of one sub-carrier received at ``t_ns``."""
    iq = bytes([value % 128, 1])
    return CsiFrame("1", t_ns, 0, "live", "esp32", 1, 1, 2437, -40 - value, -90, iq, missing_before=missing)


def fill(buffer: WindowBuffer, times: list[int]) -> list[ClosedWindow]:
    """Add frames at these times; the windows that closed, then what is left."""
    added = [buffer.add(frame(t, value=i), i) for i, t in enumerate(times)]
    closed = [window for window in added if window is not None]
    rest = buffer.expire()
    return closed if rest is None else [*closed, rest]


TIMES = st.lists(
    st.one_of(st.integers(-2 * SECOND, 3 * SECOND), st.integers(0, SECOND // 10), st.sampled_from([SECOND, -SECOND])),
    max_size=80,
).map(lambda steps: (np.cumsum(steps, dtype=np.int64) + 10**15).tolist())


@given(TIMES, st.integers(2, 20))
def test_every_frame_is_in_exactly_one_window(times: list[int], frames: int) -> None:
    """Windows hold all frames once, in order; none is empty, too long, or wider than a second; and each says why."""
    rule = WindowRule(frames, SECOND)
    closed = fill(WindowBuffer.empty(rule), times)
    assert [t for window in closed for t in window.t_ns] == times
    assert [rssi for window in closed for rssi in window.rssi_dbm] == [-40 - i for i in range(len(times))]
    for window, following in zip_longest(closed, closed[1:]):
        assert 1 <= len(window.t_ns) <= frames
        assert all(abs(t - window.t_ns[0]) < SECOND for t in window.t_ns)
        assert len(window.rssi_dbm) == len(window.t_ns)
        if window.closed_by == "frames":
            assert len(window.t_ns) == frames
        elif window.closed_by == "duration":
            assert following is not None
            assert abs(following.t_ns[0] - window.t_ns[0]) >= SECOND
        else:
            assert following is None
        assert window.last_offset == times.index(window.t_ns[-1]) or times.count(window.t_ns[-1]) > 1


@given(TIMES, st.integers(2, 20))
def test_the_offline_cut_is_the_service_s(times: list[int], frames: int) -> None:
    """``csi_events.offline`` cuts a recording where the service would."""
    rule = WindowRule(frames, SECOND)
    expected = [(len(window.t_ns), window.closed_by) for window in fill(WindowBuffer.empty(rule), times)]
    cut = list(windows(np.array(times, np.int64), rule))
    assert [(stop - first, closed_by) for first, stop, closed_by in cut] == expected


def test_sixteen_frames_close_at_the_sixteenth() -> None:
    """The sixteenth frame closes its own window at once; nothing waits for a seventeenth."""
    buffer = WindowBuffer.empty(WindowRule())
    answers = [buffer.add(frame(i), i) for i in range(16)]
    assert answers[:15] == [None] * 15
    assert answers[15] is not None
    assert (answers[15].closed_by, len(answers[15].t_ns), answers[15].last_offset) == ("frames", 16, 15)
    assert buffer.expire() is None


@pytest.mark.parametrize("gap", [SECOND, 5 * SECOND, -SECOND])
def test_a_frame_a_second_away_opens_the_next_window(gap: int) -> None:
    """A frame one second after the first (or before it, the clock set back) closes the window without joining it."""
    buffer = WindowBuffer.empty(WindowRule())
    assert buffer.add(frame(10**15, missing=2), 7) is None
    closed = buffer.add(frame(10**15 + gap), 9)
    assert closed is not None
    assert (closed.closed_by, closed.t_ns, closed.last_offset, closed.missing) == ("duration", [10**15], 7, 2)
    rest = buffer.expire()
    assert rest is not None
    assert (rest.closed_by, rest.t_ns, rest.missing) == ("timeout", [10**15 + gap], 0)


def test_frames_out_of_order_share_a_window() -> None:
    """Frames that arrive late by less than a second join the open window."""
    buffer = WindowBuffer.empty(WindowRule(4))
    start = 10**15
    answers = [buffer.add(frame(start + late), 0) for late in (0, 300, 100, 200)]
    assert answers[3] is not None
    assert answers[3].t_ns == [start, start + 300, start + 100, start + 200]
