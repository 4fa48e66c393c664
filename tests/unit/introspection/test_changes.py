"""Energies of change, and the features made of them, against whole histories in numpy."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.arrays import Float32, Float64
from csi_introspection.changes import (
    BANDS,
    LAG_COLUMNS,
    LAG_WIDTH,
    LAGS,
    LEAST_SPREAD,
    ORDERS,
    PROFILE,
    SMOOTH,
    VEC_WIDTH,
    Changes,
    advance_changes,
    count_block,
    describe_changes,
    finish_block,
    is_whole,
    logarithms,
    new_changes,
    restart,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dct


def energies(frames: Float64, stride: int) -> Float64:
    """Energies, (lags, bins + 1), after all of ``frames`` (T, antennas, bins); the first was there for ever."""
    smooth = dct(frames, axis=2, norm="ortho")[:, :, :ORDERS]
    return np.concatenate([of_each(frames, stride), of_each(smooth, stride).sum(axis=1, keepdims=True)], axis=1)


def of_each(frames: Float64, stride: int) -> Float64:
    """The same of each column by itself, (lags, columns)."""
    reach = LAGS[-1] * stride + SMOOTH * stride + stride
    past = np.concatenate([np.repeat(frames[:1], reach, axis=0), frames])
    newest = range(len(past) - SMOOTH * stride, len(past))

    def row(at: int) -> Float64:
        mean: Float64 = past[at - stride + 1 : at + 1].mean(axis=0)
        return mean

    squares = [[np.square(row(at) - row(at - lag * stride)) for at in newest] for lag in LAGS]
    mean: Float64 = np.array(squares).mean(axis=(1, 2))
    return mean


def feed(state: Changes, frames: Float64) -> None:
    """Advance by each frame of ``frames`` (T, antennas, bins)."""
    for frame in frames.astype(np.float32):
        advance_changes(state, frame.ravel())


def begun(frames: Float64, stride: int) -> Changes:
    """Return the state of a stream that has seen ``frames``."""
    _, antennas, bins = frames.shape
    state = new_changes(antennas, bins, stride)
    restart(state, frames[0].astype(np.float32).ravel())
    feed(state, frames)
    return state


def described(state: Changes) -> tuple[Float32, Float32]:
    """Return ``lag`` and ``vec128``."""
    lag, vec = np.zeros(LAG_WIDTH, np.float32), np.zeros(VEC_WIDTH, np.float32)
    describe_changes(state, lag, vec)
    return lag, vec


@st.composite
def streams(draw: st.DrawFn) -> tuple[Float64, int]:
    """Draw frames (T, antennas, bins) that float32 holds exactly, and a stride."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 90)), draw(st.integers(1, 3)), draw(st.integers(1, 5))
    return rng.integers(-64, 65, size=shape) / 16, draw(st.integers(1, 4))


@settings(deadline=None, max_examples=60)
@given(streams())
def test_energies_are_those_of_the_whole_history(problem: tuple[Float64, int]) -> None:
    """At every lag: squared difference of rows, over antennas and the frames of the last ``SMOOTH`` rows.

    Of each bin, and, in the last column, of the first cosines over the bins, as scipy computes them.
    """
    frames, stride = problem
    state = begun(frames, stride)
    np.testing.assert_allclose(state.energy, energies(frames, stride), rtol=1e-4, atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(streams(), streams())
def test_a_restart_forgets_all_but_the_quiet(before: tuple[Float64, int], after: tuple[Float64, int]) -> None:
    """After ``restart`` the energies are those of a new stream; the level and spread at rest stay."""
    frames, stride = after
    _, antennas, bins = frames.shape
    state = new_changes(antennas, bins, stride)
    feed(state, np.resize(before[0], (60, antennas, bins)))
    state.level[:] = 3.0
    state.spread[:, 0] = 0.5
    restart(state, frames[0].astype(np.float32).ravel())
    feed(state, frames)
    np.testing.assert_allclose(state.energy, energies(frames, stride), rtol=1e-4, atol=1e-6)
    assert (state.level == 3.0).all()
    assert (state.spread[:, 0] == 0.5).all()


def test_a_ramp_has_the_energy_of_its_slope() -> None:
    """Closed form: a ramp of slope s a frame changes by s times lag times stride at every lag."""
    for stride in (1, 3):
        frames = np.arange(200)[:, None, None] * np.array([[0.25, 0.5]])
        expected = (np.array(LAGS)[:, None] * stride * np.array([0.25, 0.5])) ** 2
        energy = begun(frames, stride).energy
        np.testing.assert_allclose(energy[:, :2], expected, rtol=1e-5)
        np.testing.assert_allclose(energy[:, 2], expected.sum(axis=1), rtol=1e-5)  # two cosines hold two bins whole


def test_changes_that_alternate_over_the_bins_are_not_smooth() -> None:
    """What differs between neighbouring bins is no part of ``lag``; what all bins share is all of it."""
    swing = np.cos(np.pi * np.arange(100))[:, None, None]
    odd = [0, 2]  # lags 1 and 3; the others see no change
    ragged = begun(swing * np.cos(np.pi * np.arange(BANDS)), 1).energy[odd]
    assert (ragged[:, -1] < 0.01 * ragged[:, :-1].sum(axis=1)).all()
    shared = begun(swing * np.ones(BANDS), 1).energy[odd]
    np.testing.assert_allclose(shared[:, -1], shared[:, :-1].sum(axis=1), rtol=1e-5)


def test_running_sums_do_not_drift() -> None:
    """After loud motion the energies of a still room go back to those of a room that never moved."""
    rng = np.random.default_rng(1)
    loud, still = 1e3 * rng.normal(size=(5000, 2, 4)), np.full((100, 2, 4), 0.125)
    state = begun(np.concatenate([loud, still]), 2)
    assert state.energy.max() < 1e-3  # of 2e6 while it was loud: single precision would leave 0.1
    np.testing.assert_allclose(state.row / 2, 0.125, atol=1e-9)


def test_an_unknown_quiet_describes_nothing() -> None:
    """While the level at rest is not known both features are 0."""
    state = begun(np.random.default_rng(2).normal(size=(50, 1, BANDS)), 1)
    for feature in described(state):
        assert (feature == 0.0).all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1))
def test_features_are_the_logarithms_of_energy_over_the_quiets(seed: int) -> None:
    """``lag``: ln((e + q) / 2 q) of the smooth part; ``vec128``: of each bin, its departure from the mean halved."""
    rng = np.random.default_rng(seed)
    state = new_changes(1, BANDS, 1)
    state.energy[:] = np.exp(3 * rng.normal(size=state.energy.shape))
    state.level[:] = np.exp(rng.normal(size=state.level.shape))
    lag, vec = described(state)
    own, rest = state.energy.astype(np.float64), state.level
    np.testing.assert_allclose(
        lag, np.log((own[:, -1] + rest[:, -1]) / (2 * rest[:, -1]))[list(LAG_COLUMNS)], rtol=1e-5, atol=1e-5
    )
    logs = np.log((own + rest) / (2 * rest))[:, :-1]
    mean = logs.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(vec, (mean + PROFILE * (logs - mean)).ravel(), atol=0.005)


def test_features_are_zero_at_rest_and_fall_no_lower_than_minus_ln_two() -> None:
    """Energy as at rest describes as 0; none at all as -ln 2: a stream cannot be quieter without bound."""
    state = new_changes(1, BANDS, 1)
    state.level[:] = 0.3
    state.energy[:] = 0.3
    for feature in described(state):
        np.testing.assert_allclose(feature, 0.0, atol=2e-3)
    state.energy[:] = 0.0
    for feature in described(state):
        np.testing.assert_allclose(feature, -np.log(2.0), atol=2e-3)


def test_too_few_bins_have_the_lags_only() -> None:
    """A stream without ``BANDS`` bins has no ``vec128``: its place has no columns, and ``lag`` does not need it."""
    state = new_changes(1, 3, 1)
    state.level[:], state.energy[:] = 1.0, 3.0
    lag = np.zeros(LAG_WIDTH, np.float32)
    describe_changes(state, lag, np.zeros(0, np.float32))
    np.testing.assert_allclose(lag, np.log(2.0), rtol=1e-6)


@settings(deadline=None, max_examples=40)
@given(st.lists(st.floats(2.0**-120, 2.0**120, width=32), min_size=1, max_size=50))
def test_logarithms_are_exact_to_their_promise(values: list[float]) -> None:
    """Of any positive number, to 0.002."""
    given_values = np.array(values, np.float32)
    out = np.zeros_like(given_values)
    logarithms(given_values, out)
    np.testing.assert_allclose(out, np.log(given_values.astype(np.float64)), rtol=1e-6, atol=0.002)


def test_logarithms_are_exact_to_their_promise_everywhere_in_an_octave() -> None:
    """To 0.002 all the way between two powers of two, and never falling."""
    values = np.linspace(1.0, 2.0, 100_001, dtype=np.float32)
    out = np.zeros_like(values)
    logarithms(values, out)
    assert np.abs(out - np.log(values.astype(np.float64))).max() <= 0.002
    assert np.diff(out).min() >= -1e-7


@pytest.mark.parametrize("stride", [1, 3])
def test_energies_are_whole_once_nothing_before_the_restart_counts(stride: int) -> None:
    """They are those of a stream that has another past, to a row's own frames, from then on and not before."""
    rng = np.random.default_rng(6)
    frames = rng.normal(size=(26 * stride, 1, BANDS))
    other = begun(rng.normal(size=(200, 1, BANDS)), stride)
    state = new_changes(1, BANDS, stride)
    restart(state, frames[0].astype(np.float32).ravel())
    for number, frame in enumerate(frames[:, None], start=1):
        feed(state, frame)
        feed(other, frame)
        same = np.allclose(state.energy, other.energy, rtol=1e-3)
        assert is_whole(state) == (number > (LAGS[-1] + SMOOTH) * stride)
        assert same <= (number > (LAGS[-1] + SMOOTH - 1) * stride)
        assert same or not is_whole(state) or number < (LAGS[-1] + SMOOTH + 1) * stride - 1


@pytest.mark.parametrize("stride", [1, 2])
def test_the_quiet_is_the_mean_of_the_first_block_then_moves_by_the_weight(stride: int) -> None:
    """Level: mean energy of the frames that count; spread: mean square of the features, once there is a level."""
    rng = np.random.default_rng(3)
    frames = rng.normal(size=(400, 2, BANDS))
    state = new_changes(2, BANDS, stride)
    restart(state, frames[0].astype(np.float32).ravel())
    unseen = (LAGS[-1] + SMOOTH) * stride  # frames that look back beyond the first
    level, spread = np.zeros((len(LAGS), BANDS + 1)), np.array([0.25, 0.25])
    for first, stop, weight in ((0, 150, 0.3), (150, 270, 0.25), (270, 300, 0.0), (300, 400, 1.0)):
        seen: list[Float64] = []
        squares: list[tuple[float, float]] = []
        for number in range(first, stop):
            feed(state, frames[number : number + 1])
            lag, vec = described(state)
            count_block(state, lag, vec)
            if number >= unseen:
                seen.append(state.energy.astype(np.float64))
                squares.append(
                    (float((lag.astype(np.float64) ** 2).mean()), float((vec.astype(np.float64) ** 2).mean()))
                )
        finish_block(state, weight)
        known = level[0, 0] > 0
        if weight > 0 and known:
            spread += weight * (np.maximum(np.mean(squares, axis=0), LEAST_SPREAD) - spread)
        if weight > 0:
            level += (weight if known else 1.0) * (np.mean(seen, axis=0) - level)
        np.testing.assert_allclose(state.level, level, rtol=1e-6)
        np.testing.assert_allclose(state.spread[:, 0], spread, rtol=1e-6)
        assert state.counted[0] == 0
        assert (state.block == 0).all()
        assert (state.spread[:, 1:] == 0).all()


def test_a_block_without_frames_teaches_nothing() -> None:
    """Right after a restart no frame counts, and the quiet stays as it was."""
    rng = np.random.default_rng(4)
    frames = rng.normal(size=(LAGS[-1] + SMOOTH, 1, BANDS))
    state = begun(frames[:1], 1)
    state.level[:] = 2.0
    for frame in frames[1:]:
        feed(state, frame[None])
        count_block(state, *described(state))
    assert state.counted[0] == 0
    finish_block(state, 1.0)
    assert (state.level == 2.0).all()
    assert (state.spread[:, 0] == 0.25).all()


def test_a_recording_that_repeats_itself_has_some_spread() -> None:
    """The spread at rest goes no lower than ``LEAST_SPREAD``, so that nothing is divided by zero."""
    t = np.arange(400)
    frames = np.cos(np.pi * t)[:, None, None] * np.ones((1, 1, BANDS))
    state = begun(frames, 1)
    for _ in range(3):
        for frame in frames:
            feed(state, frame[None])
            count_block(state, *described(state))
        finish_block(state, 1.0)
    np.testing.assert_allclose(state.spread[:, 0], LEAST_SPREAD)
