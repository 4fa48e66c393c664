"""Ingest as a child process, for the flow tests."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import FRAMES
from support.kafka import consume, count_records
from support.services import Service, running
from support.waiting import wait_for

ANY_PORT = "127.0.0.1:0"
COUNTS = ("published", "telemetry", "duplicates", "rejected", "dropped", "pending")


class Ingest:
    """A running ingest and where it listens."""

    def __init__(self, service: Service) -> None:
        self.service = service
        self.listeners: dict[str, str] = {}

    async def stats(self) -> dict[str, Any]:
        """``GET /stats``, whose counters must add up whenever it is asked."""
        status, body = await self.service.get("/stats")
        assert status == 200, body
        stats: dict[str, Any] = json.loads(body)
        assert stats["received"] == sum(stats[name] for name in COUNTS), stats
        for outcome in ("telemetry", "rejected", "dropped"):
            parts = stats["telemetry_by_kind" if outcome == "telemetry" else f"{outcome}_by_reason"]
            assert sum(parts.values()) == stats[outcome]
        return stats

    async def settled(self, received: int) -> dict[str, Any]:
        """The counters once ``received`` datagrams have all got their outcome."""

        async def done() -> dict[str, Any]:
            stats = await self.stats()
            return stats if stats["received"] >= received and stats["pending"] == 0 else {}

        return await wait_for(done, what=f"{received} datagrams received and none pending")


@asynccontextmanager
async def ingest(bootstrap: str, *, wait_ready: bool = True, **settings: str) -> AsyncIterator[Ingest]:
    """Run ingest on free ports, with further settings by their lower-case names."""
    env = {
        "CSIFLOW_KAFKA": bootstrap,
        **{f"CSIFLOW_INGEST_{name}": ANY_PORT for name in ("LIVE", "REPLAY", "SYNTHETIC")},
        **{f"CSIFLOW_INGEST_{name.upper()}": value for name, value in settings.items()},
    }
    async with running("csi_ingest", env, wait_ready=wait_ready) as service:
        started = Ingest(service)
        (up,) = await wait_for(lambda: service.events("operations endpoint is up"), what="the operations endpoint")
        service.host, service.port = up["host"], up["port"]
        started.listeners = {record["provenance"]: record["address"] for record in service.events("listening")}
        yield started


async def frames_of(bootstrap: str, count: int) -> dict[str, list[CsiFrame]]:
    """Every frame on the topic by node, in the order of its partition."""
    frames: dict[str, list[CsiFrame]] = defaultdict(list)
    partitions: dict[str, set[int]] = defaultdict(set)
    for record in await consume(bootstrap, FRAMES.name, count):
        frame = msgspec.json.decode(record.value, type=CsiFrame)
        assert record.key == frame.node_id.encode()
        assert record.timestamp == frame.timestamp_ns // 1_000_000
        frames[frame.node_id].append(frame)
        partitions[frame.node_id].add(record.partition)
    assert all(len(partition) == 1 for partition in partitions.values()), "a node's frames share a partition"
    assert await count_records(bootstrap, FRAMES.name) == count, "nothing was published twice"
    return frames
