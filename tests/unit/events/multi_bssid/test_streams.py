"""Scans through the events processor: what it publishes, when, and what a restart does to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import pytest
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings
from csi_schemas.codec import BssidSlot
from csi_schemas.events import AnyEvent, PresenceEnded, PresenceStarted
from csi_schemas.frame import MultiBssidFrame
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import EVENTS, FRAMES, LATEST, SENSING
from csi_streaming import Batch
from csi_streaming.testing import Harness, record
from unit.events.test_processor import recording

NODE = "00c0ffee00c0ffee"
EPOCH_NS = 1_700_000_000_000_000_000
RATE_HZ = 10


@dataclass(frozen=True)
class Room:
    """Twelve access points around a host; somebody walks there in ``walks``, seconds from and to."""

    seconds: int = 60
    walks: tuple[int, int] = (0, 0)
    slots: int = 12
    seed: int = 1

    def frames(self, node: str = NODE, first: int = 0) -> list[MultiBssidFrame]:
        """Return the scans from scan ``first`` on."""
        generator = np.random.default_rng(self.seed)
        count = self.seconds * RATE_HZ
        t = np.arange(count) / RATE_HZ
        walking = (t >= self.walks[0]) & (t < self.walks[1])
        phase = generator.uniform(0, 2 * np.pi, self.slots)
        pace = generator.uniform(0.2, 0.6, self.slots)
        shadow = 5.0 * np.clip(np.sin(2 * np.pi * np.outer(t, pace) + phase), 0, None) * walking[:, None]
        rssi = np.round(-50.0 - 2.0 * np.arange(self.slots) - shadow + generator.normal(0, 0.6, (count, self.slots)))
        return [
            MultiBssidFrame(
                node_id=node,
                timestamp_ns=EPOCH_NS + int(t[k] * 1e9),
                sequence=k,
                provenance="synthetic",
                source=f"wifi-enhanced:{self.slots}",
                uptime_ms=int(t[k] * 1000),
                epoch=5,
                native=True,
                slots=tuple(BssidSlot(i, float(rssi[k, i]), 0, 1 + 5 * (i % 3), 1, 6) for i in range(self.slots)),
            )
            for k in range(first, count)
        ]


def harness(**overrides: Any) -> Harness:
    """Run processors with these settings."""
    return Harness(lambda partition: EventsProcessor(partition, EventsSettings(**overrides)))


def send(live: Harness, frames: list[Any]) -> None:
    """Put frames on Kafka."""
    for frame in frames:
        live.send(msgspec.json.encode(frame), key=frame.node_id.encode())


def updates(live: Harness) -> list[SensingUpdate]:
    """The sensing updates so far."""
    return [msgspec.json.decode(p.value, type=SensingUpdate) for p in live.outputs(SENSING.name)]


def events(live: Harness) -> list[AnyEvent]:
    """The events so far."""
    return [msgspec.json.decode(p.value, type=AnyEvent) for p in live.outputs(EVENTS.name)]


def test_a_node_that_scans_says_what_any_node_says() -> None:
    """Windows of a second at ten scans a second, the fields of ADR-022, the key and origin of the last scan."""
    live = harness()
    send(live, Room(40).frames())
    found = updates(live)
    assert [u.tick for u in found] == list(range(1, 40))
    last = found[-1]
    assert (last.node_id, last.stream, last.provenance, last.source) == (
        NODE,
        "scan",
        "synthetic",
        "wifi-enhanced:12",
    )
    assert (last.window.frames, last.window.closed_by) == (10, "duration")
    assert last.origin.topic == FRAMES.name
    assert last.origin.offset == 389
    assert last.nodes[0].subcarrier_count == 12
    assert last.nodes[0].amplitude[0] > last.nodes[0].amplitude[11] > 0
    assert last.features.variance > 0
    assert (last.bssid_count, last.quality_verdict, last.quality_reason) == (12, "Permit", None)
    assert last.enhanced_motion is not None
    assert last.enhanced_motion.level == "None"
    assert last.signal_quality_score is not None
    assert 0 < last.signal_quality_score < 1
    assert last.classification.motion_level == "absent"
    assert (found[2].quality_verdict, found[2].classification.confidence) == ("Defer", 0.0)
    assert found[2].quality_reason is not None
    assert "calibrating" in found[2].quality_reason
    assert {p.key for p in live.outputs(SENSING.name)} == {NODE.encode()}
    assert {p.key for p in live.outputs(LATEST.name)} == {f"{NODE}/scan/synthetic/sensing_update".encode()}


def test_somebody_comes_and_goes() -> None:
    """Presence and motion begin within two windows of the walk, and end after it, motion within presence."""
    live = harness()
    send(live, Room(120, walks=(40, 70)).frames())
    said = events(live)
    assert [type(e).__name__ for e in said] == ["PresenceStarted", "MotionStarted", "MotionEnded", "PresenceEnded"]
    began = [(e.timestamp_ns - EPOCH_NS) / 1e9 for e in said]
    assert 40 < began[0] < 42
    assert began[1] < 44
    assert 70 < began[2] <= began[3] < 85
    assert isinstance(said[3], PresenceEnded)
    assert said[3].started_ns == said[0].timestamp_ns
    walking = [u for u in updates(live) if 45 < u.timestamp - EPOCH_NS / 1e9 < 69]
    assert {u.classification.presence for u in walking} == {True}
    moved = [u.enhanced_motion for u in walking if u.enhanced_motion is not None]
    assert len(moved) == len(walking)
    assert np.mean([m.level in {"Moderate", "High"} for m in moved]) > 0.8
    assert all(m.contributing_bssids >= 3 for m in moved)


def test_nodes_and_kinds_do_not_mix() -> None:
    """Two hosts and an ESP32, record by record in one partition: each says what it says alone."""
    rooms = {NODE: Room(30, walks=(15, 25)), "00c0ffee00c0ffff": Room(30, seed=2)}
    together = harness()
    frames = [f for node, room in rooms.items() for f in room.frames(node)] + recording(600, node="7")
    send(together, sorted(frames, key=lambda frame: frame.timestamp_ns))
    for node, room in rooms.items():
        alone = harness()
        send(alone, room.frames(node))
        mine = [u for u in updates(together) if u.node_id == node]
        assert [(u.classification, u.enhanced_motion, u.tick) for u in mine] == [
            (u.classification, u.enhanced_motion, u.tick) for u in updates(alone)
        ]
    assert any(u.node_id == "7" and u.stream == "1x64@6" for u in updates(together))


def test_another_epoch_begins_anew() -> None:
    """The agent was started again: the node calibrates, and nothing learnt of the old slots is used."""
    live = harness()
    first, second = Room(30).frames(), Room(60).frames(first=300)
    send(live, first + [msgspec.structs.replace(f, epoch=6) for f in second])
    after = updates(live)[32]
    assert after.quality_verdict == "Defer"
    assert after.quality_reason is not None
    assert "calibrating" in after.quality_reason


def test_silence_closes_the_window_and_idleness_ends_what_had_begun() -> None:
    """The last scans are in an update after a second; a node silent for idle_s is forgotten, its presence ended."""
    live = harness(idle_s=10)
    send(live, Room(50, walks=(30, 50)).frames()[:-3])
    processor = live.processors[0]
    live.tick(0)
    live.tick(1_500_000_000)
    assert updates(live)[-1].window.closed_by == "timeout"
    assert isinstance(processor, EventsProcessor)
    assert len(processor.scans.entries) == 1
    live.tick(12_000_000_000)
    assert not processor.scans.entries
    assert isinstance(events(live)[-1], PresenceEnded)
    assert events(live)[-1].confidence == 0.0


def test_a_late_scan_is_passed_over() -> None:
    """A scan that was overtaken changes nothing; one from a clock that was set back begins the node anew."""
    live, plain = harness(), harness()
    frames = Room(30).frames()
    send(plain, frames)
    send(live, [*frames[:200], frames[150], *frames[200:]])
    assert [u.classification for u in updates(live)] == [u.classification for u in updates(plain)]
    send(live, [msgspec.structs.replace(frames[0], timestamp_ns=EPOCH_NS - 3600 * 10**9)])
    processor = live.processors[0]
    assert isinstance(processor, EventsProcessor)
    assert processor.scans.entries[NODE, "synthetic"].frames == 1


@pytest.mark.parametrize(
    "slots",
    [
        (BssidSlot(40, -50.0, 0),),
        (BssidSlot(1, -50.0, 0), BssidSlot(1, -51.0, 0)),
    ],
)
def test_a_scan_that_is_none_is_skipped(slots: tuple[BssidSlot, ...]) -> None:
    """It is counted and warned of; the node goes on."""
    live, plain = harness(), harness()
    frames = Room(30).frames()
    send(plain, frames)
    send(live, [*frames[:150], msgspec.structs.replace(frames[150], slots=slots), *frames[150:]])
    assert [u.classification for u in updates(live)] == [u.classification for u in updates(plain)]


def test_a_restart_says_nothing_twice() -> None:
    """Warm-up records rebuild the state: presence that began before is not begun again, and its end is said."""
    frames = Room(120, walks=(40, 70)).frames()
    records = [
        record(msgspec.json.encode(frame), key=frame.node_id.encode(), offset=k) for k, frame in enumerate(frames)
    ]
    processor = EventsProcessor(0, EventsSettings())
    warm = processor.process(Batch(FRAMES.name, 0, records[:600], replay=True))
    assert warm == []
    live = processor.process(Batch(FRAMES.name, 0, records[600:], replay=False))
    first = next(msgspec.json.decode(o.value, type=SensingUpdate) for o in live if o.topic == SENSING.name)
    assert first.origin.offset < 600
    said = [msgspec.json.decode(o.value, type=AnyEvent) for o in live if o.topic == EVENTS.name]
    assert not any(isinstance(e, PresenceStarted) for e in said)
    assert isinstance(said[-1], PresenceEnded)
    assert 40 < (said[-1].started_ns - EPOCH_NS) / 1e9 < 42
