"""Kafka going away and coming back under a running ingest."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import msgspec
import pytest
from csi_ingest.sender import UdpSender
from csi_runtime.topics import create_topics
from csi_schemas.codec import encode_csi
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import BY_NAME, FRAMES, REJECTED
from csiflow.kafka.embedded import EmbeddedCluster
from support.kafka import consume, count_records, delete_topics, empty_topics
from support.waiting import wait_for
from unit.ingest.flow import Ingest, frames_of, ingest

NODES = (1, 2, 3)


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedCluster]:
    """A broker of these tests' own."""
    with EmbeddedCluster(tmp_path_factory.mktemp("outage")) as running:
        yield running


@pytest.fixture
async def cluster(broker: EmbeddedCluster) -> EmbeddedCluster:
    """The broker, running, its topics empty."""
    if not broker.running:
        await asyncio.to_thread(broker.start_broker, 0)
    await empty_topics(broker.bootstrap)
    return broker


def frames(start: int, count: int) -> list[bytes]:
    """``count`` frames of each node, numbered from ``start``."""
    return [
        encode_csi(node, bytes([node] * 128), sequence=sequence, n_subcarriers=64)
        for sequence in range(start, start + count)
        for node in NODES
    ]


async def give(started: Ingest, datagrams: Sequence[bytes]) -> None:
    """Send datagrams to the replay port."""
    async with UdpSender(started.listeners["replay"]) as sender:
        for datagram in datagrams:
            await sender.send(datagram)


async def away(started: Ingest) -> None:
    """Wait until ingest says that Kafka is away."""

    async def noticed() -> bool:
        return (await started.stats())["kafka_away"] is not None

    await wait_for(noticed, what="ingest notices that Kafka is away")


@asynccontextmanager
async def sending(started: Ingest, start: int) -> AsyncIterator[list[int]]:
    """Send frames at about 300/s while the context is open; yields how many rounds of all nodes were sent."""
    rounds = [0]

    async def feed() -> None:
        async with UdpSender(started.listeners["replay"]) as sender:
            while True:
                for datagram in frames(start + rounds[0], 1):
                    await sender.send(datagram)
                rounds[0] += 1
                await asyncio.sleep(0.01)

    task = asyncio.create_task(feed())
    try:
        yield rounds
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_frames_survive_a_crash_of_the_broker(cluster: EmbeddedCluster) -> None:
    """The broker is killed with frames in flight and comes back: every frame is there once, in order; no restart."""
    async with ingest(cluster.bootstrap) as started:
        async with sending(started, 0) as rounds:
            await wait_for(lambda: rounds[0] > 50, what="frames flow")
            await asyncio.to_thread(cluster.kill_broker, 0)
            await away(started)
            assert (await started.service.get("/ready"))[0] == 503
            assert (await started.service.get("/health"))[0] == 200
            await asyncio.to_thread(cluster.start_broker, 0)
            at_return = rounds[0]
            await wait_for(lambda: rounds[0] > at_return + 50, what="frames flow again")
        stats = await started.settled(rounds[0] * len(NODES))
        assert stats["published"] == stats["received"] >= rounds[0] * len(NODES)
        assert (stats["dropped"], stats["duplicates"], stats["kernel_drops"]) == (0, 0, 0)
        assert started.service.events("Kafka is away; buffering")
        assert len(started.service.events("Kafka takes records")) >= 2
        published = await frames_of(cluster.bootstrap, stats["published"])
    for node in NODES:
        assert [frame.sequence for frame in published[str(node)]] == list(range(len(published[str(node)])))


async def test_ingest_may_start_before_kafka(cluster: EmbeddedCluster) -> None:
    """The sockets are open and hold what comes while there is no Kafka; when it appears, everything is published."""
    await asyncio.to_thread(cluster.stop_broker, 0)
    async with ingest(cluster.bootstrap, wait_ready=False) as started:
        datagrams = frames(0, 200)
        await give(started, datagrams)

        async def held() -> bool:
            stats = await started.stats()
            return bool(stats["pending"] == stats["received"] == len(datagrams))

        await wait_for(held, what="everything is held")
        await asyncio.to_thread(cluster.start_broker, 0)
        await started.service.wait_ready()
        stats = await started.settled(len(datagrams))
        assert stats["published"] == len(datagrams)
        published = await frames_of(cluster.bootstrap, len(datagrams))
    assert [frame.sequence for frame in published["2"]] == list(range(200))


async def test_a_full_buffer_drops_with_a_reason(cluster: EmbeddedCluster) -> None:
    """With room for 200 records and Kafka away, junk fills its quarter, frames the rest, and the others are dropped.

    What was held is published when Kafka is back, in order, and new frames flow.
    """
    async with ingest(cluster.bootstrap, buffer_records="200") as started:
        await asyncio.to_thread(cluster.kill_broker, 0)
        first = frames(0, 1)
        await give(started, first)
        await away(started)
        junk = [b"junk %d" % number for number in range(300)]
        datagrams = frames(1, 100)
        await give(started, junk)
        await give(started, datagrams)
        sent = len(first) + len(junk) + len(datagrams)

        async def all_in() -> bool:
            return bool((await started.stats())["received"] == sent)

        await wait_for(all_in, what="everything was read")
        stats = await started.stats()
        assert stats["pending"] == 200
        assert stats["dropped_by_reason"] == {
            "dead_letter_overflow": len(junk) - 50,
            "buffer_full": len(first) + len(datagrams) - 150,
        }
        await asyncio.to_thread(cluster.start_broker, 0)
        await started.service.wait_ready()
        stats = await started.settled(sent)
        assert (stats["published"], stats["rejected"], stats["dropped"]) == (150, 50, sent - 200)
        more = frames(1000, 20)
        await give(started, more)
        stats = await started.settled(sent + len(more))
        assert stats["published"] == 150 + len(more)
        published = await frames_of(cluster.bootstrap, stats["published"])
        letters = await consume(cluster.bootstrap, REJECTED.name, 50)
        assert sorted(letter.value for letter in letters) == sorted(junk[:50])
    for node in NODES:
        held = [frame.sequence for frame in published[str(node)]]
        assert held == [*range(50), *range(1000, 1020)]


async def test_missing_topics_are_named_and_waited_for(cluster: EmbeddedCluster) -> None:
    """Without our topics ingest is not ready, says what to do, creates nothing, and goes on when they are there."""
    await delete_topics(cluster.bootstrap, *BY_NAME)
    async with ingest(cluster.bootstrap, wait_ready=False) as started:
        await give(started, frames(0, 5))

        async def told() -> bool:
            return FRAMES.name in ((await started.stats())["kafka_away"] or "")

        await wait_for(told, what="the missing topics are the reason")
        assert "csiflow topics create" in (await started.stats())["kafka_away"]
        report = await create_topics(cluster.bootstrap)
        assert FRAMES.name in report.created
        await started.service.wait_ready()
        assert (await started.settled(15))["published"] == 15


async def test_a_topic_made_anew_is_written_to(cluster: EmbeddedCluster) -> None:
    """A topic that is deleted and created again knows nothing of the producer's sequence: a new producer takes over."""
    async with ingest(cluster.bootstrap) as started:
        await give(started, frames(0, 10))
        await started.settled(30)
        await delete_topics(cluster.bootstrap, FRAMES.name)
        await give(started, frames(10, 10))
        await create_topics(cluster.bootstrap)
        stats = await started.settled(60)
        assert stats["published"] == 60
        assert await count_records(cluster.bootstrap, FRAMES.name) == 30
        records = await consume(cluster.bootstrap, FRAMES.name, 30)
    numbers = [msgspec.json.decode(record.value, type=CsiFrame).sequence for record in records if record.key == b"1"]
    assert numbers == list(range(10, 20))


async def test_stopping_without_kafka_says_what_is_lost(cluster: EmbeddedCluster) -> None:
    """SIGTERM with Kafka away ends ingest within its time limit, with exit code 0, and the loss is in the log."""
    async with ingest(cluster.bootstrap, shutdown_timeout="0.2") as started:
        await asyncio.to_thread(cluster.kill_broker, 0)
        await give(started, frames(0, 4))
        await away(started)
        await started.service.stop()
        (lost,) = started.service.events("stopped with datagrams that Kafka has not taken; they are lost")
        assert lost["lost"] == 12
