"""Sequence accounting against a naive twin that remembers everything, and against streams whose losses are known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest
from csi_ingest.sequence import REORDER_WINDOW, WINDOW, SequenceTracker, Verdict
from hypothesis import given, settings
from hypothesis import strategies as st

MODULUS = 2**32


@dataclass
class NaiveTracker:
    """The rules read aloud: remembers every frame of the epoch in a dictionary, numbers counted on past the wrap."""

    seen: dict[int, int] = field(default_factory=dict)
    first: int | None = None
    missing: int = 0
    reordered: int = 0
    duplicates: int = 0
    restarts: int = 0

    def observe(self, sequence: int, digest: int) -> Verdict:  # noqa: PLR0911 - one return for each rule
        """Apply the rules one after the other."""
        if self.first is None:
            return self._begin(sequence, digest, "first")
        highest = max(self.seen)
        ahead = (sequence - highest) % MODULUS
        number = highest + (ahead if ahead < MODULUS // 2 else ahead - MODULUS)
        if number > highest:
            if number - highest > WINDOW:
                return self._restart(sequence, digest)
            self.seen[number] = digest
            gap = number - highest - 1
            self.missing += gap
            return Verdict("gap", gap) if gap else Verdict("in_order")
        if highest - number < WINDOW and number in self.seen:
            if self.seen[number] != digest:
                return self._restart(sequence, digest)
            self.duplicates += 1
            return Verdict("duplicate")
        if highest - number > REORDER_WINDOW:
            return self._restart(sequence, digest)
        self.reordered += 1
        self.missing -= number > self.first
        self.seen[number] = digest
        return Verdict("reordered")

    def _restart(self, sequence: int, digest: int) -> Verdict:
        self.restarts += 1
        return self._begin(sequence, digest, "restarted")

    def _begin(self, sequence: int, digest: int, status: Literal["first", "restarted"]) -> Verdict:
        self.first = sequence
        self.seen = {sequence: digest}
        return Verdict(status)


STEPS = st.one_of(
    st.integers(-5, 5),
    st.integers(-REORDER_WINDOW - 2, REORDER_WINDOW + 2),
    st.sampled_from([WINDOW - 1, WINDOW, WINDOW + 1, 1 - WINDOW, -WINDOW, -WINDOW - 1, 2**31 - 1, 2**31, -(2**31)]),
)


@given(
    start=st.sampled_from([0, 1, 1000, MODULUS - 3, MODULUS - 1, 2**31]),
    frames=st.lists(st.tuples(STEPS, st.integers(0, 2)), max_size=120),
)
def test_agrees_with_the_naive_twin(start: int, frames: list[tuple[int, int]]) -> None:
    """Whatever numbers come, in whatever order, across the u32 wrap: verdicts and counts are the naive twin's."""
    tracker, naive = SequenceTracker(), NaiveTracker()
    sequence = start
    for step, digest in frames:
        sequence = (sequence + step) % MODULUS
        assert tracker.observe(sequence, digest) == naive.observe(sequence, digest)
        counts = (tracker.missing, tracker.reordered, tracker.duplicates, tracker.restarts)
        assert counts == (naive.missing, naive.reordered, naive.duplicates, naive.restarts)


@settings(max_examples=40)
@given(
    start=st.integers(0, MODULUS - 1),
    fates=st.lists(st.sampled_from(["sent", "sent", "sent", "lost", "twice"]), min_size=2, max_size=1500),
    delays=st.lists(st.integers(0, 5), min_size=1500, max_size=1500),
)
def test_a_lossy_network_is_accounted_for_exactly(start: int, fates: list[str], delays: list[int]) -> None:
    """Frames lost, doubled and delayed by up to five places: missing and duplicates are what the network did."""
    fates[0] = fates[-1] = "sent"
    delays[0] = 0  # what comes before the first frame seen is not counted as missing
    journey = sorted((i + delays[i] + copy * 0.5, i) for i, fate in enumerate(fates) for copy in range(fate == "twice"))
    journey += [(i + delays[i] + 0.25, i) for i, fate in enumerate(fates) if fate != "lost"]
    journey.sort()
    tracker = SequenceTracker()
    for _, number in journey:
        tracker.observe((start + number) % MODULUS, number)
    highest = max(number for _, number in journey)
    assert tracker.missing == fates[: highest + 1].count("lost")
    assert tracker.duplicates == fates.count("twice")
    assert tracker.restarts == 0


def test_a_late_frame_is_no_longer_missing() -> None:
    """A gap of two counts two missing; when one of them comes late, one is missing."""
    tracker = SequenceTracker()
    statuses = [tracker.observe(sequence, sequence) for sequence in (10, 13, 11)]
    assert statuses == [Verdict("first"), Verdict("gap", 2), Verdict("reordered")]
    assert (tracker.missing, tracker.reordered) == (1, 1)


def test_the_count_wraps_without_a_restart() -> None:
    """After 2**32 - 1 comes 0, in order."""
    tracker = SequenceTracker()
    assert [tracker.observe(s, s).status for s in (2**32 - 2, 2**32 - 1, 0, 1)] == ["first", *["in_order"] * 3]
    assert (tracker.restarts, tracker.missing) == (0, 0)


def test_a_quick_reboot_is_a_restart_not_a_duplicate() -> None:
    """A node that counts from 0 again after ten frames restarts: the numbers are old, the bytes are not."""
    tracker = SequenceTracker()
    for sequence in range(10):
        tracker.observe(sequence, 100 + sequence)
    assert tracker.observe(0, 999).status == "restarted"
    assert tracker.observe(1, 998).status == "in_order"
    assert (tracker.restarts, tracker.duplicates, tracker.missing) == (1, 0, 0)


@pytest.mark.parametrize("jump", [WINDOW + 1, -(WINDOW + 1), 2**31])
def test_a_jump_begins_a_new_epoch_and_counts_nothing_missing(jump: int) -> None:
    """Beyond the windows a number says nothing about loss; the same bytes in an earlier epoch are no duplicate."""
    tracker = SequenceTracker()
    assert tracker.observe(5000, 7).status == "first"
    assert tracker.observe((5000 + jump) % MODULUS, 8).status == "restarted"
    assert tracker.observe(5000, 7).status == "restarted"
    assert (tracker.missing, tracker.duplicates, tracker.restarts) == (0, 0, 2)
