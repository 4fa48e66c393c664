"""Chores are done a share at a time, and what is awaited first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from csi_events.chores import FIRST_US, MOST_SHARES, SHARE_NS, SHARE_US, Chores, shares_after
from hypothesis import given
from hypothesis import strategies as st


def chore(name: str, costs: list[float], done: list[tuple[str, float]]) -> Iterator[float]:
    """Steps of these costs after a first; each is noted when it is done."""
    done.append((name, FIRST_US))
    for cost in costs:
        yield cost
        done.append((name, cost))


@given(st.lists(st.lists(st.floats(1.0, 150.0), max_size=5), min_size=1, max_size=4))
def test_shares_bear_what_they_may_and_all_is_done_in_turn(chores: list[list[float]]) -> None:
    """A share is no larger than SHARE_US unless it is one step, never empty, and shares do everything in order."""
    done: list[tuple[str, float]] = []
    own, expected = Chores(), []
    for number, costs in enumerate(chores):
        own.add(chore(str(number), costs, done))
        expected += [(str(number), cost) for cost in (FIRST_US, *costs)]
    before = 0
    while own.share():
        steps = done[before:]
        assert len(steps) <= 1 or sum(cost for _, cost in steps) <= SHARE_US
        before = len(done)
    assert done == expected
    assert not own.share()


def test_what_is_awaited_goes_first_and_is_finished_alone() -> None:
    """It overtakes a chore under way, which then goes on where it was."""
    done: list[tuple[str, float]] = []
    own = Chores()
    own.add(chore("look", [SHARE_US, SHARE_US], done))
    own.share()
    own.add(chore("spectra", [10.0, 20.0], done), awaited=True)
    own.add(None)
    own.finish_awaited()
    assert [name for name, _ in done] == ["look", "spectra", "spectra", "spectra"]
    own.finish_awaited()
    while own.share():
        pass
    assert [name for name, _ in done[4:]] == ["look", "look"]


def test_what_is_cleared_is_not_done() -> None:
    """Nothing is left, and nothing is awaited."""
    done: list[tuple[str, float]] = []
    own = Chores()
    own.add(chore("spectra", [], done), awaited=True)
    own.clear()
    own.finish_awaited()
    assert not own.share()
    assert done == []


@pytest.mark.parametrize(
    ("since_ns", "shares"),
    [(0, 1), (SHARE_NS - 1, 1), (2 * SHARE_NS, 2), (MOST_SHARES * SHARE_NS, MOST_SHARES), (10**12, MOST_SHARES)],
)
def test_a_frame_does_more_the_longer_the_one_before_is_ago(since_ns: int, shares: int) -> None:
    """One share at least, however close it comes, and never more than the most there are."""
    assert shares_after(since_ns) == shares
