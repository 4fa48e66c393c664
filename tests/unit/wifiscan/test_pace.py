"""The pace: faster while things move, slower when static, bounded, backing off from failures."""

from __future__ import annotations

import pytest
from csi_wifiscan.pace import MAX_BACKOFF_S, Jitter, Pace
from hypothesis import given
from hypothesis import strategies as st

STEPS = st.lists(st.one_of(st.none(), st.tuples(st.integers(0, 32), st.integers(0, 32), st.floats(0, 3))), max_size=40)


@given(STEPS)
def test_intervals_stay_within_their_bounds(steps: list[tuple[int, int, float] | None]) -> None:
    """Whatever happens: never shorter than the shortest, never longer than the longest or twice the scan's own time."""
    pace = Pace(0.05, 0.2)
    for step in steps:
        if step is None:
            assert 0.05 <= pace.failed() <= MAX_BACKOFF_S
        else:
            fresh, moved, took = step
            assert 0.05 <= pace.scanned(fresh, moved, took) <= max(0.2, 2 * took)


def test_movement_is_answered_at_once_and_stillness_slowly() -> None:
    """A tenth of the fresh slots moving brings the shortest interval; less is jitter."""
    pace = Pace(0.5, 2.0)
    still = [pace.scanned(20, 1, 0.0) for _ in range(10)]
    assert still == sorted(still)
    assert still[-1] == 2.0
    assert pace.scanned(20, 2, 0.0) == 0.5
    assert pace.scanned(0, 0, 0.0) > 0.5


def test_failures_double_the_wait_and_one_success_ends_it() -> None:
    """1, 2, 4 ... times twice the shortest interval, at most 30 s."""
    pace = Pace(0.5, 2.0)
    assert [pace.failed() for _ in range(8)] == [1, 2, 4, 8, 16, 30, 30, 30]
    pace.scanned(5, 5, 0.1)
    assert pace.failures == 0
    assert pace.failed() == 1


@pytest.mark.parametrize(("shortest", "longest"), [(0, 1), (-1, 1), (2, 1)])
def test_bounds_must_make_sense(shortest: float, longest: float) -> None:
    """Nothing, backwards or crossed."""
    with pytest.raises(ValueError, match="shortest <= longest"):
        Pace(shortest, longest)


def test_jitter_is_ranked() -> None:
    """Nearest ranks of what was noted, the worst of all time, nothing before the first; early counts as on time."""
    jitter = Jitter()
    assert jitter.percentiles() is None
    for late_ms in [*range(100), -5]:
        jitter.add(late_ms / 1000)
    assert jitter.percentiles() == (49.0, 94.0, 99.0)
    for _ in range(600):
        jitter.add(0.001)
    assert jitter.percentiles() == (1.0, 1.0, 99.0)
