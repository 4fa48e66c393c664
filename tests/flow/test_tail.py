"""``csiflow tail`` when what it was asked for does not come."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from csi_schemas.topics import EVENTS
from support.kafka import delete_topics, produce

pytestmark = pytest.mark.timeout(120)


@asynccontextmanager
async def tail(kafka: str, *arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run it against a cluster; it is killed if it does not end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "csiflow", "tail", *arguments),
        env={**os.environ, "CSIFLOW_KAFKA": kafka},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_a_node_that_sends_nothing_is_named_beside_those_that_do(topics: str) -> None:
    """It goes on waiting, says what it waits for and what came instead, prints nothing else, and Ctrl-C ends it."""
    await produce(topics, EVENTS.name, [(b"1", b"{}"), (b"2", b"{}")])
    async with tail(topics, EVENTS.name, "--node", "kitchen", "--from-beginning") as process:
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        assert said.startswith("waiting: no record of csi.events.v1 with the key kitchen")
        assert "but of 1, 2" in said
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
        assert (process.returncode, out) == (0, b"")


async def test_a_topic_without_records_is_said_to_be_silent(topics: str) -> None:
    """Whoever tails before anything sends learns where to look; what comes later is printed."""
    async with tail(topics, EVENTS.name, "-n", "1") as process:
        assert process.stderr is not None
        said = (await process.stderr.readline()).decode()
        assert "no record of csi.events.v1" in said
        assert "csiflow nodes" in said
        await produce(topics, EVENTS.name, [(b"1", b'{"event":"MotionStarted"}')])
        out, _ = await process.communicate()
        assert (process.returncode, out) == (0, b'{"event":"MotionStarted"}\n')


async def test_a_topic_that_is_not_there_is_an_error(topics: str) -> None:
    """It says which, and what makes it, instead of waiting for ever."""
    await delete_topics(topics, EVENTS.name)
    async with tail(topics, EVENTS.name) as process:
        _, said = await process.communicate()
        assert process.returncode == 1
        assert b"lacks csi.events.v1; csiflow topics create" in said
