"""The agent's side: one processor per partition and generation, its outputs, its ticks and its metrics."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csi_runtime.metrics import (
    STREAM_BATCH_SECONDS,
    STREAM_BATCHES,
    STREAM_LAG_SECONDS,
    STREAM_PARTITIONS,
    STREAM_RECORDS,
)

from csi_streaming.deliveries import Delivery, Partition

if TYPE_CHECKING:
    import asyncio

    from csi_streaming.processor import MakeProcessor, Output, Processor

Write = Callable[[Iterable["Output"], int], "list[asyncio.Future[object]]"]


@dataclass(slots=True)
class Assigned:
    """A partition this worker holds."""

    generation: int
    processor: Processor
    live: bool = False


class Processing:
    """Runs the processors of one worker."""

    def __init__(self, app: str, make_processor: MakeProcessor, write: Write) -> None:
        """Name the application for metrics; ``write`` publishes outputs, with the source's partition."""
        self._make_processor = make_processor
        self._write = write
        self._partitions: dict[Partition, Assigned] = {}
        self._assigned = False
        self._live_records = STREAM_RECORDS.labels(app, "false")
        self._replayed_records = STREAM_RECORDS.labels(app, "true")
        self._batches = STREAM_BATCHES.labels(app)
        self._batch_seconds = STREAM_BATCH_SECONDS.labels(app)
        self._lag_seconds = STREAM_LAG_SECONDS.labels(app)
        self._held = STREAM_PARTITIONS.labels(app)

    def assign(self, partitions: Iterable[Partition], generation: int) -> None:
        """Start the partitions of a new generation with fresh state."""
        self._partitions = {
            partition: Assigned(generation, self._make_processor(partition[1])) for partition in partitions
        }
        self._assigned = True
        self._held.set(len(self._partitions))

    def drop(self) -> None:
        """Forget all state: the partitions were revoked."""
        self._partitions = {}
        self._assigned = False
        self._held.set(0)

    def handle(self, delivery: Delivery) -> None:
        """Process one delivery and publish what it gives rise to; then the delivery waits for acknowledgements."""
        batch = delivery.batch
        assigned = self._partitions.get((batch.topic, batch.partition))
        if assigned is None or assigned.generation != delivery.generation:
            return  # its partition was revoked since; whoever holds it now reads these records again
        if not batch.records:
            delivery.outputs = ()
        elif batch.replay:
            for _ in assigned.processor.process(batch):
                pass
            delivery.outputs = ()
            self._replayed_records.inc(len(batch.records))
        else:
            started = time.perf_counter()
            delivery.outputs = self._write(assigned.processor.process(batch), batch.partition)
            self._batch_seconds.observe(time.perf_counter() - started)
            self._lag_seconds.set(time.time() - batch.records[-1].timestamp / 1000)
            self._live_records.inc(len(batch.records))
            self._batches.inc()
        if delivery.ends_warm_up:
            assigned.live = True

    def tick(self, now_ns: int) -> None:
        """Let time pass for every partition that is live."""
        for (_, partition), assigned in list(self._partitions.items()):
            if assigned.live:
                self._write(assigned.processor.tick(now_ns), partition)

    def waiting_for(self) -> str | None:
        """What is missing until every assigned partition is live, for the readiness check."""
        if not self._assigned:
            return "no partitions assigned yet"
        warming = sum(not assigned.live for assigned in self._partitions.values())
        return f"warming up {warming} of {len(self._partitions)} partitions" if warming else None
