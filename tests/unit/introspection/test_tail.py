"""The tail of quiet evidence against samples of known distributions and scipy."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from csi_introspection.arrays import Float64
from csi_introspection.tail import (
    FEWEST,
    HEAVIEST,
    KEPT,
    SCALE,
    SHAPE,
    SHARE,
    THRESHOLD,
    evidence_at,
    fit_tail,
    keep_maximum,
    log_p,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import genpareto

MANY = 40_000


def fitted(values: Float64, noise: float = 0.0) -> Float64:
    """Return the tail of all of ``values``."""
    tail = np.zeros(4)
    single = values.astype(np.float32)
    fit_tail(single, len(values), noise, np.argsort(single), np.zeros(len(values), np.float32), tail)
    return tail


@pytest.mark.parametrize("shape", [0.1, 0.25, 0.4])
@pytest.mark.parametrize("scale", [1.0, 30.0])
@pytest.mark.parametrize("count", [KEPT, MANY])
def test_a_generalised_pareto_sample_gives_its_shape_and_scale(shape: float, scale: float, count: int) -> None:
    """Shape and scale lie within five standard errors, as Hosking & Wallis give them for large samples.

    What exceeds any threshold of a generalised Pareto sample follows one of the same shape, and of a scale grown by
    shape times threshold.
    """
    rng = np.random.default_rng(1)
    tail = fitted(genpareto.rvs(shape, scale=scale, size=count, random_state=rng))
    n = count * tail[SHARE]
    bend = (1 - 2 * shape) * (3 - 2 * shape) * n
    shape_error = np.sqrt((1 - shape) * (2 - shape) ** 2 * (1 - shape + 2 * shape**2) / bend)
    scale_error = np.sqrt((7 - 18 * shape + 11 * shape**2 - 2 * shape**3) / bend)
    assert abs(tail[SHAPE] - shape) < 5 * shape_error
    assert tail[SCALE] == pytest.approx(scale + shape * tail[THRESHOLD], rel=5 * scale_error)
    assert tail[THRESHOLD] == pytest.approx(genpareto.median(shape, scale=scale), rel=0.6 if count == KEPT else 0.05)
    assert tail[SHARE] == pytest.approx(0.5, abs=1 / count)


def test_an_exponential_sample_gives_its_scale_and_no_shape() -> None:
    """Without memory: shape 0 and the same scale beyond any threshold; p of evidence e is exp(-e / scale)."""
    tail = fitted(np.random.default_rng(2).exponential(7.0, size=MANY))
    assert tail[SHAPE] == pytest.approx(0.0, abs=5 * np.sqrt(4 / 3 / MANY * 2))
    assert tail[SCALE] == pytest.approx(7.0, rel=5 * np.sqrt(7 / 3 / MANY * 2))
    assert log_p(tail, 70.0) == pytest.approx(-10.0, rel=0.1)


def test_the_shape_is_kept_between_none_and_the_heaviest() -> None:
    """A bounded sample has shape 0; one without a mean ``HEAVIEST``."""
    rng = np.random.default_rng(3)
    assert fitted(rng.uniform(size=2000))[SHAPE] == 0.0
    assert fitted(genpareto.rvs(1.5, size=2000, random_state=rng))[SHAPE] == HEAVIEST


@given(st.floats(0.0, HEAVIEST), st.floats(0.1, 1e3), st.floats(-30.0, -0.7))
def test_the_evidence_of_a_p_value_is_the_quantile(shape: float, scale: float, wanted: float) -> None:
    """It is scipy's, and its p-value is the wanted one; one of more than the share beyond is the threshold itself."""
    tail = np.array([3.0, scale, shape, 0.495])
    evidence = evidence_at(tail, wanted)
    share = min(np.exp(wanted) / 0.495, 1.0)
    expected = genpareto.isf(share, shape if shape >= 1e-6 else 0.0, loc=3.0, scale=scale)
    assert evidence == pytest.approx(expected, rel=1e-4)
    assert log_p(tail, evidence) == pytest.approx(min(wanted, np.log(0.495)) if share < 1.0 else 0.0, rel=1e-6)


@pytest.mark.parametrize("count", [4, 5, FEWEST, KEPT])
def test_only_the_first_values_count_in_any_order(count: int) -> None:
    """The fit is that of the first ``count`` values, whatever their order and what lies behind them."""
    rng = np.random.default_rng(4)
    values = np.full(KEPT, 1e9, np.float32)
    values[:count] = rng.exponential(size=count)
    tail, work = np.zeros(4), np.zeros(KEPT, np.float32)
    kept = values.copy()
    fit_tail(values, count, 0.0, np.arange(KEPT), work, tail)
    np.testing.assert_array_equal(values, kept)
    np.testing.assert_allclose(tail, fitted(rng.permutation(values[:count])))


@settings(deadline=None)  # its first call compiles
@given(st.lists(st.tuples(st.integers(1, 2 * KEPT), st.floats(-5, 50, width=32)), min_size=1, max_size=12))
def test_the_order_of_the_last_fit_serves_the_next(learnt: list[tuple[int, float]]) -> None:
    """However many seconds were learnt since the last fit, over the oldest or not, the fit is that of a fresh order."""
    maxima, counts, order = np.zeros((1, KEPT), np.float32), np.zeros(1, np.int64), np.arange(KEPT)
    tail, work = np.zeros(4), np.zeros(KEPT, np.float32)
    for seconds, least in learnt:
        for second in range(seconds + 4):
            keep_maximum(maxima, counts, 0, least + (7 * second) % 11)
        count = min(int(counts[0]), KEPT)
        fit_tail(maxima[0], count, 0.1, order, work, tail)
        np.testing.assert_array_equal(maxima[0][order[:count]], np.sort(maxima[0][:count]))
        assert sorted(order) == list(range(KEPT))
        np.testing.assert_array_equal(tail, fitted(maxima[0][:count], 0.1))


def test_the_scale_is_no_less_than_the_noise() -> None:
    """Where nothing resembles the signature every maximum is 0, and what is unlikely is left to the noise."""
    tail = fitted(np.zeros(FEWEST), noise=11.0)
    assert tail[THRESHOLD] == 0.0
    assert tail[SCALE] == 11.0
    assert tail[SHAPE] == 0.0
    assert log_p(tail, 110.0) == pytest.approx(np.log(tail[SHARE]) - 10.0)


@settings(deadline=None, max_examples=60)
@given(
    threshold=st.floats(0, 100),
    scale=st.floats(0.1, 50),
    shape=st.one_of(st.just(0.0), st.floats(1e-3, HEAVIEST)),
    share=st.floats(0.1, 0.6),
    over=st.floats(1e-3, 1e3),
)
def test_log_p_is_scipys(threshold: float, scale: float, shape: float, share: float, over: float) -> None:
    """Beyond the threshold: log of share times scipy's survival function. 0 up to it."""
    tail = np.array([threshold, scale, shape, share])
    expected = np.log(share) + genpareto.logsf(threshold + over, shape, loc=threshold, scale=scale)
    assert log_p(tail, threshold + over) == pytest.approx(expected, rel=1e-7)
    assert log_p(tail, threshold) == 0.0
    assert log_p(tail, threshold - over) == 0.0
    assert log_p(tail, -1e30) == 0.0


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.lists(st.floats(-10, 1e4), min_size=2, max_size=20))
def test_more_evidence_is_never_likelier(seed: int, evidence: list[float]) -> None:
    """For any fitted tail log p does not rise with evidence."""
    tail = fitted(np.random.default_rng(seed).gamma(2.0, size=FEWEST))
    found = [log_p(tail, value) for value in sorted(evidence)]
    assert all(later <= earlier for earlier, later in itertools.pairwise(found))


def test_the_ring_keeps_the_newest_maxima_and_counts_all() -> None:
    """Of more than ``KEPT`` seconds the newest stay; evidence against the signature counts as none."""
    maxima, counts = np.zeros((3, KEPT), np.float32), np.zeros(2, np.int64)
    for second in range(KEPT + 10):
        keep_maximum(maxima, counts, 1, float(second))
    assert counts.tolist() == [0, KEPT + 10]
    assert sorted(maxima[1].tolist()) == list(range(10, KEPT + 10))
    assert (maxima[[0, 2]] == 0).all()
    keep_maximum(maxima, counts, 0, -5.0)
    assert maxima[0, 0] == 0.0
    assert counts[0] == 1
