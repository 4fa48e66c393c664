"""``csiflow demo``: the whole flow on this machine, with one command."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import tempfile
import time
import webbrowser
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from csiflow.commands.options import GatewayPort, Introspection, Json, Recording, Speed, UdpPort
from csiflow.observer import Derived, KafkaTally, WebsocketTally
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_duration, parse_speed
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings
from csiflow.sources import (
    SOURCES,
    SyntheticOptions,
    check_recording,
    play_recording,
    resolve_source,
    synthetic_spec,
    wait_until_quiet,
)
from csiflow.stack import LIVE_PORT, Stack, StackOptions, running_stack

SETTLE_SECONDS = 3.0
"""How long nothing may arrive before what is missing counts as lost; longer than the 1 s a window may stay open."""


def demo(
    *,
    recording: Recording = None,
    source: Annotated[str, typer.Option(help="auto, esp32, wifi-enhanced, wifi or synthetic.")] = "auto",
    speed: Speed = "1",
    laptops: Annotated[
        int, typer.Option(help="Simulated laptops that scan access points, with --source synthetic.", min=0, max=64)
    ] = 0,
    duration: Annotated[str | None, typer.Option(help="Stop after this long, for example 20s or 2m.")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the dashboard.")] = True,
    introspection: Introspection = True,
    port: GatewayPort = 8080,
    udp_port: UdpPort = LIVE_PORT,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Show the services' logs.")] = False,
    as_json: Json = False,
) -> None:
    """Run the whole flow here: real Kafka, every service, a source and the dashboard.

    A recording and simulations take a free UDP port, and --json, which shows no dashboard, a free one of HTTP.

    Examples:

      csiflow demo

      csiflow demo --recording room.pcap --speed 6

      csiflow demo --source synthetic --duration 20s --json

      csiflow demo --source synthetic --laptops 1
    """
    if source not in SOURCES:
        fail(f"there is no source {source!r}; choose one of {', '.join(SOURCES)}", 2)
    if laptops and source != "synthetic":
        fail("--laptops are simulated: they need --source synthetic", 2)
    limit = parse_duration(duration) if duration else None
    factor = parse_speed(speed)
    settings = cli_settings()
    began = time.monotonic()
    if recording is not None:
        check_recording(recording)

    async def run() -> dict[str, Any]:
        data_dir = Path(tempfile.mkdtemp(prefix="csiflow-demo-"))
        # A demo shares the machine with whatever else runs there: only real radios need the port they know.
        options = StackOptions(
            data_dir=data_dir,
            live_port=udp_port if recording is None and source != "synthetic" else 0,
            gateway_port=0 if as_json else port,
            introspection=introspection,
        )
        try:
            console.print("starting Kafka ...")
            async with running_stack(settings, options, show_logs=logs) as stack:
                console.print(f"dashboard: [bold]{stack.dashboard_url}[/]", soft_wrap=True)
                if browser and not as_json:
                    webbrowser.open(stack.dashboard_url)
                synthetic = SyntheticOptions(laptops=laptops)
                return await Demo(stack, began, introspection=introspection, synthetic=synthetic).run(
                    recording, source, factor, limit, until_stopped=not as_json
                )
        finally:
            shutil.rmtree(data_dir, ignore_errors=True)

    result = run_until_signal(run())
    if result is None:
        console.print("stopped")
        raise typer.Exit(130 if as_json else 0)
    console.print(summary(result))
    if as_json:
        emit_json(result)
    if not result["complete"]:
        console.print("[bold red]not everything that was sent came out:[/] see lost, duplicated and dropped above")
        raise typer.Exit(1)


def tell(event: Derived) -> None:
    """Print an event as it comes: when the frame that decided it came, and of which node."""
    at = datetime.fromtimestamp(event.timestamp_ns / 1e9).astimezone()
    rate = "" if event.breathing_rate_bpm is None else f" {event.breathing_rate_bpm:.1f} a minute"
    sure = "" if event.confidence is None else f", confidence {event.confidence:.2f}"
    console.print(f"  {at:%H:%M:%S} node {escape(event.node_id)}: {event.event}{rate}{sure}")


def summary(result: dict[str, Any]) -> Table:
    """Return the run's figures as a table for people."""
    frames, latency = result["frames"], result["latency_ms"]
    table = Table(show_header=False, title=result["source"])
    table.add_row("datagrams received", str(frames["received"]))
    for outcome in ("published", "telemetry", "duplicates", "rejected", "dropped"):
        table.add_row(f"  {outcome}", str(frames[outcome]))
    for reason, count in frames["rejected_by_reason"].items():
        table.add_row(f"    {reason}", str(count))
    table.add_row("snapshots", f"{result['snapshots']}, {result['websocket']['introspection']} on the websocket")
    table.add_row("sensing updates", f"{result['sensing_updates']}, {result['websocket']['sensing']} on the websocket")
    for level, count in result["motion_levels"].items():
        why = " (each stream calibrates for its first 10 s, however fast a recording is played)"
        table.add_row(f"  {level}", f"{count}{why if level == 'undecided' else ''}")
    table.add_row("events", str(sum(result["events"].values())))
    for name, count in result["events"].items():
        table.add_row(f"  {name}", str(count))
    for name, figures in latency.items():
        if figures["p50"] is not None:
            table.add_row(f"latency, {name}", f"median {figures['p50']} ms, 99th percentile {figures['p99']} ms")
    table.add_row("lost, duplicated", f"{result['lost']}, {result['duplicated']}")
    return table


class Demo:
    """One run of a source through a stack, measured at its far end."""

    def __init__(self, stack: Stack, began: float, *, introspection: bool, synthetic: SyntheticOptions) -> None:
        self._stack = stack
        self._began = began
        self._synthetic = synthetic
        self._kafka = KafkaTally(stack.bootstrap, tell)
        base = stack.gateway_url.replace("http", "ws", 1)
        self._sensing = WebsocketTally(f"{base}/ws/sensing", stack.token)
        self._introspection = WebsocketTally(f"{base}/ws/introspection", stack.token) if introspection else None
        self._first_snapshot_s: float | None = None
        self._source: str | None = None
        """What plays, once it does."""
        self._sent: int | None = None
        """Datagrams of a recording that was played to its end."""

    async def run(
        self, recording: Path | None, source: str, speed: float | None, limit: float | None, *, until_stopped: bool
    ) -> dict[str, Any]:
        """Play the source and return the tallies; with ``until_stopped`` keep the dashboard up after a recording."""
        async with contextlib.AsyncExitStack() as running:
            await running.enter_async_context(self._kafka.running())
            await running.enter_async_context(self._sensing.running())
            if self._introspection is not None:
                await running.enter_async_context(self._introspection.running())
            watch = asyncio.create_task(self._watch_first_snapshot())
            failure = asyncio.create_task(self._stack.supervisor.wait_failure())
            play = asyncio.create_task(self._play(recording, source, speed, limit, until_stopped=until_stopped))
            try:
                await asyncio.wait({play, failure}, return_when=asyncio.FIRST_COMPLETED)
                if failure.done():
                    failure.result()
                play.result()
                return await self._settle()
            except asyncio.CancelledError:
                here = asyncio.current_task()
                if not until_stopped or self._source is None or here is None:
                    raise
                here.uncancel()  # a person's Ctrl-C ends the source; what came of it is still to be told
                play.cancel()
                await asyncio.wait({play})
                await self._stack.supervisor.stop("synthetic")
                return await self._settle()
            finally:
                for task in (watch, failure, play):
                    task.cancel()

    async def _play(
        self, recording: Path | None, source: str, speed: float | None, limit: float | None, *, until_stopped: bool
    ) -> None:
        """Play until the source or the time is over."""
        if recording is not None:
            self._source = f"recording:{recording.name}"
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    report = await play_recording(recording, self._stack.replay, speed)
                    self._sent = report.sent
                    if until_stopped and limit is None:
                        console.print(f"{recording.name} is over ({report.sent} datagrams); Ctrl-C ends the demo")
                        await asyncio.Event().wait()
            return
        name = self._source = await resolve_source(self._stack, source)
        if name == "synthetic":
            self._stack.supervisor.start([synthetic_spec(self._stack, self._synthetic)])
        if limit is None and until_stopped:
            console.print("Ctrl-C ends the demo")
            await asyncio.Event().wait()
        await asyncio.sleep(limit or 20.0)
        if name == "synthetic":
            await self._stack.supervisor.stop("synthetic")

    async def _watch_first_snapshot(self) -> None:
        while self._introspection is not None and self._introspection.received == 0:
            await asyncio.sleep(0.01)
        self._first_snapshot_s = round(time.monotonic() - self._began, 2)

    async def _settle(self) -> dict[str, Any]:
        """Wait until everything has come out at the far end, or nothing has for a while; then count.

        Radios do not stop for us: of them, what had been published by now has had its while to come out.
        """
        stats: dict[str, Any] = await wait_until_quiet(self._stack, self._sent or 0, SETTLE_SECONDS)
        loop = asyncio.get_running_loop()
        began = loop.time()
        goes_on = self._source != "synthetic" and not str(self._source).startswith("recording:")
        progress, changed = (-1, -1, -1), began
        while loop.time() - (began if goes_on else changed) < SETTLE_SECONDS:
            now = (self._kafka.snapshots, len(self._kafka.sensing_origins), self._sensing.received)
            if now != progress:
                progress, changed = now, loop.time()
            await asyncio.sleep(0.05)
        return self._result(stats)

    def _result(self, stats: dict[str, Any]) -> dict[str, Any]:
        published = stats["published"]
        websocket = self._introspection
        snapshots = self._kafka.snapshots
        lost = max(0, (self._sent or 0) - stats["received"])
        duplicated = 0
        if websocket is not None:
            scans = sum(node["scans"] for node in stats["nodes"].values())  # these have no snapshots
            lost += max(0, published - scans - min(snapshots, websocket.received))
            duplicated = max(sum(counts.values()) - len(counts) for counts in (self._kafka.origins, websocket.origins))
        return {
            "source": self._source,
            "frames": {
                "received": stats["received"],
                "published": published,
                "rejected": stats["rejected"],
                "rejected_by_reason": stats["rejected_by_reason"],
                "telemetry": stats["telemetry"],
                "telemetry_by_kind": stats["telemetry_by_kind"],
                "duplicates": stats["duplicates"],
                "dropped": stats["dropped"],
            },
            "nodes": stats["nodes"],
            "snapshots": snapshots,
            "sensing_updates": len(self._kafka.sensing_origins),
            "motion_levels": dict(sorted(self._kafka.motion_levels.items())),
            "events": dict(sorted(self._kafka.events.items())),
            "websocket": {
                "sensing": self._sensing.received,
                "introspection": websocket.received if websocket is not None else 0,
            },
            "latency_ms": {
                "introspection": websocket.percentiles_ms() if websocket is not None else {"p50": None, "p99": None},
                "sensing": self._sensing.percentiles_ms(),
            },
            "first_snapshot_s": self._first_snapshot_s,
            "lost": lost,
            "duplicated": duplicated,
            "complete": lost == 0 and duplicated == 0 and stats["dropped"] == 0 and stats["pending"] == 0,
        }
