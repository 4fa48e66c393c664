"""When matches are promoted, confirmed and taken back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from csi_introspection import dtw, quiet, tail
from csi_introspection.promotion import MARGIN
from csi_introspection.seconds import FADED, FALSE_PER_HOUR, NOISE_ROWS, log_limit
from csi_introspection.states import AGE, CONFIRMED, EMERGING, NONE, RETRACTED, STATE, TENTATIVE
from csi_introspection.templates import Template
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto
from unit.introspection.matched import (
    Matched,
    close_second,
    fit_calm,
    forget,
    judge_seconds,
    log_p_of,
    promote,
    set_limits,
)

ROWS, BAND, WIDTH = 20, 4, 3
THRESHOLD = 0.6
FRAMES = 8
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


def learn(matcher: Matched, seconds: int, seed: int = 1) -> None:
    """Let so many calm seconds of four frames pass, of exponential evidence of mean 5."""
    rng = np.random.default_rng(seed)
    for _ in range(seconds):
        for _ in range(4):
            matcher.matches[:, dtw.ADVANTAGE] = rng.exponential(5.0, size=len(matcher.matches))
            promote(matcher, trusted=False)
        close_second(matcher, 0)
        judge_seconds(matcher, quiet.REFINED)
    for k in range(len(matcher.matches)):
        fit_calm(matcher, k)
    matcher.matches.fill(0.0)


def settled(templates: Sequence[Template], stride: int = 1) -> Matched:
    """Return a matcher that knows its quiet."""
    matcher = Matched(templates, WIDTH, stride)
    learn(matcher, tail.KEPT)
    return matcher


def show(
    matcher: Matched,
    head: Sequence[float],
    whole: Sequence[float] | None = None,
    score: float = 1.0,
    *,
    trusted: bool = True,
) -> list[int]:
    """Take one frame with this advantage of each signature, and evidence of the whole, and return the states."""
    matcher.matches[:, dtw.ADVANTAGE] = head
    matcher.matches[:, dtw.EVIDENCE] = np.maximum(head, 0.0 if whole is None else whole)
    for column in (dtw.WHOLE_EVIDENCE, dtw.WHOLE_ADVANTAGE):
        matcher.matches[:, column] = 0.0 if whole is None else whole
    matcher.matches[:, (dtw.SCORE, dtw.WHOLE_SCORE)] = score
    matcher.matches[:, dtw.FRAMES] = FRAMES
    promote(matcher, trusted=trusted)
    return [int(state) for state in matcher.states[:, STATE]]


def evidence_of(matcher: Matched, k: int, log_p: float) -> float:
    """Evidence whose p-value has this logarithm, by scipy's quantiles."""
    fit = matcher.tails[k]
    share = np.exp(log_p) / fit[tail.SHARE]
    return float(genpareto.isf(share, fit[tail.SHAPE], loc=fit[tail.THRESHOLD], scale=fit[tail.SCALE]))


def test_nothing_is_promoted_before_the_quiet_is_known() -> None:
    """One calm second short of ``FEWEST`` no evidence is enough, however much; with it, it is."""
    matcher = Matched([made()], WIDTH)
    learn(matcher, tail.FEWEST - 1)
    assert np.isnan(log_p_of(matcher, 0, LOUD))
    assert show(matcher, [LOUD]) == [NONE]
    matcher.running.fill(-np.inf)
    learn(matcher, 1)
    assert show(matcher, [LOUD]) == [EMERGING]


def test_seconds_that_are_not_calm_teach_nothing() -> None:
    """A second in which something moved is left out, and its evidence does not reach into the next."""
    matcher = Matched([made(), made()], WIDTH)
    for calm in (0, 1):
        matcher.matches[:, dtw.ADVANTAGE] = [LOUD, 2 * LOUD] if calm == 0 else [3.0, -4.0]
        promote(matcher, trusted=False)
        close_second(matcher, 1 - calm)
        assert judge_seconds(matcher, quiet.MOVED) == calm
    assert matcher.counts.tolist() == [1, 1]
    assert matcher.maxima[:2, 0].tolist() == [3.0, 0.0]
    close_second(matcher, 0)
    assert judge_seconds(matcher, quiet.REFINED) == 0
    assert matcher.counts.tolist() == [1, 1]  # a second without frames is none


@pytest.mark.parametrize(
    ("verdict", "learnt"),
    [
        (quiet.MOVED, [2.0, 4.0]),
        (quiet.REFINED, [1.0, 2.0, 3.0, 4.0]),
        (quiet.AWAY, []),
        (quiet.PLACED, []),
        (quiet.ADOPTED, []),
    ],
)
def test_a_blocks_verdict_says_which_of_its_seconds_were_calm(verdict: int, learnt: list[float]) -> None:
    """All of a still block, those without motion of one that moved, and none away from the quiet mean."""
    matcher = Matched([made()], WIDTH)
    for second, moved in enumerate([1, 0, 1, 0]):
        matcher.matches[0, dtw.ADVANTAGE] = second + 1.0
        promote(matcher, trusted=False)
        close_second(matcher, moved)
    assert judge_seconds(matcher, verdict) == len(learnt)
    assert matcher.maxima[0, : matcher.counts[0]].tolist() == learnt


def test_the_maximum_of_a_second_counts_not_its_frames() -> None:
    """Of many frames of one second the most evident is kept."""
    matcher = Matched([made()], WIDTH)
    for evidence in (2.0, 9.0, 5.0):
        matcher.matches[0, dtw.ADVANTAGE] = evidence
        promote(matcher, trusted=False)
    close_second(matcher, 0)
    judge_seconds(matcher, quiet.REFINED)
    assert matcher.maxima[0, 0] == 9.0
    assert matcher.counts[0] == 1


def test_a_prefix_promotes_and_the_whole_confirms() -> None:
    """A match emerges with its prefix, is confirmed by the whole, stays while that lasts, and then just ends."""
    matcher = settled([made()])
    limit = log_limit(1)
    assert show(matcher, [0.0]) == [NONE]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [LOUD], [LOUD], score=THRESHOLD - 0.01) == [EMERGING]
    assert show(matcher, [LOUD], [LOUD], score=THRESHOLD) == [CONFIRMED]
    assert show(matcher, [0.0], [evidence_of(matcher, 0, 1.05 * FADED * limit)]) == [CONFIRMED]
    assert show(matcher, [0.0], [evidence_of(matcher, 0, 0.95 * FADED * limit)]) == [NONE]


def test_where_a_prefix_is_not_enough_nothing_is_said_before_the_whole() -> None:
    """The match is tentative, then confirmed by the whole; one that fades ends, and was never there to be retracted."""
    matcher = settled([made()])
    matcher.tails[0, tail.EARLY] = np.inf
    assert show(matcher, [LOUD]) == [TENTATIVE]
    assert show(matcher, [LOUD], [LOUD]) == [CONFIRMED]
    assert show(matcher, [0.0]) == [NONE]
    assert show(matcher, [LOUD]) == [TENTATIVE]
    assert show(matcher, [0.0]) == [NONE]


FRAME = st.tuples(*4 * [st.sampled_from([0.0, 0.5 * LOUD, LOUD])])


@settings(deadline=None, max_examples=100)
@given(st.lists(FRAME, min_size=1, max_size=60))
def test_what_is_tentative_is_what_would_emerge(frames: list[tuple[float, float, float, float]]) -> None:
    """With and without prefixes being enough two labels are confirmed on the same frames, and nothing else is said."""
    free, held = settled([made("wave"), made("walk")]), settled([made("wave"), made("walk")])
    held.tails[:, tail.EARLY] = np.inf
    silent = {NONE: NONE, EMERGING: TENTATIVE, CONFIRMED: CONFIRMED, RETRACTED: NONE}
    for *head, first, second in frames:
        shown = [show(matcher, head, [first, second], score=0.8) for matcher in (free, held)]
        assert shown[1] == [silent[state] for state in shown[0]]


def test_only_an_end_that_was_seen_confirms() -> None:
    """While leaving the last rows out explains more by ``MARGIN`` rows of mismatch, the match goes on emerging."""
    matcher = settled([made()])
    show(matcher, [LOUD], score=0.8)
    mismatch = LOUD * (1 / 0.8 - 1) / FRAMES
    assert show(matcher, [LOUD], [LOUD - 1.01 * MARGIN * mismatch], score=0.8) == [EMERGING]
    assert show(matcher, [LOUD], [LOUD - 0.99 * MARGIN * mismatch], score=0.8) == [CONFIRMED]


def test_nothing_is_promoted_while_the_place_is_not_known() -> None:
    """Away from the quiet mean without having moved there is no motion; what has emerged stays."""
    matcher = settled([made()])
    assert show(matcher, [LOUD], trusted=False) == [NONE]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [LOUD], trusted=False) == [EMERGING]


def test_a_match_that_fades_is_taken_back() -> None:
    """An emerging match is retracted once the p-value of its evidence is above the share ``FADED`` of the limit."""
    matcher = settled([made()])
    limit = log_limit(1)
    assert show(matcher, [LOUD]) == [EMERGING]
    assert show(matcher, [evidence_of(matcher, 0, 1.05 * FADED * limit)]) == [EMERGING]
    assert show(matcher, [evidence_of(matcher, 0, 0.95 * FADED * limit)]) == [RETRACTED]


def test_seconds_wait_until_it_is_known_whether_they_were_calm() -> None:
    """More than ``PENDING`` seconds are learnt as that many, the last with the most of the rest; none twice."""
    matcher = Matched([made()], WIDTH)
    for second in range(tail.PENDING + 3):
        matcher.matches[0, dtw.ADVANTAGE] = 100.0 - second
        promote(matcher, trusted=False)
        close_second(matcher, 0)
    assert matcher.counts[0] == 0
    assert judge_seconds(matcher, quiet.REFINED) == tail.PENDING
    assert matcher.maxima[0, : tail.PENDING].tolist() == [100.0 - second for second in range(tail.PENDING)]
    assert judge_seconds(matcher, quiet.REFINED) == 0


@pytest.mark.parametrize("stride", [1, 3])
def test_what_is_not_confirmed_by_its_end_is_taken_back(stride: int) -> None:
    """A match emerges for as many frames as its rows and band last, and is then retracted, once."""
    matcher = settled([made()], stride)
    states = [show(matcher, [LOUD])] + [show(matcher, [LOUD]) for _ in range((ROWS + BAND) * stride)]
    assert states == [[EMERGING]] * ((ROWS + BAND) * stride + 1)
    assert show(matcher, [LOUD]) == [RETRACTED]
    assert show(matcher, [0.0]) == [NONE]
    assert show(matcher, [LOUD]) == [EMERGING]
    assert matcher.states[0, AGE] == 0


def test_a_label_that_is_clearly_ahead_overtakes() -> None:
    """An emerging match is taken back, and a confirmed one ends, when another label is ``MARGIN`` rows ahead of it."""
    mismatch = LOUD * (1 / 0.8 - 1) / FRAMES  # of the leader, LOUD its evidence
    for confirmed in (False, True):
        matcher = settled([made("wave"), made("walk")])
        assert show(matcher, [LOUD, 0.0], score=0.8) == [EMERGING, NONE]
        whole = [LOUD if confirmed else 0.0, 0.0]
        active = CONFIRMED if confirmed else EMERGING
        if confirmed:
            assert show(matcher, [LOUD, 0.0], whole, score=0.8) == [CONFIRMED, NONE]
        assert show(matcher, [LOUD - 0.99 * MARGIN * mismatch, LOUD], whole, score=0.8) == [active, NONE]
        assert show(matcher, [LOUD - 1.01 * MARGIN * mismatch, LOUD], whole, score=0.8) == [
            NONE if confirmed else RETRACTED,
            EMERGING,
        ]


def test_more_evidence_that_is_not_unlikely_does_not_overtake() -> None:
    """A label whose quiet has as much evidence all the time takes nothing from one whose quiet has none."""
    matcher = settled([made("wave"), made("walk")])
    matcher.tails[1, tail.SCALE] = 10 * LOUD
    set_limits(matcher, 1)
    assert show(matcher, [LOUD, 0.0]) == [EMERGING, NONE]
    assert show(matcher, [LOUD, 5 * LOUD]) == [EMERGING, NONE]


def test_only_a_label_that_is_clearly_ahead_is_promoted() -> None:
    """Of two unlikely labels the one that is ahead by ``MARGIN`` rows of mismatch emerges; if neither is, none does.

    What explains everything is held to the quiet's noise, one a dimension.
    """
    matcher = settled([made("wave"), made("walk")])
    assert show(matcher, [LOUD, LOUD + 0.99 * MARGIN * WIDTH]) == [NONE, NONE]
    assert show(matcher, [LOUD, LOUD + 1.01 * MARGIN * WIDTH]) == [NONE, EMERGING]


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
    matcher = Matched([made("empty", rest=True), made("wave")], WIDTH)
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
        matcher = Matched([made()], WIDTH)
        matcher.maxima[0, :seconds] = rng.exponential(mean, size=(seconds, frames)).max(axis=1)
        matcher.counts[0] = seconds
        fit_calm(matcher, 0)
        limit = evidence_of(matcher, 0, log_limit(1))
        true_p.append(-np.expm1(frames * np.log1p(-np.exp(-limit / mean))))
    assert 0.1 < np.mean(true_p) / (FALSE_PER_HOUR / 3600) < 2.0


def test_a_tail_that_saw_nothing_is_as_wide_as_the_heads_noise() -> None:
    """Without evidence at rest the scale is the deviation of a chi-square of the head's numbers, over root two."""
    matcher = Matched([made()], WIDTH)
    for _ in range(tail.FEWEST):
        promote(matcher, trusted=False)
        close_second(matcher, 0)
        judge_seconds(matcher, quiet.REFINED)
    fit_calm(matcher, 0)
    assert matcher.tails[0, tail.SCALE] == pytest.approx(np.sqrt(min(ROWS, NOISE_ROWS) * WIDTH))


def test_a_gap_ends_every_match_and_keeps_the_quiet() -> None:
    """``forget`` voids the states and the running second; what was learnt of the quiet stays."""
    matcher = settled([made()])
    show(matcher, [LOUD])
    promote(matcher, trusted=False)
    forget(matcher)
    assert matcher.states[0, STATE] == NONE
    close_second(matcher, 0)
    judge_seconds(matcher, quiet.REFINED)
    assert matcher.counts[0] == tail.KEPT
    assert matcher.maxima[0].max() < LOUD
    assert show(matcher, [LOUD]) == [EMERGING]
