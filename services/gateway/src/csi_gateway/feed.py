"""Reading one topic as long as the gateway lives, whatever Kafka does meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError
from csi_runtime.metrics import GATEWAY_RECORDS

log = structlog.get_logger(__name__)

Handler = Callable[[Sequence[Any], bool], Awaitable[None]]
"""Takes Kafka records (``ConsumerRecord``) and whether they are history: published before this feed began."""

_BACKOFF = (0.5, 1.0, 2.0, 5.0)
"""Seconds between attempts to reach Kafka; the last for all that follow."""
_BUSY = 16
"""Records in one fetch from which the topic counts as busy."""
_PAUSE_S = 0.003
"""Pause between fetches of a busy topic.

A fetch costs about 0.3 ms of CPU whatever it brings, so at 8,000 records a second the pause halves the cost of each
for 3 ms more latency; a topic with a handful of nodes never comes near it.
"""


class TopicUnusableError(Exception):
    """The topic is not there; the message says what to do."""


class Feed:
    """Reads all partitions of a topic, without a consumer group, and hands every record to ``handle`` once.

    Where it starts: at the topic's end, at its beginning, or so many records before each partition's end. What was in
    the topic before the feed began is handed over as history. When Kafka goes away the feed waits and goes on at the
    record where it was; if that is gone meanwhile, at the oldest there is.
    """

    def __init__(
        self,
        topic: str,
        bootstrap: str,
        handle: Handler,
        *,
        start: Literal["end", "beginning"] | int = "end",
        only_history: bool = False,
        probe_interval: float = 2.0,
    ) -> None:
        self.topic = topic
        self.problem: str | None = f"{topic}: not connected yet"
        """What keeps the feed from reading; ``None`` when all is well."""
        self._bootstrap = bootstrap
        self._handle = handle
        self._start = start
        self._only_history = only_history
        self._probe_interval = probe_interval
        self._positions: dict[TopicPartition, int] = {}
        self._history_ends: dict[TopicPartition, int] = {}
        self._records = GATEWAY_RECORDS.labels(topic)

    async def run(self) -> None:
        """Read until cancelled (or, with ``only_history``, until all that was there has been read)."""
        failures = 0
        while True:
            began = asyncio.get_running_loop().time()
            try:
                async with self._consumer() as consumer:
                    await self._read(consumer)
                if self._only_history:
                    return
            except (KafkaError, OSError, TimeoutError, TopicUnusableError) as error:
                if asyncio.get_running_loop().time() - began > _BACKOFF[-1]:
                    failures = 0
                self._report(f"{self.topic}: {error}" if str(error) else f"{self.topic}: {error!r}")
                await asyncio.sleep(_BACKOFF[min(failures, len(_BACKOFF) - 1)])
                failures += 1

    @contextlib.asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._bootstrap,
            client_id="csi-gateway",
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=500,
            fetch_max_bytes=4 << 20,
            max_partition_fetch_bytes=512 << 10,
            request_timeout_ms=10_000,
            metadata_max_age_ms=30_000,
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await consumer.stop()

    async def _read(self, consumer: Any) -> None:
        partitions = await self._partitions(consumer)
        consumer.assign(partitions)
        await self._seek(consumer, partitions)
        self._report(None)
        if self._only_history:
            await self._read_history(consumer, partitions)
            return
        probe = asyncio.create_task(self._probe(consumer, partitions), name=f"probe {self.topic}")
        try:
            while not probe.done():
                batches = await consumer.getmany(timeout_ms=1000)
                await self._hand_over(batches)
                if sum(map(len, batches.values())) >= _BUSY:
                    await asyncio.sleep(_PAUSE_S)
            await probe
        finally:
            probe.cancel()

    async def _partitions(self, consumer: Any) -> list[TopicPartition]:
        # consumer.topics() asks for the same and keeps only the names
        cluster = await consumer._client.fetch_all_metadata()  # noqa: SLF001
        numbers = cluster.partitions_for_topic(self.topic)
        if not numbers:
            raise TopicUnusableError(f"there is no such topic on {self._bootstrap}; run csiflow topics create")
        return [TopicPartition(self.topic, number) for number in sorted(numbers)]

    async def _seek(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        unknown = [partition for partition in partitions if partition not in self._positions]
        if unknown:
            ends: Mapping[TopicPartition, int] = await consumer.end_offsets(unknown)
            begins: Mapping[TopicPartition, int] = await consumer.beginning_offsets(unknown)
            for partition in unknown:
                end, begin = ends[partition], begins[partition]
                self._history_ends[partition] = end
                match self._start:
                    case "end":
                        self._positions[partition] = end
                    case "beginning":
                        self._positions[partition] = begin
                    case int(count):
                        self._positions[partition] = max(begin, end - count)
        for partition in partitions:
            consumer.seek(partition, self._positions[partition])

    async def _read_history(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        while any([await consumer.position(part) < self._history_ends[part] for part in partitions]):
            await self._hand_over(await consumer.getmany(timeout_ms=200))

    async def _hand_over(self, batches: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        old: list[ConsumerRecord] = []
        new: list[ConsumerRecord] = []
        for partition, records in batches.items():
            if records[0].offset < self._positions[partition]:  # the topic was made anew: nothing in it is history
                self._history_ends[partition] = 0
            self._positions[partition] = records[-1].offset + 1
            history_end = self._history_ends[partition]
            if records[0].offset >= history_end:
                new += records
            else:
                for record in records:
                    (new if record.offset >= history_end else old).append(record)
        if old:
            self._records.inc(len(old))
            await self._handle(old, True)
        if new:
            self._records.inc(len(new))
            self._report(None)
            await self._handle(new, False)

    async def _probe(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        """Notice that Kafka does not answer; end when the topic is not what it was, so that reading begins anew."""
        while True:
            await asyncio.sleep(self._probe_interval)
            try:
                async with asyncio.timeout(max(3.0, self._probe_interval)):
                    await consumer.end_offsets(partitions)  # asks the partitions' leaders
                    found = await self._partitions(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                why = f" ({error})" if str(error) else ""
                self._report(f"{self.topic}: Kafka at {self._bootstrap} does not answer{why}; waiting for it")
                continue
            self._report(None)
            if found != partitions:
                log.info("the topic's partitions have changed; reading it anew", topic=self.topic)
                return

    def _report(self, problem: str | None) -> None:
        if problem == self.problem:
            return
        self.problem = problem
        if problem is None:
            log.info("reading", topic=self.topic)
        else:
            log.warning("cannot read a topic", problem=problem)
