"""When matches are promoted, confirmed and taken back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from csi_introspection import dtw, tail
from csi_introspection.matcher import HEAD_ROWS, Matcher, forget, new_matcher
from csi_introspection.promotion import (
    AGE,
    CONFIRMED,
    EMERGING,
    FADED,
    FALSE_PER_HOUR,
    NONE,
    OVERTAKEN,
    RETRACTED,
    STATE,
    close_second,
    fit_one,
    log_limit,
    log_p_of,
    promote,
    take_evidence,
)
from csi_introspection.templates import Template
from scipy.stats import genpareto

ROWS, BAND, WIDTH = 20, 4, 3
THRESHOLD = 0.6
LOUD = 1e4
"""Evidence that no quiet of these tests has."""


def made(label: str = "wave", *, kind: int = 0, rest: bool = False) -> Template:
    """Return a signature; its rows play no part here."""
    return Template(
        np.zeros((ROWS, WIDTH)),
        first=0,
        kind=kind,
        label=label,
        band=BAND,
        gains=(1.0,),
        threshold=THRESHOLD,
        rest=rest,
    )


def learn(matcher: Matcher, seconds: int, seed: int = 1) -> None:
    """Let so many calm seconds of four frames pass, of exponential evidence of mean 5."""
    rng = np.random.default_rng(seed)
    for _ in range(seconds):
        for _ in range(4):
            matcher.matches[:, dtw.HEAD_EVIDENCE] = rng.exponential(5.0, size=len(matcher.matches))
            take_evidence(matcher)
        close_second(matcher, 1)
    for k in range(len(matcher.matches)):
        fit_one(matcher, k)
    matcher.matches.fill(0.0)


def settled(templates: Sequence[Template], stride: int = 1) -> Matcher:
    """Return a matcher that knows its quiet."""
    matcher = new_matcher(templates, WIDTH, stride)
    learn(matcher, tail.KEPT)
    return matcher


def show(
    matcher: Matcher, head: Sequence[float], whole: Sequence[float] | None = None, score: float = 1.0
) -> list[int]:
    """Take one frame with this evidence of each signature and return the states."""
    matcher.matches[:, dtw.HEAD_EVIDENCE] = head
    matcher.matches[:, dtw.WHOLE_EVIDENCE] = 0.0 if whole is None else whole
    matcher.matches[:, (dtw.SCORE, dtw.HEAD_SCORE, dtw.WHOLE_SCORE)] = score
    promote(matcher)
    return [int(state) for state in matcher.states[:, STATE]]


def evidence_of(matcher: Matcher, k: int, log_p: float) -> float:
    """Evidence whose p-value has this logarithm, by scipy's quantiles."""
    fit = matcher.tails[k]
    share = np.exp(log_p) / fit[tail.SHARE]
    return float(genpareto.isf(share, fit[tail.SHAPE], loc=fit[tail.THRESHOLD], scale=fit[tail.SCALE]))


def test_nothing_is_promoted_before_the_quiet_is_known() -> None:
    """One calm second short of ``FEWEST`` no evidence is enough, however much; with it, it is."""
    matcher = new_matcher([made()], WIDTH)
    learn(matcher, tail.FEWEST - 1)
    assert np.isnan(log_p_of(matcher.counts, matcher.tails, 0, LOUD))
    assert show(matcher, [LOUD]) == [NONE]
    learn(matcher, 1)
    assert show(matcher, [LOUD]) == [EMERGING]


def test_seconds_that_are_not_calm_teach_nothing() -> None:
    """A second in which something moved is left out, and its evidence does not reach into the next."""
    matcher = new_matcher([made(), made()], WIDTH)
    for calm in (0, 1):
        matcher.matches[:, dtw.HEAD_EVIDENCE] = [LOUD, 2 * LOUD] if calm == 0 else [3.0, -4.0]
        take_evidence(matcher)
        close_second(matcher, calm)
    assert matcher.counts.tolist() == [1, 1]
    assert matcher.maxima[:2, 0].tolist() == [3.0, 0.0]
    close_second(matcher, 1)
    assert matcher.counts.tolist() == [1, 1]  # a second without frames is none


def test_the_maximum_of_a_second_counts_not_its_frames() -> None:
    """Of many frames of one second the most evident is kept."""
    matcher = new_matcher([made()], WIDTH)
    for evidence in (2.0, 9.0, 5.0):
        matcher.matches[0, dtw.HEAD_EVIDENCE] = evidence
        take_evidence(matcher)
    close_second(matcher, 1)
    assert matcher.maxima[0, 0] == 9.0
    assert matcher.counts[0] == 1


def test_the_head_promotes_and_the_whole_confirms() -> None:
    """A match emerges with its head, is confirmed by the whole, stays while that lasts, and then just ends."""
    matcher = settled([made()])
    limit = log_limit(1)
    assert show(matcher, [0.0]) == [NONE]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [LOUD], [LOUD], score=THRESHOLD - 0.01) == [EMERGING]
    assert show(matcher, [LOUD], [LOUD], score=THRESHOLD) == [CONFIRMED]
    assert show(matcher, [0.0], [evidence_of(matcher, 0, 1.05 * FADED * limit)]) == [CONFIRMED]
    assert show(matcher, [0.0], [evidence_of(matcher, 0, 0.95 * FADED * limit)]) == [NONE]


@pytest.mark.parametrize("stride", [1, 3])
def test_what_is_not_confirmed_by_its_end_is_taken_back(stride: int) -> None:
    """A match emerges for as many frames as its rows and band last, and is then retracted, once."""
    matcher = settled([made()], stride)
    states = [show(matcher, [LOUD])] + [show(matcher, [0.0]) for _ in range((ROWS + BAND) * stride)]
    assert states == [[EMERGING]] * ((ROWS + BAND) * stride + 1)
    assert show(matcher, [0.0]) == [RETRACTED]
    assert show(matcher, [0.0]) == [NONE]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert matcher.states[0, AGE] == 0


def test_a_label_with_more_evidence_overtakes() -> None:
    """An emerging match is taken back, and a confirmed one ends, when another label has ``OVERTAKEN`` its evidence."""
    for confirmed in (False, True):
        matcher = settled([made("wave"), made("walk")])
        assert show(matcher, [LOUD, 0.0]) == [EMERGING, NONE]
        whole = [LOUD if confirmed else 0.0, 0.0]
        active = CONFIRMED if confirmed else EMERGING
        if confirmed:
            assert show(matcher, [LOUD, 0.0], whole) == [CONFIRMED, NONE]
        assert show(matcher, [LOUD, 0.99 * LOUD], whole) == [active, NONE]
        assert show(matcher, [LOUD, 0.99 * OVERTAKEN * LOUD], whole)[0] == active
        assert show(matcher, [LOUD, 1.01 * OVERTAKEN * LOUD], whole)[0] == (NONE if confirmed else RETRACTED)


def test_more_evidence_that_is_not_unlikely_does_not_overtake() -> None:
    """A label whose quiet has as much evidence all the time takes nothing from one whose quiet has none."""
    matcher = settled([made("wave"), made("walk")])
    matcher.tails[1, tail.SCALE] = 10 * LOUD
    assert show(matcher, [LOUD, 0.0]) == [EMERGING, NONE]
    assert show(matcher, [LOUD, 5 * LOUD]) == [EMERGING, NONE]


def test_only_the_leading_label_is_promoted() -> None:
    """Of two unlikely labels the one with more evidence emerges."""
    matcher = settled([made("wave"), made("walk")])
    assert show(matcher, [LOUD, 1.01 * LOUD]) == [NONE, EMERGING]


def test_templates_of_one_label_do_not_compete() -> None:
    """Several takes of one motion are promoted together, and none overtakes another."""
    matcher = settled([made("wave"), made("wave"), made("walk")])
    assert show(matcher, [LOUD, 5 * LOUD, 0.0]) == [EMERGING, EMERGING, NONE]
    assert show(matcher, [LOUD, 50 * LOUD, 0.0]) == [EMERGING, EMERGING, NONE]


def test_kinds_do_not_compete() -> None:
    """Evidence of one kind, in units of its own, neither leads nor overtakes that of another."""
    matcher = settled([made("wave", kind=0), made("walk", kind=1)])
    assert show(matcher, [LOUD, 50 * LOUD]) == [EMERGING, EMERGING]
    assert show(matcher, [LOUD, 500 * LOUD]) == [EMERGING, EMERGING]


def test_a_room_at_rest_is_confirmed_by_its_score_alone() -> None:
    """Rest needs no tail, knows two states, and does not lead the motions."""
    matcher = new_matcher([made("empty", rest=True), made("wave")], WIDTH)
    assert show(matcher, [0.0, 0.0], score=THRESHOLD) == [CONFIRMED, NONE]
    assert show(matcher, [0.0, 0.0], score=THRESHOLD - 0.01) == [NONE, NONE]
    learn(matcher, tail.KEPT)
    assert show(matcher, [50 * LOUD, LOUD]) == [CONFIRMED, EMERGING]


def test_a_match_must_explain_enough_of_what_moved() -> None:
    """Unlikely evidence with a score below the signature's threshold is not promoted: it is another motion."""
    matcher = settled([made()])
    assert show(matcher, [LOUD], score=THRESHOLD - 0.01) == [NONE]
    assert show(matcher, [LOUD], score=THRESHOLD) == [EMERGING]


@pytest.mark.parametrize("signatures", [1, 2, 16])
def test_the_limit_is_the_wanted_rate_shared_by_the_signatures(signatures: int) -> None:
    """Evidence just rarer than the stream's false matches an hour, over its signatures, is promoted; no less is."""
    p = FALSE_PER_HOUR / 3600 / signatures
    assert np.exp(log_limit(signatures)) == pytest.approx(p, rel=1e-9)
    matcher = settled([made(str(k)) for k in range(signatures)])
    others = [0.0] * (signatures - 1)
    assert show(matcher, [evidence_of(matcher, 0, np.log(p) + 0.01), *others])[0] == NONE
    assert show(matcher, [evidence_of(matcher, 0, np.log(p) - 0.01), *others])[0] == EMERGING


@pytest.mark.parametrize("seconds", [tail.FEWEST, tail.KEPT])
def test_quiet_of_known_evidence_is_promoted_no_more_often_than_wanted(seconds: int) -> None:
    """Over 400 quiets the mean true p of what each calls unlikely is about the wanted, or less: 0.1 to twice as much.

    Evidence is exponential, four frames a second, well above the noise; each quiet is fitted on its own seconds.
    """
    rng = np.random.default_rng(0)
    mean, frames = 50.0, 4
    true_p = []
    for _ in range(400):
        matcher = new_matcher([made()], WIDTH)
        matcher.maxima[0, :seconds] = rng.exponential(mean, size=(seconds, frames)).max(axis=1)
        matcher.counts[0] = seconds
        fit_one(matcher, 0)
        limit = evidence_of(matcher, 0, log_limit(1))
        true_p.append(-np.expm1(frames * np.log1p(-np.exp(-limit / mean))))
    assert 0.1 < np.mean(true_p) / (FALSE_PER_HOUR / 3600) < 2.0


def test_a_tail_that_saw_nothing_is_as_wide_as_the_heads_noise() -> None:
    """Without evidence at rest the scale is the deviation of a chi-square of the head's numbers, over root two."""
    matcher = new_matcher([made()], WIDTH)
    for _ in range(tail.FEWEST):
        take_evidence(matcher)
        close_second(matcher, 1)
    fit_one(matcher, 0)
    assert matcher.tails[0, tail.SCALE] == pytest.approx(np.sqrt(min(ROWS, HEAD_ROWS) * WIDTH))


def test_a_gap_ends_every_match_and_keeps_the_quiet() -> None:
    """``forget`` voids the states and the running second; what was learnt of the quiet stays."""
    matcher = settled([made()])
    show(matcher, [LOUD])
    take_evidence(matcher)
    forget(matcher)
    assert matcher.states[0, STATE] == NONE
    close_second(matcher, 1)
    assert matcher.counts[0] == tail.KEPT
    assert matcher.maxima[0].max() < LOUD
    assert show(matcher, [LOUD]) == [EMERGING]
