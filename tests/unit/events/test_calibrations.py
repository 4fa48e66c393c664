"""Calibrations on their topic: written, read back, restored, asked for."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from csi_events.calibration_feed import KnownCalibrations
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings
from csi_events.stored import StoredCalibrationError, check_shape, read
from csi_schemas.calibration import AnyCalibration, CalibrationRequest, StreamCalibration
from csi_schemas.frame import CsiFrame
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import CALIBRATION, SENSING
from csi_streaming.testing import Harness, Published
from unit.events.signals import EPOCH_NS, channel, frames_of, quantised, times

KEY = "1/1x64@6/synthetic"
RATE = 50.0
SECOND = 10**9


def worker(known: KnownCalibrations) -> Harness:
    """A worker that knows these calibrations."""
    return Harness(lambda partition: EventsProcessor(partition, EventsSettings(), known))


def room(seconds: int) -> list[CsiFrame]:
    """Frames of a quiet room whose radio switches gain."""
    h = channel(int(seconds * RATE), rate_hz=RATE)
    h[np.random.default_rng(1).random(len(h)) < 0.3] *= np.linspace(0.7, 1.3, 64)
    return frames_of(quantised(h), times(len(h), RATE))


def publish(harness: Harness, frames: list[CsiFrame]) -> list[Published]:
    """Run frames through a worker."""
    return harness.send_frames(frames, batch_size=100)


def stored(published: list[Published]) -> list[StreamCalibration]:
    """The calibrations among what was published."""
    found = [msgspec.json.decode(p.value, type=AnyCalibration) for p in published if p.topic == CALIBRATION.name]
    return [each for each in found if isinstance(each, StreamCalibration)]


def states(published: list[Published]) -> list[str]:
    """What every update says of the calibration."""
    updates = [msgspec.json.decode(p.value, type=SensingUpdate) for p in published if p.topic == SENSING.name]
    return [update.calibration.state for update in updates if update.calibration is not None]


def test_a_calibration_is_written_down_and_taken_up_again() -> None:
    """A stream calibrates once and writes it down with its origin; another worker restores it and judges at once."""
    frames = room(40)
    first = publish(worker(KnownCalibrations()), frames[:1000])
    (calibration,) = stored(first)
    assert (calibration.cause, calibration.request, calibration.subcarriers) == ("start", None, 64)
    assert len(calibration.gain_read) == 1
    assert calibration.origin.offset == frames.index(
        next(frame for frame in frames if frame.timestamp_ns == calibration.last_ns)
    )
    (record,) = [p for p in first if p.topic == CALIBRATION.name]
    assert record.key == KEY.encode()
    known = KnownCalibrations()
    known.take(KEY, record.value)
    second = publish(worker(known), frames[1000:])
    assert set(states(second)) == {"ok"}
    assert states(first)[0] == "calibrating"
    assert stored(second) == []


def test_what_is_read_back_is_what_was_learnt() -> None:
    """Every array of a calibration survives its record exactly."""
    harness = worker(KnownCalibrations())
    (calibration,) = stored(publish(harness, room(15)))
    processor = harness.processors[0]
    assert isinstance(processor, EventsProcessor)
    (entry,) = processor.entries.values()
    quiet = entry.stream.baseline.quiet
    assert quiet is not None
    stored_again = read(msgspec.json.decode(msgspec.json.encode(calibration), type=StreamCalibration))
    again = stored_again.quiet
    left_out = {"live", "gain_read", "gain_write", "inverse_noise", "profile", "spread"}
    for name in calibration.__struct_fields__:
        assert getattr(stored_again.record, name) == ([] if name in left_out else getattr(calibration, name))
    for field in ("live", "inverse_noise", "widths", "level", "profile", "spread"):
        np.testing.assert_array_equal(getattr(again, field), getattr(quiet, field))
        assert getattr(again, field).dtype == getattr(quiet, field).dtype
    for ours, theirs in zip(again.gain, quiet.gain, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"subcarriers": 65}, "it is for 1 x 65"),
        ({"live": [[0, 64]]}, "outside 0 to 63"),
        ({"profile": [1.0]}, "profile"),
        ({"gain_read": []}, "gain_read"),
        ({"widths": [0, 1]}, "one length"),
    ],
)
def test_what_does_not_fit_is_refused_and_the_stream_calibrates_anew(change: dict[str, object], words: str) -> None:
    """A record of another shape, or one whose arrays do not belong together, is refused with what is wrong."""
    frames = room(15)
    (calibration,) = stored(publish(worker(KnownCalibrations()), frames))
    wrong = msgspec.structs.replace(calibration, **change)
    with pytest.raises(StoredCalibrationError, match=words):
        check_shape(read(wrong).quiet, (1, 64))
    known = KnownCalibrations()
    known.take(KEY, msgspec.json.encode(calibration))
    known.take(KEY, msgspec.json.encode(wrong))
    assert len(stored(publish(worker(known), frames))) == 1


def request(identity: str, at_ns: int) -> bytes:
    """A request for twenty seconds."""
    asked = CalibrationRequest(
        id=identity, node_id="1", stream="1x64@6", provenance="synthetic", requested_ns=at_ns, duration_s=20.0
    )
    return msgspec.json.encode(asked)


def test_a_request_is_answered_once() -> None:
    """A request is learnt from for its time, answered with its id, and not begun again afterwards."""
    frames, known = room(90), KnownCalibrations()
    harness = worker(known)
    publish(harness, frames[:750])
    known.take(f"{KEY}/request", request("r1", EPOCH_NS + 15 * SECOND))
    during = publish(harness, frames[750:1250])
    assert set(states(during)) == {"calibrating"}
    after = publish(harness, frames[1250:])
    (answer,) = stored(after)
    assert (answer.cause, answer.request) == ("request", "r1")
    assert (answer.last_ns - answer.first_ns) / SECOND == pytest.approx(20, abs=1)
    assert states(after)[-1] == "ok"


def test_withdrawn_and_old_requests_are_left_alone() -> None:
    """An empty record ends what its request began; one from long before the frames begins nothing."""
    frames, known = room(60), KnownCalibrations()
    harness = worker(known)
    publish(harness, frames[:750])
    known.take(f"{KEY}/request", request("old", EPOCH_NS - 3600 * SECOND))
    assert set(states(publish(harness, frames[750:1000]))) == {"ok"}
    known.take(f"{KEY}/request", request("r1", EPOCH_NS + 20 * SECOND))
    assert set(states(publish(harness, frames[1000:1500]))) == {"calibrating"}
    known.take(f"{KEY}/request", None)
    left = publish(harness, frames[1500:])
    assert set(states(left)) == {"ok"}
    assert stored(left) == []


def test_an_unreadable_record_is_passed_over() -> None:
    """Garbage under a key neither stops the reader nor replaces what was known."""
    known = KnownCalibrations()
    (record,) = [p for p in publish(worker(KnownCalibrations()), room(15)) if p.topic == CALIBRATION.name]
    known.take(KEY, record.value)
    known.take(KEY, b"{")
    assert known.stored[KEY].quiet.frames > 0
