"""Breathing that stops is not answered on and on."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.breathing.ending import BEFORE_S, LAST_PERIODS, LAST_S, lasting
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events.signals import channel, quantised, times
from unit.events.test_breathing import attempts


def naive(t: NDArray[np.float64], y: NDArray[np.float64], frequency_hz: float) -> float:
    """The definition, by numpy's least squares."""
    edge = t[-1] - max(LAST_S, LAST_PERIODS / frequency_hz)
    power = []
    for part in ((t >= edge - BEFORE_S) & (t < edge), t >= edge):
        own = t[part]
        angle = 2 * np.pi * frequency_hz * own
        basis = np.stack((np.ones_like(own), own - own.mean(), np.cos(angle), np.sin(angle)), axis=1)
        found = np.linalg.lstsq(basis, y[part], rcond=None)[0]
        power.append(found[2] ** 2 + found[3] ** 2)
    return float(np.sqrt((power[0] * power[1]).sum() / (power[0] ** 2).sum()))


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.5), st.integers(1, 4))
def test_it_is_the_naive_one(seed: int, frequency_hz: float, columns: int) -> None:
    """Irregular times, noise and any rate: the kernel says what least squares of the definition say."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(-60.0, 0.0, 280))
    y = rng.standard_normal((len(t), columns))
    assert lasting(t, y, frequency_hz) == pytest.approx(naive(t, y, frequency_hz), rel=1e-4)


def test_it_is_the_ratio_of_amplitudes() -> None:
    """A sine that falls to a quarter ten seconds before the end gives a quarter; too few samples give 1."""
    t = np.arange(-45.0, 0.0, 0.2)
    y = np.ascontiguousarray((np.sin(2 * np.pi * 0.25 * t) * np.where(t < t[-1] - LAST_S, 1.0, 0.25))[:, None])
    assert lasting(t, y, 0.25) == pytest.approx(0.25, abs=0.01)
    assert lasting(t[-20:], np.ascontiguousarray(y[-20:]), 0.25) == 1.0


@pytest.mark.parametrize("bpm", [10.0, 15.0, 24.0])
def test_breathing_that_stops_is_withdrawn(bpm: float) -> None:
    """Answered up to its end, breathing is not answered from twenty seconds after it on."""
    rate_hz, stop_s = 20, 60
    h = channel(110 * rate_hz, antennas=3, rate_hz=rate_hz, breathing_bpm=bpm, noise=1.0)
    still = channel(110 * rate_hz, antennas=3, rate_hz=rate_hz, noise=1.0)
    h[stop_s * rate_hz :] = h[stop_s * rate_hz] + still[stop_s * rate_hz :] - still[stop_s * rate_hz]
    t_ns = times(110 * rate_hz, rate_hz)
    found = attempts(quantised(h), t_ns)
    at = [(estimate.t_ns - int(t_ns[0])) * 1e-9 - stop_s for estimate in found]
    before = [estimate.bpm for estimate, second in zip(found, at, strict=True) if -10 < second < 0]
    after = [estimate.bpm for estimate, second in zip(found, at, strict=True) if second > 20]
    assert before
    assert all(rate is not None for rate in before)
    assert after
    assert all(rate is None for rate in after)
