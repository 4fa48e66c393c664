"""Driving the worker of ``worker.py`` on a real broker, and judging what it published."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from csi_schemas.topics import FRAMES, PARTITIONS, SENSING
from support.services import Service, running
from support.waiting import wait_for
from unit.streaming.frames import encoded
from unit.streaming.worker import TAIL, Tail

GROUP = "csiflow-worker"
_TESTS = Path(__file__).parents[2]
_tail_decoder = msgspec.json.Decoder(Tail)


def worker(bootstrap: str, *, wait_ready: bool = True, **settings: object) -> AbstractAsyncContextManager[Service]:
    """Run a worker while the context is open; ``settings`` are fields of its settings."""
    env = {f"CSIFLOW_WORKER_{name.upper()}": str(value) for name, value in settings.items()}
    env |= {"CSIFLOW_KAFKA": bootstrap, "PYTHONPATH": str(_TESTS)}
    return running("unit.streaming.worker", env, wait_ready=wait_ready)


class Source:
    """Sends numbered frames, keyed by node as ingest does."""

    def __init__(self, producer: AIOKafkaProducer, nodes: Sequence[str]) -> None:
        self.nodes = nodes
        self.sent: dict[str, int] = dict.fromkeys(nodes, 0)
        """Frames sent so far per node; their sequence numbers count up from 0."""
        self._producer = producer

    async def send(self, rounds: int, *, timestamp_ms: int | None = None) -> None:
        """Send that many frames of every node, interleaved, and wait until Kafka has them."""
        futures = []
        for _ in range(rounds):
            for node in self.nodes:
                value = encoded(node, self.sent[node])
                futures.append(await self._producer.send(FRAMES.name, value, node.encode(), timestamp_ms=timestamp_ms))
                self.sent[node] += 1
        await asyncio.gather(*futures)

    async def send_raw(self, node: str, value: bytes | None) -> None:
        """Send something else under a node's key."""
        await self._producer.send_and_wait(FRAMES.name, value, node.encode())

    @property
    def total(self) -> int:
        """All frames sent."""
        return sum(self.sent.values())


@asynccontextmanager
async def source(bootstrap: str, nodes: Sequence[str] = ("1", "2", "3", "4")) -> AsyncIterator[Source]:
    """A source of these nodes."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        yield Source(producer, nodes)
    finally:
        await producer.stop()


class Sink:
    """Reads everything the worker publishes, from the beginning."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self.records: list[ConsumerRecord[bytes, bytes]] = []
        self._consumer = consumer

    @property
    def tails(self) -> list[Tail]:
        """What was published so far, ticks apart."""
        return [_tail_decoder.decode(record.value) for record in self.records if record.key != b"tick"]

    async def poll(self) -> None:
        """Read what is there."""
        for records in (await self._consumer.getmany(timeout_ms=20)).values():
            self.records += records

    async def wait_for_all(self, sent: Source, timeout: float = 30.0) -> list[Tail]:
        """Read until every frame of the source was answered at least once; return all answers."""

        async def complete() -> bool:
            await self.poll()
            return len(self.records) >= sent.total and not self.missing(sent)

        try:
            await wait_for(complete, timeout)
        except AssertionError:
            raise AssertionError(f"not answered within {timeout:g} s: {self.missing(sent)}") from None
        return self.tails

    def missing(self, sent: Source) -> dict[str, list[int]]:
        """Sequence numbers without an answer."""
        answered = {(tail.node, tail.sequence) for tail in self.tails}
        gaps = {node: [i for i in range(n) if (node, i) not in answered] for node, n in sent.sent.items()}
        return {node: gap for node, gap in gaps.items() if gap}


@asynccontextmanager
async def sink(bootstrap: str) -> AsyncIterator[Sink]:
    """A reader of the worker's output topic."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50)
    await consumer.start()
    try:
        partitions = [TopicPartition(SENSING.name, i) for i in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield Sink(consumer)
    finally:
        await consumer.stop()


def duplicates(tails: Iterable[Tail]) -> dict[tuple[str, int], int]:
    """Frames that were answered more than once."""
    answers = Counter((tail.node, tail.sequence) for tail in tails)
    return {frame: n for frame, n in answers.items() if n > 1}


def wrong_states(tails: Iterable[Tail], first: int = 0) -> list[Tail]:
    """Answers whose state was not the node's last ``TAIL`` frames up to that frame, from sequence ``first`` on."""
    return [
        tail
        for tail in tails
        if tail.sequence >= first and tail.tail != list(range(max(0, tail.sequence - TAIL + 1), tail.sequence + 1))
    ]


async def committed(bootstrap: str, group: str = GROUP) -> int:
    """Sum of a group's committed offsets: the records it will not ask for again."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets(group)
        return sum(place.offset for place in offsets.values() if place.offset > 0)
    finally:
        await admin.close()


async def wait_committed(bootstrap: str, records: int) -> None:
    """Wait until the worker's group has committed that many records."""

    async def done() -> bool:
        return await committed(bootstrap) == records

    await wait_for(done, what=f"{records} records committed")
