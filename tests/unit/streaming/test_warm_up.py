"""Warm-up: where reading starts and where it becomes live."""

from __future__ import annotations

import pytest
from csi_streaming.warm_up import LogRange, Start, commit_metadata, committed_timestamp_ms, live_position, plan
from hypothesis import given
from hypothesis import strategies as st


def test_reading_starts_at_the_first_young_record_and_is_live_at_the_commit() -> None:
    """The closed case: everything since the warm-up time is read again, nothing older."""
    assert plan(100, LogRange(0, 200), since=60, max_records=1000, from_end=False) == Start(60, 100, 0)


def test_the_record_limit_bounds_a_busy_partition() -> None:
    """More young records than the limit: only the newest ones are read again."""
    assert plan(100, LogRange(0, 200), since=10, max_records=30, from_end=False) == Start(70, 100, 0)


def test_no_warm_up_without_young_records_or_without_a_limit() -> None:
    """No record is young enough, or warm-up is switched off: reading starts live."""
    assert plan(100, LogRange(0, 200), since=None, max_records=30, from_end=False) == Start(100, 100, 0)
    assert plan(100, LogRange(0, 200), since=60, max_records=0, from_end=False) == Start(100, 100, 0)


@pytest.mark.parametrize(("from_end", "offset"), [(False, 7), (True, 20)])
def test_a_new_group_starts_where_it_is_told(from_end: bool, offset: int) -> None:  # noqa: FBT001 - the parameter
    """Without a commit the log's beginning or its end is the first live record."""
    assert live_position(None, LogRange(7, 20), from_end=from_end) == (offset, 0)


def test_records_deleted_unread_are_counted() -> None:
    """A commit before the log's beginning means that retention was faster than this group."""
    assert plan(5, LogRange(12, 20), since=None, max_records=9, from_end=True) == Start(12, 12, 7)


def test_a_topic_made_anew_is_read_from_its_beginning() -> None:
    """A commit beyond the end belongs to a topic that is gone; all of the new one is unread."""
    assert live_position(50, LogRange(0, 20), from_end=True) == (0, 0)


@given(
    st.none() | st.integers(0, 120),
    st.tuples(st.integers(0, 100), st.integers(0, 100)),
    st.none() | st.integers(0, 120),
    st.integers(0, 50),
    st.booleans(),
)
def test_a_plan_stays_inside_the_log_and_its_limit(
    committed: int | None,
    span: tuple[int, int],
    since: int | None,
    limit: int,
    from_end: bool,  # noqa: FBT001
) -> None:
    """Whatever was committed: begin <= read_from <= live_from <= end, at most ``limit`` records apart."""
    log = LogRange(min(span), max(span))
    start = plan(committed, log, since, limit, from_end=from_end)
    assert log.begin <= start.read_from <= start.live_from <= log.end
    assert start.live_from - start.read_from <= limit
    if committed is not None and log.begin <= committed <= log.end:
        assert start.live_from == committed


@given(st.integers(0, 2**53))
def test_the_committed_time_survives_its_metadata(timestamp_ms: int) -> None:
    """The time stamp written beside an offset is read back; anybody else's text is not mistaken for one."""
    assert committed_timestamp_ms(commit_metadata(timestamp_ms)) == timestamp_ms
    for foreign in ("", f"{timestamp_ms}", f"csiflow ts={timestamp_ms} and more"):
        assert committed_timestamp_ms(foreign) is None
