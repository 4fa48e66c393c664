"""Feeds a running stack: a recording, the physical model, or the radios that are really there."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from csi_events.quiet import CALIBRATION_S
from csi_ingest.recordings import RecordingError, open_recording
from csi_ingest.replay import ReplayReport, send
from csi_ingest.sources import Choice, choose_source
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from csiflow.output import console, fail
from csiflow.stack import Stack
from csiflow.supervisor import ServiceSpec

SOURCES = ("auto", "esp32", "wifi-enhanced", "wifi", "synthetic")
AUTO_LISTEN_SECONDS = 3.0
"""How long ``auto`` listens for real radios before it says that there are none."""


@dataclass(frozen=True, slots=True)
class SyntheticOptions:
    """What the physical model plays."""

    nodes: int = 2
    rate_hz: float = 30.0
    seed: int = 1
    laptops: int = 0
    """Hosts that scan access points."""


def check_recording(path: Path) -> None:
    """Fail at once, before anything is started, when a recording cannot be read.

    Raises:
        typer.Exit: it cannot; the message says why.
    """
    try:
        open_recording(path)
    except (RecordingError, OSError) as error:
        fail(str(error), 2)


def too_fast(duration: float, speed: float | None) -> str | None:
    """Say it when the windowed path would calibrate for more than half of a recording of ``duration`` s."""
    if speed is not None and duration / speed >= 2 * CALIBRATION_S:
        return None
    lasts = "as fast as it is taken" if speed is None else f"in {duration / speed:.1f} s"
    slower = duration / (2 * CALIBRATION_S)
    remedy = f"--speed {slower:.2g} judges half of it" if slower > 0 else "it is too short to be judged"
    return (
        f"played {lasts}: the windowed path calibrates for {CALIBRATION_S:g} s by the clock and concludes nothing "
        f"before; {remedy}"
    )


async def play_recording(path: Path, address: str, speed: float | None) -> ReplayReport:
    """Send a recording as UDP datagrams, with a progress bar on stderr."""
    recording = open_recording(path)
    if warning := too_fast(recording.duration, speed):
        console.print(f"[yellow]{escape(recording.name)}[/] {warning}", soft_wrap=True)
    with progress_of("replay", recording.name, len(recording)) as sent:
        return await send(recording, address, speed, sent)


@contextlib.contextmanager
def progress_of(what: str, name: str, total: int | None) -> Iterator[Callable[[int], None]]:
    """Show how many datagrams were sent, in a line on a terminal's stderr, while the context is open.

    Args:
        what: is done, as the first word of the line.
        name: of what is sent.
        total: datagrams to send; without it the line has no end.
    """
    columns = (
        TextColumn(f"{what} {{task.description}}"),
        BarColumn(),
        TextColumn("{task.completed:,.0f} datagrams"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(escape(name), total=total)
        yield lambda sent: progress.update(task, completed=sent)


async def resolve_source(stack: Stack, wanted: str) -> str:
    """Turn ``auto`` into the best source there is, and say why; other names are returned as they are."""
    if wanted != "auto":
        return wanted
    console.print(f"listening {AUTO_LISTEN_SECONDS:g} s for ESP32 nodes and wifiscan agents at {stack.live} ...")
    choice: Choice = await choose_source(stack.ingest_stats, AUTO_LISTEN_SECONDS)
    for reason in choice.reasons:
        console.print(f"  {reason}")
    console.print(f"source: [bold]{choice.source}[/]")
    return choice.source


def synthetic_spec(stack: Stack, options: SyntheticOptions) -> ServiceSpec:
    """Return the child process that plays the physical model into the synthetic port."""
    command = (sys.executable, "-m", "csiflow", "synthesize", "--to", stack.synthetic)
    extra = ("--nodes", str(options.nodes), "--rate", str(options.rate_hz), "--seed", str(options.seed))
    return ServiceSpec("synthetic", (*command, *extra, "--laptops", str(options.laptops)))


async def wait_until_quiet(stack: Stack, expected: int, timeout: float) -> dict[str, object]:
    """Wait until ingest has received ``expected`` datagrams and has none pending; returns its counters.

    Returns the counters as they are when that has not happened after ``timeout`` seconds without progress.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    before = -1
    while True:
        stats = await stack.ingest_stats()
        received, pending = int(str(stats["received"])), int(str(stats["pending"]))
        if received != before:
            before, deadline = received, loop.time() + timeout
        if (received >= expected and pending == 0) or loop.time() > deadline:
            return stats
        await asyncio.sleep(0.05)
