"""Consumers of the command line: every partition of some topics, in no consumer group."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import AsyncIterator, Iterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from csi_runtime.errors import ClusterUnreachableError, KafkaSetupError
from csi_schemas.topics import TopicSpec
from rich.markup import escape

from csiflow.output import console

REMINDER_SECONDS = 30.0
"""Time between two words about a broker that does not answer."""


@contextlib.asynccontextmanager
async def connected(client: AIOKafkaConsumer | AIOKafkaProducer, bootstrap: str) -> AsyncIterator[None]:
    """Start a client of Kafka, and stop it when the context is left.

    Raises:
        ClusterUnreachableError: no broker answers.
    """
    try:
        try:
            with _silent("aiokafka"):
                await client.start()
        except KafkaConnectionError as error:
            raise ClusterUnreachableError(
                f"no Kafka answers at {bootstrap}: start it, or mend CSIFLOW_KAFKA"
            ) from error
        yield
    finally:
        await client.stop()


@contextlib.asynccontextmanager
async def following(
    bootstrap: str, *topics: TopicSpec, from_beginning: bool = False
) -> AsyncIterator[AIOKafkaConsumer]:
    """Read topics while the context is open, from now on or from their oldest record.

    A broker that goes away is waited for, and said to be gone once, then every half a minute.

    Raises:
        ClusterUnreachableError: no broker answers.
        KafkaSetupError: a topic is not there.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
    async with connected(consumer, bootstrap):
        there = await consumer.topics()
        if missing := [topic.name for topic in topics if topic.name not in there]:
            raise KafkaSetupError(
                f"{bootstrap} lacks {', '.join(missing)}; csiflow topics create makes what is missing"
            )
        partitions = [TopicPartition(topic.name, number) for topic in topics for number in range(topic.partitions)]
        consumer.assign(partitions)
        await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
        with told_once(bootstrap):
            yield consumer


@contextlib.contextmanager
def _silent(library: str) -> Iterator[None]:
    """Keep a library from saying on stderr what is raised as well."""
    logger = logging.getLogger(library)
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


class Outage(logging.Handler):
    """Says now and then what a client of Kafka says of a broker many times a second."""

    def __init__(self, bootstrap: str) -> None:
        super().__init__(logging.WARNING)
        self._bootstrap = bootstrap
        self._silent_until = 0.0

    def emit(self, record: logging.LogRecord) -> None:
        """Print a warning, unless one was printed lately."""
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + REMINDER_SECONDS
            said = escape(record.getMessage())
            console.print(
                f"[yellow]Kafka at {self._bootstrap}: {said}; waiting for it (Ctrl-C ends)[/]", soft_wrap=True
            )


@contextlib.contextmanager
def told_once(bootstrap: str) -> Iterator[None]:
    """Say what the client library logs as an ``Outage`` does, while the context is open."""
    logger, handler = logging.getLogger("aiokafka"), Outage(bootstrap)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
