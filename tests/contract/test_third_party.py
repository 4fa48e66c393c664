"""A third party needs nothing of ours: the consumer in ``examples/`` on a real Kafka."""

from __future__ import annotations

import ast
import asyncio
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from aiokafka import AIOKafkaProducer
from csi_schemas import examples
from csi_schemas.topics import EVENTS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PRESENCE = Path(__file__).parents[2] / "examples" / "presence.py"


@asynccontextmanager
async def running(program: Path, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Run a program that does not end by itself; gives its output and ends it."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(program), *arguments, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield process.stdout
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def publish(bootstrap: str, messages: tuple[msgspec.Struct, ...]) -> None:
    """Put messages on ``csi.events.v1`` as the events service does, in one partition so that their order is known."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for message in messages:
            await producer.send_and_wait(EVENTS.name, key=b"1", value=msgspec.json.encode(message))


async def test_the_example_prints_what_was_and_what_comes(topics: str) -> None:
    """Ten lines on aiokafka and orjson print every event published before they started, and after."""
    past, coming = examples.EVENTS[:4], examples.EVENTS[4:]
    await publish(topics, past)
    async with running(PRESENCE, topics) as output:
        printed = [(await output.readline()).split() for _ in past]
        await publish(topics, coming)
        printed += [(await output.readline()).split() for _ in coming]
    expected = [
        [str(event.timestamp_ns), event.node_id, type(event).__name__, event.provenance] for event in examples.EVENTS
    ]
    assert [[word.decode() for word in words] for words in printed] == expected


def test_the_example_is_ten_lines_and_needs_two_libraries() -> None:
    """At most ten lines of code, and no import but the standard library, aiokafka and orjson."""
    source = PRESENCE.read_text()
    lines = [line for line in source.splitlines() if line.strip() and not line.startswith("#")]
    assert len(lines) <= 10
    imported = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(str(node.module))
    assert imported - sys.stdlib_module_names == {"aiokafka", "orjson"}
