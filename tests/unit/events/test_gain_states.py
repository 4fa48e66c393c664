"""Gain states: directions of quiet jumps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csi_events.gain_states import MOST, THREE_VALUES, TWO_VALUES, GainStates, few_values
from csi_events.learning import calibrate, gain_states_in_steps
from csi_events.rows import GivenRows
from csi_events.steps import at_once
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events import oracle
from unit.events.signals import channel


def switching(
    frames: int, states: int, seed: int = 0, columns: int = 40
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """White noise about profiles that a radio switches between at random, and the profiles."""
    rng = np.random.default_rng(seed)
    profiles = 1.0 + 0.3 * rng.standard_normal((states, columns))
    which = rng.integers(0, states, frames)
    return (profiles[which] + 0.02 * rng.standard_normal((frames, columns))).astype(np.float32), profiles


def gain_states(x: NDArray[np.float32]) -> GainStates:
    """The directions of gain in a stretch."""
    return at_once(gain_states_in_steps(GivenRows(x), switches_only=False))


@pytest.mark.parametrize("states", [2, 3, 4])
def test_the_differences_of_profiles_are_left_out(states: int) -> None:
    """Two to four profiles are one to three directions, and without them no profile differs from another."""
    x, profiles = switching(400, states)
    gain = gain_states(x)
    assert len(gain.read) == len(gain.write) == states - 1
    left = oracle.removed(gain, (profiles - profiles[0]).astype(np.float32))
    assert np.abs(left).max() < 0.02


def test_white_noise_has_no_gain_states() -> None:
    """Noise alone, few frames and many columns too, leaves nothing out."""
    rng = np.random.default_rng(1)
    for frames, columns in ((40, 56), (100, 108), (1000, 56)):
        x = (1 + 0.05 * rng.standard_normal((frames, columns))).astype(np.float32)
        assert len(gain_states(x).read) == 0


def test_at_most_so_many_directions() -> None:
    """A radio of five profiles loses no more than ``MOST`` directions."""
    x, _ = switching(400, 5)
    assert len(gain_states(x).read) == MOST


def test_leaving_out_twice_changes_nothing() -> None:
    """What is left holds none of the directions: taking them out is a projection."""
    x, _ = switching(300, 3)
    gain = gain_states(x)
    once = oracle.removed(gain, x)
    np.testing.assert_allclose(oracle.removed(gain, once), once, atol=1e-4)


def test_a_switching_radio_is_quiet_and_motion_still_shows() -> None:
    """A channel whose radio tilts its profile in one packet of five scores quiet when quiet and high when moving."""
    rate, frames = 50.0, 3000
    moving = np.arange(frames) >= 1500
    amplitude = np.abs(channel(frames, rate_hz=rate, moving=moving)).astype(np.float32)
    tilt = np.linspace(0.7, 1.3, amplitude.shape[2], dtype=np.float32)
    amplitude[np.random.default_rng(2).random(frames) < 0.2] *= tilt
    quiet = calibrate(amplitude[:500], np.arange(500) / rate)
    assert quiet is not None
    assert len(quiet.gain.read) >= 1
    x = amplitude[:, 0] / np.sqrt(np.mean(amplitude[:, 0] ** 2, axis=1, keepdims=True))
    scores = oracle.change_scores(x, quiet)
    assert np.quantile(scores[600:1500], 0.95) < 0.6
    assert np.median(scores[1600:]) > 1.2


def test_smooth_motion_is_no_gain_state() -> None:
    """A path that changes smoothly leaves nothing out, however few directions it moves in; packets that switch do."""
    rng = np.random.default_rng(4)
    t = np.arange(500) / 50.0
    shapes = rng.standard_normal((2, 40))
    smooth = np.sin(2 * np.pi * 1.1 * t)[:, None] * shapes[0] + np.cos(2 * np.pi * 0.7 * t)[:, None] * shapes[1]
    noise = 0.05 * rng.standard_normal((500, 40))
    assert len(gain_states((3 + smooth + noise).astype(np.float32)).read) == 0
    switched = rng.integers(0, 2, 500)[:, None] * rng.standard_normal(40)
    assert len(gain_states((3 + smooth + switched + noise).astype(np.float32)).read) == 1


def test_frames_that_never_change_have_no_gain_states() -> None:
    """A stretch of one frame repeated is no gain, and no division by zero."""
    assert len(gain_states(np.ones((60, 30), np.float32)).read) == 0


def left_about(values: NDArray[np.float64], cuts: tuple[int, ...]) -> float:
    """Sum of squares left about the means of the sorted values between these cuts."""
    edges = (0, *cuts, len(values))
    parts = [np.sort(values)[a:b] for a, b in pairwise(edges)]
    return sum(float(((part - part.mean()) ** 2).sum()) for part in parts)


@given(st.integers(0, 10_000), st.integers(2, 4), st.floats(0.0, 0.2))
def test_few_values_are_those_no_cut_explains_better(seed: int, levels: int, noise: float) -> None:
    """What is called few has two parts, or three, that leave little; two clear values always are few."""
    rng = np.random.default_rng(seed)
    which = np.concatenate([np.arange(levels), rng.integers(0, levels, 24)])
    values = rng.uniform(0, 5, levels)[which] + noise * rng.standard_normal(len(which))
    total = float(((values - values.mean()) ** 2).sum())
    count = len(values)
    two = min(left_about(values, (a,)) for a in range(1, count))
    three = min(left_about(values, (a, b)) for a in range(1, count) for b in range(a + 1, count))
    said = bool(few_values(values[:, np.newaxis])[0])
    if said:
        assert two <= TWO_VALUES * total + 1e-9 or three <= THREE_VALUES * total + 1e-9
    if two < 0.999 * TWO_VALUES * total:
        assert said


def test_what_moves_has_many_values() -> None:
    """Sines, white noise and a wandering phase are no switch; two and three values with a little noise are."""
    rng = np.random.default_rng(8)
    t = np.arange(100)
    moving = [np.sin(0.7 * t), rng.standard_normal(100), np.sin(np.cumsum(rng.normal(0.3, 0.5, 100)))]
    switching = [values + 0.05 * rng.standard_normal(100) for values in (rng.integers(0, 2, 100), t % 3)]
    assert few_values(np.column_stack(moving + switching)).tolist() == [False] * 3 + [True] * 2
