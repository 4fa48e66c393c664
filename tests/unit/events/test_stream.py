"""One stream from frames to conclusions."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
from csi_events.baseline import Promise
from csi_events.confidence import ABSENT_CAP, HELD, SURE, of_absent, of_held, of_moving
from csi_events.decision import RULES
from csi_events.offline import Judged, Recording, frame_states, run
from csi_events.states import HOLD_S
from csi_events.stream import MIN_FRAMES, Stream
from csi_events.windows import WindowRule
from csi_schemas.events import (
    BreathingEstimated,
    MotionEnded,
    MotionStarted,
    NodeDegraded,
    PresenceEnded,
    PresenceStarted,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events.signals import channel, quantised, times

SECOND = 10**9
RATE = 50.0


def visit(*, seconds: int = 60, start: int = 20, stop: int = 30, antennas: int = 1, seed: int = 0) -> NDArray[np.int8]:
    """I/Q of a room in which somebody walks from ``start`` to ``stop``."""
    t = np.arange(int(seconds * RATE)) / RATE
    moving = (t >= start) & (t < stop)
    return quantised(channel(len(t), antennas=antennas, rate_hz=RATE, moving=moving, seed=seed))


def judge(iq: NDArray[np.int8], t_ns: NDArray[np.int64] | None = None) -> list[Judged]:
    """Run the windowed path over I/Q."""
    return list(run(Recording.from_iq(iq, times(len(iq), RATE) if t_ns is None else t_ns)))


def names(judged: list[Judged]) -> list[str]:
    """Events in order."""
    return [type(event).__name__ for window in judged for event in window.events]


@pytest.mark.parametrize("antennas", [1, 3])
def test_a_visit_begins_and_ends(antennas: int) -> None:
    """Calibrating, absent, moving, held still, absent: with the four events, each at its time and naming its start."""
    judged = judge(visit(seconds=75, antennas=antennas))
    events = [event for window in judged for event in window.events]
    assert [type(e) for e in events] == [PresenceStarted, MotionStarted, MotionEnded, PresenceEnded]
    present, moved, ended, gone = events
    begin = judged[0].update.window.start_ns
    seconds = [(event.timestamp_ns - begin) / 1e9 for event in events]
    assert seconds == [pytest.approx(at, abs=1.0) for at in (20.3, 20.3, 30.7, 30.7 + HOLD_S)]
    assert isinstance(ended, MotionEnded)
    assert ended.started_ns == moved.timestamp_ns
    assert isinstance(gone, PresenceEnded)
    assert gone.started_ns == present.timestamp_ns
    levels = [window.update.classification.motion_level for window in judged]
    order = [level for i, level in enumerate(levels) if i == 0 or levels[i - 1] != level]
    assert order[0] == "absent"
    assert set(levels) <= {"absent", "present_moving", "active", "present_still"}
    assert levels[-1] == "absent"


def test_calibrating_is_deferred_with_no_confidence() -> None:
    """Until ten seconds are in, every update says Defer, why, and confidence 0."""
    judged = judge(visit(seconds=15))
    calibrating = [w.update for w in judged if w.update.quality_verdict == "Defer"]
    assert calibrating == [w.update for w in judged[: len(calibrating)]]
    assert (calibrating[-1].window.end_ns - calibrating[0].window.start_ns) / 1e9 == pytest.approx(10, abs=0.7)
    for update in calibrating:
        assert update.classification.confidence == 0
        assert update.quality_reason is not None
        assert update.quality_reason.startswith("calibrating")


def test_confidence_is_bounded_by_what_can_be_known() -> None:
    """Absent never exceeds its cap; held presence at most one half, falling; motion well above even odds."""
    judged = [w for w in judge(visit()) if w.update.quality_verdict == "Permit"]
    absent = [w.update.classification.confidence for w in judged if w.result.motion_level == "absent"]
    held = [w.update.classification.confidence for w in judged if w.result.motion_level == "present_still"]
    moving = [w.update.classification.confidence for w in judged if w.moving]
    assert max(absent) <= ABSENT_CAP
    assert max(held) <= HELD
    assert held == sorted(held, reverse=True)
    assert float(np.median(moving)) > 0.9


@given(st.floats(-50, 50), st.floats(0, 1))
def test_confidences_are_chances(score: float, share: float) -> None:
    """Every confidence is within its bounds and follows the evidence; where motion begins, neither side is sure."""
    assert 0 <= of_moving(score) <= of_moving(score + 0.1) <= SURE
    assert 0 <= of_absent(score + 0.1) <= of_absent(score) <= ABSENT_CAP
    assert 0 <= of_held(share) <= HELD
    begins = RULES.begin_margin + RULES.begin_tails * RULES.tail
    assert 0.5 < of_moving(begins) < 0.9
    assert of_absent(begins) < ABSENT_CAP


def test_gain_control_does_not_move_anybody() -> None:
    """Random gain steps of up to 20 dB on every frame of a still room cause no event and leave the variance alone."""
    rng = np.random.default_rng(4)
    h = channel(3000, rate_hz=RATE)
    gain = 10 ** rng.uniform(-0.5, 0.5, (3000, 1, 1))
    plain = Recording(times(3000, RATE), np.abs(h).astype(np.float32))
    stepped = Recording(plain.t_ns, np.abs(h * gain).astype(np.float32))
    without, with_gain = list(run(plain)), list(run(stepped))
    assert names(with_gain) == []
    assert [w.result.score for w in with_gain] == [pytest.approx(w.result.score, abs=1e-3) for w in without]
    for a, b in zip(without, with_gain, strict=True):
        assert b.result.features.variance == pytest.approx(a.result.features.variance, rel=1e-3)
        assert b.result.features.breathing_band_power == pytest.approx(a.result.features.breathing_band_power, rel=1e-2)


def test_null_subcarriers_change_no_conclusion() -> None:
    """Sub-carriers of zeros put between the others change neither scores nor features nor events."""
    iq = visit()
    padded = np.insert(iq, [0, 10, 10, 40, 64], 0, axis=2)
    for a, b in zip(judge(iq), judge(padded), strict=True):
        assert (a.result.score, a.result.features) == (b.result.score, b.result.features)
        assert a.update.classification == b.update.classification


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.floats(5, 200), st.integers(0, 3))
def test_nothing_breaks_it(seed: int, rate_hz: float, gaps: int) -> None:
    """Jitter, disorder, gaps, a clock set back and silent frames: an update for every window, all numbers finite."""
    rng = np.random.default_rng(seed)
    iq = quantised(channel(400, rate_hz=rate_hz, seed=seed))
    iq[rng.random(400) < 0.05] = 0
    t_ns = times(400, rate_hz, jitter=3.0, seed=seed)
    for _ in range(gaps):
        t_ns[rng.integers(0, 400) :] += int(rng.uniform(-20, 60) * SECOND)
    judged = judge(iq, t_ns)
    assert sum(w.update.window.frames for w in judged) == 400
    for i, window in enumerate(judged):
        update = window.update
        assert update.tick == i + 1
        assert 0 <= update.classification.confidence <= 1
        assert 0 <= (update.signal_quality_score or 0) <= 1
        features = update.features
        numbers = (
            features.variance,
            features.motion_band_power,
            features.breathing_band_power,
            features.spectral_power,
        )
        assert all(np.isfinite(numbers))
        assert min(numbers) >= 0
        assert (update.classification.confidence == 0) or update.quality_verdict == "Permit"
        assert update.window.start_ns <= update.window.end_ns


def test_a_shuffled_window_says_what_the_ordered_one_says() -> None:
    """Frames of one window that arrive in another order give the same scores and features."""
    iq, t_ns = visit(), times(3000, RATE)
    order = np.concatenate([start + np.random.default_rng(start).permutation(16) for start in range(0, 2992, 16)])
    for a, b in zip(judge(iq[:2992], t_ns[:2992]), judge(iq[order], t_ns[order]), strict=True):
        assert (a.result.score, a.result.features) == (b.result.score, b.result.features)
        assert a.result.motion_level == b.result.motion_level


def test_lone_frames_cannot_say() -> None:
    """A frame every five seconds: windows of one frame, Defer, confidence 0, no event, and the state kept."""
    judged = judge(quantised(channel(200)), times(200, 0.2))
    assert {w.update.window.frames for w in judged} == {1}
    assert {w.update.classification.confidence for w in judged} == {0.0}
    assert {w.update.quality_verdict for w in judged} == {"Defer"}
    assert names(judged) == []


def test_two_frames_a_second_are_enough() -> None:
    """A stream of which no window holds four frames calibrates, sees a visit, and sees it end."""
    moving = (np.arange(300) >= 120) & (np.arange(300) < 180)
    iq = quantised(channel(300, rate_hz=2.5, moving=moving, seed=3))
    judged = judge(iq, times(300, 2.5))
    assert [name for name in names(judged) if name.startswith("Motion")] == ["MotionStarted", "MotionEnded"]
    states = frame_states(judged, 300)
    assert states[130:180].all()
    assert not states[:120].any()


def test_a_bad_frame_now_and_then_is_no_motion() -> None:
    """At 10 frames/s one frame of a hundred is noise: nobody moves, and the window it is in says so."""
    rng = np.random.default_rng(5)
    iq = quantised(channel(3000, rate_hz=10.0, seed=5))
    bad = 150 + 100 * np.arange(28)
    iq[bad] = rng.integers(-40, 41, (28, *iq.shape[1:])).astype(np.int8)
    judged = judge(iq, times(3000, 10.0))
    assert not frame_states(judged, 3000).any()


def test_frames_that_come_in_batches_have_the_rate_they_have() -> None:
    """Four frames with one time each 80 ms are 50 a second: the radio is well, and the calibration stays ok."""
    iq = quantised(channel(3000, seed=6))
    t_ns = times(3000, RATE)[np.arange(3000) // 4 * 4 + 3]
    judged = judge(iq, t_ns)
    newest = judged[-1].result.calibration
    assert newest is not None
    assert newest.state == "ok"
    assert "NodeDegraded" not in names(judged)


def test_a_dead_radio_is_denied() -> None:
    """Frames of zeros are answered with Deny and the reason."""
    judged = judge(np.zeros((400, 1, 64, 2), np.int8))
    assert {(w.update.quality_verdict, w.update.quality_reason) for w in judged} == {
        ("Deny", "no sub-carrier carries signal")
    }


def test_motion_that_cannot_be_confirmed_ends() -> None:
    """Somebody moves and the stream thins out to lone frames: motion is kept for 15 s, and ends with confidence 0."""
    iq = visit(seconds=90, stop=90)
    fast, slow = 25 * int(RATE), 65
    t_ns = times(len(iq), RATE)
    thin = t_ns[fast - 1] + SECOND * np.arange(1, slow + 1, dtype=np.int64)
    judged = judge(iq[: fast + slow], np.concatenate((t_ns[:fast], thin)))
    events = [event for window in judged for event in window.events]
    (degraded,) = [event for event in events if isinstance(event, NodeDegraded)]
    assert "frames/s where it was calibrated at 50.0" in degraded.reason
    events.remove(degraded)
    assert [type(e) for e in events] == [PresenceStarted, MotionStarted, MotionEnded, PresenceEnded]
    assert [e.confidence for e in events[2:]] == [0.0, 0.0]
    assert (events[2].timestamp_ns - int(t_ns[fast - 1])) / 1e9 == pytest.approx(16, abs=1.5)
    unknown = [w for w in judged if w.update.window.frames < MIN_FRAMES]
    assert unknown[3].update.classification.presence
    assert unknown[3].update.classification.confidence == 0


def test_a_start_in_motion_is_recovered_from() -> None:
    """A stream calibrated on motion alone takes the quiet that follows for its quiet, and then sees motion again."""
    t = np.arange(int(70 * RATE)) / RATE
    moving = (t < 20) | (t >= 50)
    judged = judge(quantised(channel(len(t), rate_hz=RATE, moving=moving)))
    states = frame_states(judged, len(t))
    assert not states[(t > 22) & (t < 49.6)].any()
    assert states[t > 51].mean() > 0.9


def test_breathing_makes_presence_and_stillness() -> None:
    """Nobody moves but somebody breathes: present_still by the breathing test, the rate in the update, an event."""
    h = channel(int(70 * RATE), rate_hz=RATE, breathing_bpm=14.0, noise=0.7)
    judged = judge(quantised(h))
    assert "PresenceStarted" in names(judged)
    last = judged[-1].update
    assert last.classification.motion_level == "present_still"
    assert last.classification.confidence > 0.5
    assert last.vital_signs is not None
    assert last.vital_signs.breathing_rate_bpm == pytest.approx(14, abs=0.3)
    events = [e for w in judged for e in w.events if isinstance(e, BreathingEstimated)]
    gaps = np.diff([e.timestamp_ns for e in events]) / 1e9
    assert len(events) >= 3
    assert (gaps >= 10).all()
    assert all(e.breathing_rate_bpm == pytest.approx(14, abs=0.3) for e in events)


def test_no_breathing_is_claimed_while_somebody_moves() -> None:
    """Walking to and fro with the period of a breath yields motion and never a breathing rate."""
    t = np.arange(int(90 * RATE)) / RATE
    moving = (t > 15) & ((t // 2.5) % 2 == 0)
    judged = judge(quantised(channel(len(t), rate_hz=RATE, moving=moving)))
    assert "MotionStarted" in names(judged)
    assert not any(w.result.breathing for w in judged if w.moving)


def test_a_long_silence_is_not_an_onset() -> None:
    """After ten seconds without frames the channel looks different, yet nobody is said to have moved."""
    first = channel(int(20 * RATE), rate_hz=RATE, seed=1)
    later = channel(int(20 * RATE), rate_hz=RATE, seed=2)
    iq = quantised(np.concatenate((first, later)))
    t_ns = times(len(iq), RATE)
    t_ns[len(first) :] += 10 * SECOND
    assert names(judge(iq, t_ns)) == []


def test_state_belongs_to_one_stream() -> None:
    """Two streams fed in turns say exactly what each says alone."""
    recordings = [Recording.from_iq(visit(seed=s, start=15 + 3 * s), times(3000, RATE)) for s in (0, 1)]
    alone = [[w.result for w in run(r)] for r in recordings]
    runs = [run(r) for r in recordings]
    together = list(zip(*runs, strict=True))
    for i in (0, 1):
        assert [pair[i].result for pair in together] == alone[i]


def test_a_stream_is_small() -> None:
    """After a minute a stream of 64 sub-carriers keeps less than a third of a megabyte of arrays."""
    stream = Stream(15 * SECOND)
    iq, t_ns = visit(), times(3000, RATE)
    recording = Recording.from_iq(iq, t_ns)
    for start in range(0, 2992, WindowRule().frames):
        window = slice(start, start + 16)
        stream.window(recording.amplitude[window], None, t_ns[window])
    assert stream.baseline.quiet is not None
    owners = (
        stream,
        stream.memory.fast,
        stream.memory.slow,
        stream.open,
        stream.judgement.breathing.swings,
        stream.judgement.breathing.decision.ridge,
        stream.baseline.quiet,
    )
    values = [getattr(owner, field.name) for owner in owners for field in fields(owner)]
    held = [value for value in values if isinstance(value, np.ndarray)]
    assert sum(array.nbytes for array in held) < 300_000
    assert stream.baseline.stretch is None


STEPS = np.linspace(-0.4, 0.4, 64)
"""What another state of the radio does to its profile."""


@pytest.mark.parametrize(
    "others",
    [(1 + STEPS,), (1 + STEPS, 1 + 2 * STEPS), (1 + STEPS, 1.3 - np.abs(STEPS))],
    ids=["two", "three along one direction", "three along two"],
)
def test_a_gain_state_never_met_is_not_motion_for_ever(others: tuple[NDArray[np.float64], ...]) -> None:
    """A radio that begins to switch its gain after the calibration reads as motion for half a minute, then as quiet.

    Somebody who walks afterwards is still seen.
    """
    t = np.arange(int(110 * RATE)) / RATE
    h = channel(len(t), rate_hz=RATE, moving=t >= 90)
    profiles = np.array([np.ones(h.shape[2]), *others])
    which = np.random.default_rng(3).integers(0, len(profiles), len(t)) * (t >= 20)
    h *= profiles[which][:, np.newaxis]
    judged = judge(quantised(h))
    states = frame_states(judged, len(t))
    assert states[(t > 22) & (t < 30)].mean() > 0.8  # single frames of another state are taken for bad ones
    assert not states[(t > 50) & (t < 89)].any()
    assert states[t > 92].mean() > 0.9
    assert [w.result.calibrated for w in judged].count(True) == 2


def test_a_calibration_says_how_it_is() -> None:
    """Calibrating with progress, then ok with a threshold; suspect once three minutes held nothing quiet."""
    t = np.arange(int(280 * RATE)) / RATE
    judged = judge(quantised(channel(len(t), rate_hz=RATE, moving=t >= 30)))
    said = [w.update.calibration for w in judged]
    assert all(each is not None for each in said)
    states = [each.state for each in said if each is not None]
    order = [state for i, state in enumerate(states) if i == 0 or states[i - 1] != state]
    assert order == ["calibrating", "ok", "suspect"]
    progress = [each.progress for each in said if each is not None and each.progress is not None]
    assert progress == sorted(progress)
    last = said[-1]
    assert last is not None
    assert last.reason is not None
    assert "csiflow calibrate" in last.reason
    assert last.threshold is not None


def test_a_requested_calibration_replaces_the_old_one() -> None:
    """Asked for twenty seconds, a stream learns from them, goes on judging meanwhile, and names the request."""
    iq, t_ns = visit(seconds=60, start=58, stop=60), times(3000, RATE)
    recording = Recording.from_iq(iq, t_ns)
    stream = Stream(15 * SECOND)
    answers = []
    for start in range(0, 2992, 16):
        window = slice(start, start + 16)
        if start == 1008:
            stream.baseline.ask(Promise("r1", 20.0))
        result = stream.window(recording.amplitude[window], None, t_ns[window])
        assert result.calibration is not None
        answers.append((result.calibration.state, result.calibration.request, result.verdict.quality))
        if result.calibrated and start > 1008:
            assert start / RATE == pytest.approx(40.2, abs=0.5)
    assert ("calibrating", "r1", "Permit") in answers
    assert stream.baseline.learnt is not None
    assert (stream.baseline.learnt.cause, stream.baseline.learnt.request) == ("request", "r1")
    assert answers[-1][0] == "ok"


def test_a_withdrawn_request_leaves_the_calibration() -> None:
    """Withdrawn, a request leaves the old quiet in use; another's withdrawal does not touch it."""
    stream = Stream(15 * SECOND)
    recording = Recording.from_iq(visit(), times(3000, RATE))
    for start in range(0, 960, 16):
        stream.window(recording.amplitude[start : start + 16], None, recording.t_ns[start : start + 16])
    quiet = stream.baseline.quiet
    stream.baseline.ask(Promise("r1", 20.0))
    stream.baseline.withdraw("r2")
    assert stream.baseline.stretch is not None
    stream.baseline.withdraw("r1")
    assert stream.baseline.stretch is None
    assert stream.baseline.quiet is quiet


@pytest.mark.parametrize("antennas", [1, 3])
def test_an_interferer_on_few_subcarriers_is_no_motion(antennas: int) -> None:
    """Noise as strong as the signal on 3 of 30 sub-carriers says nothing; somebody who walks meanwhile is seen."""
    t = np.arange(int(60 * RATE)) / RATE
    h = channel(len(t), antennas=antennas, subcarriers=30, rate_hz=RATE, moving=(t >= 40) & (t < 50))
    rng = np.random.default_rng(1)
    noise = rng.standard_normal((2, int((t >= 20).sum()), antennas, 3)) * 20.0
    h[t >= 20, :, 10:13] += noise[0] + 1j * noise[1]
    states = frame_states(judge(quantised(h)), len(t))
    assert not states[t < 40].any()
    assert states[(t > 42) & (t < 50)].all()
