"""``csiflow bench``: runs the measurements of ``bench/``; each prints one JSON object as its last line."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import typer

from csiflow.commands.options import Json
from csiflow.output import console, fail
from csiflow.settings import checkout

BENCHES = {
    "flow": "flow.py",
    "introspection": "introspection.py",
    "d8": "d8.py",
    "multi-bssid": "multi_bssid.py",
    "onset": "onset.py",
    "regimes": "regimes.py",
    "robustness": "robustness.py",
    "rooms": "rooms.py",
    "fingerprints": "fingerprints.py",
    "windows": "windows.py",
    "fanout": "fanout.py",
    "streaming": "streaming_forward.py",
}


def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help=f"One of {', '.join(BENCHES)}.", show_default=False)],
    *,
    as_json: Json = False,
) -> None:
    """Measure this machine; every figure stands beside a baseline timed in the same run.

    Examples:

      csiflow bench flow --json

      csiflow bench introspection -- --frames 100000
    """
    root = checkout()
    if root is None:
        fail("benchmarks belong to a checkout; run ./csiflow there", 2)
    if name not in BENCHES:
        fail(f"there is no benchmark {name!r}; choose one of {', '.join(BENCHES)}", 2)
    script = root / "bench" / BENCHES[name]
    console.print(f"[dim]$ python {script.relative_to(root)} {' '.join(context.args)}[/]")
    stdout = None if as_json else sys.stderr
    raise typer.Exit(
        subprocess.run([sys.executable, str(script), *context.args], check=False, stdout=stdout).returncode
    )
