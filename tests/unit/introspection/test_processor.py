"""The processor of one partition: what it publishes, when, and what a restart does to it."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest
from csi_introspection.offline import analyse
from csi_introspection.processor import IntrospectionProcessor
from csi_introspection.reference import record, references, walk
from csi_introspection.settings import IntrospectionSettings
from csi_schemas.frame import CsiFrame
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.topics import FRAMES, INTROSPECTION, LATEST, MEMBERS
from csi_streaming import Batch
from csi_streaming.testing import Harness, Published
from csi_streaming.testing import record as kafka_record
from msgspec.structs import replace
from prometheus_client import REGISTRY
from unit.introspection.rooms import EPOCH_NS, frames_of, room

SECOND = 10**9


def harness(**overrides: Any) -> Harness:
    """Run processors with these settings and the reference signatures."""
    settings = IntrospectionSettings(**overrides)
    return Harness(lambda partition: IntrospectionProcessor(partition, settings, references()))


def snapshots(published: list[Published]) -> list[IntrospectionSnapshot]:
    """Decode the snapshots among what was published."""
    return [
        msgspec.json.decode(p.value, type=IntrospectionSnapshot) for p in published if p.topic == INTROSPECTION.name
    ]


def latest(published: list[Published]) -> list[Published]:
    """What went to csi.latest.v1."""
    return [p for p in published if p.topic == LATEST.name]


def processor_of(harness: Harness) -> IntrospectionProcessor:
    """Partition 0's processor."""
    processor = harness.processors[0]
    assert isinstance(processor, IntrospectionProcessor)
    return processor


def interleaved(*streams: list[CsiFrame]) -> list[CsiFrame]:
    """All frames in order of time."""
    return sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.timestamp_ns)


def test_every_frame_has_one_snapshot_in_order() -> None:
    """N frames, N snapshots in order, with key, origin, sequence and time of their frame, whatever the batches."""
    frames = frames_of(room(250, 0))
    published = harness().send_frames(frames, batch_size=17)
    made = snapshots(published)
    assert [(s.origin.topic, s.origin.partition, s.origin.offset) for s in made] == [
        (FRAMES.name, 0, k) for k in range(250)
    ]
    assert [s.sequence for s in made] == [f.sequence for f in frames]
    assert [s.timestamp_ns for s in made] == [f.timestamp_ns for f in frames]
    assert [s.frame_count for s in made] == list(range(1, 251))
    assert {p.key for p in published if p.topic == INTROSPECTION.name} == {b"1"}
    assert {(s.stream, s.provenance, s.source) for s in made} == {("1x64@6", "synthetic", "synthetic")}
    assert {p.partition for p in published} == {0}


def test_a_snapshot_is_the_offline_one() -> None:
    """Frames through Kafka's JSON give the very snapshots that the same arrays give offline."""
    iq = record(walk(64), 0.5, 31, quiet_frames=75 * 30)
    frames = frames_of(iq, rate_hz=30.0)
    made = snapshots(harness().send_frames(frames, batch_size=50))
    t_ns = np.array([frame.timestamp_ns for frame in frames])
    expected = analyse(iq.reshape(len(iq), 1, 64, 2), references(), t_ns=t_ns)
    fields = (
        "regime", "lyapunov_exponent", "attractor_dim", "attractor_confidence", "regime_changed", "top_k_similarity",
        "calibrating", "not_applicable", "frame_count", "onset", "moving", "motion_score", "attractor_age",
    )  # fmt: skip
    for ours, theirs in zip(made, expected, strict=True):
        for field in fields:
            assert getattr(ours, field) == getattr(theirs, field)
    assert made[-1].top_k_similarity[0].signature_id == "walking_slow"
    assert made[-1].top_k_similarity[0].above_threshold
    assert sum(snapshot.onset for snapshot in made) == 1


def test_streams_and_nodes_are_never_mixed() -> None:
    """Three shapes of one node, a second node, another channel and a replay, interleaved: each as if it were alone."""
    streams = [
        frames_of(room(200, 1), node="1"),
        frames_of(room(200, 2, subcarriers=128), node="1", subcarriers=128),
        frames_of(room(200, 3, subcarriers=192), node="1", subcarriers=192),
        frames_of(room(200, 4), node="2"),
        frames_of(room(200, 5), node="1", frequency_mhz=2462),
        frames_of(room(200, 6), node="1", provenance="replay"),
    ]
    together = snapshots(harness().send_frames(interleaved(*streams), batch_size=64))
    assert len(together) == 1200
    for stream in streams:
        alone = snapshots(harness().send_frames(stream))
        first = alone[0]
        mine = [
            s
            for s in together
            if (s.node_id, s.stream, s.provenance) == (first.node_id, first.stream, first.provenance)
        ]
        unplaced = [replace(s, origin=first.origin) for s in mine]
        assert unplaced == [replace(s, origin=first.origin) for s in alone]


def test_replay_fills_the_state_and_says_nothing() -> None:
    """After a reassignment with a full replay, live snapshots go on as if nothing had happened."""
    frames = frames_of(room(320, 7))
    steady, moved = harness(), harness()
    expected = snapshots(steady.send_frames(frames))
    moved.send_frames(frames[:300])
    before = len(moved.published)
    moved.reassign(replay_last=300)
    assert len(moved.published) == before
    assert snapshots(moved.send_frames(frames[300:])) == expected[300:]


def test_what_is_no_frame_costs_one_record() -> None:
    """Broken records are counted and skipped, other kinds passed over; the frames around them have their snapshots."""
    frames = frames_of(room(3, 8))
    values = [msgspec.json.encode(frame) for frame in frames]
    short = msgspec.json.encode(replace(frames[1], iq=b"abc"))
    other = b'{"kind": "bssid"}'
    name, labels = "csiflow_stream_skipped_total", {"app": "introspection"}
    before = REGISTRY.get_sample_value(name, labels) or 0.0
    made = snapshots(harness().send(values[0], b"{", None, other, short, values[1], b"\xff", values[2], key=b"1"))
    assert [s.origin.offset for s in made] == [0, 5, 7]
    assert (REGISTRY.get_sample_value(name, labels) or 0.0) - before == 4


def test_latest_gets_one_snapshot_a_second_and_stream() -> None:
    """The first at once, then at most one per second of frame time; the value is the snapshot's own."""
    frames = interleaved(frames_of(room(100, 9)), frames_of(room(100, 10), node="2"))
    published = harness().send_frames(frames, batch_size=8)
    mine = [p for p in latest(published) if p.key == b"1/1x64@6/synthetic/introspection_snapshot"]
    times = [msgspec.json.decode(p.value, type=IntrospectionSnapshot).timestamp_ns for p in mine]
    assert times == [EPOCH_NS + k * SECOND for k in range(5)]
    assert {p.key for p in latest(published)} == {
        b"1/1x64@6/synthetic/introspection_snapshot",
        b"2/1x64@6/synthetic/introspection_snapshot",
    }
    values = {p.value for p in published if p.topic == INTROSPECTION.name}
    assert all(p.value in values for p in latest(published))
    assert {p.partition for p in published} == {0}


def test_the_last_snapshot_before_a_silence_reaches_latest() -> None:
    """A stream that stops within the second has its newest snapshot put there by the clock, once."""
    run = harness()
    published = run.send_frames(frames_of(room(7, 11)))
    assert len(latest(published)) == 1
    assert run.tick(0) == []
    assert run.tick(SECOND // 2) == []
    late = run.tick(SECOND)
    assert [p.value for p in latest(late)] == [p.value for p in published if p.topic == INTROSPECTION.name][-1:]
    assert run.tick(2 * SECOND) == []


def test_an_idle_stream_is_forgotten() -> None:
    """After the idle time its state is gone and the next frame begins anew; a live stream stays."""
    run = harness(idle_s=10)
    frames = frames_of(room(40, 12))
    run.send_frames(frames[:20])
    run.send_frames(frames_of(room(20, 13), node="2"))
    run.tick(0)
    run.send_frames([replace(frame, node_id="2") for frame in frames[20:30]])
    run.tick(5 * SECOND)
    run.tick(10 * SECOND)
    assert [key[0] for key in processor_of(run).entries] == ["2"]
    assert snapshots(run.send_frames(frames[30:31]))[0].frame_count == 1


def test_a_partition_keeps_a_bounded_number_of_streams() -> None:
    """One more than the limit, and the one heard longest ago is forgotten."""
    run = harness(max_streams=2)
    for number, node in enumerate(("1", "2", "3")):
        run.send_frames(frames_of(room(2, number), node=node, start_ns=EPOCH_NS + number * SECOND))
    assert [key[0] for key in processor_of(run).entries] == ["2", "3"]


def test_regime_changes_are_counted_by_the_new_regime() -> None:
    """The metric counts exactly the snapshots that say so."""
    name = "csiflow_introspection_regime_changes_total"

    def count() -> float:
        return sum(REGISTRY.get_sample_value(name, {"regime": r}) or 0.0 for r in ("idle", "transient", "chaotic"))

    before = count()
    made = snapshots(harness().send_frames(frames_of(record(walk(64), 0.5, 3, quiet_frames=300)), batch_size=100))
    said = [s.regime for s in made if s.regime_changed]
    assert said[0] == "idle"
    assert len(said) >= 2
    assert count() - before == len(said)


@pytest.mark.parametrize("antennas", [1, 2])
def test_a_signature_of_another_width_is_told_in_every_snapshot(antennas: int) -> None:
    """Two antennas make vectors of 32: the reference signatures are listed with the reason and never scored."""
    frames = frames_of(room(200, 14, antennas=antennas), antennas=antennas)
    made = snapshots(harness().send_frames(frames, batch_size=200))
    listed = {item.signature_id: item.reason for item in made[-1].not_applicable}
    if antennas == 1:
        assert listed == {}
        assert len(made[-1].top_k_similarity) == 3
    else:
        assert set(listed) == {"idle_room", "walking_slow", "door_open"}
        assert set(listed.values()) == {"width 16; this stream's vectors have 32"}
        assert made[-1].top_k_similarity == []


def test_published_numbers_are_finite_and_short() -> None:
    """JSON has no nan: absent numbers are null, the others have at most four decimals."""
    rng = np.random.default_rng(15)
    iq = np.concatenate([room(300, 15), rng.integers(-90, 90, size=(300, 128), dtype=np.int8)])
    for output in harness().send_frames(frames_of(iq), batch_size=100):
        decoded = msgspec.json.decode(output.value)
        if output.topic == MEMBERS.name:
            continue  # its numbers are the snapshot's, test_cluster_member.py
        for field in ("lyapunov_exponent", "attractor_dim", "attractor_confidence", "motion_score"):
            value = decoded.get(field)
            assert value is None or value == round(value, 4)


def test_a_replayed_batch_returns_nothing() -> None:
    """The processor itself, not only the base, says nothing about replayed records."""
    processor = IntrospectionProcessor(0, IntrospectionSettings(), references())
    records = [kafka_record(msgspec.json.encode(frame), key=b"1") for frame in frames_of(room(3, 16))]
    assert processor.process(Batch(FRAMES.name, 0, records, replay=True)) == []
    assert len(processor.entries) == 1
