"""Breathing from access points: the spectrum that is kept up to date, and what noise can do."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid.breathing import (
    BIN_S,
    TURN,
    WINDOW,
    BreathingState,
    gains,
    line_hz,
    sections,
)
from csi_events.multi_bssid.breathing_tests import gamma_tail
from csi_events.multi_bssid.result import BreathingEstimate
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import signal, stats
from unit.events.multi_bssid.arrays import slots

ACTIVE = np.arange(SLOTS) < 12


def play(
    rssi_dbm: NDArray[np.float64], state: BreathingState | None = None
) -> tuple[BreathingState, list[BreathingEstimate], list[float]]:
    """Show (T, N) readings at 20 a second; returns the state, the estimates and the p-values."""
    state = state or BreathingState(0.1, 0.5)
    estimates, chances = [], []
    for k, row in enumerate(slots(rssi_dbm)):
        if state.add(row, ~np.isnan(row), 50.0 + k / 20):
            found, chance = state.attempt(ACTIVE, 1e-4)
            estimates += [found] if found is not None else []
            chances += [chance] if chance is not None else []
    return state, estimates, chances


def breathing(bpm: float, amplitude_db: float, seed: int, seconds: int = 60) -> NDArray[np.float64]:
    """Twelve slots with noise of 0.7 dB, in whole dB, four of which breathe."""
    generator = np.random.default_rng(seed)
    t = np.arange(20 * seconds) / 20
    share = np.where(np.arange(12) < 4, generator.choice([-1.0, 1.0], 12), 0.0)
    breath = amplitude_db * np.sin(2 * np.pi * bpm / 60 * t)[:, None] * share
    return np.round(-60.3 - np.arange(12) + breath + generator.normal(0, 0.7, (len(t), 12)))


@pytest.mark.parametrize("bpm", [7.0, 12.3, 15.0, 21.7, 28.0])
def test_half_a_decibel_of_breathing_is_found(bpm: float) -> None:
    """0.5 dB on four of twelve slots, readings in whole dB: within half a breath a minute."""
    _, estimates, _ = play(breathing(bpm, 0.5, seed=int(bpm)))
    assert estimates
    assert estimates[-1].rate_bpm == pytest.approx(bpm, abs=0.5)
    assert estimates[-1].p_value < 1e-4
    assert estimates[-1].bssid_count >= 3


def test_noise_has_no_rate() -> None:
    """Twenty minutes of white noise: no estimate, and p-values below 0.05 no more often than they may be."""
    chances: list[float] = []
    for seed in range(10):
        _, estimates, found = play(breathing(10.0, 0.0, seed, seconds=120))
        assert not estimates
        chances += found
    assert len(chances) > 900
    assert np.mean(np.array(chances) < 0.05) < 0.1


def test_a_carried_hotspot_does_not_breathe() -> None:
    """One slot that goes up and down by 5 dB twelve times a minute is no breathing."""
    readings = breathing(12.0, 0.0, seed=3)
    readings[:, 7] += 5.0 * np.sin(2 * np.pi * 0.2 * np.arange(len(readings)) / 20)
    _, estimates, _ = play(readings)
    assert not estimates


@given(st.integers(0, 2**32 - 1), st.integers(140, 400))
def test_spectrum_is_that_of_the_ring(seed: int, bins: int) -> None:
    """After any number of bins it is the Fourier sum over the ring, which is scipy's filter of the bins."""
    generator = np.random.default_rng(seed)
    levels = np.cumsum(generator.normal(0, 1, (bins, 3)), axis=0) - 60
    state, _, _ = play(np.repeat(levels, 5, axis=0))
    closed = bins - 1
    filtered = signal.sosfilt(
        np.column_stack([state.filters[:, :3], np.ones(2), state.filters[:, 3:]]), levels[:closed] - levels[0], axis=0
    )
    numbers = np.arange(closed - WINDOW, closed) + 200
    np.testing.assert_allclose(state.ring[numbers % WINDOW, :3], filtered[-WINDOW:], atol=1e-8)
    phase = 2 * np.pi * np.outer(state.lines, numbers) / TURN
    np.testing.assert_allclose(state.spectrum[0, :, :3], np.cos(phase) @ filtered[-WINDOW:], atol=1e-6)
    np.testing.assert_allclose(state.spectrum[1, :, :3], np.sin(phase) @ filtered[-WINDOW:], atol=1e-6)


def test_filters_are_butterworths() -> None:
    """Both sections are scipy's, and their gain is what scipy says."""
    own = sections(0.1, 0.5)
    for row, (kind, corner) in zip(own, [("high", 0.08), ("low", 0.625)], strict=True):
        b, a = signal.butter(2, corner, kind, fs=1 / BIN_S)
        np.testing.assert_allclose(row, [*b, *a[1:]], atol=1e-12)
    lines = np.arange(6, 31)
    response = signal.sosfreqz(np.column_stack([own[:, :3], np.ones(2), own[:, 3:]]), lines / 60, fs=4.0)[1]
    np.testing.assert_allclose(gains(own, lines), np.abs(response) ** 2)


@pytest.mark.parametrize("shape", [1.0, 2.0, 5.5, 12.0, 31.0])
def test_tail_is_the_gamma_distributions(shape: float) -> None:
    """Within a factor 1.5 of scipy's down to a chance of 1e-4, and never far too small below."""
    for chance in (0.5, 1e-2, 1e-4):
        assert chance / 1.5 < gamma_tail(shape, stats.gamma.isf(chance, shape)) < 1.5 * chance
    assert 0.7e-7 < gamma_tail(shape, stats.gamma.isf(1e-7, shape)) < 5e-7


def test_rate_is_the_top_of_the_parabola() -> None:
    """A maximum beside the significant line is found, between the lines."""
    total: NDArray[np.float64] = 10 - (np.arange(25, dtype=np.float64) - 9.3) ** 2
    assert line_hz(total, 7, 6) == pytest.approx((6 + 9.3) / 60)


def test_a_forgotten_slot_leaves_the_others() -> None:
    """Its ring and spectrum are empty; the others' are as they were."""
    state, _, _ = play(breathing(15.0, 0.5, seed=1))
    before = state.spectrum.copy()
    state.forget(2)
    assert not state.spectrum[:, :, 2].any()
    assert not state.ring[:, 2].any()
    np.testing.assert_array_equal(np.delete(state.spectrum, 2, axis=2), np.delete(before, 2, axis=2))
