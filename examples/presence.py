# Prints presence, motion, breathing and node events, past and coming: python presence.py BOOTSTRAP_HOST:PORT
import asyncio
import sys

import orjson
from aiokafka import AIOKafkaConsumer


async def main() -> None:
    async with AIOKafkaConsumer("csi.events.v1", bootstrap_servers=sys.argv[1], auto_offset_reset="earliest") as events:
        async for record in events:
            event = orjson.loads(record.value)
            print(event["timestamp_ns"], event["node_id"], event["event"], event["provenance"], flush=True)


asyncio.run(main())
