"""Several streaming workers of one group: joining, leaving and dying while frames flow."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from csi_schemas.topics import PARTITIONS
from support.services import Service
from support.waiting import wait_for
from unit.streaming.flow import Sink, Source, duplicates, sink, source, worker, wrong_states

NODES = [str(i) for i in range(24)]
PERIOD_S = 0.02


@contextlib.asynccontextmanager
async def flowing(frames: Source) -> AsyncIterator[None]:
    """Frames of every node, one round every ``PERIOD_S``, while the context is open."""
    stop = asyncio.Event()

    async def send() -> None:
        while not stop.is_set():
            await frames.send(1)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PERIOD_S)

    sending = asyncio.create_task(send())
    try:
        yield
    finally:
        stop.set()
        await sending


async def wait_shared(*workers: Service) -> None:
    """Wait until these workers hold all partitions between them, each some, and each has processed live frames."""

    async def shared() -> bool:
        held = [await each.metric("csiflow_stream_partitions", app="worker") for each in workers]
        live = [await each.metric("csiflow_stream_records_total", app="worker", replay="false") for each in workers]
        return sum(held) == PARTITIONS and all(held) and all(live)

    await wait_for(shared, 40, "the partitions are shared and processed")


async def answered(answers: Sink) -> bool:
    """Whether anything was answered yet."""
    await answers.poll()
    return bool(answers.records)


async def test_workers_join_and_leave_without_loss_or_repetition(topics: str) -> None:
    """A rebalance in full flow: what is in flight is finished and committed, the state is right on either side."""
    async with source(topics, NODES) as frames, sink(topics) as answers, worker(topics) as first:
        async with flowing(frames):
            await wait_shared(first)
            async with worker(topics) as second:
                await wait_shared(first, second)
            await wait_shared(first)
        tails = await answers.wait_for_all(frames)
        assert len({tail.worker for tail in tails}) == 2
        assert wrong_states(tails) == []
        assert duplicates(tails) == {}


async def test_a_killed_worker_is_replaced_without_loss(topics: str) -> None:
    """SIGKILL in full flow: the other worker takes the partitions over, answers everything, with the right state."""
    async with source(topics, NODES) as frames, sink(topics) as answers, worker(topics) as first:
        async with flowing(frames), worker(topics) as second:
            await wait_shared(first, second)
            await second.kill()
            await wait_shared(first)
        tails = await answers.wait_for_all(frames)
        assert len({tail.worker for tail in tails}) == 2
        assert wrong_states(tails) == []


async def test_a_group_survives_the_death_of_its_only_worker(topics: str) -> None:
    """SIGKILL with batches in flight, nobody left: the next worker begins where the last commit was."""
    async with source(topics, NODES) as frames, sink(topics) as answers:
        async with worker(topics) as first, flowing(frames):
            await wait_shared(first)
            await wait_for(lambda: answered(answers), 20, "an answer of the first worker")
            await first.kill()
        async with worker(topics) as second:
            async with flowing(frames):
                await wait_shared(second)
            tails = await answers.wait_for_all(frames)
        assert len({tail.worker for tail in tails}) == 2
        assert wrong_states(tails) == []


async def test_workers_beyond_the_partitions_stand_by(topics: str) -> None:
    """A worker that gets no partition is ready, and takes over when the others leave."""
    async with source(topics, NODES) as frames, sink(topics) as answers, contextlib.AsyncExitStack() as stack:
        crowd = [await stack.enter_async_context(worker(topics, wait_ready=False)) for _ in range(3)]
        await asyncio.gather(*[each.wait_ready() for each in crowd])
        await frames.send(3)
        await asyncio.gather(*[each.stop() for each in crowd[:2]])
        await frames.send(3)
        tails = await answers.wait_for_all(frames)
        assert wrong_states(tails) == []
        assert await crowd[2].metric("csiflow_stream_partitions", app="worker") == PARTITIONS
