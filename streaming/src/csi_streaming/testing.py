"""Processors without Kafka: feed values, read what would have been published.

    harness = Harness(make_processor)
    harness.send(frame_json, key=b"1")
    assert harness.outputs("csi.introspection.v1")

Batches, offsets, replay and ticks behave as in the real worker; partitions are as the caller says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from aiokafka import ConsumerRecord
from csi_schemas.topics import FRAMES

from csi_streaming.processor import Batch

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame

    from csi_streaming.processor import MakeProcessor, Output, Processor


class Published(NamedTuple):
    """One record that a processor published."""

    topic: str
    key: bytes | None
    value: bytes
    partition: int


def record(
    value: bytes | None,
    *,
    key: bytes | None = None,
    topic: str = FRAMES.name,
    partition: int = 0,
    offset: int = 0,
    timestamp_ms: int = 0,
) -> ConsumerRecord[bytes | None, bytes | None]:
    """Make a record as aiokafka delivers it."""
    return ConsumerRecord(
        topic, partition, offset, timestamp_ms, 0, key, value, None,
        len(key) if key is not None else -1, len(value) if value is not None else -1, (),
    )  # fmt: skip


class Harness:
    """A worker without a broker: assigns partitions on first use, keeps what processors publish."""

    def __init__(self, make_processor: MakeProcessor, *, topic: str = FRAMES.name) -> None:
        """Run processors of this kind over one source topic."""
        self._make_processor = make_processor
        self._topic = topic
        self._log: dict[int, list[ConsumerRecord[bytes | None, bytes | None]]] = {}
        self.processors: dict[int, Processor] = {}
        self.published: list[Published] = []

    def send(
        self, *values: bytes | None, key: bytes | None = None, partition: int = 0, timestamp_ms: int = 0
    ) -> list[Published]:
        """Deliver values as one live batch; return what this batch published."""
        return self._send([(key, value, timestamp_ms) for value in values], partition)

    def send_frames(self, frames: Iterable[CsiFrame], *, partition: int = 0, batch_size: int = 1) -> list[Published]:
        """Deliver frames in batches of ``batch_size``, keyed by node and stamped with their receive time."""
        pending = [(f.node_id.encode(), msgspec.json.encode(f), f.timestamp_ns // 1_000_000) for f in frames]
        published: list[Published] = []
        for start in range(0, len(pending), batch_size):
            published += self._send(pending[start : start + batch_size], partition)
        return published

    def tick(self, now_ns: int) -> list[Published]:
        """Let time pass for every assigned partition; return what was published."""
        published = []
        for partition, processor in self.processors.items():
            published += self._collect(processor.tick(now_ns), partition)
        return published

    def reassign(self, *, replay_last: int = 0, batch_size: int = 500) -> None:
        """Drop all state as a rebalance does, then warm up on the last records of each partition."""
        self.processors = {}
        for partition, records in self._log.items():
            again = records[max(0, len(records) - replay_last) :] if replay_last else []
            processor = self._processor(partition)
            for start in range(0, len(again), batch_size):
                for _ in processor.process(
                    Batch(self._topic, partition, again[start : start + batch_size], replay=True)
                ):
                    pass

    def outputs(self, topic: str) -> list[Published]:
        """Everything published to one topic so far, in order."""
        return [output for output in self.published if output.topic == topic]

    def _send(self, entries: Sequence[tuple[bytes | None, bytes | None, int]], partition: int) -> list[Published]:
        log = self._log.setdefault(partition, [])
        records = [
            record(
                value, key=key, topic=self._topic, partition=partition, offset=len(log) + i, timestamp_ms=timestamp_ms
            )
            for i, (key, value, timestamp_ms) in enumerate(entries)
        ]
        log += records
        return self._collect(self._processor(partition).process(Batch(self._topic, partition, records)), partition)

    def _processor(self, partition: int) -> Processor:
        if partition not in self.processors:
            self.processors[partition] = self._make_processor(partition)
        return self.processors[partition]

    def _collect(self, outputs: Iterable[Output], partition: int) -> list[Published]:
        new = [
            Published(
                output.topic, output.key, output.value, partition if output.partition is None else output.partition
            )
            for output in outputs
        ]
        self.published += new
        return new
