"""Kafka to many websocket clients through one gateway: deliveries per second and their age, beside a single client.

Snapshots are published at a steady rate; every client reads all of them. One process holds all clients, on the same
machine as the gateway and the broker, so the figures are a floor.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import arguments
import msgspec
from aiokafka import AIOKafkaProducer
from csi_runtime.topics import create_topics
from csi_schemas.common import Origin
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.topics import FRAMES, INTROSPECTION
from csiflow.observer import WebsocketTally
from csiflow.output import console, emit_json
from csiflow.running import run_until_signal
from csiflow.settings import CliSettings
from csiflow.stack import running_cluster
from csiflow.supervisor import ServiceSpec, Supervisor
from csiflow.supervisor.supervisor import free_port

TOKEN = "bench"  # noqa: S105 - of a gateway that lives as long as this run
DRAIN_SECONDS = 10.0


def snapshot(number: int, now_ns: int) -> bytes:
    """Return a snapshot of node 1, 2, 3 or 4."""
    return msgspec.json.encode(
        IntrospectionSnapshot(
            timestamp_ns=now_ns,
            node_id=str(1 + number % 4),
            frame_count=number,
            regime="idle",
            lyapunov_exponent=None,
            attractor_dim=None,
            attractor_confidence=0.0,
            regime_changed=False,
            top_k_similarity=[],
            stream="1x64@6",
            sequence=number,
            provenance="synthetic",
            source="esp32",
            origin=Origin(FRAMES.name, 0, number),
        )
    )


async def publish(bootstrap: str, first: int, rate: float, seconds: float) -> int:
    """Publish at a steady rate; returns how many."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True)
    await producer.start()
    began, sent = time.perf_counter(), 0
    try:
        while (elapsed := time.perf_counter() - began) < seconds:
            while sent < int(elapsed * rate):
                await producer.send(
                    INTROSPECTION.name, snapshot(first + sent, time.time_ns()), key=b"%d" % (1 + sent % 4)
                )
                sent += 1
            await asyncio.sleep(0.001)
    finally:
        await producer.stop()
    return sent


async def stretch(bootstrap: str, url: str, clients: int, first: int, options: argparse.Namespace) -> dict[str, Any]:
    """Let ``clients`` clients read one stretch."""
    tallies = [WebsocketTally(url, TOKEN) for _ in range(clients)]
    async with contextlib.AsyncExitStack() as running:
        for tally in tallies:
            await running.enter_async_context(tally.running())
        sent = await publish(bootstrap, first, options.rate, options.seconds)
        deadline = time.monotonic() + DRAIN_SECONDS
        while min(tally.received + tally.dropped for tally in tallies) < sent and time.monotonic() < deadline:
            await asyncio.sleep(0.05)
    delivered = sum(tally.received for tally in tallies)
    worst = max(tallies, key=lambda tally: tally.percentiles_ms()["p99"] or 0.0)
    result = {
        "clients": clients,
        "sent": sent,
        "deliveries_per_s": round(delivered / options.seconds, 1),
        "dropped": sum(tally.dropped for tally in tallies),
        "latency_ms": worst.percentiles_ms(),
    }
    console.print(f"  {clients} clients: {result}")
    return result


async def main(options: argparse.Namespace) -> dict[str, Any]:
    """One client, then many."""
    data_dir = Path(tempfile.mkdtemp(prefix="csiflow-bench-"))
    port = free_port()
    try:
        async with running_cluster(CliSettings(), data_dir) as bootstrap, Supervisor(show_logs=False) as supervisor:
            await create_topics(bootstrap)
            environment = {
                "CSIFLOW_KAFKA": bootstrap,
                "CSIFLOW_GATEWAY_TOKEN": TOKEN,
                "CSIFLOW_GATEWAY_PORT": str(port),
            }
            supervisor.start([ServiceSpec("gateway", (sys.executable, "-m", "csi_gateway"), environment, port)])
            await supervisor.wait_ready()
            url = f"ws://127.0.0.1:{port}/ws/introspection"
            one = await stretch(bootstrap, url, 1, 0, options)
            many = await stretch(bootstrap, url, options.clients, one["sent"], options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    return {
        "frames_per_s": many["deliveries_per_s"],
        "latency_ms": many["latency_ms"],
        "dropped": many["dropped"],
        "baseline": {"one_client": one},
        "ratio": round(many["deliveries_per_s"] / one["deliveries_per_s"], 3),
        "clients": options.clients,
    }


parser = arguments.parser("fanout", __doc__)
parser.add_argument("--clients", type=int, default=20)
parser.add_argument("--rate", type=float, default=500, help="snapshots a second")
parser.add_argument("--seconds", type=float, default=10)
result = run_until_signal(main(parser.parse_args()))
if result is None:
    sys.exit(130)
emit_json(result)
