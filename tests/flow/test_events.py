"""The events service on a real Kafka, as a child process."""

from __future__ import annotations

from collections import defaultdict
from contextlib import AsyncExitStack

import msgspec
import numpy as np
from csi_events.offline import Recording, run
from csi_schemas.events import AnyEvent
from csi_schemas.frame import CsiFrame
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import EVENTS, FRAMES, LATEST, SENSING
from support.kafka import consume, count_records, produce
from support.services import Service, running
from support.waiting import wait_for
from unit.events.signals import channel, frames_of, quantised, times

RATE = 50.0
HOLD_S = 15
"""Shorter than by default, so that presence ends within a recording of ``room``."""


def room(node: str, *, seconds: int = 40, seed: int = 0) -> list[CsiFrame]:
    """Frames of one node: somebody walks from the 15th to the 20th second."""
    t = np.arange(int(seconds * RATE)) / RATE
    h = channel(len(t), rate_hz=RATE, moving=(t >= 15) & (t < 20), seed=seed)
    return frames_of(quantised(h), times(len(t), RATE), node=node)


async def publish(kafka: str, frames: list[CsiFrame]) -> None:
    """Put frames on csi.frames.v1 as ingest does: keyed by node, in order."""
    await produce(kafka, FRAMES.name, [(f.node_id.encode(), msgspec.json.encode(f)) for f in frames])


async def sensing(kafka: str) -> list[SensingUpdate]:
    """Everything on csi.sensing.v1."""
    if not await count_records(kafka, SENSING.name):
        return []
    return [msgspec.json.decode(r.value, type=SensingUpdate) for r in await consume(kafka, SENSING.name, 0)]


def settings(kafka: str) -> dict[str, str]:
    """Environment of a worker."""
    return {
        "CSIFLOW_KAFKA": kafka,
        "CSIFLOW_EVENTS_HTTP_PORT": "0",
        "CSIFLOW_EVENTS_PRESENCE_HOLD_S": str(HOLD_S),
    }


async def wait_processed(workers: list[Service], frames: int) -> None:
    """Wait until the workers together have processed so many live frames."""

    async def processed() -> bool:
        counts = [
            await worker.metric("csiflow_stream_records_total", app="events", replay="false") for worker in workers
        ]
        return sum(counts) >= frames

    try:
        await wait_for(processed, 60, f"{frames} frames are processed")
    except AssertionError as error:
        raise AssertionError("\n".join([str(error), *(worker.tail() for worker in workers)])) from error


async def test_a_recording_becomes_updates_and_events(topics: str) -> None:
    """Every window and event equals the offline path's, beside its frames' partition, with true origins and metrics."""
    frames = room("1")
    await publish(topics, frames)
    async with running("csi_events", settings(topics)) as worker:
        # 2000 frames are 125 windows of 16
        records = await consume(topics, SENSING.name, 125)
        (latest,) = {r.key for r in await consume(topics, LATEST.name, 30)}
        assert latest == b"1/1x64@6/synthetic/sensing_update"
        by_event = {r.value: r for r in await consume(topics, EVENTS.name, 4)}
        sources = {(r.partition, r.offset): r for r in await consume(topics, FRAMES.name, len(frames))}
        iq = np.stack([np.frombuffer(f.iq, np.int8).reshape(1, 64, 2) for f in frames])
        recording = Recording.from_iq(iq, np.array([f.timestamp_ns for f in frames]))
        judged = list(run(recording, hold_ns=HOLD_S * 10**9))
        for record, expected in zip(records, judged, strict=True):
            update = msgspec.json.decode(record.value, type=SensingUpdate)
            assert update.classification == expected.update.classification
            assert update.window == expected.update.window
            assert record.key == b"1"
            source = sources[update.origin.partition, update.origin.offset]
            assert update.origin.topic == FRAMES.name
            assert record.partition == source.partition
            assert msgspec.json.decode(source.value, type=CsiFrame).timestamp_ns == update.window.end_ns
        found = [type(msgspec.json.decode(value, type=AnyEvent)).__name__ for value in by_event]
        assert found == [type(e).__name__ for w in judged for e in w.events]
        assert {r.key for r in by_event.values()} == {b"1"}
        assert await worker.metric("csiflow_events_windows_total", closed_by="frames") == 125
        assert await worker.metric("csiflow_events_emitted_total", event="MotionStarted") == 1
        assert await worker.metric("csiflow_stream_streams", app="events") == 1


async def test_a_stream_that_falls_silent_is_closed_by_the_timer(topics: str) -> None:
    """Five frames and then nothing: the window comes out by itself, says timeout, and reaches csi.latest.v1."""
    async with running("csi_events", settings(topics)):
        await publish(topics, room("1")[:5])
        (record,) = await consume(topics, SENSING.name, 1)
        update = msgspec.json.decode(record.value, type=SensingUpdate)
        assert (update.window.closed_by, update.window.frames) == ("timeout", 5)
        (latest,) = await consume(topics, LATEST.name, 1)
        assert latest.value == record.value


async def test_two_workers_share_the_nodes(topics: str) -> None:
    """Two workers of one group split twelve nodes' partitions; every node's windows are complete and in order."""
    nodes = [room(str(node), seconds=10, seed=node) for node in range(12)]
    async with AsyncExitStack() as stack:
        workers = [await stack.enter_async_context(running("csi_events", settings(topics))) for _ in range(2)]

        async def split() -> bool:
            held = [await worker.metric("csiflow_stream_partitions", app="events") for worker in workers]
            return sum(held) == 12 and min(held) > 0

        await wait_for(split, 30, "both workers hold partitions")
        for worker in workers:
            await worker.wait_ready()
        frames = [frame for second in zip(*nodes, strict=True) for frame in second]
        await publish(topics, frames)
        await wait_processed(workers, len(frames))
        shares = [
            await worker.metric("csiflow_stream_records_total", app="events", replay="false") for worker in workers
        ]
        assert min(shares) > 0
        ticks = defaultdict(list)
        for record in await consume(topics, SENSING.name, 12 * (500 // 16)):
            update = msgspec.json.decode(record.value, type=SensingUpdate)
            ticks[update.node_id].append(update.tick)
        assert {node: values[:31] for node, values in ticks.items()} == {
            str(node): list(range(1, 32)) for node in range(12)
        }


async def test_a_killed_worker_loses_no_frame(topics: str) -> None:
    """Killed between two halves of a walk and started again: every frame is in a published window, repeats are few.

    At least once: windows near the crash may overlap or come twice, and those that are the same carry the same origin.
    """
    frames = room("1")
    half = 1003  # in the middle of a window and of the walk
    env = {**settings(topics), "CSIFLOW_EVENTS_COMMIT_INTERVAL_S": "0.1"}
    async with running("csi_events", env) as worker:
        await publish(topics, frames[:half])
        await wait_processed([worker], half)
        await worker.kill()
    async with running("csi_events", env) as worker:
        await publish(topics, frames[half:])

        async def all_covered() -> bool:
            spans = [(u.window.start_ns, u.window.end_ns) for u in await sensing(topics)]
            return all(any(a <= f.timestamp_ns <= b for a, b in spans) for f in frames)

        await wait_for(all_covered, 30, "every frame is in a window that was published")
        await worker.stop()
    updates = await sensing(topics)
    again = defaultdict(set)
    for update in updates:
        again[update.origin.offset].add((update.window.start_ns, update.window.end_ns))
    assert all(len(spans) == 1 for spans in again.values())
    assert sum(u.window.frames for u in updates) < len(frames) + half
    levels = [u.classification.motion_level for u in updates]
    assert "absent" in levels
    assert any(level in {"present_moving", "active"} for level in levels)
