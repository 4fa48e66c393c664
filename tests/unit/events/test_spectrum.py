"""Spectra in the unit of a variance."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.spectrum import MIN_SAMPLES, band_power, dominant_frequency, spectrum
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(0, 2**32 - 1), st.integers(MIN_SAMPLES, 70), st.integers(1, 5))
def test_lines_are_the_discrete_fourier_transform(seed: int, samples: int, columns: int) -> None:
    """At even spacing the lines are numpy's: 2 |X_k|^2 / n^2 (once at Nyquist), averaged over columns."""
    x = np.random.default_rng(seed).standard_normal((samples, columns)).astype(np.float32)
    lines = spectrum(np.arange(float(samples)) * 0.05, x)
    power = np.abs(np.fft.rfft(x.astype(float), axis=0)[1:]) ** 2 / samples**2
    power *= 2
    if samples % 2 == 0:
        power[-1] /= 2
    np.testing.assert_allclose(lines.power, power.mean(axis=1), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(lines.frequency_hz, np.fft.rfftfreq(samples, 0.05)[1:])


@given(st.integers(0, 2**32 - 1), st.integers(MIN_SAMPLES, 60))
def test_uneven_times_keep_the_variance(seed: int, samples: int) -> None:
    """Whatever the times, the lines add up to the mean variance of the columns."""
    rng = np.random.default_rng(seed)
    t_s = np.cumsum(rng.uniform(0.001, 0.5, samples))
    x = rng.normal(5, 2, (samples, 3)).astype(np.float32)
    assert spectrum(t_s, x).power.sum() == pytest.approx(x.astype(float).var(axis=0).mean(), rel=1e-4)


@given(st.floats(0.6, 9.0), st.floats(0.1, 10.0), st.integers(0, 2**32 - 1))
def test_a_tone_is_found_with_its_power(frequency_hz: float, amplitude: float, seed: int) -> None:
    """A tone at jittered times is the dominant line, within one line of its place, with half its squared amplitude."""
    rng = np.random.default_rng(seed)
    t_s = np.arange(64.0) * 0.05 + rng.uniform(0, 0.01, 64)
    x = amplitude * np.sin(2 * np.pi * frequency_hz * t_s + 1)[:, None] + rng.normal(0, 0.01 * amplitude, (64, 4))
    lines = spectrum(t_s, x.astype(np.float32))
    spacing = lines.frequency_hz[0]
    assert dominant_frequency(lines) == pytest.approx(frequency_hz, abs=spacing)
    nearby = band_power(lines, frequency_hz - 3 * spacing, frequency_hz + 3 * spacing)
    assert nearby == pytest.approx(amplitude**2 / 2, rel=0.25)
    assert band_power(lines, 0, 100) == pytest.approx(lines.power.sum())


def test_noise_has_no_dominant_line() -> None:
    """White noise names a dominant line in at most 2 % of 500 spectra, and several columns never more than one."""
    rng = np.random.default_rng(0)
    t_s = np.arange(64.0) * 0.05
    for columns in (1, 20):
        found = [
            dominant_frequency(spectrum(t_s, rng.standard_normal((64, columns)).astype(np.float32))) for _ in range(500)
        ]
        assert np.count_nonzero(found) <= 10


def test_too_little_is_no_spectrum() -> None:
    """Few samples, one time or a constant signal: no lines or no power, never a division by zero."""
    assert len(spectrum(np.arange(7.0), np.ones((7, 2), np.float32)).power) == 0
    assert len(spectrum(np.zeros(20), np.ones((20, 2), np.float32)).power) == 0
    constant = spectrum(np.arange(20.0), np.ones((20, 2), np.float32))
    assert constant.power.sum() == 0
    assert dominant_frequency(constant) == 0
