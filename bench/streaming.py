"""What the streaming base costs a record, against aiokafka alone: both copy frames from one topic to another.

    csiflow bench streaming [-- --records 60000] [-- --rate 8000 --seconds 5]

Three stretches per contender, each contender on a fresh broker: a household's rate, a steady high rate and a backlog.
Prints records/s, CPU microseconds a record (of the worker process alone) and latency; the last line is JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import arguments
import msgspec
import psutil
import uvloop
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from csi_runtime.topics import create_topics
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import FRAMES, PARTITIONS, SENSING
from csi_streaming import Batch, Output, StreamingSettings, run_service
from csiflow.kafka.embedded import EmbeddedCluster

NODES = 4
HOUSEHOLD_RATE = 120.0
STAMP = b'{"stamp":'
"""Values begin with their sending time, so that the reader need not decode them."""


class Copy:
    """The processor of our contender."""

    def process(self, batch: Batch) -> Iterable[Output]:
        """One output a record."""
        return [Output(SENSING.name, record.key, record.value) for record in batch.records]

    def tick(self, now_ns: int) -> Iterable[Output]:  # noqa: ARG002 - the protocol's
        """Nothing."""
        return ()


def run_ours(bootstrap: str) -> int:
    """Our contender: the base with a processor that copies."""
    return run_service(
        "bench", StreamingSettings(kafka=bootstrap, log_level="warning"), lambda _: Copy(), outputs=[SENSING]
    )


async def run_plain(bootstrap: str) -> None:
    """The baseline: aiokafka alone, at least once as well."""
    consumer = AIOKafkaConsumer(
        FRAMES.name,
        bootstrap_servers=bootstrap,
        group_id="plain",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_poll_records=StreamingSettings().max_poll_records,
    )
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=StreamingSettings().max_batch_bytes,
    )
    await producer.start()
    await consumer.start()
    committed = time.monotonic()
    while True:
        for partition, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                await producer.send(SENSING.name, record.value, key=record.key, partition=partition.partition)
        if time.monotonic() - committed > StreamingSettings().commit_interval_s:
            await producer.flush()
            await consumer.commit()
            committed = time.monotonic()


def frame_value() -> bytes:
    """A frame of 64 sub-carriers as JSON, without its opening brace: about 500 bytes."""
    frame = CsiFrame("1", time.time_ns(), 1, "synthetic", "esp32", 1, 64, 2437, -50, -90, bytes(range(128)))
    return msgspec.json.encode(frame)[1:]


class Load:
    """Sends stamped frames and reads their copies."""

    def __init__(self, producer: AIOKafkaProducer, consumer: AIOKafkaConsumer) -> None:
        self._producer = producer
        self._consumer = consumer
        self._rest = frame_value()

    async def send(self, n: int, rate: float | None) -> None:
        """Send ``n`` frames of ``NODES`` nodes, as fast as possible without a rate."""
        keys = [f"node{i}".encode() for i in range(NODES)]
        began = time.perf_counter()
        for i in range(n):
            if rate and (ahead := i / rate - (time.perf_counter() - began)) > 0:
                await asyncio.sleep(ahead)
            value = STAMP + b"%020d," % time.time_ns() + self._rest
            await self._producer.send(FRAMES.name, value, key=keys[i % NODES])
        await self._producer.flush()

    async def receive(self, n: int) -> list[float]:
        """Read ``n`` copies; their latencies in ms."""
        latencies: list[float] = []
        first, last = len(STAMP), len(STAMP) + 20
        while len(latencies) < n:
            for records in (await self._consumer.getmany(timeout_ms=500)).values():
                now = time.time_ns()
                latencies += [(now - int(record.value[first:last])) / 1e6 for record in records]
        return latencies


@asynccontextmanager
async def load(bootstrap: str) -> AsyncIterator[Load]:
    """Connect; copies are read from now on."""
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, max_batch_size=131072)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, max_poll_records=5000)
    await producer.start()
    await consumer.start()
    try:
        partitions = [TopicPartition(SENSING.name, i) for i in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_end(*partitions)
        await asyncio.gather(*[consumer.position(partition) for partition in partitions])
        yield Load(producer, consumer)
    finally:
        await producer.stop()
        await consumer.stop()


def cpu_s(process: psutil.Process) -> float:
    """CPU time a process has used."""
    times = process.cpu_times()
    return float(times.user + times.system)


def summary(n: int, seconds: float, cpu: float, latencies: list[float]) -> dict[str, float]:
    """The figures of one stretch."""
    ordered = sorted(latencies)
    return {
        "records_per_s": round(n / seconds, 1),
        "cpu_us_per_record": round(cpu / n * 1e6, 2),
        "latency_p50_ms": round(ordered[len(ordered) // 2], 2),
        "latency_p99_ms": round(ordered[int(len(ordered) * 0.99)], 2),
    }


async def measure(contender: str, bootstrap: str, options: argparse.Namespace) -> dict[str, Any]:
    """All stretches of one contender."""
    async with load(bootstrap) as traffic:
        child = await asyncio.create_subprocess_exec(
            sys.executable, __file__, "--worker", contender, "--kafka", bootstrap
        )
        try:
            process = psutil.Process(child.pid)
            # the worker is up once it has copied something
            await traffic.send(NODES, None)
            await traffic.receive(NODES)
            stretches = {}
            for name, n, rate in (
                ("household", int(HOUSEHOLD_RATE * options.seconds), HOUSEHOLD_RATE),
                ("steady", int(options.rate * options.seconds), options.rate),
                ("backlog", options.records, None),
            ):
                before, began = cpu_s(process), time.perf_counter()
                if rate is None:
                    process.suspend()
                    await traffic.send(n, None)
                    process.resume()
                    began = time.perf_counter()
                    latencies = await traffic.receive(n)
                else:
                    latencies, _ = await asyncio.gather(traffic.receive(n), traffic.send(n, rate))
                stretches[name] = summary(n, time.perf_counter() - began, cpu_s(process) - before, latencies)
                print(f"{contender:>6} {name:>9}: {stretches[name]}", flush=True)
            return stretches
        finally:
            child.kill()
            await child.wait()


def run_contender(contender: str, options: argparse.Namespace) -> dict[str, Any]:
    """All stretches of one contender, on a fresh broker."""
    with tempfile.TemporaryDirectory() as folder, EmbeddedCluster(Path(folder)) as cluster:
        asyncio.run(create_topics(cluster.bootstrap))
        result: dict[str, Any] = uvloop.run(measure(contender, cluster.bootstrap, options))
        return result


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Both contenders, one after the other."""
    results = {contender: run_contender(contender, options) for contender in ("plain", "ours")}
    ratio = {
        name: round(results["plain"][name]["cpu_us_per_record"] / results["ours"][name]["cpu_us_per_record"], 2)
        for name in results["ours"]
    }
    return {
        "ours": results["ours"],
        "baseline": {"plain aiokafka": results["plain"]},
        "cpu_ratio_baseline_to_ours": ratio,
    }


def main() -> int:
    """Run a worker, or both contenders on a broker of their own."""
    parser = arguments.parser("streaming", __doc__)
    parser.add_argument("--records", type=int, default=60_000, help="size of the backlog")
    parser.add_argument("--rate", type=float, default=8000.0, help="the steady rate, records a second")
    parser.add_argument("--seconds", type=float, default=5.0, help="length of the paced stretches")
    parser.add_argument("--worker", choices=["ours", "plain"], help=argparse.SUPPRESS)
    parser.add_argument("--kafka", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker == "ours":
        return run_ours(options.kafka)
    if options.worker == "plain":
        uvloop.run(run_plain(options.kafka))
        return 0
    print(json.dumps(compare(options)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
