"""Consumers of the command line: every partition of some topics, in no consumer group."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Iterator

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from csi_runtime.errors import ClusterUnreachableError, KafkaSetupError
from csi_schemas.topics import TopicSpec


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
