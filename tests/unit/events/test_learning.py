"""A calibration in steps against the calibration at once, and its eigenvectors against LAPACK's."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

import numpy as np
import pytest
from csi_events.baseline import Baseline
from csi_events.eigen import leading
from csi_events.gain_states import GainStates
from csi_events.lanczos import leading_of_differences
from csi_events.learning import calibrate, calibration_in_steps, unseen_gain_in_steps
from csi_events.normalise import gain_normalised, live_in_steps
from csi_events.quiet import Quiet
from csi_events.rows import GivenRows, StretchRows
from csi_events.steps import at_once
from csi_events.stretch import Stretch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events import oracle
from unit.events.signals import channel, times

T = TypeVar("T")


def finished(steps: Generator[float, None, T]) -> tuple[T, int]:
    """What the steps come to, and how many they were."""
    count = 0
    while True:
        try:
            assert next(steps) >= 0
        except StopIteration as end:
            value: T = end.value
            return value, count
        count += 1


def stretch(frames: int, antennas: int, subcarriers: int, seed: int, *, moving: bool = False) -> NDArray[np.float32]:
    """Amplitudes of a radio with two gain states, a dead sub-carrier and a silent frame; somebody moves at the end."""
    rng = np.random.default_rng(seed)
    motion = np.arange(frames) > 0.6 * frames if moving else None
    h = channel(frames, antennas=antennas, subcarriers=subcarriers, moving=motion, seed=seed)
    amplitude = np.abs(h).astype(np.float32)
    amplitude[rng.random(frames) < 0.2] *= np.linspace(0.7, 1.3, subcarriers, dtype=np.float32)
    amplitude[:, :, 3] = 0
    amplitude[frames // 2] = 0
    return amplitude


def same(found: Quiet, expected: Quiet) -> None:
    """Equal but for the last digits; a direction of gain may point either way."""
    assert np.array_equal(found.live, expected.live)
    assert np.array_equal(found.widths, expected.widths)
    assert (found.rate_hz, found.seconds, found.frames) == (expected.rate_hz, expected.seconds, expected.frames)
    np.testing.assert_allclose(found.inverse_noise, expected.inverse_noise, rtol=1e-4)
    np.testing.assert_allclose(found.level, expected.level, atol=1e-3)  # rows are float32
    np.testing.assert_allclose(found.profile, expected.profile, rtol=1e-4)
    np.testing.assert_allclose(found.spread, expected.spread, rtol=1e-3)
    assert found.gain.read.shape == expected.gain.read.shape
    for a, b in zip(found.gain.read, expected.gain.read, strict=True):
        np.testing.assert_allclose(a * np.sign(a @ b), b, atol=1e-3 * np.abs(b).max())
    for a, b in zip(found.gain.write, expected.gain.write, strict=True):
        np.testing.assert_allclose(a * np.sign(a @ b), b, atol=1e-3 * np.abs(b).max())


@pytest.mark.parametrize("moving", [False, True])
@pytest.mark.parametrize(
    ("frames", "antennas", "subcarriers"),
    [(1024, 1, 64), (40, 1, 64), (500, 1, 30), (300, 2, 64), (96, 9, 64), (300, 6, 56), (400, 2, 96)],
)
def test_a_calibration_in_steps_is_the_one_at_once(frames: int, antennas: int, subcarriers: int, moving: bool) -> None:  # noqa: FBT001 - a case
    """More frames than sub-carriers or fewer, quiet or half in motion: the same calibration, in several steps."""
    amplitude, t_s = stretch(frames, antennas, subcarriers, frames, moving=moving), np.arange(frames) / 50
    expected = oracle.calibrate(amplitude, t_s)
    found, steps = finished(calibration_in_steps(amplitude, t_s))
    assert expected is not None
    assert found is not None
    assert steps > 5
    same(found, expected)


@settings(max_examples=25)
@given(st.integers(4, 60), st.integers(1, 3), st.integers(5, 40), st.integers(0, 2**32 - 1))
def test_any_stretch_gives_the_same_in_steps(frames: int, antennas: int, subcarriers: int, seed: int) -> None:
    """Few frames, few sub-carriers, whatever the noise: what the calibration at once says, ``None`` included."""
    amplitude, t_s = stretch(frames, antennas, subcarriers, seed), np.arange(frames) / 20
    expected = oracle.calibrate(amplitude, t_s)
    found, _ = finished(calibration_in_steps(amplitude, t_s))
    assert (found is None) == (expected is None)
    if found is not None and expected is not None:
        same(found, expected)


def test_nothing_live_is_no_calibration() -> None:
    """A silent stretch comes to nothing, as at once."""
    assert finished(calibration_in_steps(np.zeros((50, 1, 8), np.float32), np.arange(50.0)))[0] is None


def test_an_unseen_gain_state_is_found_in_steps() -> None:
    """A switch that the calibration has not met gives the directions that are found at once; a known one none."""
    quiet = calibrate(np.abs(channel(300)).astype(np.float32), np.arange(300) / 50)
    assert quiet is not None
    amplitude = np.abs(channel(300, seed=1)).astype(np.float32)
    amplitude[np.random.default_rng(2).random(300) < 0.4] *= np.linspace(0.6, 1.4, 64, dtype=np.float32)
    expected = oracle.with_unseen_gain(quiet, amplitude)
    found, _ = finished(unseen_gain_in_steps(quiet, amplitude))
    assert found is not None
    assert expected is not None
    same(found, expected)
    assert finished(unseen_gain_in_steps(found, amplitude))[0] is None


@given(st.integers(1, 30), st.integers(1, 4), st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_live_subcarriers_in_steps_are_those_at_once(frames: int, antennas: int, subcarriers: int, seed: int) -> None:
    """Medians taken a few sub-carriers at a time tell the same live ones, silent frames and antennas included."""
    rng = np.random.default_rng(seed)
    shape = (frames, antennas, subcarriers)
    amplitude = np.where(rng.random(shape) < 0.3, 0.0, rng.random(shape) ** 4).astype(np.float32)
    amplitude *= rng.integers(0, 2, (frames, 1, 1)).astype(np.float32)
    assert np.array_equal(finished(live_in_steps(amplitude))[0], oracle.live_subcarriers(amplitude))


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 90), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_leading_eigenvectors_are_lapack_s(size: int, rows: int, seed: int, share: float) -> None:
    """All eigenvalues above a bound, descending; their vectors are orthonormal, and eigenvectors indeed."""
    rng = np.random.default_rng(seed)
    factor = rng.standard_normal((rows, size)) * rng.uniform(0.1, 5, size)
    matrix = factor.T @ factor
    values = np.linalg.eigvalsh(matrix)[::-1]
    least = share * values[0] + 1e-6
    found = [item for item in leading(matrix.copy(), least) if not isinstance(item, float)]
    assert abs(len(found) - int((values > least).sum())) <= int((np.abs(values - least) < 1e-9 * values[0]).sum())
    np.testing.assert_allclose([value for value, _ in found], values[: len(found)], rtol=1e-9, atol=1e-9 * values[0])
    vectors = np.array([vector for _, vector in found]).reshape(len(found), size)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(found)), atol=1e-8)
    for value, vector in found:
        np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-7 * values[0])


def test_equal_eigenvalues_have_orthogonal_vectors() -> None:
    """Three equal eigenvalues give three vectors that span what belongs to them; a matrix of zeros has none."""
    turn = np.linalg.qr(np.random.default_rng(3).standard_normal((6, 6)))[0]
    matrix = turn @ np.diag([5.0, 5.0, 5.0, 1.0, 1.0, 0.0]) @ turn.T
    vectors = np.array([item[1] for item in leading(matrix, 2.0) if not isinstance(item, float)])
    np.testing.assert_allclose(vectors.T @ vectors, turn[:, :3] @ turn[:, :3].T, atol=1e-9)
    assert [item for item in leading(np.zeros((5, 5)), 1.0) if not isinstance(item, float)] == []


@given(st.integers(5, 40), st.integers(1, 3), st.integers(5, 30), st.booleans(), st.integers(0, 2**32 - 1))
def test_rows_are_those_of_the_frames(frames: int, antennas: int, subcarriers: int, whole: bool, seed: int) -> None:  # noqa: FBT001 - a case
    """Any part of a stretch's rows, gain left out, equals what is made of all its frames at once, however kept."""
    rng = np.random.default_rng(seed)
    amplitude = stretch(frames, antennas, subcarriers, seed)
    if whole:
        amplitude = np.sqrt(np.rint((200 * amplitude / amplitude.max()) ** 2)).astype(np.float32)
    kept = Stretch()
    for first in range(0, frames, 7):
        kept.add(np.arange(first, min(first + 7, frames)), amplitude[first : first + 7])
    assert kept.kept.dtype == (np.uint16 if whole else np.float32)
    live = rng.random((antennas, subcarriers)) < 0.8
    live[:, 0] = True
    x, usable = gain_normalised(amplitude, live)
    rows = at_once(StretchRows.of(kept.kept, live))
    assert np.array_equal(rows.usable, usable)
    assert (rows.frames, rows.columns) == x.shape
    np.testing.assert_allclose(rows.part(0, len(x)), x, rtol=1e-6)
    gain = GainStates(*rng.standard_normal((2, 2, x.shape[1])).astype(np.float32))
    at_once(rows.leave_out(gain))
    for read, write in zip(*gain, strict=True):
        x = x - (x @ read)[:, None] * write
    right = min(4, rows.columns)
    np.testing.assert_allclose(rows.part(2, len(x), 1, right), x[2:, 1:right], atol=1e-4 * np.abs(x).max(initial=1.0))


def test_a_stretch_keeps_what_is_no_whole_number() -> None:
    """Frames that are roots of whole numbers are kept as these until one comes that is not; none of them changes."""
    rng = np.random.default_rng(1)
    whole = np.sqrt(rng.integers(0, 32769, (16, 2, 5))).astype(np.float32)
    other = rng.uniform(0, 1e5, (16, 2, 5)).astype(np.float32)
    kept, t_ns = Stretch(), np.arange(16)
    kept.add(t_ns, whole)
    assert kept.kept.dtype == np.uint16
    np.testing.assert_array_equal(np.sqrt(kept.kept, dtype=np.float32), whole)
    kept.add(t_ns, other)
    kept.add(t_ns, whole)
    np.testing.assert_array_equal(kept.kept, np.concatenate((whole, other, whole)))


def differences(x: NDArray[np.float32], weight: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """The weighted differences of consecutive rows over sqrt(2), in units of noise."""
    return np.asarray(np.diff(x.astype(float), axis=0) * weight[:, None] * np.sqrt(0.5) / noise)


@settings(max_examples=40)
@given(st.integers(2, 90), st.integers(1, 60), st.integers(0, 4), st.integers(0, 2**32 - 1))
def test_eigenvectors_without_a_matrix_are_lapack_s(frames: int, columns: int, switches: int, seed: int) -> None:
    """Whatever stands out of the noise of differences: all eigenvalues above a bound, and their eigenvectors."""
    rng = np.random.default_rng(seed)
    rough = 1 + 0.01 * rng.standard_normal((frames, columns))
    for _ in range(switches):
        rough += 0.1 * rng.integers(0, 2, (frames, 1)) * rng.standard_normal(columns)
    x = rough.astype(np.float32)
    weight, noise = rng.uniform(0.2, 1, frames - 1), rng.uniform(0.005, 0.02, columns)
    apart = differences(x, weight, noise)
    matrix = apart.T @ apart
    values = np.linalg.eigvalsh(matrix)[::-1]
    least = float(rng.uniform(0, 0.5)) * values[0] + 1e-6
    found = [item for item in leading_of_differences(GivenRows(x), weight, noise, least) if not isinstance(item, float)]
    assert abs(len(found) - int((values > least).sum())) <= int((np.abs(values - least) < 1e-6 * values[0]).sum())
    np.testing.assert_allclose([value for value, _ in found], values[: len(found)], rtol=1e-8)
    vectors = np.array([vector for _, vector in found]).reshape(len(found), columns)
    np.testing.assert_allclose(vectors @ vectors.T, np.eye(len(found)), atol=1e-8)
    for value, vector in found:
        np.testing.assert_allclose(matrix @ vector, value * vector, atol=1e-6 * values[0])


def test_equal_eigenvalues_without_a_matrix_have_orthogonal_vectors() -> None:
    """Three columns that switch apart from one another and alike give three vectors; rows that are alike give none."""
    x = np.ones((13, 6), np.float32)
    for column in range(3):
        x[2 + 4 * column, column] = 2
    ones = np.ones(12)
    found = [
        item for item in leading_of_differences(GivenRows(x), ones, np.ones(6), 0.5) if not isinstance(item, float)
    ]
    np.testing.assert_allclose([value for value, _ in found], [1, 1, 1])
    vectors = np.array([vector for _, vector in found])
    np.testing.assert_allclose(vectors.T @ vectors, np.diag([1.0, 1, 1, 0, 0, 0]), atol=1e-9)
    assert [
        item
        for item in leading_of_differences(GivenRows(x[:2]), ones[:1], np.ones(6), 0.5)
        if not isinstance(item, float)
    ] == []


def test_a_frame_does_a_share_of_a_calibration() -> None:
    """A complete stretch is learnt over many frames; what was asked for meanwhile begins anew; then it is taken up."""
    baseline, amplitude, t_ns = Baseline(), stretch(1040, 6, 56, 0), times(1040, 100)
    first = 0
    while baseline.learning is None:
        baseline.gather(t_ns[first : first + 16], amplitude[first : first + 16])
        first += 16
    kept = baseline.stretch
    baseline.step()
    assert baseline.learning is not None
    assert not baseline.take_up()
    assert baseline.stretch is kept
    while baseline.learning is not None:
        baseline.step()
    assert baseline.steps > 20
    assert baseline.quiet is None
    assert baseline.take_up()
    assert baseline.quiet is not None
    assert baseline.stretch is None
