"""Rest beside breath, against a twin that keeps every frame, and in cases that can be counted on fingers."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf

import numpy as np
import pytest
from csi_introspection.onset import new_onset
from csi_introspection.onset_again import RISE
from csi_introspection.onset_rest import FALLEN, FORGET_S, SLOT_FRAMES, SLOT_S, STEADY, comes_to_rest, rest_height
from hypothesis import given, settings
from hypothesis import strategies as st

DT_S = 0.5
PER_SLOT = round(SLOT_S / DT_S)


@dataclass
class Naive:
    """A motion as the list of its frames' evidence."""

    strongest: float | None = None
    known: float = -inf
    resting: bool = False
    idle: int = 0
    frames: list[float] = field(default_factory=list)

    def begin(self, excess: float) -> None:
        """An onset that is not within what the last one left."""
        self.strongest, self.frames, self.idle, self.resting = excess, [], 0, False

    def take(self, excess: float, *, going: bool) -> bool:
        """Take a frame; True where the motion comes to rest."""
        if self.strongest is None:
            return False
        self.idle = 0 if going else self.idle + 1
        if self.idle * DT_S > FORGET_S:
            self.strongest, self.resting, self.known = None, False, -inf
            return False
        self.strongest = max(self.strongest, excess)
        if self.resting:
            return False
        self.frames.append(excess)
        if len(self.frames) % PER_SLOT:
            return False
        peaks = [max(self.frames[i : i + PER_SLOT]) for i in range(0, len(self.frames), PER_SLOT)]
        alike: list[float] = []
        for peak in peaks:
            alike = [*alike, peak] if alike and max(*alike, peak) - min(*alike, peak) <= STEADY else [peak]
        high = max(alike)
        fallen = len(alike) * (self.strongest - high) >= FALLEN or max(peaks[-2:]) <= self.known
        self.resting = len(alike) > 1 and min(alike) > 0 and fallen
        return self.resting


evidence = st.one_of(st.floats(-3.0, 8.0), st.sampled_from([-2.0, 0.0, 1.0, 1.5, 2.0, 6.0]))
held = st.lists(st.tuples(evidence, st.integers(1, 3 * PER_SLOT)), max_size=12)


@settings(deadline=None, max_examples=200)  # the first call compiles
@given(held, st.integers(0, 40), st.floats(-3.0, 8.0))
def test_a_rest_begins_where_the_list_of_frames_says(spells: list[tuple[float, int]], again: int, known: float) -> None:
    """Random spells of evidence, with an onset at first and others out of rests."""
    state = new_onset(1).state
    naive = Naive()
    excesses = [excess for excess, frames in spells for _ in range(frames)]
    for i, excess in enumerate(excesses):
        going = excess > 0.0
        begins = i == 0 or (naive.resting and i % (again + 1) == 0) or (naive.strongest is None and going)
        state["onset"], state["going"] = begins, going
        if begins:
            state["moving"] = 1
            if naive.resting:
                state["known"] = naive.known = known
            naive.begin(excess)
        rests = comes_to_rest(state[0], excess, DT_S)
        assert rests == naive.take(excess, going=going)
        assert bool(state["resting"][0]) == naive.resting
        if rests or not going:
            state["moving"] = 0


def spend(state: np.ndarray, excess: float, seconds: float) -> float | None:
    """Show so much evidence for a while; returns the seconds after which the motion came to rest."""
    state["going"] = excess > 0.0
    for i in range(round(seconds / DT_S)):
        rests = comes_to_rest(state[0], excess, DT_S)
        state["onset"] = 0
        if rests:
            state["moving"] = 0
            return (i + 1) * DT_S
    return None


def moved(excess: float) -> np.ndarray:
    """A motion that has lasted for a slot at so much evidence."""
    state = new_onset(1).state
    state["onset"] = state["moving"] = 1
    assert spend(state, excess, SLOT_S) is None
    return state


@pytest.mark.parametrize(("level", "after_s"), [(0.5, 10.0), (2.0, 10.0), (3.0, 15.0), (4.0, 20.0), (4.5, 30.0)])
def test_the_less_it_fell_the_longer_it_must_stay(level: float, after_s: float) -> None:
    """From 6: as long as fall times slots takes to be ``FALLEN``, two slots at least."""
    assert spend(moved(6.0), level, 60.0) == after_s


def test_slow_frames_make_longer_slots() -> None:
    """At two frames a second a slot holds as many frames as evidence looks back on."""
    state = moved(6.0)
    state["interval_s"] = DT_S
    assert spend(state, 2.0, 90.0) == 2 * SLOT_FRAMES * DT_S


def test_what_exceeds_no_threshold_is_left_to_them() -> None:
    """A slot without evidence above a threshold is no breath that was seen."""
    assert spend(moved(6.0), -0.1, FORGET_S) is None


def test_what_does_not_fall_or_is_not_steady_goes_on() -> None:
    """Two minutes as strong as the beginning, and two that swing by more than ``STEADY``, are motion."""
    assert spend(moved(6.0), 6.0, 120.0) is None
    state = moved(6.0)
    for slot in range(24):
        assert spend(state, 1.0 + (STEADY + 0.1) * (slot % 2), SLOT_S) is None


def test_at_rest_an_onset_is_what_exceeds_its_height() -> None:
    """The height is the greatest evidence of the rest and an e-fold; what comes back below it rests after a breath."""
    state = moved(6.0)
    assert rest_height(state[0]) == -inf
    assert spend(state, 2.0, 10.0) is not None
    assert rest_height(state[0]) == pytest.approx(2.0 + RISE)
    state["onset"], state["moving"], state["known"] = 1, 1, rest_height(state[0])
    assert spend(state, 3.5, SLOT_S) is None
    assert rest_height(state[0]) == -inf
    assert spend(state, 2.8, 60.0) == 2 * SLOT_S


def test_an_empty_room_is_no_rest() -> None:
    """Who leaves is forgotten in ``FORGET_S``: the next motion has no strength but its own."""
    state = moved(6.0)
    state["moving"] = 0
    assert spend(state, -2.0, FORGET_S + 1.0) is None
    assert state["resting"][0] == 0
    assert state["strongest"][0] == -inf
