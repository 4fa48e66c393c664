"""All stages together, scan by scan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from csi_events.multi_bssid.attention import signal_quality
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.result import Result
from csi_events.multi_bssid.slots import SLOTS
from numpy.typing import NDArray
from unit.events.multi_bssid.arrays import scans


def noise(seconds: int, slots: int = 12, seed: int = 1, rate_hz: int = 10) -> NDArray[np.float64]:
    """An empty room, in whole dB."""
    generator = np.random.default_rng(seed)
    return np.round(-50.0 - 2 * np.arange(slots) + generator.normal(0, 0.7, (seconds * rate_hz, slots)))


def walk(seconds: int, slots: int = 12, seed: int = 1, rate_hz: int = 10) -> NDArray[np.float64]:
    """Somebody walks: shadows of up to 6 dB come and go, each slot's at its own pace."""
    generator = np.random.default_rng(seed)
    t = np.arange(seconds * rate_hz) / rate_hz
    pace = generator.uniform(0.2, 0.7, slots)
    shadow = 6.0 * np.clip(np.sin(2 * np.pi * np.outer(t, pace) + generator.uniform(0, 6, slots)), 0, None)
    return np.round(noise(seconds, slots, seed, rate_hz) - shadow)


def run(
    pipeline: Pipeline, rssi_dbm: NDArray[np.float64], start_s: float = 0.0, *, native: bool = True
) -> list[Result]:
    """Show (T, N) readings at ten a second, or two."""
    rate_hz = 10.0 if native else 2.0
    return [pipeline.scan(scan) for scan in scans(rssi_dbm, rate_hz, native=native, start_s=start_s)]


@pytest.mark.parametrize("native", [True, False])
def test_an_empty_room_is_empty_and_not_denied(native: bool) -> None:  # noqa: FBT001 - parametrized
    """After the calibration: nobody, no motion, Permit, no reason, no breathing."""
    said = run(Pipeline(Parameters()), noise(120, rate_hz=10 if native else 2), native=native)
    assert {r.verdict for r in said[:20]} <= {"Defer"}
    assert all(r.confidence == 0.0 and not r.present for r in said[:20])
    settled = said[len(said) // 4 :]
    assert np.mean([r.motion_level == "None" and not r.present for r in settled]) > 0.99
    assert {(r.verdict, r.reason, r.mode, r.bssid_count) for r in settled} == {("Permit", None, "multi", 12)}
    assert all(r.breathing is None for r in settled)


def test_a_walk_is_high_and_present_and_ends() -> None:
    """Two seconds into the walk: somebody, High; 15 s after it: nobody."""
    pipeline = Pipeline(Parameters())
    run(pipeline, noise(40))
    walking = run(pipeline, walk(20), 40.0)
    assert all(r.present for r in walking[20:])
    assert np.mean([r.motion_level == "High" for r in walking[30:]]) > 0.8
    after = run(pipeline, noise(40, seed=2), 60.0)
    assert not any(r.present for r in after[150:])
    assert after[-1].motion_level == "None"


def test_fewer_than_three_access_points_are_said_to_be_a_single_path() -> None:
    """The mode is single, the verdict Defer with its reason, and the confidence at most half of what it would be."""
    said = run(Pipeline(Parameters()), noise(60, slots=2))[-1]
    assert (said.mode, said.verdict) == ("single", "Defer")
    assert said.reason is not None
    assert "too few access points: 2" in said.reason
    assert 0.0 < said.confidence <= 0.5


def test_nothing_heard_is_denied() -> None:
    """A host that hears nothing says so, with confidence 0."""
    pipeline = Pipeline(Parameters())
    run(pipeline, noise(30))
    said = run(pipeline, np.full((400, 12), np.nan), 30.0)[-1]
    assert (said.verdict, said.confidence, said.bssid_count) == ("Deny", 0.0, 0)


def test_another_access_point_in_a_slot_is_no_motion() -> None:
    """A slot recycled to one 30 dB weaker changes nothing that is said, once its generation is raised; and without the
    generation it would.
    """  # noqa: D205 - one sentence
    levels = np.array([])
    for raised in (True, False):
        pipeline = Pipeline(Parameters())
        readings = noise(80)
        readings[400:, 3] -= 30.0
        for k, scan in enumerate(scans(readings, 10.0)):
            generation = scan.generation.copy()
            generation[3] += int(raised and k >= 400)
            pipeline.scan(replace(scan, generation=generation))
        levels = np.append(levels, abs(pipeline.levels.mean_dbm[3] - pipeline.levels.reference_dbm[3]))
    assert levels[0] < 1.0 < levels[1]


def test_another_start_of_the_agent_clears_every_stage() -> None:
    """After another epoch a pipeline says what a new one says, but for what it adapted to and tuned."""
    old, new = Pipeline(Parameters(adaptation=False)), Pipeline(Parameters(adaptation=False))
    run(old, walk(60, seed=5))
    later = [replace(scan, epoch=9) for scan in scans(noise(60), 10.0, start_s=200.0)]
    again = [old.scan(scan) for scan in later]
    fresh = [new.scan(scan) for scan in later]
    assert [r.verdict for r in again] == [r.verdict for r in fresh]
    assert [r.present for r in again] == [r.present for r in fresh]
    np.testing.assert_allclose([r.motion_score for r in again], [r.motion_score for r in fresh])


def test_scans_must_ascend() -> None:
    """An earlier scan is refused with both times."""
    pipeline = Pipeline(Parameters())
    run(pipeline, noise(2), 100.0)
    with pytest.raises(ValueError, match="must ascend in time"):
        run(pipeline, noise(1), 50.0)


def test_command_scans_have_no_breathing() -> None:
    """Two scans a second are no basis for it, whatever they hold."""
    t = np.arange(240) / 2
    readings = -60.0 + 3.0 * np.sin(2 * np.pi * 0.2 * t)[:, None] + np.zeros((240, 12))
    said = run(Pipeline(Parameters()), readings, native=False)
    assert all(r.breathing is None and r.breathing_p is None for r in said)


def test_memory_is_bounded() -> None:
    """A node's arrays are below ADR-022's 576 KB, and do not grow."""
    pipeline = Pipeline(Parameters())
    run(pipeline, noise(10, slots=SLOTS))
    early = pipeline.nbytes
    run(pipeline, noise(60, slots=SLOTS), 10.0)
    assert early == pipeline.nbytes < 576 * 1024


def test_signal_quality_is_adr_022s() -> None:
    """0.3 diversity + 0.4 concentration + 0.3 gap, by hand."""
    weights = np.zeros(SLOTS)
    weights[:10] = 0.05
    weights[0] = 0.55
    assert signal_quality(10, weights, 0.6) == pytest.approx(0.3 * 0.5 + 0.4 * (5.5 - 1) / 5 + 0.3 * 0.6)
    assert signal_quality(0, np.zeros(SLOTS), 0.0) == 0.0
    assert signal_quality(32, np.eye(SLOTS)[0], 2.0) == pytest.approx(0.6)


def test_feedback_adapts_and_tunes() -> None:
    """Feedback moves the adaptation; a wrong conclusion under Permit raises what the gate asks for."""
    pipeline = Pipeline(Parameters(lora_learning_rate=0.05))
    run(pipeline, noise(40))
    before = pipeline.attention.adaptation.parameters(), pipeline.quality.evidence_threshold
    pipeline.feedback(moves=True)
    assert not np.array_equal(pipeline.attention.adaptation.parameters(), before[0])
    assert pipeline.quality.evidence_threshold > before[1]
