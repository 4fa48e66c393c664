"""Kafka going away and coming back under a streaming worker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from csi_runtime.topics import create_topics
from csiflow.kafka.embedded import EmbeddedCluster
from support.waiting import wait_for
from unit.streaming.flow import sink, source, wait_committed, worker, wrong_states


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[EmbeddedCluster]:
    """A broker of this test's own, to be killed."""
    with EmbeddedCluster(tmp_path / "kafka") as running:
        yield running


async def test_a_worker_outlives_a_restart_of_the_broker(cluster: EmbeddedCluster) -> None:
    """The broker dies with frames in flight and comes back: the same worker goes on, nothing is lost."""
    await create_topics(cluster.bootstrap)
    async with worker(cluster.bootstrap) as service:
        async with source(cluster.bootstrap) as frames:
            await frames.send(100)
        await asyncio.to_thread(cluster.kill_broker, 0)
        await asyncio.to_thread(cluster.start_broker, 0)
        async with source(cluster.bootstrap) as more, sink(cluster.bootstrap) as answers:
            more.sent = dict(frames.sent)
            await more.send(100)
            tails = await answers.wait_for_all(more, timeout=60)
            assert wrong_states(tails) == []
        assert service.alive
        await wait_committed(cluster.bootstrap, 800)


async def test_a_stop_without_a_broker_is_cut_short(cluster: EmbeddedCluster) -> None:
    """When Kafka is gone for good, SIGTERM still ends the worker, with exit code 1 as work is left uncommitted."""
    await create_topics(cluster.bootstrap)
    async with worker(cluster.bootstrap, stop_timeout_s=1, commit_interval_s=60) as service:
        async with source(cluster.bootstrap) as frames, sink(cluster.bootstrap) as answers:
            await frames.send(10)
            await answers.wait_for_all(frames)
        await asyncio.to_thread(cluster.kill_broker, 0)
        service.process.terminate()
        await wait_for(lambda: not service.alive, 20, "it ends")
        assert service.process.returncode == 1
        assert service.events("stop cut short; unacknowledged records will be processed again")
