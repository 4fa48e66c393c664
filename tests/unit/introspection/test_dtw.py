"""Streaming warping against full matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from csi_introspection import dtw, tail
from csi_introspection.arrays import Float64
from csi_introspection.matcher import (
    KINDS,
    Matcher,
    advance_matcher,
    forget,
    new_matcher,
    open_afresh,
    rescale,
)
from csi_introspection.measure import all_starts
from csi_introspection.templates import Columns, Template
from dtaidistance import dtw_ndim
from dtw import dtw as published_dtw
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import matched, naive
from unit.introspection.matched import Matched

PREFIX = (dtw.EVIDENCE, dtw.SCORE)
WHOLE = (dtw.WHOLE_EVIDENCE, dtw.WHOLE_SCORE)


def make(
    vectors: Float64, band: int, *, rest: bool = False, gains: Sequence[float] = (1.0,), kind: int = 0, first: int = 0
) -> Template:
    """Return a signature as the matcher takes it."""
    return Template(rows=vectors, first=first, kind=kind, label="", band=band, gains=gains, threshold=0.78, rest=rest)


def matcher_of(*templates: Template, columns: Columns | None = None, stride: int = 1) -> Matcher:
    """Return a matcher whose quiet has mean 0 and deviation 1; without ``columns`` the stream has amplitudes only."""
    total = templates[0].rows.shape[1] if columns is None else columns.total
    matcher = new_matcher(templates, total, stride)
    rescale(matcher, np.ones(total, np.float32))
    return matcher


def feed(
    matcher: Matcher,
    frames: Float64,
    quiet_cost: float = 1.0,
    columns: Columns | None = None,
    *,
    connected: bool = False,
) -> None:
    """Advance by each row of ``frames``; unless ``connected``, what a row completes is forgotten at once."""
    width = frames.shape[1]
    ends = (columns or Columns(width)).ends()
    for frame in frames.astype(np.float32):
        advance_matcher(matcher, frame, np.zeros(width), np.ones(width, np.float32), ends, quiet_cost)
        if not connected:
            matcher.completed.fill(0.0)
            matcher.since.fill(matcher.completed.shape[2])


def check(match: Float64, columns: tuple[int, int], evidence: float, score: float) -> None:
    """Hold evidence and score of a match to what an oracle finds; evidence against the motion scores nothing."""
    if evidence <= 1e-3:
        assert match[columns[0]] <= 1e-3
        assert match[columns[1]] <= 1e-3
        return
    assert match[columns[0]] == pytest.approx(evidence, rel=1e-4, abs=1e-3)
    assert match[columns[1]] == pytest.approx(score, rel=1e-3, abs=1e-3)


@st.composite
def problems(draw: st.DrawFn, rows: tuple[int, int] = (2, 9), most: int = 20) -> tuple[Float64, Float64, int]:
    """Draw frames, a template and a band, of values that float32 holds exactly.

    Half of the frames end like the template, now and then holding a row, so that long prefixes are among the best.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    length, width = draw(st.integers(*rows)), draw(st.integers(1, 4))
    count, band = draw(st.integers(2, most)), draw(st.integers(0, 5))
    values = rng.integers(-64, 65, size=(count + length, width)) / 16
    frames, template = values[:count], values[count:]
    if draw(st.booleans()):
        played = np.repeat(template, rng.integers(1, 3, size=length), axis=0)[: draw(st.integers(1, most))][-count:]
        frames = np.concatenate([frames[: count - len(played)], played + rng.integers(-8, 9, size=played.shape) / 16])
    return frames, template, band


@settings(deadline=None, max_examples=60)
@given(problems())
def test_best_prefix_equals_aligning_every_start_on_its_own(problem: tuple[Float64, Float64, int]) -> None:
    """Evidence and score after any frames are those of the best prefix over all starts, each in a full matrix."""
    frames, template, band = problem
    matcher = matcher_of(make(template, band))
    feed(matcher, frames)
    match = matcher.matches[0]
    expected = naive.best_match(frames, template, band, dtw.FEWEST_ROWS)
    check(match, PREFIX, expected.evidence, expected.score)
    if match[dtw.SCORE] > 0:
        assert 0 < match[dtw.PROGRESS] <= 1
        assert 2 <= match[dtw.FRAMES] <= len(frames)


@settings(deadline=None, max_examples=60)
@given(problems())
def test_the_whole_equals_aligning_every_start_on_its_own(problem: tuple[Float64, Float64, int]) -> None:
    """Evidence and score of the whole are those of all rows over all starts, each in a full matrix."""
    frames, template, band = problem
    matcher = matcher_of(make(template, band))
    feed(matcher, frames)
    expected = naive.best_match(frames, template, band, len(template))
    check(matcher.matches[0], WHOLE, expected.evidence, expected.score)


@settings(deadline=None, max_examples=40)
@given(problems(rows=(2, 6), most=24), st.integers(1, 5), st.integers(1, 3))
def test_a_match_may_begin_where_another_was_completed(
    problem: tuple[Float64, Float64, int], other: int, stride: int
) -> None:
    """Advantage and evidence are those of the best way to tell all frames as signatures one after the other.

    The twin keeps, for every frame, the most that signatures gone through one after the other explain until then.
    """
    frames, template, band = problem
    rng = np.random.default_rng(other)
    second = rng.integers(-64, 65, size=(other + 1, template.shape[1])) / 16
    frames = np.concatenate([second, template, frames])
    matcher = matcher_of(make(template, band), make(second, band), stride=stride)
    feed(matcher, np.repeat(frames, stride, axis=0), connected=True)
    found = matcher.matches
    chain = naive.Chain([template, second], band)
    for count in range(1, len(frames) + 1):
        expected = chain.advance(frames[:count])
    for match, (advantage, evidence, whole) in zip(found, expected, strict=True):
        if advantage > 1e-3:
            assert match[dtw.ADVANTAGE] == pytest.approx(advantage, rel=1e-3, abs=2e-2)
            assert match[dtw.EVIDENCE] >= match[dtw.ADVANTAGE] - 2e-2
            if evidence is not None:
                assert match[dtw.EVIDENCE] == pytest.approx(evidence, rel=1e-3, abs=2e-2)
        else:
            assert match[dtw.ADVANTAGE] <= 2e-2
        if whole > 1e-3:
            assert match[dtw.WHOLE_ADVANTAGE] == pytest.approx(whole, rel=1e-3, abs=2e-2)


def test_a_motion_that_is_over_has_no_advantage_left() -> None:
    """Gone through and completed, a signature has its evidence but hardly any advantage; the next one has its own."""
    rng = np.random.default_rng(14)
    first, second = (rng.normal(size=(12, 3)).cumsum(axis=0) for _ in range(2))
    matcher = matcher_of(make(first, 3), make(second, 3))
    feed(matcher, np.concatenate([first, second[:6]]), connected=True)
    steps = np.diff(np.concatenate([first[-1:], second[:6]]), axis=0)
    energy = (second[:6] ** 2).sum() + (steps**2).sum()
    assert matcher.matches[1, dtw.ADVANTAGE] == pytest.approx(matcher.matches[1, dtw.EVIDENCE], rel=1e-5)
    assert 0.5 * energy < matcher.matches[1, dtw.ADVANTAGE] <= energy
    assert matcher.matches[0, dtw.ADVANTAGE] < matcher.matches[1, dtw.ADVANTAGE]


def test_new_units_leave_what_is_unlikely_as_unlikely() -> None:
    """With deviations of a third all evidence is nine times as much: what was learnt of quiet seconds follows."""
    rng = np.random.default_rng(15)
    matcher = Matched([make(rng.normal(size=(12, 3)), 3)], 3)
    matched.rescale(matcher, np.ones(3, np.float32))
    for part in (matcher.maxima[:1], matcher.pending, matcher.tails):
        part[:] = rng.uniform(1.0, 2.0, part.shape)
    before = [matcher.maxima[0].copy(), matcher.pending.copy(), matcher.tails.copy()]
    matched.rescale(matcher, np.full(3, 3.0, np.float32))
    np.testing.assert_allclose(matcher.maxima[0], 9 * before[0], rtol=1e-5)
    np.testing.assert_allclose(matcher.pending, 9 * before[1], rtol=1e-5)
    grown = np.ones(7)
    grown[[tail.THRESHOLD, tail.SCALE, tail.LIMIT, tail.FADES, tail.EARLY]] = 9.0
    np.testing.assert_allclose(matcher.tails, grown * before[2], rtol=1e-5)


def best_since(frames: Float64, template: Float64, band: int, first: int) -> naive.Match:
    """Best prefix over the starts from frame ``first`` on, each in a full matrix."""
    costs, energy = naive.local_costs(frames, template)
    best = naive.Match(-np.inf, 0.0, 0, 0)
    for start in range(first, len(frames) - 1):
        count = len(frames) - start
        last = naive.accumulated(costs[start:], band)[-1]
        for rows in range(dtw.FEWEST_ROWS, len(template) + 1):
            evidence = energy[start:].sum() - count * last[rows - 1] / (count + rows)
            if evidence > best.evidence:
                best = naive.Match(evidence, evidence / energy[start:].sum(), rows, count)
    return best


@settings(deadline=None, max_examples=60)
@given(problems(), st.integers(0, 4), st.integers(1, 6))
def test_opening_afresh_leaves_only_what_began_lately(
    problem: tuple[Float64, Float64, int], keep: int, after: int
) -> None:
    """After ``open_afresh`` the matches are those over starts within the last ``keep`` rows before it and after it."""
    frames, template, band = problem
    before = max(0, len(frames) - after)
    matcher = matcher_of(make(template, band))
    feed(matcher, frames[:before])
    open_afresh(matcher, keep, 0)
    feed(matcher, frames[before:])
    expected = best_since(frames, template, band, max(0, before - keep))
    check(matcher.matches[0], PREFIX, expected.evidence, expected.score)


@settings(deadline=None, max_examples=30)
@given(problems(), st.integers(2, 4))
def test_a_stride_interleaves_sequences_of_their_own(problem: tuple[Float64, Float64, int], stride: int) -> None:
    """With S frames a row, frame f has the matches of a matcher that saw frames f, f - S, f - 2 S, ... only."""
    frames, template, band = problem
    interleaved = matcher_of(make(template, band), stride=stride)
    separate = [matcher_of(make(template, band)) for _ in range(stride)]
    for number, frame in enumerate(frames[:, None]):
        feed(interleaved, frame)
        feed(separate[number % stride], frame)
        np.testing.assert_allclose(interleaved.matches, separate[number % stride].matches, rtol=1e-5, atol=1e-5)


def test_opening_afresh_counts_the_rows_of_each_sequence() -> None:
    """With S frames a row, ``open_afresh`` does to each of the S sequences what it does to a matcher of its own."""
    rng = np.random.default_rng(10)
    signature = make(rng.normal(size=(8, 3)), 3)
    interleaved = matcher_of(signature, stride=3)
    separate = [matcher_of(signature) for _ in range(3)]
    for number, frame in enumerate(rng.normal(size=(60, 1, 3))):
        if number == 31:
            for matcher in (interleaved, *separate):
                open_afresh(matcher, 2, 0)
        feed(interleaved, frame)
        feed(separate[number % 3], frame)
        np.testing.assert_allclose(interleaved.matches, separate[number % 3].matches, rtol=1e-5, atol=1e-5)


def test_opening_afresh_leaves_a_room_at_rest_alone() -> None:
    """Signatures of rest have no onset: their matches go on as if nothing had begun."""
    rng = np.random.default_rng(11)
    signature = make(rng.normal(size=(8, 3)), 3, rest=True)
    opened, untouched = matcher_of(signature), matcher_of(signature)
    for number, frame in enumerate(rng.normal(size=(30, 1, 3))):
        if number == 20:
            open_afresh(opened, 0, 0)
        feed(opened, frame)
        feed(untouched, frame)
        np.testing.assert_array_equal(opened.matches, untouched.matches)
    assert opened.matches[0, dtw.SCORE] > 0


@pytest.mark.parametrize("stride", [1, 2])
def test_kinds_side_by_side_match_as_each_alone(stride: int) -> None:
    """They have the matches of a stream of their kind only, also where those from the second kind on open afresh."""
    rng = np.random.default_rng(12)
    columns = Columns(3, 5, 4)
    ends = columns.ends()
    kinds = [0, 1, 2, 1, 0]
    rows = [rng.normal(size=(6 + 3 * k, columns[kind])) for k, kind in enumerate(kinds)]
    together = matcher_of(
        *(
            make(r, 2 + k, kind=kind, first=int(ends[kind]))
            for k, (r, kind) in enumerate(zip(rows, kinds, strict=True))
        ),
        columns=columns,
        stride=stride,
    )
    own = [Columns(*(columns[kind] if k == kind else 0 for k in range(KINDS))) for kind in kinds]
    alone = [
        matcher_of(make(r, 2 + k, kind=kind), columns=own[k], stride=stride)
        for k, (r, kind) in enumerate(zip(rows, kinds, strict=True))
    ]
    for number, frame in enumerate(rng.normal(size=(50, 1, columns.total))):
        if number == 40:
            open_afresh(together, 1, 1)
        feed(together, frame, columns=columns)
        for k, (matcher, kind) in enumerate(zip(alone, kinds, strict=True)):
            if number == 40 and kind > 0:
                open_afresh(matcher, 1, 0)
            feed(matcher, frame[:, ends[kind] : ends[kind + 1]], columns=own[k])
            np.testing.assert_allclose(together.matches[k], matcher.matches[0], rtol=1e-5, atol=1e-5)
    assert (together.matches[:, dtw.EVIDENCE] != 0).all()


def test_vectors_are_put_in_quiet_deviations_from_the_quiet_mean() -> None:
    """A stream with another quiet matches as one of mean 0 and deviation 1 that moved by as many deviations."""
    rng = np.random.default_rng(13)
    rows, frames = rng.normal(size=(9, 3)), rng.normal(size=(40, 3))
    mean, unit = np.array([5.0, -3.0, 0.5]), np.array([2.0, 0.25, 8.0], np.float32)
    matcher, plain = new_matcher([make(rows / unit, 2)], 3), matcher_of(make(rows, 2))
    rescale(matcher, unit)
    for frame in frames:
        moved = (frame / unit + mean).astype(np.float32)
        advance_matcher(matcher, moved, mean, unit, Columns(3).ends(), 1.0)
        feed(plain, frame[None], connected=True)
        np.testing.assert_allclose(matcher.matches, plain.matches, rtol=1e-3, atol=1e-3)


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


@settings(deadline=None, max_examples=60)
@given(problems())
def test_the_whole_agrees_with_a_published_library(problem: tuple[Float64, Float64, int]) -> None:
    """The distance of the whole over starts is the least that dtw-python's symmetric2 in a Sakoe-Chiba band gives."""
    frames, template, band = problem
    rest, motion = matcher_of(make(template, band, rest=True)), matcher_of(make(template, band))
    feed(rest, frames, quiet_cost=1e-6)
    feed(motion, frames)
    costs, energy = naive.local_costs(frames, template)
    nearest, most = np.inf, -np.inf
    for start in range(len(frames)):
        count = len(frames) - start
        if abs(count - len(template)) > band:  # no path: the library raises
            continue
        found = published_dtw(
            costs[start:],
            step_pattern="symmetric2",
            window_type="sakoechiba",
            window_args={"window_size": band},
            distance_only=True,
        )
        # Sakoe & Chiba weigh the first cell twice, as the norm frames + rows asks; the library once.
        distance = found.normalizedDistance + costs[start, 0] / (count + len(template))
        nearest = min(nearest, distance)
        if count >= dtw.FEWEST_FRAMES:
            most = max(most, energy[start:].sum() - count * distance)
    if np.isfinite(nearest) and nearest > 1e-3:
        assert 1e-6 / rest.matches[0, dtw.SCORE] == pytest.approx(nearest, rel=1e-4)
    if np.isfinite(most):
        assert motion.matches[0, dtw.WHOLE_EVIDENCE] == pytest.approx(most, rel=1e-4, abs=1e-3)
    else:
        assert motion.matches[0, dtw.WHOLE_EVIDENCE] < -1e20
        assert rest.matches[0, dtw.SCORE] == 0.0


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
    match = matcher.matches[0]
    assert match[dtw.SCORE] == pytest.approx(1.0, abs=1e-4)
    assert match[dtw.WHOLE_SCORE] == pytest.approx(1.0, abs=1e-4)
    assert match[dtw.PROGRESS] == 1.0
    assert match[dtw.FRAMES] == 30


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


def test_no_score_counts_before_two_rows_and_the_whole_before_its_end() -> None:
    """A single frame or row is no match, however well it fits; the whole has no score before its last row."""
    rng = np.random.default_rng(5)
    template = rng.normal(size=(40, 4)).cumsum(axis=0) + 5
    matcher = matcher_of(make(template, 0))
    for count, frame in enumerate(template[:, None], start=1):
        feed(matcher, frame)
        match = matcher.matches[0]
        if count < 2:
            assert match[dtw.SCORE] == match[dtw.PROGRESS] == 0.0
        else:
            assert match[dtw.PROGRESS] * 40 == pytest.approx(count)
        if count < 40:
            assert match[dtw.WHOLE_SCORE] == 0.0
    assert matcher.matches[0, dtw.WHOLE_SCORE] == pytest.approx(1.0, abs=1e-4)


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
    matcher = matcher_of(make(template, 4, gains=(0.5, 1.0, 2.0)))
    feed(matcher, np.zeros((10, 4)))
    feed(matcher, gain * template)
    assert matcher.matches[0, dtw.SCORE] == pytest.approx(expected, abs=1e-4)


@settings(deadline=None, max_examples=30)
@given(problems())
def test_gains_are_those_of_each_signature(problem: tuple[Float64, Float64, int]) -> None:
    """Each signature has the evidence of the best of its own gains, whatever the others try."""
    frames, template, band = problem
    own: list[tuple[float, ...]] = [(1.0,), (0.5, 1.5, 3.0), (2.0, 1.0)]
    matcher = matcher_of(*(make(template, band, gains=gains) for gains in own))
    feed(matcher, frames)
    for match, gains in zip(matcher.matches, own, strict=True):
        found = (naive.best_match(frames, gain * template, band, dtw.FEWEST_ROWS) for gain in gains)
        expected = max(found, key=lambda m: m.evidence)
        check(match, PREFIX, expected.evidence, expected.score)


@pytest.mark.parametrize("stride", [1, 3])
def test_forgetting_equals_a_new_matcher(stride: int) -> None:
    """After ``forget`` nothing of the earlier frames is left."""
    rng = np.random.default_rng(8)
    signature = make(rng.normal(size=(12, 3)), 3)
    used, fresh = matcher_of(signature, stride=stride), matcher_of(signature, stride=stride)
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
