"""``csiflow bench``: runs the measurements of ``bench/``; each prints one JSON object as its last line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from csiflow.commands.options import Json
from csiflow.output import console, fail
from csiflow.settings import checkout

BENCHES = {
    "flow": "UDP datagram to websocket message: latency, and the highest rate without loss",
    "streaming": "what the streaming base costs a record, against aiokafka alone",
    "fanout": "Kafka to many websocket clients through one gateway",
    "introspection": "what a frame costs the per-frame path",
    "windows": "what a frame costs the windowed path, and the memory of a stream",
    "multi-bssid": "what a scan of access points costs",
    "onset": "time to onset against false onsets an hour, on recordings",
    "d8": "ADR-099's D8: how soon its ramp is promoted, and what never is",
    "regimes": "how often known series get their regime; what recordings get",
    "robustness": "what still holds when recordings are perturbed as the real world does",
    "breathers": "how often simulated people at rest are told a rate, and how often a wrong one",
    "rooms": "what is said of simulated rooms that are scanned for access points",
    "fingerprints": "fingerprints learnt and matched in simulated rooms",
}
"""What each measures."""


def script(root: Path, name: str) -> Path:
    """Return the file of a benchmark in a checkout."""
    return root / "bench" / f"{name.replace('-', '_')}.py"


def bench(
    context: typer.Context,
    name: Annotated[str | None, typer.Argument(help="Which; without it, what there is.", show_default=False)] = None,
    *,
    as_json: Json = False,
) -> None:
    """Measure this machine; every figure stands beside a baseline timed in the same run.

    Examples:

      csiflow bench

      csiflow bench flow --json

      csiflow bench introspection -- --frames 100000

      csiflow bench onset -- --help
    """
    root = checkout()
    if root is None:
        fail("benchmarks belong to a checkout; run ./csiflow there", 2)
    if name is None:
        console.print(_list())
        return
    if name not in BENCHES:
        fail(f"there is no benchmark {name!r}; choose one of {', '.join(BENCHES)}", 2)
    path = script(root, name)
    console.print(f"[dim]$ python {path.relative_to(root)} {' '.join(context.args)}[/]")
    stdout = None if as_json else sys.stderr
    raise typer.Exit(subprocess.run([sys.executable, str(path), *context.args], check=False, stdout=stdout).returncode)


def _list() -> Table:
    """Return every benchmark and what it measures, as a table for people."""
    table = Table("csiflow bench", "measures")
    for name, measures in BENCHES.items():
        table.add_row(name, measures)
    return table
