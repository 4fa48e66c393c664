"""Breathing is answered when it is there, and only then."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.breathing import (
    GROUPS,
    MAX_PAIRS,
    Breathing,
    BreathingEstimate,
    antenna_products,
    confidence,
    signal_matrix,
)
from csi_events.normalise import gain_normalised, group_edges, group_means, window_amplitude
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from unit.events.signals import channel, quantised, times


def attempts(iq: NDArray[np.int8], t_ns: NDArray[np.int64]) -> list[BreathingEstimate]:
    """Feed windows of 16 frames as a stream does, attempt when due."""
    live = np.ones(iq.shape[1:3], dtype=bool)
    breathing, found = Breathing(), []
    for first in range(0, len(t_ns) - 15, 16):
        window = slice(first, first + 16)
        if iq.shape[1] > 1:
            rows: NDArray[np.inexact] = antenna_products(iq[window], live)
        else:
            rows = group_means(gain_normalised(window_amplitude(iq[window]), live)[0], group_edges(live, GROUPS))
        breathing.add(t_ns[window], rows)
        now_ns = int(t_ns[first + 15])
        if breathing.due(now_ns):
            found.append(breathing.attempt(now_ns))
    return found


@given(st.data())
def test_products_are_the_naive_ones(data: st.DataObject) -> None:
    """Every column is the mean over one group of a * conj(b) of one pair, each antenna divided by its own rms."""
    frames, antennas, subcarriers = data.draw(array_shapes(min_dims=3, max_dims=3, max_side=7))
    antennas += 1
    iq = data.draw(arrays(np.int8, (frames, antennas, subcarriers, 2)))
    live = data.draw(arrays(np.bool_, (antennas, subcarriers)))
    shared = live.all(axis=0)
    width = int(shared.sum())
    groups = min(GROUPS, width)
    h = (iq[..., 0] + 1j * iq[..., 1].astype(float))[:, :, shared]
    h = h / (np.sqrt(np.mean(np.abs(h) ** 2, axis=2, keepdims=True)) + 1e-9) if width else h
    pairs = [(a, b) for a in range(antennas) for b in range(a + 1, antennas)][:MAX_PAIRS]
    expected = [
        (h[:, a] * h[:, b].conj())[:, g * width // groups : (g + 1) * width // groups].mean(axis=1)
        for a, b in pairs
        for g in range(groups)
    ]
    products = antenna_products(iq, live)
    np.testing.assert_allclose(products, np.array(expected).T.reshape(frames, len(pairs) * groups), atol=1e-5)


def test_clocks_do_not_matter() -> None:
    """A phase common to all antennas, new in every frame, and a gain per frame and antenna leave products alone."""
    rng = np.random.default_rng(0)
    h = channel(50, antennas=3, noise=0) / 4
    disturbed = h * np.exp(1j * rng.uniform(0, 6, (50, 1, 1))) * rng.uniform(1, 3, (50, 3, 1))
    live = np.ones(h.shape[1:], dtype=bool)

    def int16(values: NDArray[np.complex128]) -> NDArray[np.int16]:
        return np.rint(np.stack((values.real, values.imag), axis=-1) * 100).astype(np.int16)

    np.testing.assert_allclose(antenna_products(int16(disturbed), live), antenna_products(int16(h), live), atol=2e-3)


@pytest.mark.parametrize("antennas", [1, 3])
@pytest.mark.parametrize("bpm", [8.0, 15.0, 27.0])
def test_breathing_is_estimated(antennas: int, bpm: float) -> None:
    """A breathing path is answered in most attempts once half a minute is there, each within 0.2/min."""
    h = channel(60 * 20, antennas=antennas, rate_hz=20, breathing_bpm=bpm, noise=1.0)
    found = attempts(quantised(h), times(60 * 20, 20, jitter=0.8))
    passed = [estimate for estimate in found if estimate.bpm is not None]
    assert len(passed) >= 0.8 * sum(estimate.reason != "warming up" for estimate in found) > 12
    assert all(abs(estimate.bpm - bpm) < 0.2 for estimate in passed if estimate.bpm is not None)
    assert all(estimate.reason == "ok" and estimate.confidence > 0.5 for estimate in passed)
    assert {estimate.reason for estimate in found[:15]} == {"warming up"}


@pytest.mark.parametrize("antennas", [1, 3])
def test_noise_is_not_answered(antennas: int) -> None:
    """A still channel with noise gives no estimate in four minutes, and says why."""
    found = attempts(quantised(channel(240 * 20, antennas=antennas, rate_hz=20)), times(240 * 20, 20, jitter=0.5))
    assert all(estimate.bpm is None and estimate.confidence == 0 for estimate in found)
    assert {estimate.reason for estimate in found} >= {"warming up", "not significant"}


def test_walking_is_not_breathing() -> None:
    """Walking in bouts of no fixed length for two minutes is never taken for breathing."""
    bouts = np.random.default_rng(3).integers(5, 80, 100)
    moving = np.repeat(np.arange(100) % 2 == 0, bouts)[: 120 * 20]
    found = attempts(quantised(channel(120 * 20, rate_hz=20, moving=moving)), times(120 * 20, 20))
    assert all(estimate.bpm is None for estimate in found)


def test_too_slow_a_stream_is_told_so() -> None:
    """At two frames a second 30 breaths/min are out of reach: refused for the rate, not answered."""
    h = channel(120 * 2, rate_hz=2, breathing_bpm=12, noise=0.2)
    found = attempts(quantised(h), times(120 * 2, 2))
    assert found[-1].reason == "rate too low"
    assert all(estimate.bpm is None for estimate in found)


def test_attempts_are_a_second_apart_also_after_the_clock_went_back() -> None:
    """``due`` is true a second after the last attempt, and at once when time went backwards."""
    breathing = Breathing()
    assert breathing.due(5)
    breathing.attempt(10**10)
    assert not breathing.due(10**10 + 999_999_999)
    assert breathing.due(10**10 + 10**9)
    assert breathing.due(10**10 - 1)


def test_relative_amplitudes_and_angles_are_about_the_mean() -> None:
    """Real rows become ratios to their mean, complex ones angles against it."""
    real = np.array([[1.0, 10.0], [3.0, 30.0]], np.float32)
    np.testing.assert_allclose(signal_matrix(real), [[0.5, 0.5], [1.5, 1.5]], rtol=1e-5)
    turned = np.exp(1j * np.array([[0.1], [0.3]])).astype(np.complex64) * np.complex64(2j)
    np.testing.assert_allclose(signal_matrix(turned), [[-0.1], [0.1]], atol=1e-5)


def test_confidence_grows_with_the_margin() -> None:
    """At the threshold confidence is about even odds to two thirds; ten times above it is nearly sure."""
    assert 0.3 < confidence(21, 0.4) < 0.7
    assert confidence(210, 0.9) > 0.99
    assert confidence(30, 0.8) > confidence(30, 0.5)
