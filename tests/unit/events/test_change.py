"""Haar-pair energies and the quiet they are compared with."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.arrival import LOUD, LOUD_ROUNDS, newest_score
from csi_events.change import MAX_LAG, lags
from csi_events.gain_states import GainStates
from csi_events.learning import calibrate, level_in_steps, noise_in_steps
from csi_events.rows import GivenRows
from csi_events.steps import at_once
from csi_events.stretch_sums import write_energies
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events import oracle
from unit.events.signals import channel


def energies(y: NDArray[np.floating], widths: NDArray[np.int64], size: int) -> NDArray[np.float64]:
    """Log energies (widths, frames) of columns of unit noise, so many frames at a time; NaN where there is none."""
    energy = np.full((len(widths), len(y)), np.nan)
    for first in range(0, len(y), size):
        stop = min(first + size, len(y))
        write_energies(y.astype(np.float32), np.ones(y.shape[1]), widths, first, stop, LOUD, LOUD_ROUNDS, energy)
    return energy


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 8), st.data())
def test_energies_are_the_naive_ones(seed: int, frames: int, columns: int, data: st.DataObject) -> None:
    """Every scale and frame equals the definition; frames without their 2 m predecessors are not known."""
    y = np.random.default_rng(seed).normal(3, 2, (frames, columns)).astype(np.float32)
    widths = np.array(sorted(data.draw(st.sets(st.integers(1, 20), min_size=1, max_size=4))), np.int64)
    found = energies(y, widths, data.draw(st.integers(1, frames)))
    np.testing.assert_allclose(found, oracle.log_energies(y.astype(np.float64), widths), atol=1e-4)


def test_white_noise_has_one_energy_at_every_scale() -> None:
    """White noise reads the same at each half-width, as sqrt(m / 2) makes it: 4 log 0.7975.

    That is the mean of sqrt|N(0, 1)|, 0.8222, taken anew twice with what is over 1.5 times the mean before cut.
    """
    y = np.random.default_rng(0).standard_normal((4000, 40))
    energy = energies(y, np.array([1, 4, 8, 16, 32]), 4000)[:, 64:]
    np.testing.assert_allclose(energy.mean(axis=1), 4 * np.log(0.797503), atol=0.05)


@given(st.floats(0.1, 10.0))
def test_a_step_reads_its_size(size: float) -> None:
    """A step of height h seen m frames later reads 2 log(h^2 m / 2): four log of the root of h sqrt(m / 2)."""
    y = np.zeros((16, 3))
    y[8:] = size
    assert energies(y, np.array([8]), 16)[0, 15] == pytest.approx(2 * np.log(size * 2), abs=1e-4)


def test_scores_are_the_mean_excess_of_the_known_scales() -> None:
    """A score is the mean over scales of energy minus quiet level, over those that have their frames."""
    rng = np.random.default_rng(3)
    x = rng.random((20, 5)).astype(np.float32)
    inverse_noise = np.linspace(1, 2, 5).astype(np.float32)
    read, write = (rng.random((2, 5)).astype(np.float32) for _ in range(2))
    widths, level = np.array([2, 4, 9]), np.array([0.1, -0.3, 0.7])
    for directions in (0, 2):
        gain = GainStates(read[:directions], write[:directions])
        energy = oracle.log_energies((oracle.removed(gain, x) * inverse_noise).astype(float), widths)
        scores = [newest_score(x, i + 1, *gain, inverse_noise, widths, level) for i in range(20)]
        assert np.isnan(scores[:3]).all()
        for i in range(3, 20):
            known = [float(energy[w, i] - level[w]) for w in range(3) if i + 1 >= 2 * widths[w]]
            assert scores[i] == pytest.approx(np.mean(known), abs=1e-3)


@given(st.floats(0.2, 2000), st.integers(0, 2000))
def test_scales_fit_the_stretch(rate_hz: float, frames: int) -> None:
    """Half-widths ascend, are bounded by MAX_LAG and by a third of the stretch, and there always is one."""
    widths = lags(rate_hz, frames)
    assert list(widths) == sorted(set(widths))
    assert widths == (1,) or all(3 * m <= frames and m <= MAX_LAG for m in widths)


def test_noise_scale_ignores_a_knock() -> None:
    """White noise is read right, and one jump a hundred times larger moves the reading by less than a tenth."""
    x = np.random.default_rng(5).normal(0, 0.2, (300, 30)).astype(np.float32)
    knocked = x.copy()
    knocked[150:] += 20
    scale, with_knock = (at_once(noise_in_steps(GivenRows(each))).scale for each in (x, knocked))
    assert np.median(scale) == pytest.approx(0.2, rel=0.1)
    np.testing.assert_allclose(with_knock, scale, rtol=0.1)


def test_what_few_subcarriers_do_counts_little() -> None:
    """A change of 3 columns of 30 by 900 times the noise's energy raises a log energy by less than 0.5, not by 1.5."""
    y = np.random.default_rng(4).standard_normal((4000, 30))
    loud = y.copy()
    loud[:, 10:13] *= 30
    widths = np.array([4, 8])
    apart = energies(loud, widths, 4000)[:, 16:].mean(axis=1) - energies(y, widths, 4000)[:, 16:].mean(axis=1)
    assert (apart > 0).all()
    assert (apart < 0.5).all()


@given(st.integers(2, 200), st.floats(0.01, 100.0))
def test_what_all_subcarriers_do_counts_whole(columns: int, size: float) -> None:
    """Where all columns change alike nothing is cut: scaling a change by s raises its log energy by 2 log s."""
    y = np.zeros((16, columns))
    y[8:] = 1.0
    plain, scaled = (energies(each, np.array([8]), 16)[0, 15] for each in (y, y * size))
    assert scaled - plain == pytest.approx(2 * np.log(size), abs=1e-3)


def test_quiet_scores_zero_and_motion_stands_out() -> None:
    """On the stretch after a calibration quiet scores about 0 and a moving path above 1.5, at 20 and at 100 Hz."""
    for rate_hz in (20.0, 100.0):
        frames = int(30 * rate_hz)
        moving = np.arange(frames) >= 20 * rate_hz
        amplitude = np.abs(channel(frames, rate_hz=rate_hz, moving=moving)).astype(np.float32)
        n = int(10 * rate_hz)
        quiet = calibrate(amplitude[:n], np.arange(n) / rate_hz)
        assert quiet is not None
        assert quiet.rate_hz == pytest.approx(rate_hz)
        x = amplitude[:, 0] / np.sqrt(np.mean(amplitude[:, 0] ** 2, axis=1, keepdims=True))
        scores = oracle.change_scores(x, quiet)
        assert abs(np.nanmedian(scores[n : 2 * n])) < 0.2
        assert np.median(scores[2 * n + 64 :]) > 1.5


def test_a_level_fits_the_frames_that_follow() -> None:
    """The level learnt on a stretch is, within 0.1, the median energy of the quiet that comes after it."""
    rng = np.random.default_rng(8)
    widths = np.array([4, 8])
    x = rng.standard_normal((200, 60)).astype(np.float32)
    noise = at_once(noise_in_steps(GivenRows(x))).scale
    following = np.median(energies(rng.standard_normal((2000, 60)) / noise, widths, 2000)[:, 15:], axis=1)
    np.testing.assert_allclose(at_once(level_in_steps(GivenRows(x), noise, widths)), following, atol=0.1)


def test_nothing_to_calibrate_on_is_said() -> None:
    """Three usable frames or a dead radio give no calibration rather than a wrong one."""
    amplitude = np.ones((10, 1, 8), np.float32)
    assert calibrate(amplitude[:3], np.arange(3.0)) is None
    assert calibrate(amplitude * 0, np.arange(10.0)) is None
