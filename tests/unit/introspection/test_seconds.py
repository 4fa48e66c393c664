"""What past seconds teach: calm ones, restless ones, and none that a confirmed match explains."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from csi_introspection import dtw, quiet, tail
from csi_introspection.arrays import Float64
from csi_introspection.seconds import FALSE_PER_HOUR, log_limit
from csi_introspection.states import CONFIRMED, EMERGING, NONE, STATE
from csi_introspection.templates import Template
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto
from unit.introspection.matched import (
    Matched,
    close_second,
    fit_calm,
    fit_restless,
    judge_seconds,
    log_p_of,
    promote,
    rescale,
    set_limits,
    unlearn,
)

ROWS, BAND, WIDTH = 20, 4, 3
RATE_HZ = 8.0
DELAY = 4
"""Seconds that a match of so many rows may take at that rate, 24 / 8, and the running one."""


def made(label: str = "wave", kind: int = 0) -> Template:
    """Return a signature of ones."""
    return Template(
        np.ones((ROWS, WIDTH)), first=0, kind=kind, label=label, band=BAND, gains=(1.0,), threshold=0.6, rest=False
    )


def matcher_of(*templates: Template) -> Matched:
    """Return a matcher that knows its quiet, in which there is hardly any evidence."""
    matcher = Matched(templates, WIDTH, 1, RATE_HZ)
    matcher.maxima[: len(templates)] = np.random.default_rng(0).exponential(1.0, (len(templates), tail.KEPT))
    matcher.counts.fill(tail.KEPT)
    for k in range(len(templates)):
        fit_calm(matcher, k)
    return matcher


def second(matcher: Matched, evidence: Sequence[float], moved: int, *, whole: bool = False) -> bool:
    """Let a second of one frame pass with so much evidence, of the whole signatures too or not."""
    matcher.matches[:, (dtw.ADVANTAGE, dtw.EVIDENCE)] = np.array(evidence)[:, np.newaxis]
    matcher.matches[:, (dtw.WHOLE_EVIDENCE, dtw.WHOLE_ADVANTAGE)] = np.array(evidence)[:, np.newaxis] if whole else 0.0
    matcher.matches[:, (dtw.SCORE, dtw.WHOLE_SCORE)] = 1.0
    matcher.matches[:, dtw.FRAMES] = ROWS
    promote(matcher, trusted=True)
    return bool(close_second(matcher, moved))


def restless(matcher: Matched, seconds: Float64) -> None:
    """Let these restless seconds, (n), be learnt."""
    for value in seconds:
        second(matcher, [value] * matcher.counts.size, 1)
    for _ in range(DELAY):
        second(matcher, [0.0] * matcher.counts.size, 0)
    for k in range(matcher.counts.size):
        fit_restless(matcher, k)


def quantile(fit: Float64, log_p: float) -> float:
    """Evidence whose p-value in a tail has this logarithm, by scipy."""
    share = np.exp(log_p) / fit[tail.SHARE]
    return float(genpareto.isf(share, fit[tail.SHAPE], loc=fit[tail.THRESHOLD], scale=fit[tail.SCALE]))


def test_what_restless_seconds_often_show_is_not_promoted() -> None:
    """The limit is the higher of both tails' quantiles once ``FEWEST_RESTLESS`` seconds were seen, and p the larger."""
    rng = np.random.default_rng(1)
    matcher = matcher_of(made())
    calm = quantile(matcher.tails[0], log_limit(1))
    assert matcher.tails[0, tail.LIMIT] == pytest.approx(calm)
    restless(matcher, rng.exponential(5.0, tail.FEWEST_RESTLESS - 1))
    assert matcher.tails[0, tail.LIMIT] == pytest.approx(calm)
    restless(matcher, rng.exponential(5.0, 2))
    limit = quantile(matcher.restless_tails[0], log_limit(1))
    assert limit > calm
    assert matcher.tails[0, tail.LIMIT] == pytest.approx(limit)
    assert np.exp(log_p_of(matcher, 0, limit)) == pytest.approx(FALSE_PER_HOUR / 3600)
    second(matcher, [0.99 * limit], 1)
    assert matcher.states[0, STATE] == NONE
    second(matcher, [1.01 * limit], 1)
    assert matcher.states[0, STATE] == EMERGING


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("seconds", [0, 1, tail.FEWEST_RESTLESS, tail.FEWEST - 1, tail.FEWEST])
def test_prefixes_of_changes_are_not_enough_while_restlessness_is_little_known(kind: int, seconds: int) -> None:
    """Of a stream with some restless seconds, and fewer than a limit wants calm ones, only wholes are promoted."""
    matcher = matcher_of(made(kind=kind))
    restless(matcher, np.random.default_rng(6).exponential(5.0, seconds))
    assert matcher.restless_counts[0] == seconds
    limit, early = matcher.tails[0, [tail.LIMIT, tail.EARLY]]
    assert np.isfinite(limit)
    assert early == (np.inf if kind > 0 and 0 < seconds < tail.FEWEST else limit)


def test_a_calmer_restless_tail_does_not_lower_the_limit() -> None:
    """Restless seconds without any evidence leave the limit where calm ones put it."""
    matcher = matcher_of(made())
    matcher.maxima[:] *= 1e3
    fit_calm(matcher, 0)
    calm = matcher.tails[0, tail.LIMIT]
    restless(matcher, np.zeros(tail.KEPT))
    assert matcher.tails[0, tail.LIMIT] == calm


def test_calm_seconds_are_not_restless() -> None:
    """However much evidence, a second in which nothing moved teaches the restless tail nothing."""
    matcher = matcher_of(made())
    for _ in range(3 * DELAY):
        assert not second(matcher, [10.0], 0)
    assert matcher.restless_counts[0] == 0


def test_a_confirmed_match_explains_the_seconds_it_may_have_taken() -> None:
    """What a stream does over and over stays unlikely; the same, never gone through to its end, does not."""
    confirmed, emerged = matcher_of(made()), matcher_of(made())
    for _ in range(tail.FEWEST_RESTLESS):
        for matcher, whole in ((confirmed, True), (emerged, False)):
            second(matcher, [1e4], 1)
            second(matcher, [1e4], 1, whole=whole)
            assert matcher.states[0, STATE] == (CONFIRMED if whole else EMERGING)
            second(matcher, [0.0], 0)
    assert confirmed.restless_counts[0] == 0
    assert emerged.restless_counts[0] > tail.FEWEST_RESTLESS
    assert emerged.restless[0].max() == 1e4


def test_a_match_of_one_kind_explains_nothing_to_another() -> None:
    """Which other kinds are in the library does not change what a kind learns."""
    matcher = matcher_of(made(kind=0), made(kind=1))
    matcher.thresholds[1] = 2.0
    for _ in range(2):
        second(matcher, [1e4, 7.0], 1, whole=True)
    for _ in range(DELAY):
        second(matcher, [0.0, 0.0], 0)
    assert matcher.restless_counts.tolist() == [0, 2]
    assert matcher.restless[1, :2].tolist() == [7.0, 7.0]


@given(
    st.lists(
        st.tuples(st.integers(0, 1), st.integers(0, 1), st.integers(0, 100)),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=50)
def test_restless_seconds_are_those_a_list_would_keep(seen: list[tuple[int, int, int]]) -> None:
    """A list of seconds: each moved or not, and none confirmed in it or in the ``DELAY`` - 1 after it."""
    matcher = Matched([made()], WIDTH, 1, RATE_HZ)
    assert matcher.delay[0] == DELAY
    for moved, confirmed, evidence in seen:
        matcher.running[0] = evidence
        matcher.confirmed[0] = confirmed
        close_second(matcher, moved)
    wanted = [
        evidence
        for number, (moved, _, evidence) in enumerate(seen[: len(seen) - DELAY] if len(seen) > DELAY else [])
        if moved and not any(confirmed for _, confirmed, _ in seen[number : number + DELAY])
    ]
    assert matcher.restless[0, : matcher.restless_counts[0]].tolist() == wanted


@pytest.mark.parametrize("seconds", [tail.FEWEST_RESTLESS, tail.KEPT])
def test_restless_evidence_of_known_law_is_promoted_no_more_often_than_wanted(seconds: int) -> None:
    """Over 400 streams of exponential evidence the mean true p of the limit is at most 20, or 2, times the wanted.

    Sixteen seconds say little of so rare an event; 240 say it well enough.
    """
    rng = np.random.default_rng(2)
    mean = 50.0
    true_p = []
    for _ in range(400):
        matcher = matcher_of(made())
        matcher.restless[0, :seconds] = rng.exponential(mean, seconds)
        matcher.restless_counts[0] = seconds
        fit_restless(matcher, 0)
        true_p.append(np.exp(-matcher.tails[0, tail.LIMIT] / mean))
    assert np.mean(true_p) / (FALSE_PER_HOUR / 3600) < (2.0 if seconds == tail.KEPT else 20.0)


def test_what_was_learnt_at_a_quiet_that_was_none_is_void() -> None:
    """``unlearn`` forgets restless seconds, waiting ones too, with the calm ones."""
    matcher = matcher_of(made())
    restless(matcher, np.full(tail.KEPT, 9.0))
    second(matcher, [9.0], 1)
    unlearn(matcher)
    for _ in range(DELAY):
        assert not second(matcher, [0.0], 0)
    assert matcher.restless_counts[0] == 0
    assert matcher.tails[0, tail.LIMIT] == np.inf


def test_nothing_of_what_is_void_is_fitted() -> None:
    """After ``unlearn`` few seconds give the tail that they give a stream that has seen no others."""
    rng = np.random.default_rng(5)
    matcher, fresh = matcher_of(made()), matcher_of(made())
    restless(matcher, 1e3 * rng.exponential(size=2 * tail.KEPT))
    unlearn(matcher)
    seconds = rng.exponential(size=tail.FEWEST_RESTLESS)
    for each in (matcher, fresh):
        restless(each, seconds)
    assert matcher.restless_counts[0] == tail.FEWEST_RESTLESS
    np.testing.assert_array_equal(matcher.restless_tails, fresh.restless_tails)


def test_a_new_unit_scales_what_restless_seconds_taught() -> None:
    """With half the deviation evidence is four times as much: in the rings, in the queue and in the limit."""
    matcher = matcher_of(made())
    rescale(matcher, np.ones(WIDTH, np.float32))
    restless(matcher, np.random.default_rng(3).exponential(5.0, tail.KEPT))
    second(matcher, [3.0], 1)
    before, limit = matcher.restless.copy(), matcher.tails[0, tail.LIMIT]
    rescale(matcher, np.full(WIDTH, 2.0, np.float32))
    assert matcher.restless == pytest.approx(4.0 * before)
    assert matcher.lately[0, 0] == 12.0
    assert matcher.tails[0, tail.LIMIT] == pytest.approx(4.0 * limit)
    set_limits(matcher, 0)
    assert matcher.tails[0, tail.LIMIT] == pytest.approx(4.0 * limit)


def test_a_still_blocks_seconds_are_learnt_as_calm_and_as_restless() -> None:
    """A second in which something moved a little, in a block that was still, belongs to both."""
    matcher = matcher_of(made())
    second(matcher, [6.0], 1)
    assert judge_seconds(matcher, quiet.REFINED) == 1
    for _ in range(DELAY):
        second(matcher, [0.0], 0)
    assert matcher.restless[0, : matcher.restless_counts[0]].tolist() == [6.0]
    assert 6.0 in matcher.maxima[0]
