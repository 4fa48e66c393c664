"""The two states, over every sequence there is up to a length."""

from __future__ import annotations

from itertools import product

import pytest
from csi_events.states import ENTER_WINDOWS, Motion, Presence

SECOND = 10**9


def test_motion_says_its_turns_once() -> None:
    """Over all sequences of eight decisions each change of state is one turn, and a start keeps its time."""
    for decisions in product((False, True), repeat=8):
        motion, before = Motion(), False
        for i, moving in enumerate(decisions):
            turn = motion.step(moving=moving, now_ns=i)
            assert turn == (None if moving == before else {True: "started", False: "ended"}[moving])
            if turn == "started":
                assert motion.since_ns == i
            before = moving


def test_expiry_ends_what_is_on_and_nothing_else() -> None:
    """``expire`` ends motion or presence once and forgets the streak."""
    motion = Motion(on=True)
    assert (motion.expire(), motion.expire(), motion.on) == ("ended", None, False)
    presence = Presence(SECOND, on=True, streak=1)
    assert (presence.expire(), presence.expire(), presence.on, presence.streak) == ("ended", None, False, 0)


def test_certain_evidence_needs_no_second_window() -> None:
    """Motion makes presence at once; a breath alone does not."""
    assert Presence(SECOND).step(evidence=True, now_ns=0) is None
    assert Presence(SECOND).step(evidence=True, now_ns=0, certain=True) == "started"


def naive_presence(windows: tuple[bool | None, ...], hold: int) -> list[bool]:
    """Windows a second apart; undecided ones are looked through, but do not stop the hold from running out."""
    states: list[bool] = []
    on, last, streak = False, -1, 0
    for now, evidence in enumerate(windows):
        if evidence is not None:
            streak = streak + 1 if evidence else 0
        if evidence:
            last = now
            on = on or streak >= ENTER_WINDOWS
        elif on and now - last > hold:
            on, streak = False, 0
        states.append(on)
    return states


@pytest.mark.parametrize("hold", [1, 3])
def test_presence_over_every_sequence_of_eight_windows(hold: int) -> None:
    """For all 6561 sequences of yes, no and "could not say" presence is the naive one, and turns say it."""
    for windows in product((True, False, None), repeat=8):
        presence, states, before = Presence(hold * SECOND), [], False
        for i, evidence in enumerate(windows):
            turn = presence.step(evidence=evidence, now_ns=i * SECOND)
            assert turn == ({True: "started", False: "ended"}[presence.on] if presence.on != before else None)
            before = presence.on
            states.append(presence.on)
        assert states == naive_presence(windows, hold)


def test_the_hold_runs_out_evenly() -> None:
    """The share of the hold that is left falls from 1 at the evidence to 0 at its end, and stays within 0-1."""
    presence = Presence(10 * SECOND)
    for now in (0, SECOND):
        presence.step(evidence=True, now_ns=now)
    shares = [presence.held_share(SECOND + s * SECOND) for s in (-5, 0, 5, 10, 20)]
    assert shares == [1.0, 1.0, 0.5, 0.0, 0.0]
