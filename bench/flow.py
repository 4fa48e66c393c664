"""UDP datagram to websocket message on one machine: latency at a household's rate, highest rate with no loss.

The baseline, in the same run: aiokafka alone in place of both Faust consumers (plain_forwarder.py), the rest unchanged.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import arguments
from csiflow.observer import WebsocketTally
from csiflow.output import console, emit_json
from csiflow.running import run_until_signal
from csiflow.settings import CliSettings
from csiflow.stack import Stack, StackOptions, running_stack
from csiflow.supervisor import ServiceSpec

HERE = Path(__file__).parent
HOUSEHOLD_NODES, HOUSEHOLD_RATE = 4, 30.0
DRAIN_SECONDS = 2.0
"""What was sent must have arrived this long after the last datagram: a rate that only fills buffers does not count."""


class Run(NamedTuple):
    """One stretch at one rate."""

    rate: float
    sent: int
    received: int
    latency_ms: dict[str, float | None]
    sensing_latency_ms: dict[str, float | None]
    kernel_drops: int

    @property
    def lost(self) -> int:
        """Datagrams without a message on the websocket."""
        return self.sent - self.received


class Driver:
    """Runs driver.py, keeping the nodes' sequence numbers going from one stretch to the next."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._next_sequence = 0

    async def send(self, nodes: int, rate: float, seconds: float) -> int:
        """Send for ``seconds``; returns the number of datagrams."""
        arguments = (
            "--to",
            self._stack.synthetic,
            "--nodes",
            str(nodes),
            "--rate",
            str(rate),
            "--seconds",
            str(seconds),
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(HERE / "driver.py"),
            *arguments,
            "--first-sequence",
            str(self._next_sequence),
            stdout=asyncio.subprocess.PIPE,
        )
        out, _ = await process.communicate()
        if process.returncode:
            raise RuntimeError(f"driver.py ended with exit code {process.returncode}")
        said = json.loads(out)
        self._next_sequence = said["next_sequence"]
        return int(said["sent"])


async def stretch(stack: Stack, driver: Driver, nodes: int, rate: float, seconds: float) -> Run:
    """Send at one rate and wait until everything has come out, or DRAIN_SECONDS have passed."""
    base = stack.gateway_url.replace("http", "ws", 1)
    introspection = WebsocketTally(f"{base}/ws/introspection", stack.token)
    sensing = WebsocketTally(f"{base}/ws/sensing", stack.token)
    before = await stack.ingest_stats()
    async with introspection.running(), sensing.running():
        sent = await driver.send(nodes, rate, seconds)
        deadline = asyncio.get_running_loop().time() + DRAIN_SECONDS
        while introspection.received < sent and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.02)
        received = introspection.received
        # What is late must not count towards the next stretch.
        while (now := introspection.received) < sent:
            await asyncio.sleep(1.0)
            if introspection.received == now:
                break
    after = await stack.ingest_stats()
    drops = int(str(after["kernel_drops"])) - int(str(before["kernel_drops"]))
    run = Run(rate, sent, received, introspection.percentiles_ms(), sensing.percentiles_ms(), drops)
    console.print(
        f"  {rate:8.0f}/s: {run.received} of {run.sent}, {run.latency_ms['p50']} / {run.latency_ms['p99']} ms"
        f"{f', {drops} dropped by the kernel' if drops else ''}"
    )
    return run


async def measure(stack: Stack, driver: Driver, options: argparse.Namespace) -> dict[str, Any]:
    """Latency at the household's rate, then rates upwards until something is lost twice."""
    await driver.send(HOUSEHOLD_NODES, 240, 5)  # streams calibrate, pages and caches fill
    household = await stretch(stack, driver, HOUSEHOLD_NODES, HOUSEHOLD_NODES * HOUSEHOLD_RATE, options.seconds)
    highest, runs, rate = 0.0, [household], options.first_rate
    while rate <= options.last_rate:
        run = await stretch(stack, driver, options.nodes, rate, options.stretch)
        if run.lost:
            run = await stretch(stack, driver, options.nodes, rate, options.stretch)
        runs.append(run)
        if run.lost:
            break
        highest = rate
        rate += options.step
    return {
        "frames_per_s": highest,
        "latency_ms": household.latency_ms,
        "sensing_latency_ms": household.sensing_latency_ms,
        "runs": [{**run._asdict(), "lost": run.lost} for run in runs],
    }


async def main(options: argparse.Namespace) -> dict[str, Any]:
    """Ours, then the baseline, on one broker."""
    data_dir = Path(tempfile.mkdtemp(prefix="csiflow-bench-"))
    settings = CliSettings()
    try:
        async with running_stack(
            settings, StackOptions(data_dir, live_port=0, gateway_port=0, introspection=True), show_logs=options.logs
        ) as stack:
            driver = Driver(stack)
            console.print("csiflow: ingest, events, introspection, cluster and gateway")
            ours = await measure(stack, driver, options)
            await stack.supervisor.stop("events", "introspection", "cluster")
            forwarder = ServiceSpec(
                "forwarder", (sys.executable, str(HERE / "plain_forwarder.py")), {"CSIFLOW_KAFKA": stack.bootstrap}
            )
            stack.supervisor.start([forwarder])
            console.print("baseline: plain aiokafka forwarder in place of events, introspection and cluster")
            baseline = await measure(stack, driver, options)
    finally:
        shutil.rmtree(data_dir, ignore_errors=True)
    return {
        **ours,
        "baseline": {"plain_aiokafka": {key: baseline[key] for key in ("frames_per_s", "latency_ms")}},
        "ratio": round(ours["frames_per_s"] / baseline["frames_per_s"], 3) if baseline["frames_per_s"] else None,
        "nodes": options.nodes,
    }


parser = arguments.parser("flow", __doc__)
parser.add_argument("--seconds", type=float, default=30, help="length of the latency measurement")
parser.add_argument("--stretch", type=float, default=5, help="length of each rate")
parser.add_argument("--nodes", type=int, default=8, help="nodes that share the rate")
parser.add_argument("--first-rate", type=float, default=4000)
parser.add_argument("--last-rate", type=float, default=30000)
parser.add_argument("--step", type=float, default=1000)
parser.add_argument("--logs", action="store_true", help="show the services' logs")
result = run_until_signal(main(parser.parse_args()))
if result is None:
    sys.exit(130)
emit_json(result)
