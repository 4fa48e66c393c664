"""The two state machines, over every sequence there is up to a length."""

from __future__ import annotations

from itertools import product

import pytest
from csi_events.states import ENTER_WINDOWS, LEAVE_WINDOWS, Motion, Presence

LOW, BETWEEN, HIGH = (False, False), (False, True), (True, True)
SECOND = 10**9


def naive_motion(windows: tuple[tuple[bool, bool], ...]) -> list[bool]:
    """Look back over the whole history at every window."""
    states: list[bool] = []
    on, changed = False, 0
    for i in range(len(windows)):
        recent = windows[max(changed, i + 1 - (LEAVE_WINDOWS if on else ENTER_WINDOWS)) : i + 1]
        if not on and len(recent) == ENTER_WINDOWS and all(begins for begins, _ in recent):
            on, changed = True, i + 1
        elif on and len(recent) == LEAVE_WINDOWS and not any(lasts for _, lasts in recent):
            on, changed = False, i + 1
        states.append(on)
    return states


def test_motion_over_every_sequence_of_eight_windows() -> None:
    """For all 6561 sequences of low, in-between and high windows the state is the naive one, and turns say it."""
    for windows in product((LOW, BETWEEN, HIGH), repeat=8):
        motion, states, before = Motion(), [], False
        for i, (begins, lasts) in enumerate(windows):
            turn = motion.step(begins=begins, lasts=lasts, now_ns=i)
            assert turn == ({True: "started", False: "ended"}[motion.on] if motion.on != before else None)
            if turn == "started":
                assert motion.since_ns == i
            before = motion.on
            states.append(motion.on)
        assert states == naive_motion(windows)


def test_one_window_neither_starts_nor_ends_motion() -> None:
    """A single high window among low ones starts nothing; a single low one among high ones ends nothing."""
    motion = Motion()
    for begins, lasts in (LOW, HIGH, LOW, HIGH, LOW):
        assert motion.step(begins=begins, lasts=lasts, now_ns=0) is None
    assert [motion.step(begins=True, lasts=True, now_ns=0) for _ in range(2)] == [None, "started"]
    for begins, lasts in (HIGH, LOW, HIGH, LOW, BETWEEN):
        assert motion.step(begins=begins, lasts=lasts, now_ns=0) is None
    assert motion.on


def test_expiry_ends_what_is_on_and_nothing_else() -> None:
    """``expire`` ends motion or presence once and forgets the streak."""
    motion = Motion(on=True, streak=1)
    assert (motion.expire(), motion.expire(), motion.on, motion.streak) == ("ended", None, False, 0)
    presence = Presence(SECOND, on=True, streak=1)
    assert (presence.expire(), presence.expire(), presence.on, presence.streak) == ("ended", None, False, 0)


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
