"""``csiflow replay`` and ``csiflow synthesize``: datagrams from a recording or from the physical model."""

from __future__ import annotations

from math import ceil
from pathlib import Path
from typing import Annotated

import typer
from csi_ingest.synthetic import run_synthetic

from csiflow.commands.options import Json, Speed
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_address, parse_duration, parse_speed
from csiflow.runfile import find
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings
from csiflow.sources import check_recording, play_recording, progress_of

REPLAY_ADDRESS = "127.0.0.1:5006"
SYNTHETIC_ADDRESS = "127.0.0.1:5007"


def replay(
    recording: Annotated[Path, typer.Argument(help="A .pcap or .npz recording.", show_default=False)],
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="Where ingest listens; its replay port marks the frames as replayed. Default: what csiflow up or demo "
            f"opened on this machine, else {REPLAY_ADDRESS}.",
            show_default=False,
        ),
    ] = None,
    speed: Speed = "1",
    as_json: Json = False,
) -> None:
    """Send a recording to a running ingest as UDP datagrams.

    Examples:

      csiflow replay room.pcap

      csiflow replay room.npz --to 192.0.2.7:5006 --speed max
    """
    if not recording.is_file():
        fail(f"there is no recording {recording}", 2)
    check_recording(recording)
    if to is None:
        run = find(cli_settings())
        to = REPLAY_ADDRESS if run is None else run.replay
    report = run_until_signal(play_recording(recording, parse_address(to), parse_speed(speed)))
    if report is None:
        raise typer.Exit(130)
    console.print(f"sent {report.sent} datagrams to {to} in {report.duration_s:.2f} s")
    if as_json:
        emit_json(
            {"recording": str(recording), "to": to, "sent": report.sent, "duration_s": round(report.duration_s, 3)}
        )


def synthesize(
    *,
    to: Annotated[
        str | None,
        typer.Option(
            help="Where ingest listens for synthetic frames. Default: what csiflow up or demo opened on this machine, "
            f"else {SYNTHETIC_ADDRESS}.",
            show_default=False,
        ),
    ] = None,
    nodes: Annotated[int, typer.Option(help="Number of nodes that send CSI.", min=0, max=255)] = 2,
    rate: Annotated[float, typer.Option(help="Frames a second and node.", min=0.1)] = 30.0,
    laptops: Annotated[int, typer.Option(help="Number of laptops that scan access points.", min=0, max=64)] = 0,
    scan_rate: Annotated[float, typer.Option(help="Scans a second and laptop.", min=0.1, max=20.0)] = 20.0,
    duration: Annotated[str | None, typer.Option(help="Stop after this long; without it, Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the room and its noise.")] = 1,
) -> None:
    """Send what nodes and laptops in a simulated room would hear: always labelled synthetic.

    Examples:

      csiflow synthesize --nodes 4 --rate 100 --duration 1m

      csiflow synthesize --nodes 0 --laptops 1 --scan-rate 2
    """
    if nodes + laptops == 0:
        fail("nothing to simulate: give --nodes or --laptops", 2)
    limit = parse_duration(duration) if duration else None
    if to is None:
        run = find(cli_settings())
        to = SYNTHETIC_ADDRESS if run is None else run.synthetic
    total = None if limit is None else nodes * ceil(rate * limit) + laptops * ceil(scan_rate * limit)
    hosts = [f"{n} {what}{'s' * (n > 1)}" for n, what in ((nodes, "node"), (laptops, "laptop")) if n]
    with progress_of("simulate", " and ".join(hosts), total) as progress:
        sent = run_until_signal(
            run_synthetic(
                parse_address(to),
                nodes=nodes,
                rate_hz=rate,
                duration_s=limit,
                seed=seed,
                laptops=laptops,
                scan_hz=scan_rate,
                progress=progress,
            )
        )
    if sent is not None:
        console.print(f"sent {sent} datagrams to {to}")
