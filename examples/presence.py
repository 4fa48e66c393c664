# Prints presence, motion, breathing and node events, past and coming: python presence.py [HOST:PORT of Kafka]
import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main(kafka: list[str] | str = sys.argv[1:] or "127.0.0.1:9092") -> None:
    async with AIOKafkaConsumer("csi.events.v1", bootstrap_servers=kafka, auto_offset_reset="earliest") as events:
        async for record in events:
            event = orjson.loads(record.value)
            print(event["timestamp_ns"], event["node_id"], event["event"], event["provenance"], flush=True)


asyncio.run(main())
