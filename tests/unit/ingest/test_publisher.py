"""Seams between the publisher and aiokafka that a new aiokafka could break."""

from __future__ import annotations

import asyncio

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.producer.message_accumulator import BatchBuilder, MessageBatch
from csi_ingest.publisher import _never_expire


async def test_batches_outlast_a_missing_leader() -> None:
    """A batch of our producer never expires, however long its partition has no leader.

    aiokafka would fail it after the request timeout, and with it the sequence of an idempotent producer.
    """
    producer = AIOKafkaProducer(enable_idempotence=True, acks="all", request_timeout_ms=0)
    try:
        accumulator = producer._message_accumulator
        partition = TopicPartition("csi.frames.v1", 0)

        def queued() -> MessageBatch:
            builder = BatchBuilder(1024, 0)
            builder.append(timestamp=None, key=b"1", value=b"v")
            accumulator._append_batch(builder, partition)
            return accumulator._batches[partition][-1]

        stock = queued()
        _never_expire(producer)
        ours = queued()
        await asyncio.sleep(0)
        assert stock.expired()
        assert not ours.expired()
    finally:
        accumulator._batches.clear()
        await producer.stop()
