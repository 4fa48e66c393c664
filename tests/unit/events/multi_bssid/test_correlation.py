"""Correlations of the newest scans, against numpy; clusters and spectral gap, against scipy and numpy."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid.correlation import CorrelationState, clusters, pearson, push, spectral_gap
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from unit.events.multi_bssid.arrays import slots


def show(state: CorrelationState, rssi_dbm: NDArray[np.float64]) -> None:
    """Push (T, N) readings; NaN is no fresh reading."""
    for row in slots(rssi_dbm):
        here = ~np.isnan(row)
        push(row, here, here, state.ring, state.fresh, state.record)


def held(rssi_dbm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Repeat the last reading where there is none, and the first one before it."""
    out = rssi_dbm.copy()
    for i in range(out.shape[1]):
        known = np.flatnonzero(~np.isnan(out[:, i]))
        source = np.maximum.accumulate(np.where(np.isnan(out[:, i]), known[0], np.arange(len(out))))
        out[:, i] = out[np.maximum(source, known[0]), i]
    return out


@given(st.integers(0, 2**32 - 1), st.integers(31, 200), st.floats(0.0, 0.6))
def test_incremental_is_numpy(seed: int, scans: int, missing: float) -> None:
    """After any number of scans, with readings missing, the coefficients are those of numpy's over the last 30."""
    generator = np.random.default_rng(seed)
    x = np.round(generator.normal(-60, 3, (scans, 6)) + 2 * generator.normal(size=(scans, 1)), 2)
    x[generator.random(x.shape) < missing] = np.nan
    x[0] = -60.0
    state = CorrelationState(30)
    show(state, x)
    part = np.arange(SLOTS) < 6
    window = held(x)[-30:]
    varies = np.flatnonzero(np.ptp(window, axis=0) > 0)
    r = pearson(state.total, state.products, part, 30)
    np.testing.assert_allclose(r[np.ix_(varies, varies)], np.corrcoef(window[:, varies].T), atol=1e-9)
    assert not r[6:].any()
    assert state.readings[:6].tolist() == np.sum(~np.isnan(x[-30:]), axis=0).tolist()


def test_sums_never_drift() -> None:
    """After 20 000 scans the sums are exactly those of the ring."""
    state = CorrelationState(30)
    show(state, np.random.default_rng(1).normal(-60, 5, (20_000, 4)))
    assert (state.total == state.ring.sum(axis=0)).all()
    assert (state.products == state.ring.T @ state.ring).all()


def test_a_forgotten_slot_correlates_with_nothing() -> None:
    """Its sums are gone, the others' are untouched, and it comes back with a history of its own."""
    generator = np.random.default_rng(2)
    x = generator.normal(-60, 3, (40, 1)) + generator.normal(0, 0.1, (40, 4))
    state = CorrelationState(30)
    show(state, x)
    state.forget(2)
    part = np.arange(SLOTS) < 4
    r = pearson(state.total, state.products, part, 30)
    assert (r[2, [0, 1, 3]] == 0.0).all()
    assert r[0, 1] > 0.9
    assert state.readings[2] == 0
    show(state, generator.normal(-60, 3, (30, 4)))
    assert (state.products == state.ring.T @ state.ring).all()


@given(st.integers(0, 2**32 - 1))
def test_clusters_are_connected_components(seed: int) -> None:
    """Slots are in one cluster exactly when scipy says that a path of edges joins them."""
    generator = np.random.default_rng(seed)
    r = np.triu(generator.uniform(-1, 1, (SLOTS, SLOTS)) * (generator.random((SLOTS, SLOTS)) < 0.1), 1)
    r = r + r.T + np.eye(SLOTS)
    part = generator.random(SLOTS) < 0.8
    label = clusters(r, part, 0.5)
    edges = (np.abs(r) >= 0.5) & part[:, None] & part
    _, expected = connected_components(edges, directed=False)
    together = (label[:, None] == label)[np.ix_(part, part)]
    assert (together == (expected[:, None] == expected)[np.ix_(part, part)]).all()
    assert (label[~part] == -1).all()


@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0, 3.0])
def test_gap_is_that_of_the_eigenvalues(strength: float) -> None:
    """Once the vectors have settled, (l1 - l2) / l1 of numpy's eigenvalues."""
    generator = np.random.default_rng(7)
    x = generator.normal(size=(60, 12)) + strength * generator.normal(size=(60, 1))
    r = np.zeros((SLOTS, SLOTS))
    r[:12, :12] = np.corrcoef(x.T)
    values = np.linalg.eigvalsh(r[:12, :12])
    state = CorrelationState(30)
    part = np.arange(SLOTS) < 12
    gap = spectral_gap(r, part, state.vectors, 2000)
    assert gap == pytest.approx((values[-1] - values[-2]) / values[-1], abs=2e-3)


def test_gap_has_its_ends() -> None:
    """1 when all slots are one, 0 when none varies with another, and with fewer than two slots."""
    part = np.arange(SLOTS) < 5
    same = np.where(part[:, None] & part, 1.0, 0.0)
    vectors = CorrelationState(30).vectors
    assert spectral_gap(same, part, vectors, 3) == pytest.approx(1.0)
    assert spectral_gap(np.diag(part.astype(float)), part, CorrelationState(30).vectors, 3) == pytest.approx(
        0.0, abs=0.3
    )
    assert spectral_gap(same, np.arange(SLOTS) < 1, vectors, 3) == 0.0
