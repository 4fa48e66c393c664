"""What a streaming worker does before it has a cluster with the right topics."""

from __future__ import annotations

import asyncio
import signal

import pytest
from csi_runtime.topics import create_topics
from csi_schemas.topics import SENSING, TopicSpec
from csi_streaming.preflight import PartitionCountError, Preflight
from support.kafka import delete_topics
from support.waiting import free_port, wait_for
from unit.streaming.flow import worker


async def test_it_waits_for_kafka_and_stops_while_waiting() -> None:
    """Without a broker it stays up, says in /ready what it waits for, and stops with exit code 0."""
    async with worker(f"127.0.0.1:{free_port()}", wait_ready=False) as service:
        await wait_for(lambda: service.events("waiting for Kafka"), 20, "it says that it waits")
        up = service.events("operations endpoint is up")[0]
        service.host, service.port = up["host"], up["port"]
        status, body = await service.get("/ready")
        assert status == 503
        assert "does not answer" in body


async def test_it_waits_for_missing_topics_and_then_begins(topics: str) -> None:
    """It names the missing topic and how to make it; once it exists the worker becomes ready without a restart."""
    await delete_topics(topics, SENSING.name)
    async with worker(topics, wait_ready=False) as service:
        await wait_for(lambda: service.events("waiting for Kafka"), 20, "it says that it waits")
        reason = service.events("waiting for Kafka")[0]["reason"]
        assert SENSING.name in reason
        assert "csiflow topics create" in reason
        await create_topics(topics)
        await service.wait_ready()


async def test_a_stop_while_it_starts_is_clean(topics: str) -> None:
    """SIGTERM between the start of the process and its first assignment ends it with exit code 0."""
    async with worker(topics, wait_ready=False) as service:
        await wait_for(lambda: service.events("operations endpoint is up"), 20, "it has begun")
        service.process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(service.process.wait(), 20) == 0


async def test_output_topics_need_the_partitions_of_the_source(kafka: str) -> None:
    """Outputs go to their source's partition number by default, so a smaller output topic is refused by name."""
    source, small = (
        TopicSpec(f"streaming-preflight-{n}", "any", bytes, "A topic of this test.", retention_ms=60_000, partitions=n)
        for n in (3, 2)
    )
    await create_topics(kafka, topics=[source, small])
    try:
        with pytest.raises(PartitionCountError, match=r"streaming-preflight-2 has 2 partitions, streaming-preflight-3"):
            await Preflight(kafka, source.name, [small.name]).wait()
        fitting = Preflight(kafka, small.name, [source.name])
        assert fitting.trouble is not None
        await fitting.wait()
        assert fitting.trouble is None
    finally:
        await delete_topics(kafka, source.name, small.name)
