"""The features of a window in the units the schema promises."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.features import FAST_STEP, REFRESH_NS, FeatureMemory, Features
from csi_events.spectrum import spectrum
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

RATE = 50


def feed(signal: NDArray[np.float64], memory: FeatureMemory | None = None) -> Features:
    """Windows of 10 frames of three equal columns at 50 frames/s; the features of the last one."""
    memory = memory or FeatureMemory()
    x = np.repeat(signal[:, None], 3, axis=1).astype(np.float32)
    t_ns = np.arange(len(x), dtype=np.int64) * (10**9 // RATE)
    for start in range(0, len(x), 10):
        window = slice(start, start + 10)
        last = memory.window(t_ns[window], x[window], x[window])
    return last


@pytest.mark.parametrize("frequency_hz", [1.0, 3.0])
def test_a_moving_tone_is_motion_band_power(frequency_hz: float) -> None:
    """A tone of amplitude 0.2 has power 0.02 in the motion band, next to none below it, and is the dominant line."""
    t = np.arange(60 * RATE) / RATE
    features = feed(1 + 0.2 * np.sin(2 * np.pi * frequency_hz * t))
    assert features.motion_band_power == pytest.approx(0.02, rel=0.15)
    assert features.spectral_power == pytest.approx(0.02, rel=0.15)
    assert features.breathing_band_power < 0.001
    assert features.dominant_freq_hz == pytest.approx(frequency_hz, abs=0.3)


def test_a_breath_is_breathing_band_power() -> None:
    """A tone of 0.25 Hz and amplitude 0.1 has power 0.005 in the breathing band and next to none in the motion band."""
    t = np.arange(60 * RATE) / RATE
    features = feed(1 + 0.1 * np.sin(2 * np.pi * 0.25 * t))
    assert features.breathing_band_power == pytest.approx(0.005, rel=0.15)
    assert features.motion_band_power < 0.001


def test_a_step_has_its_variance() -> None:
    """A step of height 1 in the middle of the last window: variance 1/4."""
    signal = np.ones(10 * RATE)
    signal[-5:] += 1
    features = feed(signal)
    assert features.variance == pytest.approx(0.25)


def test_spectra_are_refreshed_by_time() -> None:
    """Between refreshes windows repeat the last spectra; after REFRESH_NS, or a clock set back, they are new."""
    memory = FeatureMemory()
    feed(1 + 0.1 * np.sin(np.arange(100)), memory)
    now = memory.refreshed_ns
    assert now is not None
    x = np.ones((2, 3), np.float32)
    for t_ns, refreshed in ((now + REFRESH_NS - 1, now), (now + REFRESH_NS, now + REFRESH_NS), (5, 5)):
        memory.window(np.array([t_ns, t_ns], np.int64), x, x)
        assert memory.refreshed_ns == refreshed


@given(st.integers(0, 2**32 - 1), st.integers(1, 5))
def test_variance_is_the_mean_over_columns(seed: int, columns: int) -> None:
    """The feature equals numpy's variance along frames, averaged over columns, whatever the mean."""
    rng = np.random.default_rng(seed)
    x = rng.normal(rng.uniform(0, 5), rng.uniform(0.01, 2), (rng.integers(1, 20), columns)).astype(np.float32)
    features = FeatureMemory().window(np.arange(len(x), dtype=np.int64), x, x)
    assert features.variance == pytest.approx(float(np.var(x.astype(float), axis=0).mean()), rel=1e-6, abs=1e-12)


def test_spectra_in_steps_are_those_of_one() -> None:
    """Columns taken a few at a time give the spectra of all columns at once; steps not yet done leave the last."""
    rng = np.random.default_rng(1)
    x = (1 + 0.1 * rng.standard_normal((200, 3 * FAST_STEP - 7))).astype(np.float32)
    t_ns = np.arange(200, dtype=np.int64) * (10**9 // RATE)
    memory = FeatureMemory()
    steps = memory.add(t_ns, x, np.ascontiguousarray(x[:, :5]))
    assert steps is not None
    assert memory.features(0.0, 0).spectral_power == 0.0
    assert sum(1 for _ in steps) > 3
    whole = spectrum(*memory.fast.read(4.0))
    assert memory.features(0.0, 0).spectral_power == pytest.approx(whole.power.sum(), rel=1e-5)
