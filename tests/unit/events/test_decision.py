"""The decision on motion: evidence over time against a threshold that follows the quiet."""

from __future__ import annotations

import math

import numpy as np
import pytest
from csi_events.decision import RULES, MotionDecision, Rules, decide
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

SECOND = 10**9


class Naive:
    """The rules in plain words, one window at a time."""

    def __init__(self, rules: Rules) -> None:
        """Nothing is known."""
        self.rules, self.on, self.evidence = rules, False, 0.0
        self.level, self.tail, self.level_s, self.tail_s = 0.0, rules.tail, 0.0, rules.tail_prior_s
        self.newest: int | None = None
        self.strength = 0.0

    def window(self, first: int, last: int, score: float) -> bool:
        """Whether somebody moves after this window."""
        rules = self.rules
        if math.isnan(score):
            return self.on
        step = min(1.0, max(0.0, (last - (first if self.newest is None else self.newest)) / SECOND))
        self.newest = last
        tail = min(self.tail, rules.tail_most)
        begin = rules.begin_margin + rules.begin_tails * tail
        end = min(begin, rules.last_margin + rules.last_tails * tail)
        if self.on:
            end = min(begin, max(end, rules.last_share * self.strength))
        excess = score - self.level
        speaks = min(end - excess, 1.0) if self.on else min(excess - begin, 2.0)
        self.evidence = max(0.0, self.evidence + speaks * step)
        self.strength += (1 - math.exp(-step / rules.strength_s)) * (excess - self.strength)
        if self.evidence > (rules.end_evidence if self.on else rules.begin_evidence):
            self.on, self.evidence, self.strength = not self.on, 0.0, excess
        if not self.on:
            self._learn(excess, begin, step)
        return self.on

    def _learn(self, excess: float, begin: float, step: float) -> None:
        rules = self.rules
        if excess < 0:
            self.level += (1 - math.exp(-step / rules.level_fall_s)) * excess
        else:
            if excess < begin and step > 0:
                self.level += step / max(min(rules.level_rise_s, self.level_s), step) * excess
            self.tail_s += step
            self.tail += step / min(rules.tail_memory_s, self.tail_s) * (min(excess, 3.0) - self.tail)
        self.level_s += step


def judged(scores: list[float] | NDArray[np.float64], step_s: float = 0.16, rules: Rules = RULES) -> NDArray[np.bool_]:
    """Decide windows of equal length after a calibration of ten seconds."""
    decision = MotionDecision(rules)
    decision.calibrated(10.0)
    ends = SECOND * (1 + step_s * np.arange(1, len(scores) + 1))
    begins = ends - step_s * SECOND
    moving, *_ = decide(decision.state, *(np.asarray(a, np.float64) for a in (begins, ends, scores, rules)))
    return np.asarray(moving)


@given(
    st.lists(st.tuples(st.floats(-3, 6) | st.just(math.nan), st.integers(0, 3 * SECOND)), max_size=60),
    st.floats(0.1, 4.0),
)
def test_it_is_the_naive_one(windows: list[tuple[float, int]], tails: float) -> None:
    """Any scores at any times, undecided ones among them, give the states, levels and tails of the plain rules."""
    rules = RULES._replace(begin_tails=tails)
    decision, naive, now = MotionDecision(rules), Naive(rules), SECOND
    for score, later in windows:
        first, now = now, now + later
        decided = decision.window(first, now, score)
        assert decided.moving == naive.window(first, now, score)
        assert decision.level == pytest.approx(naive.level, abs=1e-6)
        assert decision.state[3] == pytest.approx(naive.tail, abs=1e-6)


@pytest.mark.parametrize("step_s", [0.05, 0.16, 1.0])
def test_the_time_to_begin_is_that_of_the_evidence(step_s: float) -> None:
    """An excess e over the threshold begins motion once e x t exceeds the evidence, at any length of windows."""
    begin = RULES.begin_margin + RULES.begin_tails * RULES.tail
    for excess in (0.5, 1.0, 2.0, 9.0):
        moving = judged([begin + excess] * 40, step_s, RULES._replace(tail_memory_s=1e9, tail_prior_s=1e9))
        wanted = math.floor(RULES.begin_evidence / (min(excess, 2.0) * step_s)) + 1
        assert int(np.argmax(moving)) + 1 == wanted


def test_a_restless_quiet_needs_more() -> None:
    """After minutes of bursts that begin nothing, what would have begun motion at first no longer does."""
    weak = [1.8] * 6
    assert judged([*[0.0] * 600, *weak]).any()
    bursts = [0.0, 0.0, 0.0, 1.2] * 300
    assert not judged([*bursts, *weak]).any()


def test_the_level_follows_a_quieter_room_within_seconds() -> None:
    """A calibration that was too loud is unlearnt within five time constants of the quiet that follows."""
    decision = MotionDecision()
    decision.calibrated(10.0)
    for k in range(1, 32):
        decision.window((k - 1) * SECOND // 6, k * SECOND // 6, -1.5)
    assert decision.level == pytest.approx(-1.5, abs=0.02)


def test_strong_motion_ends_at_what_weak_motion_lasts_through() -> None:
    """The same unrest, between the two thresholds, goes on after weak motion and is the end of a strong one."""
    rules = RULES._replace(last_share=0.3, strength_s=3.0)
    last = rules.last_margin + rules.last_tails * rules.tail
    unrest = [last + 0.2] * 12
    assert rules.last_share * 2.0 < last < last + 0.2 < rules.last_share * 4.0
    assert judged([2.0] * 60 + unrest, rules=rules)[-1]
    moving = judged([4.0] * 60 + unrest, rules=rules)
    assert moving[59]
    assert not moving[-1]


def test_motion_is_not_learnt() -> None:
    """Ten minutes of motion leave level and tail where they were."""
    decision = MotionDecision()
    decision.calibrated(10.0)
    decided = [decision.window((k - 1) * SECOND, k * SECOND, 2.5) for k in range(1, 601)]
    assert decided[1].moving
    assert decided[-1].moving
    assert decision.level == decided[1].level
    assert decided[-1].begins == decided[1].begins


def test_rest_and_calibration_begin_anew() -> None:
    """``rest`` ends motion without forgetting the quiet; a new calibration puts the level back to zero."""
    decision = MotionDecision()
    for k in range(1, 5):
        decided = decision.window((k - 1) * SECOND, k * SECOND, 3.0)
    assert decided.moving
    decision.rest()
    assert not decision.window(4 * SECOND, 4 * SECOND, math.nan).moving
    decision.raise_level(0.5)
    assert decision.level == 0.5
    decision.calibrated(5.0)
    assert decision.level == 0.0
