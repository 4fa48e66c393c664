"""Reading and writing Kafka in tests, and topics that are empty."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from csi_runtime.topics import create_topics, describe_topics
from csi_schemas.topics import BY_NAME

from support.waiting import wait_for


async def consume(
    bootstrap: str,
    topic: str,
    n: int,
    timeout: float = 20.0,
) -> list[ConsumerRecord]:
    """Read a topic from its beginning until it has given ``n`` records; all partitions, no consumer group.

    Records of one partition are in order. With ``n`` = 0 it returns what the topic holds now.

    Raises:
        AssertionError: fewer came within ``timeout`` seconds.
    """
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = await _partitions(consumer, topic)
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        wanted = n or await _count(consumer, partitions)
        records: list[ConsumerRecord] = []
        deadline = time.monotonic() + timeout
        while len(records) < wanted:
            if time.monotonic() > deadline:
                raise AssertionError(f"{topic} gave {len(records)} of {wanted} records within {timeout:g} s")
            for batch in (await consumer.getmany(timeout_ms=100)).values():
                records.extend(batch)
        return records
    finally:
        await consumer.stop()


async def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes]]) -> None:
    """Write (key, value) pairs and wait until Kafka has them all."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    try:
        await asyncio.gather(*[await producer.send(topic, value, key) for key, value in records])
    finally:
        await producer.stop()


async def count_records(bootstrap: str, topic: str) -> int:
    """How many records a topic holds now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap)
    await consumer.start()
    try:
        return await _count(consumer, await _partitions(consumer, topic))
    finally:
        await consumer.stop()


async def empty_topics(bootstrap: str, names: Sequence[str] = tuple(BY_NAME)) -> None:
    """Make every topic of ``names`` exist, with the registry's settings and no records, its offsets at 0.

    Topics that were never written to are left alone; the others are deleted, with their groups' offsets, and made anew.
    """
    specs = [BY_NAME[name] for name in names]
    found = await describe_topics(bootstrap, topics=specs)
    different = {difference.topic for difference in found.differences}
    same = [spec for spec in specs if spec.name in found.existing and spec.name not in different]
    ends = await _end_offsets(
        bootstrap, [TopicPartition(spec.name, i) for spec in same for i in range(spec.partitions)]
    )
    await delete_topics(bootstrap, *different, *{partition.topic for partition, end in ends.items() if end})
    report = await create_topics(bootstrap, topics=specs)
    assert report.ok, report


async def delete_topics(bootstrap: str, *names: str) -> None:
    """Delete topics and wait until the brokers have forgotten them."""
    if not names:
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_topics(list(names))

        async def gone() -> bool:
            return not set(names) & set(await admin.list_topics())

        await wait_for(gone, what=f"the topics {names} are deleted")
    finally:
        await admin.close()


async def _partitions(consumer: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    async def known() -> set[int] | None:
        await consumer._client.force_metadata_update()  # there is no public way to ask again
        known_ids: set[int] | None = consumer.partitions_for_topic(topic)
        return known_ids

    consumer._client.add_topic(topic)
    return [TopicPartition(topic, i) for i in sorted(await wait_for(known, what=f"the topic {topic} exists") or ())]


async def _end_offsets(bootstrap: str, partitions: list[TopicPartition]) -> dict[TopicPartition, int]:
    if not partitions:
        return {}
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, retry_backoff_ms=5)  # paid once for every topic
    await consumer.start()
    try:
        return dict(await consumer.end_offsets(partitions))
    finally:
        await consumer.stop()


async def _count(consumer: AIOKafkaConsumer, partitions: list[TopicPartition]) -> int:
    first = await consumer.beginning_offsets(partitions)
    last = await consumer.end_offsets(partitions)
    return sum(last[partition] - first[partition] for partition in partitions)
