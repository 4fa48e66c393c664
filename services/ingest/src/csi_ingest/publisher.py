"""Publishes the pending buffer to Kafka, and outlives Kafka: the idempotent producer, its batches and its renewal.

``AIOKafkaProducer.send`` costs 25-40 us a record, so records go out in batches made here (about 1 us a record). One
batch a partition is in flight at a time; what arrives meanwhile makes the next one, so batches grow with the load and
a lone record leaves at once.

Order and exactly-once writes rest on aiokafka's sender (0.14): it keeps one request a broker in flight, mutes a
partition while its batch is, retries a failed batch under the same producer id and sequence before anything later, and
never gives a batch of an idempotent producer up - but for one case, see ``_never_expire``. A batch that fails
nonetheless has used up sequence numbers, after which the broker would refuse that partition's next batch; so any
failure means a new producer, and everything not acknowledged is sent again by it, in order.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial
from math import inf
from typing import TYPE_CHECKING

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError
from aiokafka.partitioner import DefaultPartitioner

from csi_ingest.buffer import Lane, PendingBuffer, Record
from csi_ingest.ledger import DropReason, Ledger, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

log = structlog.get_logger(__name__)

MAX_BATCH_BYTES = 256 * 1024
"""Bytes in one batch; a broker takes 1 MiB unless told otherwise."""
ROUND_SECONDS = 0.001
"""Least time between two rounds of batches: a request costs as much as a hundred records, so records that come closer
together than this share one. After a pause the first leaves at once."""
_FIRST_BACKOFF = 0.25
_LAST_BACKOFF = 2.0
_REQUEST_TIMEOUT_MS = 10_000
_SETTLE_TIMEOUT = _REQUEST_TIMEOUT_MS / 1000
_STOP_TIMEOUT = 2.0
_MAX_CACHED_LANES = 8192


class MissingTopicsError(KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """The cluster answers but lacks topics we write to."""


class Publisher:
    """Moves records from the buffer to Kafka and settles their datagrams in the ledger."""

    def __init__(
        self,
        bootstrap: str,
        topics: Iterable[str],
        buffer: PendingBuffer,
        ledger: Ledger,
        *,
        away_after: float,
    ) -> None:
        """Prepare; nothing is connected before :meth:`run`.

        Args:
            bootstrap: bootstrap servers, ``HOST:PORT[,HOST:PORT...]``.
            topics: every topic that records may go to; all must exist before anything is sent.
            buffer: where the records are.
            ledger: where acknowledged datagrams are settled.
            away_after: seconds without an acknowledgement of what was sent after which Kafka counts as away.
        """
        self._bootstrap = bootstrap
        self._topics = tuple(topics)
        self._buffer = buffer
        self._ledger = ledger
        self._away_after = away_after
        self.on_progress: Callable[[], None] = _nothing
        """Called after each batch that left the buffer, and when Kafka goes away."""
        self._wake = asyncio.Event()
        self._partition_of = DefaultPartitioner()
        self._lanes: dict[tuple[str, bytes], Lane] = {}
        self._idle_with_work: set[Lane] = set()
        self._in_flight: dict[Lane, tuple[asyncio.Future[object], float]] = {}
        self._failure: BaseException | None = None
        self._generation = 0
        self._max_batch_bytes = MAX_BATCH_BYTES
        self._away: str | None = "not connected yet"
        self._away_since = time.monotonic()

    @property
    def away(self) -> str | None:
        """Why Kafka does not take records at present; ``None`` when it does."""
        return self._away

    def wake(self) -> None:
        """Say that records have arrived in the buffer."""
        self._wake.set()

    async def run(self) -> None:
        """Publish until cancelled, connecting as often as it takes."""
        backoff = _FIRST_BACKOFF
        while True:
            acknowledged = self._ledger.outcomes.total()
            try:
                await self._publish_with_one_producer()
            except (KafkaError, OSError, TimeoutError) as error:
                self._note_away(str(error) or type(error).__name__)
            if self._ledger.outcomes.total() > acknowledged:
                backoff = _FIRST_BACKOFF
            await asyncio.sleep(backoff)
            backoff = min(2 * backoff, _LAST_BACKOFF)

    async def drained(self, within: float) -> None:
        """Wait until everything held is acknowledged, but not longer than ``within`` seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._buffer.records:
                    self.wake()
                    await asyncio.sleep(0.01)

    def check(self) -> None:
        """Notice that Kafka went away without a word; call it about twice a second."""
        if self._away is None and self._in_flight:
            waited = time.monotonic() - min(sent for _, sent in self._in_flight.values())
            if waited > self._away_after:
                self._note_away(f"no acknowledgement for {waited:.1f} s")

    async def _publish_with_one_producer(self) -> None:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="csi-ingest",
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            max_batch_size=self._max_batch_bytes,
            request_timeout_ms=_REQUEST_TIMEOUT_MS,
        )
        _never_expire(producer)
        try:
            await producer.start()
            await self._require_topics(producer)
            self._note_back()
            await self._pump(producer)
        finally:
            await self._retire(producer)

    async def _require_topics(self, producer: AIOKafkaProducer) -> None:
        """Make sure every topic exists, without asking for it by name: a cluster may create what is asked for."""
        cluster = await producer.client.fetch_all_metadata()
        missing = sorted(set(self._topics) - cluster.topics())
        if missing:
            raise MissingTopicsError(f"no topic {', '.join(missing)}; create them with: csiflow topics create")
        for topic in self._topics:
            await producer.partitions_for(topic)

    async def _pump(self, producer: AIOKafkaProducer) -> None:
        """Send until a batch fails for good.

        Raises:
            KafkaError: that failure.
        """
        while self._failure is None:
            self._wake.clear()
            self._sort_arrived(producer)
            if self._idle_with_work:
                earliest_next = time.monotonic() + ROUND_SECONDS
                while self._idle_with_work and self._failure is None:
                    await self._send(producer, self._idle_with_work.pop())
                await asyncio.sleep(earliest_next - time.monotonic())
            await self._wake.wait()
        raise self._failure

    def _sort_arrived(self, producer: AIOKafkaProducer) -> None:
        arrived = self._buffer.arrived
        lanes = self._lanes
        while arrived:
            record = arrived[0]
            identity = (record.topic, record.key)
            lane = lanes.get(identity)
            if lane is None:
                if len(lanes) >= _MAX_CACHED_LANES:
                    lanes.clear()
                lane = lanes[identity] = self._lane_of(producer, record)
            self._buffer.sort(arrived.popleft(), lane)
            if lane not in self._in_flight:
                self._idle_with_work.add(lane)

    def _lane_of(self, producer: AIOKafkaProducer, record: Record) -> Lane:
        partitions = sorted(self._partitions(producer, record.topic))
        return Lane(record.topic, self._partition_of(record.key, partitions, partitions))

    def _partitions(self, producer: AIOKafkaProducer, topic: str) -> set[int]:
        partitions: set[int] | None = producer.client.cluster.partitions_for_topic(topic)
        if not partitions:
            raise MissingTopicsError(f"topic {topic} is gone; create it with: csiflow topics create")
        return partitions

    async def _send(self, producer: AIOKafkaProducer, lane: Lane) -> None:
        """Hand one lane's next batch to aiokafka; it does not wait, the lane being idle and its topic known."""
        if lane.partition not in self._partitions(producer, lane.topic):
            raise MissingTopicsError(f"partition {lane.partition} of topic {lane.topic} is gone")
        batch = producer.create_batch()
        append = batch.append
        count = 0
        for record in self._buffer.lanes[lane].waiting:
            appended = append(timestamp=record.timestamp_ms, key=record.key, value=record.value, headers=record.headers)
            if appended is None:
                break
            count += 1
        batch.close()
        future = await producer.send_batch(batch, lane.topic, partition=lane.partition)
        self._buffer.sent(lane, count)
        self._in_flight[lane] = (future, time.monotonic())
        future.add_done_callback(partial(self._answered, self._generation, lane))

    def _answered(self, generation: int, lane: Lane, future: asyncio.Future[object]) -> None:
        error = KafkaError("the batch was cancelled") if future.cancelled() else future.exception()
        if generation != self._generation:
            return
        del self._in_flight[lane]
        if error is None:
            self._settle(lane)
        elif isinstance(error, MessageSizeTooLargeError):
            self._shrink_batches(lane, error)
        else:
            self._failure = error
        self._wake.set()

    def _settle(self, lane: Lane) -> None:
        for record in self._buffer.let_go(lane):
            if record.outcome is not None:
                self._ledger.settle(record.outcome, record.detail)
        if self._buffer.lanes[lane].waiting:
            self._idle_with_work.add(lane)
        if self._away is not None:
            self._note_back()
        self.on_progress()

    def _shrink_batches(self, lane: Lane, error: MessageSizeTooLargeError) -> None:
        """Halve the batches; a record that is refused alone cannot be published at all."""
        self._failure = error
        if len(self._buffer.lanes[lane].sent) > 1:
            self._max_batch_bytes //= 2
            log.warning("the broker refuses our batches; making them smaller", bytes=self._max_batch_bytes)
            return
        for record in self._buffer.let_go(lane):
            log.error(
                "Kafka refuses a record; raise the topic's max.message.bytes", topic=lane.topic, bytes=len(record.value)
            )
            if record.outcome is not None:
                self._ledger.settle(Outcome.DROPPED, DropReason.REFUSED_BY_KAFKA.value)

    async def _retire(self, producer: AIOKafkaProducer) -> None:
        """After a failure let the other batches in flight finish, take back what did not, and close the producer."""
        if self._failure is not None and self._in_flight:
            await asyncio.wait([future for future, _ in self._in_flight.values()], timeout=_SETTLE_TIMEOUT)
        self._generation += 1
        self._failure = None
        self._in_flight.clear()
        self._idle_with_work.clear()
        self._lanes.clear()
        self._buffer.unsort()
        with contextlib.suppress(TimeoutError, KafkaError):
            await asyncio.wait_for(producer.stop(), _STOP_TIMEOUT)

    def _note_away(self, reason: str) -> None:
        if self._away is None:
            self._away_since = time.monotonic()
        if self._away != reason:
            log.warning("Kafka is away; buffering", kafka=self._bootstrap, reason=reason, pending=self._buffer.records)
        self._away = reason
        self.on_progress()

    def _note_back(self) -> None:
        if self._away is not None:
            log.info(
                "Kafka takes records",
                kafka=self._bootstrap,
                pending=self._buffer.records,
                away_s=round(time.monotonic() - self._away_since, 1),
            )
        self._away = None


def _nothing() -> None:
    pass


def _never_expire(producer: AIOKafkaProducer) -> None:
    """Keep aiokafka from failing a batch that is older than the request timeout when its partition has no leader.

    That is the one place (``MessageAccumulator.drain_by_nodes``) where it gives up a batch of an idempotent producer,
    and it costs the partition's sequence. Waiting out a broker's restart is what our buffer is for.
    """
    producer._message_accumulator._batch_ttl = inf  # noqa: SLF001 - there is no public way; the unit tests pin it
