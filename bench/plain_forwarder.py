"""The baseline of flow.py: aiokafka alone reads frames and writes one small result each; no Faust, no kernels."""

from __future__ import annotations

import os

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from csi_schemas.common import Origin
from csi_schemas.topics import FRAMES, INTROSPECTION


class Stamp(msgspec.Struct):
    """The one field of a frame the baseline reads."""

    timestamp_ns: int


class Forwarded(msgspec.Struct):
    """What it writes: enough for the websocket tally to tell records apart and to age them."""

    type: str
    timestamp_ns: int
    origin: Origin


async def main() -> None:
    """Forward until killed."""
    bootstrap = os.environ["CSIFLOW_KAFKA"]
    decoder, encode = msgspec.json.Decoder(Stamp), msgspec.json.Encoder().encode
    consumer = AIOKafkaConsumer(
        FRAMES.name,
        bootstrap_servers=bootstrap,
        group_id="plain-forwarder",
        auto_offset_reset="latest",
        max_poll_records=500,
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await consumer.start()
    try:
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                for record in records:
                    stamp = decoder.decode(record.value)
                    origin = Origin(partition.topic, partition.partition, record.offset)
                    value = encode(Forwarded("introspection_snapshot", stamp.timestamp_ns, origin))
                    await producer.send(INTROSPECTION.name, value, key=record.key)
    finally:
        await consumer.stop()
        await producer.stop()


uvloop.run(main())
