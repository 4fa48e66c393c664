"""The line search of the breathing path, piece by piece."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.periodogram import (
    background,
    detrended,
    leading_components,
    line_power,
    strongest_line,
    without_spikes,
)
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


def uneven(seed: int, samples: int = 150, span_s: float = 30.0) -> NDArray[np.float64]:
    """Centred ascending times of so many seconds."""
    rng = np.random.default_rng(seed)
    t = np.sort(rng.uniform(0, span_s, samples))
    return np.asarray(t - (t[0] + t[-1]) / 2)


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.6))
def test_line_power_is_a_least_squares_fit(seed: int, frequency_hz: float) -> None:
    """The periodogram is the drop in squared residual when a sinusoid joins the quadratic trend, fitted by lstsq."""
    t = uneven(seed)
    x = np.random.default_rng(seed).standard_normal((len(t), 2)) + 0.1 * t[:, None]
    free, basis = detrended(t, x)
    power = line_power(t, free, basis, np.array([frequency_hz]))
    trend = np.vander(t, 3)
    phase = 2 * np.pi * frequency_hz * t
    full = np.column_stack((trend, np.cos(phase), np.sin(phase)))
    for column in range(2):
        residuals = [float(np.linalg.lstsq(m, x[:, column])[1][0]) for m in (trend, full)]
        assert power[0, column] == pytest.approx(residuals[0] - residuals[1], rel=1e-6, abs=1e-9)


@given(st.integers(0, 2**32 - 1), st.floats(0, 2.5), st.floats(-3, 3))
def test_background_recovers_a_power_law(seed: int, slope: float, level: float) -> None:
    """Exponentially distributed powers around exp(a) f^-b give b within 0.5 and the level at mid-band within 40 %."""
    rng = np.random.default_rng(seed)
    frequency = np.arange(2, 48) / 30
    power = np.exp(level) * frequency**-slope * rng.exponential(size=(20, len(frequency)))
    power[:, 10] *= 500  # a line must not lift it
    a, b = background(frequency, power.T)
    assert np.median(b) == pytest.approx(slope, abs=0.5)
    middle = np.median(a - b * np.log(0.5))
    assert middle == pytest.approx(level - slope * np.log(0.5), abs=np.log(1.4))


@given(st.integers(0, 2**32 - 1))
def test_components_are_those_of_the_singular_value_decomposition(seed: int) -> None:
    """Where components stand apart, subspace iteration gives the scores of the SVD up to sign."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((80, 6)) * np.array([40, 20, 10, 5, 0.1, 0.1])
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    scores = leading_components(x, 3)
    for k in range(3):
        assert abs(float(scores[:, k] @ u[:, k])) == pytest.approx(s[k], rel=1e-2)


def test_single_spikes_are_replaced_and_steps_kept() -> None:
    """One odd sample goes; a step stays where it was."""
    y = np.random.default_rng(0).normal(0, 0.1, (60, 1))
    y[30:] += 5
    spiked = y.copy()
    spiked[12] += 8
    cleaned = without_spikes(spiked)
    assert abs(cleaned[12, 0]) < 0.5
    np.testing.assert_array_equal(np.delete(cleaned, 12), np.delete(y, 12))


@given(st.floats(6.5, 30), st.integers(0, 2**32 - 1))
def test_a_steady_line_is_found_where_it_is(bpm: float, seed: int) -> None:
    """A line in noise at uneven times is found within 0.3/min, far above the background, coherent over the window."""
    t = uneven(seed)
    rng = np.random.default_rng(seed)
    signal = np.sin(2 * np.pi * bpm / 60 * t + 0.3)[:, None] * rng.normal(1, 0.2, 12)
    line = strongest_line(t, signal + 0.5 * rng.standard_normal((len(t), 12)), 5.75 / 60, 30.75 / 60)
    assert line is not None
    assert line.frequency_hz * 60 == pytest.approx(bpm, abs=0.3)
    assert line.z > 40
    assert line.coherence > 0.9
    assert line.weakest > 0.5
