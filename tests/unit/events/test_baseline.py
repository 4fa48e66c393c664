"""Calibration over time: the first, a better one, and slow adaptation."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.baseline import BLOCK_NS, DISTURBED, RISE_BLOCKS, Baseline, quantile
from csi_events.drift import MIN_DRIFT, Drift
from csi_events.learning import calibrate
from csi_events.quiet import CALIBRATION_FRAMES, CALIBRATION_MAX_FRAMES, CALIBRATION_S, Quiet
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events.signals import channel, times

SECOND = 10**9


def amplitudes(frames: int, rate_hz: float, seed: int = 0) -> NDArray[np.float32]:
    """Amplitudes of a quiet channel."""
    return np.abs(channel(frames, rate_hz=rate_hz, seed=seed)).astype(np.float32)


def learnt(baseline: Baseline) -> bool:
    """Do all steps of a calibration under way; whether it became the stream's own."""
    while baseline.learning is not None:
        baseline.step()
    return baseline.take_up()


def feed(baseline: Baseline, amplitude: NDArray[np.float32], t_ns: NDArray[np.int64]) -> int | None:
    """Gather windows of 16 frames; the frames it took to calibrate."""
    for first in range(0, len(t_ns), 16):
        baseline.gather(t_ns[first : first + 16], amplitude[first : first + 16])
        if learnt(baseline):
            return first + len(t_ns[first : first + 16])
    return None


@pytest.mark.parametrize("rate_hz", [4.0, 50.0, 1000.0])
def test_the_first_calibration_takes_its_time(rate_hz: float) -> None:
    """Ten seconds and 40 frames, whichever is longer, but no more than 1024 frames of a fast stream."""
    baseline = Baseline()
    taken = feed(baseline, amplitudes(2000, rate_hz), times(2000, rate_hz))
    wanted = min(max(CALIBRATION_S * rate_hz, CALIBRATION_FRAMES), CALIBRATION_MAX_FRAMES)
    assert taken is not None
    assert wanted <= taken <= wanted + 17
    assert baseline.quiet is not None
    assert baseline.stretch is None


def test_a_dead_stretch_is_followed_by_another() -> None:
    """When nothing was live the next stretch is tried; the stream is not left without a calibration."""
    baseline = Baseline()
    assert feed(baseline, np.zeros((600, 1, 64), np.float32), times(600, 50)) is None
    assert baseline.quiet is None
    assert feed(baseline, amplitudes(1200, 50), times(1200, 50) + 12 * SECOND) is not None


def quiet() -> Quiet:
    """Some calibration."""
    made = calibrate(amplitudes(200, 50), np.arange(200) / 50)
    assert made is not None
    return made


@pytest.mark.parametrize(
    ("scores", "replaced"),
    [
        ([-1.0], True),
        ([-1.0, -0.6, 0.2], True),  # the median decides, not every window
        ([-1.0, -0.3, -0.3], False),  # hardly quieter
        ([-1.0] * 20 + [DISTURBED], False),  # never ten seconds without a disturbance
    ],
)
def test_something_quieter_becomes_the_quiet(scores: list[float], replaced: bool) -> None:  # noqa: FBT001 - a case
    """Ten seconds whose median score is far below zero, with no disturbance among them, replace the calibration."""
    first = quiet()
    baseline = Baseline(quiet=first, stretch=None)
    amplitude, t_ns = amplitudes(1200, 50, seed=1), times(1200, 50)
    for i, start in enumerate(range(0, 1200, 16)):
        window = slice(start, start + 16)
        baseline.gather(t_ns[window], amplitude[window])
        learnt(baseline)
        if baseline.quiet is first:
            score = scores[i % len(scores)]
            baseline.observe(score, score, int(t_ns[window][-1]), 0.9)
    assert (baseline.quiet is not first) is replaced


def test_the_level_rises_only_without_any_quiet() -> None:
    """Ten minutes without a quiet fifth raise the level by half of what is missing; one quiet block starts over."""
    for pause in (False, True):
        baseline = Baseline(quiet=quiet(), stretch=None)
        risen = 0.0
        for second in range(RISE_BLOCKS * BLOCK_NS // SECOND + 70):
            score = 0.1 if pause and 300 <= second < 400 else 2.0
            risen += baseline.observe(score, score - risen, second * SECOND, 0.9)
        assert risen == (0.0 if pause else pytest.approx(1.0))


def drift_after(shift: float, seconds: int) -> list[float]:
    """Shifts reported when the profile moves by this many standard deviations and stays."""
    before = quiet()
    drift = Drift.start(before, 0)
    moved = (before.profile + np.float32(shift) * before.spread).astype(np.float64)
    found = [drift.observe(moved, second * SECOND) for second in range(1, seconds)]
    return [value for value in found if value is not None]


def test_a_lasting_shift_is_reported_once_with_its_size() -> None:
    """A profile that moves by six deviations and stays is one drift of between 3 and 6, not one every window."""
    (shift,) = drift_after(6.0, 600)
    assert MIN_DRIFT < shift <= 6.0


def test_small_or_short_shifts_are_no_drift() -> None:
    """Two deviations for ten minutes, or six for twenty seconds, are not reported."""
    assert drift_after(2.0, 600) == []
    assert drift_after(6.0, 20) == []


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=50), st.floats(0, 1))
def test_the_quantile_is_numpys(values: list[float], share: float) -> None:
    """Quantiles of any list are those that numpy finds by linear interpolation."""
    assert quantile(values, share) == pytest.approx(float(np.quantile(values, share)), abs=1e-9)
