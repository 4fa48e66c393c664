"""Scores of whole runs against each other, by the slow twin and by closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.arrays import Float64
from csi_introspection.likeness import likeness, resample, whole_scores
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import naive


def slow_scores(template: Float64, rows: Float64, window: int) -> Float64:
    """Each start aligned on its own by the naive twin; the start with the most evidence at each end."""
    costs, energy = naive.local_costs(rows, template)
    length, count = len(template), len(rows)
    best, scores = np.full(count, -np.inf), np.zeros(count)
    for start in range(count):
        total = naive.accumulated(costs[start : start + length + window], window)
        for frames in range(max(1, length - window), min(length + window, count - start) + 1):
            spent = energy[start : start + frames].sum()
            evidence = spent - frames * total[frames - 1, -1] / (frames + length)
            if evidence > best[start + frames - 1]:
                best[start + frames - 1], scores[start + frames - 1] = evidence, max(evidence, 0.0) / spent
    return scores


@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(1, 14), st.integers(1, 3), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_scores_are_the_slow_twins(seed: int, length: int, count: int, width: int, window: int) -> None:
    """Every end's score equals that of a full alignment of every start."""
    rng = np.random.default_rng(seed)
    template = rng.normal(size=(length, width)).cumsum(axis=0)
    rows = rng.normal(size=(count, width)).cumsum(axis=0)
    np.testing.assert_allclose(whole_scores(template, rows, window), slow_scores(template, rows, window), atol=1e-9)


def test_an_exact_copy_scores_one_where_it_ends() -> None:
    """Anywhere in a quiet stream, and nowhere before it has ended."""
    template = np.sin(np.linspace(0.3, 5, 20))[:, np.newaxis] * np.ones(3)
    rows = np.concatenate([np.zeros((30, 3)), template, np.zeros((10, 3))])
    scores = whole_scores(template, rows, 4)
    assert scores[49] == pytest.approx(1.0)
    assert scores[:40].max() < 0.9
    assert likeness(template, rows, 4) == pytest.approx(1.0)


def test_the_opposite_and_silence_score_nothing() -> None:
    """A mirrored run explains no energy; a stream of zeros has none; an empty one is no error."""
    template = np.linspace(1, 2, 10)[:, np.newaxis]
    assert likeness(template, -template, 2) == 0.0
    assert likeness(template, np.zeros((30, 1)), 2) == 0.0
    assert likeness(template, np.zeros((0, 1)), 2) == 0.0


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
@settings(deadline=None)
def test_resampling_keeps_the_range_and_fewer_rows_keep_the_mean(have: int, count: int, seed: int) -> None:
    """No value leaves the range of the rows; averaging keeps the mean exactly; the same count changes nothing."""
    rows = np.random.default_rng(seed).normal(size=(have, 2))
    made = resample(rows, count)
    assert made.shape == (count, 2)
    assert (made >= rows.min(axis=0) - 1e-9).all()
    assert (made <= rows.max(axis=0) + 1e-9).all()
    if count <= have:
        np.testing.assert_allclose(made.mean(axis=0), rows.mean(axis=0))
    if count == have:
        np.testing.assert_array_equal(made, rows)


def test_a_line_stays_a_line() -> None:
    """Both ways: more rows lie on it at the middles of their times, fewer are the means of its pieces."""
    line = np.arange(12.0)[:, np.newaxis]
    np.testing.assert_allclose(resample(line, 24)[1:-1, 0], np.arange(22) / 2 + 0.25)
    np.testing.assert_allclose(resample(line, 4)[:, 0], [1, 4, 7, 10])
