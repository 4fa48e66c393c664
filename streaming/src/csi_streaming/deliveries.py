"""What has been handed to processing and how much of it may be committed.

Offsets become committable in delivery order only: the position of a partition is the end of its longest prefix of
deliveries that were processed and whose outputs the broker has acknowledged.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from csi_streaming.processor import Batch

Partition = tuple[str, int]
"""Topic and partition; equal to (and hashes as) Faust's ``TP`` and aiokafka's ``TopicPartition``."""


class Position(NamedTuple):
    """Where a partition may be committed."""

    offset: int
    """Offset of the next record, as Kafka commits it."""
    timestamp_ms: int
    """Time stamp of the last record before it, ms since the Unix epoch."""


@dataclass(slots=True, eq=False)
class Delivery:
    """One batch on its way through the worker."""

    batch: Batch
    generation: int
    """Generation of the consumer group it was fetched in."""
    ends_warm_up: bool = False
    """After this batch (which may be empty) the partition is live."""
    outputs: Sequence[asyncio.Future[object]] | None = None
    """Acknowledgements to come; ``None`` until the batch was processed."""

    @property
    def acknowledged(self) -> bool:
        """Whether it was processed and every output was acknowledged; never true after a failed output."""
        return self.outputs is not None and all(
            future.done() and not future.cancelled() and future.exception() is None for future in self.outputs
        )


class Deliveries:
    """The deliveries of one worker in its current generation."""

    def __init__(self, max_records: int, max_batches: int) -> None:
        """Allow ``max_records`` records and ``max_batches`` batches in flight, and one batch more."""
        self._max_records = max_records
        self._max_batches = max_batches
        self._queues: dict[Partition, deque[Delivery]] = {}
        self._positions: dict[Partition, Position] = {}
        self._records = 0
        self._batches = 0
        self._changed = asyncio.Event()

    def add(self, delivery: Delivery) -> None:
        """Remember a delivery as begun; per partition in offset order."""
        batch = delivery.batch
        self._queues.setdefault((batch.topic, batch.partition), deque()).append(delivery)
        self._records += len(batch.records)
        self._batches += 1

    def settle(self) -> None:
        """Move every partition's position over its longest acknowledged prefix."""
        for partition, queue in self._queues.items():
            while queue and queue[0].acknowledged:
                batch = queue.popleft().batch
                self._records -= len(batch.records)
                self._batches -= 1
                if batch.records and not batch.replay:
                    last = batch.records[-1]
                    self._positions[partition] = Position(last.offset + 1, last.timestamp)

    @property
    def records_in_flight(self) -> int:
        """Records delivered and not yet settled."""
        return self._records

    def has_room(self) -> bool:
        """Whether another batch may be delivered."""
        if self._records < self._max_records and self._batches < self._max_batches:
            return True
        self.settle()
        return self._records < self._max_records and self._batches < self._max_batches

    @property
    def positions(self) -> dict[Partition, Position]:
        """The position of every partition that has advanced in this generation, as of the last :meth:`settle`."""
        return dict(self._positions)

    def unacknowledged_outputs(self) -> list[asyncio.Future[object]]:
        """Return the acknowledgements that processed batches still wait for."""
        return [
            future
            for queue in self._queues.values()
            for delivery in queue
            for future in delivery.outputs or ()
            if not future.done()
        ]

    def forget(self, partitions: Iterable[Partition] | None = None) -> None:
        """Drop what is known of these partitions, or of all: they were revoked or are read again."""
        for partition in list(self._queues) if partitions is None else partitions:
            for delivery in self._queues.pop(partition, ()):
                self._records -= len(delivery.batch.records)
                self._batches -= 1
            self._positions.pop(partition, None)
        self._changed.set()

    def notify(self) -> None:
        """Wake whoever waits for a change: something was processed, acknowledged or interrupted."""
        self._changed.set()

    async def changed(self) -> None:
        """Wait for the next change."""
        self._changed.clear()
        await self._changed.wait()
