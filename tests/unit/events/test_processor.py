"""The processor of one partition: what it publishes, when, and what a restart does to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import msgspec
import numpy as np
import pytest
from csi_events.app import make_processor
from csi_events.calibration_feed import CalibrationFeed
from csi_events.multi_bssid.fingerprint.library import Library
from csi_events.offline import Recording, run
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings
from csi_schemas.events import AnyEvent
from csi_schemas.frame import CsiFrame
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import EVENTS, FRAMES, LATEST, SENSING
from csi_streaming import Batch
from csi_streaming.testing import Harness, Published, record
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from unit.events.signals import EPOCH_NS, channel, frames_of, quantised, times

SECOND = 10**9


def harness(**overrides: Any) -> Harness:
    """Run processors with these settings."""
    return Harness(lambda partition: EventsProcessor(partition, EventsSettings(**overrides)))


def updates(published: list[Published]) -> list[SensingUpdate]:
    """The sensing updates among what was published."""
    return [msgspec.json.decode(p.value, type=SensingUpdate) for p in published if p.topic == SENSING.name]


def recording(
    frames: int = 400,
    *,
    node: str = "1",
    subcarriers: int = 64,
    rate_hz: float = 50.0,
    seed: int = 0,
    antennas: int = 1,
) -> list[CsiFrame]:
    """Frames of a quiet room."""
    h = channel(frames, subcarriers=subcarriers, rate_hz=rate_hz, seed=seed, antennas=antennas)
    return frames_of(quantised(h), times(frames, rate_hz), node=node)


def interleaved(*streams: list[CsiFrame]) -> list[CsiFrame]:
    """All frames in order of time, as a socket delivers them."""
    return sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.timestamp_ns)


def test_an_update_is_the_offline_one() -> None:
    """Frames through Kafka's JSON give the very updates that the same arrays give offline, with keys and origins."""
    moving = np.arange(1600) > 1000
    iq, t_ns = quantised(channel(1600, rate_hz=50, moving=moving)), times(1600, 50)
    live = harness()
    live.send_frames(frames_of(iq, t_ns), partition=5, batch_size=37)
    expected = list(run(Recording.from_iq(iq, t_ns)))[: 1600 // 16]
    found = updates(live.published)
    assert len(found) == len(expected) == 100
    for a, b in zip(found, expected, strict=True):
        assert (a.tick, a.window, a.features.variance) == (b.update.tick, b.update.window, b.update.features.variance)
        assert a.classification == b.update.classification
        assert (a.origin.topic, a.origin.partition, a.origin.offset) == (FRAMES.name, 5, b.update.origin.offset)
        assert (a.node_id, a.stream, a.provenance, a.source) == ("1", "1x64@6", "synthetic", "synthetic")
    assert {p.key for p in live.outputs(SENSING.name) + live.outputs(EVENTS.name)} == {b"1"}
    events = [msgspec.json.decode(p.value, type=AnyEvent) for p in live.outputs(EVENTS.name)]
    assert [type(e) for e in events] == [type(e) for w in expected for e in w.events] != []


def test_streams_never_mix() -> None:
    """Two nodes with three shapes each, interleaved frame by frame: every stream says what it says alone."""
    streams = [
        recording(300, node=node, subcarriers=subcarriers, rate_hz=rate, seed=i, antennas=antennas)
        for i, (node, subcarriers, rate, antennas) in enumerate(
            [
                ("1", 64, 50, 1),
                ("1", 128, 20, 1),
                ("1", 64, 30, 3),
                ("2", 64, 50, 1),
                ("2", 128, 20, 1),
                ("2", 192, 2, 1),
            ]
        )
    ]
    together = harness()
    together.send_frames(interleaved(*streams), batch_size=50)
    mixed = updates(together.published)
    for frames in streams:
        alone = harness()
        alone.send_frames(frames, batch_size=50)
        label = frames[0].stream.label
        own = [u for u in mixed if (u.node_id, u.stream) == (frames[0].node_id, label)]
        expected = updates(alone.published)
        assert len(own) == len(expected) > 0
        for a, b in zip(own, expected, strict=True):
            a.origin = b.origin
            assert a == b


def test_a_replay_of_a_node_never_meets_the_node() -> None:
    """The same node id live and replayed are two streams, each labelled as what it is."""
    live = recording(32)
    replayed = [msgspec.structs.replace(frame, provenance="replay") for frame in recording(32, seed=9)]
    both = harness()
    both.send_frames(interleaved(live, replayed))
    found = updates(both.published)
    assert sorted(u.provenance for u in found) == ["replay", "replay", "synthetic", "synthetic"]
    assert [u.window.frames for u in found] == [16] * 4


def test_the_timer_closes_what_fell_silent() -> None:
    """Ticks close an open window once its stream has been silent for a second of processing time, not before."""
    worker = harness()
    worker.send_frames(recording(5))
    assert updates(worker.tick(100 * SECOND)) == []
    worker.send_frames(recording(6)[5:])
    assert updates(worker.tick(100 * SECOND + SECOND)) == []
    assert updates(worker.tick(102 * SECOND - 1)) == []
    (update,) = updates(worker.tick(102 * SECOND))
    assert (update.window.closed_by, update.window.frames, update.origin.offset) == ("timeout", 6, 5)
    assert updates(worker.tick(200 * SECOND)) == []


def test_latest_is_paced_and_never_stale() -> None:
    """A stream of three windows a second puts at most one update a second on csi.latest.v1, and the last one always."""
    worker = harness()
    worker.send_frames(recording(500))
    sent = [msgspec.json.decode(p.value, type=SensingUpdate) for p in worker.outputs(LATEST.name)]
    gaps = np.diff([u.window.end_ns for u in sent])
    assert (gaps >= SECOND).all()
    assert 8 <= len(sent) <= 11
    assert {p.key for p in worker.outputs(LATEST.name)} == {b"1/1x64@6/synthetic/sensing_update"}
    worker.tick(EPOCH_NS)
    worker.tick(EPOCH_NS + SECOND)
    worker.tick(EPOCH_NS + 2 * SECOND)
    assert worker.outputs(LATEST.name)[-1].value == worker.outputs(SENSING.name)[-1].value
    assert len(worker.outputs(LATEST.name)) == len(sent) + 1


def test_an_idle_stream_is_forgotten_and_what_it_began_ends() -> None:
    """After idle_s of silence the state is gone, open events are ended with confidence 0; then tick 1 again."""
    moving = np.arange(1600) > 1000
    frames = frames_of(quantised(channel(1600, rate_hz=50, moving=moving)), times(1600, 50))
    worker = harness(idle_s=60)
    worker.send_frames(frames)
    worker.tick(0)
    assert [p for p in worker.tick(60 * SECOND - 1) if p.topic == EVENTS.name] == []
    ended = [msgspec.json.decode(p.value, type=AnyEvent) for p in worker.tick(60 * SECOND) if p.topic == EVENTS.name]
    assert [(type(e).__name__, e.confidence) for e in ended] == [("MotionEnded", 0.0), ("PresenceEnded", 0.0)]
    processor = worker.processors[0]
    assert isinstance(processor, EventsProcessor)
    assert processor.entries == {}
    worker.send_frames(frames[:16])
    assert updates(worker.published)[-1].tick == 1


def test_invented_nodes_do_not_fill_the_memory() -> None:
    """A flood of new node ids keeps the state at max_streams; the stream that is heard survives it."""
    worker = harness(max_streams=8)
    own = recording(200)
    for i, frame in enumerate(own):
        worker.send_frames([frame])
        worker.send_frames([msgspec.structs.replace(frame, node_id=f"fake-{i}")])
    processor = worker.processors[0]
    assert isinstance(processor, EventsProcessor)
    assert len(processor.entries) == 8
    ticks = [u.tick for u in updates(worker.published) if u.node_id == "1"]
    assert ticks == list(range(1, 13))
    fakes = [u for u in updates(worker.published) if u.node_id != "1"]
    assert sum(u.window.frames for u in fakes) == 200 - 7


def test_bad_records_cost_only_themselves() -> None:
    """Junk, other kinds, no scans, misfitting I/Q, impossible times: skipped; the frames around make windows."""
    before = REGISTRY.get_sample_value("csiflow_stream_skipped_total", {"app": "events"}) or 0.0
    good = recording(16)
    bad: list[bytes | None] = [
        b"{",
        None,
        msgspec.json.encode(msgspec.structs.replace(good[0], iq=b"\x01")),
        msgspec.json.encode(msgspec.structs.replace(good[0], n_antennas=0, iq=b"")),
        msgspec.json.encode(msgspec.structs.replace(good[0], timestamp_ns=2**63)),
        b'{"kind":"multi_bssid"}',
        b'{"kind":"tomorrow"}',
    ]
    values = [msgspec.json.encode(frame) for frame in good]
    worker = harness()
    worker.send(*values[:8], *bad, *values[8:], key=b"1")
    (update,) = updates(worker.published)
    assert (update.window.frames, update.origin.offset) == (16, 22)
    assert REGISTRY.get_sample_value("csiflow_stream_skipped_total", {"app": "events"}) == before + 6


def covered(published: list[Published], frames: list[CsiFrame]) -> set[int]:
    """Indices of the frames whose time lies in a window that was published."""
    spans = [(u.window.start_ns, u.window.end_ns) for u in updates(published)]
    return {i for i, f in enumerate(frames) if any(a <= f.timestamp_ns <= b for a, b in spans)}


@settings(max_examples=25)
@given(st.integers(1, 250), st.integers(0, 260), st.sampled_from([4.0, 12.0, 50.0]))
def test_a_restart_loses_no_frame(stop: int, replay: int, rate_hz: float) -> None:
    """Wherever a worker stops and however much is read again, every frame ends in a window that was published."""
    frames = recording(260, rate_hz=rate_hz)
    worker = harness()
    worker.send_frames(frames[:stop])
    worker.reassign(replay_last=replay)
    worker.send_frames(frames[stop:])
    worker.tick(EPOCH_NS)
    worker.tick(EPOCH_NS + 2 * SECOND)
    lost = set(range(260)) - covered(worker.published, frames)
    # without anything read again, the frames of the window that was open are gone with the worker
    assert lost <= (set(range(stop - min(stop, 16), stop)) if replay < 16 else set())


def test_a_restart_repeats_the_same_windows_when_it_reads_from_a_border() -> None:
    """Read again from a window's border, the windows are the old ones: a repeated update has its first one's origin."""
    frames = recording(320)
    worker = harness()
    worker.send_frames(frames[:200])
    before = {u.origin.offset: u for u in updates(worker.published)}
    worker.reassign(replay_last=200 - 96)
    worker.send_frames(frames[200:])
    after = updates(worker.published)[len(before) :]
    assert [u.origin.offset for u in after] == [191, *range(207, 320, 16)]
    assert after[0].window == before[191].window
    assert after[0].features.variance == before[191].features.variance
    assert [u.tick for u in after] == list(range(6, 6 + len(after)))


def test_the_warm_up_emits_nothing_by_itself() -> None:
    """Replayed batches return nothing; a tick brings what may not have been sent, once."""
    frames = recording(100)
    processor = EventsProcessor(0, EventsSettings())
    records = [record(msgspec.json.encode(f), key=b"1", offset=i) for i, f in enumerate(frames)]
    assert list(processor.process(Batch(FRAMES.name, 0, records, replay=True))) == []
    assert [output.topic for output in processor.tick(0)] == [SENSING.name]
    assert list(processor.tick(1)) == []


def test_a_processor_is_made_for_each_partition(tmp_path: Path) -> None:
    """The factory knows its processors for as long as somebody holds them, so that the gauge of streams is true."""
    alive: WeakSet[EventsProcessor] = WeakSet()
    feed = CalibrationFeed("127.0.0.1:1", 60.0)
    feed._read.set()  # as if an empty topic had been read
    make = partial(make_processor, EventsSettings(), feed, Library(tmp_path), alive)
    first, second = make(0), make(1)
    assert len(alive) == 2
    del first
    assert list(alive) == [second]


def test_a_worker_waits_once_for_stored_calibrations(tmp_path: Path) -> None:
    """However many partitions it has: the first waits for a Kafka that does not answer, the others find that out."""
    waits: list[float] = []
    feed = CalibrationFeed("127.0.0.1:1", 0.05)
    read = feed._read.wait

    def noted(timeout: float | None = None) -> bool:
        waits.append(timeout or 0.0)
        return read(timeout)

    feed._read.wait = noted  # type: ignore[method-assign]
    make = partial(make_processor, EventsSettings(), feed, Library(tmp_path), WeakSet())
    for partition in range(12):
        make(partition)
    assert waits[0] == pytest.approx(0.05)
    assert sum(waits) < 0.1


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """CSIFLOW_EVENTS_* sets its own fields; a window of one frame is refused with the field's name."""
    monkeypatch.setenv("CSIFLOW_EVENTS_PRESENCE_HOLD_S", "7.5")
    assert EventsSettings().presence_hold_s == 7.5
    monkeypatch.setenv("CSIFLOW_EVENTS_WINDOW_FRAMES", "1")
    with pytest.raises(ValueError, match="window_frames"):
        EventsSettings()


@pytest.mark.parametrize(("overrides", "rate_hz"), [({"window_s": 0.2}, 10.0), ({"window_frames": 3}, 50.0)])
def test_windows_that_are_set_to_be_short_are_judged(overrides: dict[str, Any], rate_hz: float) -> None:
    """A window that holds all the frames its settings let it hold decides, if those are two or three."""
    live = harness(**overrides)
    live.send_frames(recording(1000, rate_hz=rate_hz), batch_size=50)
    judged = [update for update in updates(live.published) if update.calibration and update.calibration.state == "ok"]
    assert len(judged) > 50
    assert {update.window.frames for update in judged} <= {2, 3}
    assert {update.quality_verdict for update in judged[1:]} == {"Permit"}
