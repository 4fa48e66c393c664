"""The baseline of flow.py: aiokafka alone reads frames and writes a snapshot of each; no Faust, kernels or state."""

from __future__ import annotations

import os

import msgspec
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from csi_schemas.common import Origin
from csi_schemas.frame import CsiFrame
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.topics import FRAMES, INTROSPECTION


def snapshot(frame: CsiFrame, origin: Origin) -> IntrospectionSnapshot:
    """Return a snapshot that says nothing, so that the gateway and the tally treat it as any other."""
    return IntrospectionSnapshot(
        timestamp_ns=frame.timestamp_ns,
        node_id=frame.node_id,
        frame_count=0,
        regime="unknown",
        lyapunov_exponent=None,
        attractor_dim=None,
        attractor_confidence=0.0,
        regime_changed=False,
        top_k_similarity=[],
        stream=frame.stream.label,
        sequence=frame.sequence,
        provenance=frame.provenance,
        source=frame.source,
        origin=origin,
    )


async def main() -> None:
    """Forward until killed."""
    bootstrap = os.environ["CSIFLOW_KAFKA"]
    decode, encode = msgspec.json.Decoder(CsiFrame).decode, msgspec.json.Encoder().encode
    consumer = AIOKafkaConsumer(
        FRAMES.name, bootstrap_servers=bootstrap, group_id="plain-forwarder", auto_offset_reset="latest"
    )
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    await consumer.start()
    try:
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=1000, max_records=500)).items():
                for record in records:
                    origin = Origin(partition.topic, partition.partition, record.offset)
                    value = encode(snapshot(decode(record.value), origin))
                    await producer.send(INTROSPECTION.name, value, key=record.key)
    finally:
        await consumer.stop()
        await producer.stop()


uvloop.run(main())
