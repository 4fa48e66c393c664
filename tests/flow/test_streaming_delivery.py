"""One streaming worker on a real broker: delivery, commits, warm-up, failures."""

from __future__ import annotations

import signal
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from csi_schemas.topics import FRAMES, SENSING
from support.kafka import consume
from support.services import Service
from support.waiting import wait_for
from unit.streaming.flow import (
    Sink,
    Source,
    committed,
    duplicates,
    sink,
    source,
    wait_committed,
    worker,
    wrong_states,
)


@dataclass
class Flow:
    """A broker with empty topics, a source and a sink."""

    bootstrap: str
    source: Source
    sink: Sink


@pytest.fixture
async def flow(topics: str) -> AsyncIterator[Flow]:
    """Frames in, answers out, without a worker yet."""
    async with source(topics) as frames, sink(topics) as answers:
        yield Flow(topics, frames, answers)


async def exit_code(service: Service) -> int:
    """Wait for a worker to end by itself."""
    await wait_for(lambda: not service.alive, 20, f"the worker ends:\n{service.tail()}")
    return service.process.returncode or 0


async def test_every_frame_is_answered_once_in_order_in_its_own_partition(flow: Flow) -> None:
    """Nothing is lost, repeated or reordered; answers lie in their frames' partitions; commits need no stop.

    Ctrl-C ends it like SIGTERM, with exit code 0.
    """
    async with worker(flow.bootstrap) as service:
        await flow.source.send(200)
        tails = await flow.sink.wait_for_all(flow.source)
        await wait_committed(flow.bootstrap, flow.source.total)
        service.process.send_signal(signal.SIGINT)
        assert await exit_code(service) == 0
    assert duplicates(tails) == {}
    assert wrong_states(tails) == []
    home = {r.key: r.partition for r in await consume(flow.bootstrap, FRAMES.name, flow.source.total)}
    assert {(r.key, r.partition) for r in flow.sink.records} == set(home.items())
    for node in flow.source.nodes:
        mine = [tail for tail in tails if tail.node == node]
        assert [tail.sequence for tail in mine] == list(range(200))
        assert [tail.offset for tail in mine] == sorted(tail.offset for tail in mine)


async def test_a_stop_commits_everything_and_a_restart_repeats_nothing(flow: Flow) -> None:
    """After SIGTERM all that was answered is committed; the next worker answers only what is new, with its state."""
    async with worker(flow.bootstrap):
        await flow.source.send(30)
        await flow.sink.wait_for_all(flow.source)
    assert await committed(flow.bootstrap) == flow.source.total
    async with worker(flow.bootstrap) as second:
        await flow.source.send(5)
        tails = await flow.sink.wait_for_all(flow.source)
        assert await second.metric("csiflow_stream_records_total", app="worker", replay="true") == 30 * 4
        assert await second.metric("csiflow_stream_records_total", app="worker", replay="false") == 5 * 4
    assert duplicates(tails) == {}
    assert wrong_states(tails) == []
    assert {tail.count for tail in tails if tail.sequence == 34} == {35}


async def test_warm_up_reads_the_last_records_again(flow: Flow) -> None:
    """It counts back from the last processed record, not from now, so an hour of silence does not empty the state."""
    silence = int(time.time() * 1000) - 3_000_000
    await flow.source.send(20, timestamp_ms=silence - 600_000)
    await flow.source.send(10, timestamp_ms=silence)
    async with worker(flow.bootstrap):
        await flow.sink.wait_for_all(flow.source)
    async with worker(flow.bootstrap, warm_up_s=60) as by_time:
        assert await by_time.metric("csiflow_stream_records_total", replay="true") == 10 * 4
    async with worker(flow.bootstrap, warm_up_records=7) as by_records:
        partitions = {record.partition for record in flow.sink.records}
        assert await by_records.metric("csiflow_stream_records_total", replay="true") == 7 * len(partitions)
        await flow.source.send(1)
        tails = await flow.sink.wait_for_all(flow.source)
    assert duplicates(tails) == {}
    assert {len(tail.tail) for tail in tails if tail.sequence == 30} <= set(range(2, 9))


async def test_a_group_that_starts_from_the_end_stays_there_after_a_crash(flow: Flow) -> None:
    """``latest`` is decided once: what comes after the first start is never skipped, killed or not."""
    await flow.source.send(5)
    async with worker(flow.bootstrap, start_from="latest") as first:
        await first.kill()
    await flow.source.send(5)
    async with worker(flow.bootstrap, start_from="latest"):
        await wait_for(lambda: _answered(flow.sink, 5 * 4), 30, "the frames after the first start")
    assert sorted({tail.sequence for tail in flow.sink.tails}) == [5, 6, 7, 8, 9]


async def _answered(answers: Sink, n: int) -> bool:
    await answers.poll()
    return len(answers.records) >= n


async def test_a_poison_record_does_not_stop_its_partition(flow: Flow) -> None:
    """What is no frame is skipped, counted and named in the log; the frames around it are answered."""
    async with worker(flow.bootstrap) as service:
        await flow.source.send(3)
        for poison in (b"\xff\x00", b"{}", None):
            await flow.source.send_raw("1", poison)
        await flow.source.send(3)
        tails = await flow.sink.wait_for_all(flow.source)
        assert await service.metric("csiflow_stream_skipped_total", app="worker") == 3
        named = service.events("record is not a frame and was skipped")
    assert wrong_states(tails) == []
    assert len(named) == 1
    assert named[0]["topic"] == FRAMES.name
    assert named[0]["offset"] >= 3
    assert await committed(flow.bootstrap) == flow.source.total + 3


async def test_a_slow_processor_holds_the_fetching_back(flow: Flow) -> None:
    """A backlog of thousands waits in Kafka, not in the worker, which stays in its group; nothing is lost."""
    limit, poll = 200, 50
    await flow.source.send(1000)
    async with worker(
        flow.bootstrap,
        delay_s=0.001,
        max_in_flight_records=limit,
        max_poll_records=poll,
        commit_interval_s=0.05,
        warm_up_records=0,
        wait_ready=False,
    ) as service:
        in_flight = []

        async def answered() -> bool:
            await flow.sink.poll()
            if service.port:
                in_flight.append(await service.metric("csiflow_stream_in_flight", app="worker"))
            return len(flow.sink.records) >= flow.source.total

        await service.wait_ready()
        await wait_for(answered, 60, "every frame is answered")
    assert max(in_flight) >= limit - poll, "the backlog never reached the limit, so this test shows nothing"
    assert max(in_flight) <= limit + poll
    assert duplicates(flow.sink.tails) == {}
    assert wrong_states(flow.sink.tails) == []


async def limit_message_size(bootstrap: str, topic: str, size: int) -> None:
    """Make the broker refuse larger batches for a topic."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, configs={"max.message.bytes": str(size)})
        await admin.alter_configs([resource])
    finally:
        await admin.close()


async def test_a_refused_output_stops_the_worker_and_the_next_one_answers_it(flow: Flow) -> None:
    """The broker refuses an output for good: exit code 1, nothing of it committed; once mended nothing is missing."""
    await limit_message_size(flow.bootstrap, SENSING.name, 2000)
    async with worker(flow.bootstrap) as first:
        await flow.source.send(2)
        await flow.sink.wait_for_all(flow.source)
        await wait_committed(flow.bootstrap, 8)
        await first.stop()
    async with worker(flow.bootstrap, padding=4000) as second:
        await flow.source.send(3)
        assert await exit_code(second) == 1
        assert any("MessageSizeTooLarge" in record.get("error", "") for record in second.events("worker fails"))
    assert await committed(flow.bootstrap) == 8
    await limit_message_size(flow.bootstrap, SENSING.name, 1_000_000)
    async with worker(flow.bootstrap, padding=4000):
        tails = await flow.sink.wait_for_all(flow.source)
    assert wrong_states(tails) == []


@pytest.mark.parametrize("fail_on", ["process", "tick"])
async def test_a_failing_processor_stops_the_worker_and_loses_nothing(flow: Flow, fail_on: str) -> None:
    """An exception is exit code 1 with the batch in the log, never a skipped batch; the next worker processes it."""
    async with worker(flow.bootstrap, fail_on=fail_on, wait_ready=False) as first:
        await flow.source.send(20)
        assert await exit_code(first) == 1
        assert any("told to fail" in line for line in first.lines)
    async with worker(flow.bootstrap):
        tails = await flow.sink.wait_for_all(flow.source)
    assert wrong_states(tails) == []


async def test_ticks_come_without_records(flow: Flow) -> None:
    """Time passes for partitions in which nothing arrives, and what a tick publishes reaches Kafka."""
    async with worker(flow.bootstrap, announce_ticks=True):
        await wait_for(lambda: _answered(flow.sink, 24), 30, "two ticks of each of the twelve partitions")
    assert {record.partition for record in flow.sink.records} == set(range(12))
