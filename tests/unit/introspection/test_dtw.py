"""Streaming warping against full matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from csi_introspection import dtw
from csi_introspection.arrays import Float64
from csi_introspection.matcher import Matcher, advance_matcher, forget, new_matcher, rescale
from csi_introspection.measure import all_starts
from csi_schemas.signature import DtwParameters, Signature
from dtaidistance import dtw_ndim
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import naive


def make(vectors: Float64, band: int, *, rest: bool = False, threshold: float = 0.78) -> Signature:
    """Wrap vectors as a signature."""
    return Signature(
        id="s",
        label="",
        captured_at="",
        feature_kind="amplitude_l2_per_subcarrier",
        length=len(vectors),
        dtw=DtwParameters(window=band),
        vectors=vectors.tolist(),
        promotion_threshold=threshold,
        rest=rest,
    )


def matcher_of(*signatures: Signature, gains: tuple[float, ...] = (1.0,)) -> Matcher:
    """Return a matcher whose quiet has mean 0 and deviation 1."""
    width = len(signatures[0].vectors[0])
    matcher = new_matcher(signatures, width, gains)
    rescale(matcher, np.ones(width, np.float32))
    return matcher


def feed(matcher: Matcher, frames: Float64, quiet_cost: float = 1.0) -> None:
    """Advance by each row of ``frames``."""
    width = frames.shape[1]
    for frame in frames.astype(np.float32):
        advance_matcher(matcher, frame, np.zeros(width), np.ones(width, np.float32), quiet_cost)


@st.composite
def problems(draw: st.DrawFn) -> tuple[Float64, Float64, int]:
    """Draw frames, a template and a band, of values that float32 holds exactly."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, width = draw(st.integers(2, 9)), draw(st.integers(1, 4))
    frames = draw(st.integers(2, 20))
    band = draw(st.integers(0, 5))
    values = rng.integers(-64, 65, size=(frames + rows, width)) / 16
    return values[:frames], values[frames:], band


@settings(deadline=None, max_examples=60)
@given(problems())
def test_best_prefix_equals_aligning_every_start_on_its_own(problem: tuple[Float64, Float64, int]) -> None:
    """Evidence and score after any frames are those of the best prefix over all starts, each in a full matrix."""
    frames, template, band = problem
    signature = make(template, band)
    matcher = matcher_of(signature)
    feed(matcher, frames)
    expected = naive.best_match(frames, template, band, int(matcher.integers[0, dtw.FEWEST_ROWS]))
    score, progress, evidence, matched = matcher.matches[0]
    if expected.evidence <= 1e-3:
        assert score <= 1e-3
        return
    assert evidence == pytest.approx(expected.evidence, rel=1e-4, abs=1e-3)
    assert score == pytest.approx(expected.score, rel=1e-3, abs=1e-3)
    assert 0 < progress <= 1
    assert 2 <= matched <= len(frames)


@settings(deadline=None, max_examples=40)
@given(problems())
def test_rest_is_scored_by_the_distance_of_the_whole(problem: tuple[Float64, Float64, int]) -> None:
    """A signature of rest scores quiet cost over the least normalised distance of all of it to the newest frames."""
    frames, template, band = problem
    matcher = matcher_of(make(template, band, rest=True))
    feed(matcher, frames, quiet_cost=0.5)
    distance = naive.whole_distance(frames, template, band)
    expected = min(1.0, 0.5 / distance) if np.isfinite(distance) and distance > 0 else float(distance == 0)
    assert matcher.matches[0, dtw.SCORE] == pytest.approx(expected, rel=1e-3, abs=1e-4)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(0, 6))
def test_the_twin_agrees_with_a_published_library(seed: int, band: int) -> None:
    """With diagonal steps of weight 1 (its only pattern) the twin's matrix gives dtaidistance's distance."""
    rng = np.random.default_rng(seed)
    length = int(rng.integers(2, 12))
    a, b = rng.normal(size=(2, length, 3))
    costs = ((a[:, None] - b[None]) ** 2).sum(2)
    ours = np.sqrt(naive.accumulated(costs, band, diagonal=1.0)[-1, -1])
    assert ours == pytest.approx(dtw_ndim.distance(a, b, window=band + 1), rel=1e-9)


def test_signatures_of_other_lengths_and_bands_do_not_disturb_each_other() -> None:
    """Each signature's matches are the same alone and in a library padded to longer rows and wider bands."""
    rng = np.random.default_rng(3)
    library = [make(rng.normal(size=(rows, 3)), band) for rows, band in ((5, 1), (17, 6), (9, 0), (64, 8))]
    frames = rng.normal(size=(120, 3))
    together = matcher_of(*library)
    alone = [matcher_of(signature) for signature in library]
    for frame in frames[:, None]:
        feed(together, frame)
        for k, matcher in enumerate(alone):
            feed(matcher, frame)
            np.testing.assert_allclose(together.matches[k], matcher.matches[0], rtol=1e-5, atol=1e-5)


def test_an_exact_copy_scores_one_after_any_history() -> None:
    """A signature played after quiet ends with score 1 and progress 1."""
    rng = np.random.default_rng(4)
    template = rng.normal(size=(30, 5)).cumsum(axis=0)
    matcher = matcher_of(make(template, 8))
    feed(matcher, np.zeros((100, 5)))
    feed(matcher, template)
    score, progress, _, frames = matcher.matches[0]
    assert score == pytest.approx(1.0, abs=1e-4)
    assert progress == 1.0
    assert frames == 30


def test_a_motion_at_another_pace_still_matches() -> None:
    """A motion stretched by a fifth matches within a band of 8, and is recognised before it is complete."""
    phase = np.linspace(0, 1, 40)
    shape = np.array([1.0, -0.5, 0.3])
    template = 8 * np.sin(2 * np.pi * phase)[:, None] * shape
    slower = 8 * np.sin(2 * np.pi * np.linspace(0, 1, 48))[:, None] * shape
    matcher = matcher_of(make(template, 8))
    feed(matcher, np.zeros((50, 3)))
    scores = []
    for frame in slower[:, None]:
        feed(matcher, frame)
        scores.append(matcher.matches[0, dtw.SCORE])
    assert max(scores[:24]) > 0.8
    assert scores[-1] > 0.95


def test_no_score_counts_before_enough_of_the_signature() -> None:
    """Matches shorter than a quarter of the signature are not reported, however well they fit."""
    rng = np.random.default_rng(5)
    template = rng.normal(size=(40, 4)).cumsum(axis=0) + 5
    matcher = matcher_of(make(template, 0))
    for count, frame in enumerate(template[:, None], start=1):
        feed(matcher, frame)
        if count < 10:
            assert matcher.matches[0, dtw.SCORE] == 0.0
        else:
            assert matcher.matches[0, dtw.PROGRESS] >= 0.25


def test_quiet_gives_no_evidence_of_a_motion() -> None:
    """Unit noise scores far below any useful threshold against motions well above it."""
    rng = np.random.default_rng(6)
    matcher = matcher_of(*(make(3 * rng.normal(size=(64, 8)).cumsum(axis=0), 8) for _ in range(3)))
    worst = 0.0
    for frame in rng.normal(size=(2000, 1, 8)):
        feed(matcher, frame)
        worst = max(worst, float(matcher.matches[:, dtw.SCORE].max()))
    assert worst < 0.5


@pytest.mark.parametrize(("gain", "expected"), [(0.5, 1.0), (2.0, 1.0)])
def test_gains_match_a_motion_of_another_size(gain: float, expected: float) -> None:
    """With a bank of gains a motion of half or twice the size explains all of the energy."""
    rng = np.random.default_rng(7)
    template = rng.normal(size=(20, 4)).cumsum(axis=0)
    matcher = matcher_of(make(template, 4), gains=(0.5, 1.0, 2.0))
    feed(matcher, np.zeros((10, 4)))
    feed(matcher, gain * template)
    assert matcher.matches[0, dtw.SCORE] == pytest.approx(expected, abs=1e-4)


def test_forgetting_equals_a_new_matcher() -> None:
    """After ``forget`` nothing of the earlier frames is left."""
    rng = np.random.default_rng(8)
    signature = make(rng.normal(size=(12, 3)), 3)
    used, fresh = matcher_of(signature), matcher_of(signature)
    feed(used, rng.normal(size=(50, 3)))
    forget(used)
    frames = rng.normal(size=(30, 3))
    for frame in frames[:, None]:
        feed(used, frame)
        feed(fresh, frame)
        np.testing.assert_array_equal(used.matches, fresh.matches)


def test_rescaling_puts_templates_in_quiet_deviations() -> None:
    """Templates are the originals times the inverse deviation; row energies are their squared norms and steps."""
    rng = np.random.default_rng(9)
    vectors = rng.normal(size=(7, 3))
    matcher = new_matcher([make(vectors, 2)], 3)
    inverse = np.array([2.0, 0.5, 1.0], np.float32)
    rescale(matcher, inverse)
    scaled = vectors * inverse
    steps = np.diff(scaled, axis=0, prepend=0)
    np.testing.assert_allclose(matcher.templates[0], scaled, rtol=1e-5)
    np.testing.assert_allclose(matcher.row_energy[0], (scaled**2).sum(1) + (steps**2).sum(1), rtol=1e-5)


@settings(deadline=None, max_examples=20)
@given(problems())
def test_the_benchmarks_baseline_answers_the_same_question(problem: tuple[Any, Any, int]) -> None:
    """The from-scratch baseline finds the least normalised distance over starts and prefixes, as full matrices do."""
    frames, template, band = problem
    costs, table = np.empty((len(frames), len(template))), np.empty((len(frames), len(template)))
    got = all_starts(frames.astype(np.float32), template.astype(np.float32), band, costs, table)
    expected_costs, _ = naive.local_costs(frames, template)
    best = np.inf
    for start in range(len(frames) - 1):
        last = naive.accumulated(expected_costs[start:], band)[-1]
        matched = len(frames) - start
        best = min(best, (last / (matched + 1 + np.arange(len(template)))).min())
    if np.isfinite(best):
        assert got == pytest.approx(best, rel=1e-6, abs=1e-9)
    else:
        assert got > 1e20
