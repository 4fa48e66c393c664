"""Options several commands share, with one help text each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line of stdout.")]
Introspection = Annotated[
    bool,
    typer.Option(
        "--introspection/--no-introspection",
        envvar="CSIFLOW_INTROSPECTION_ENABLED",
        help="Run the per-frame path and the fusion of zones.",
    ),
]
GatewayPort = Annotated[
    int,
    typer.Option(
        envvar="CSIFLOW_GATEWAY_PORT",
        help="HTTP port of the dashboard and the API; 0 takes a free one.",
        min=0,
        max=65535,
    ),
]
UdpPort = Annotated[
    int, typer.Option(help="UDP port for ESP32 nodes and wifiscan agents; 0 takes a free one.", min=0, max=65535)
]
Workers = Annotated[int, typer.Option(help="Workers of each consumer service.", min=1, max=12)]
Recording = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, readable=True, help="Play this .pcap or .npz recording."),
]
Speed = Annotated[str, typer.Option(help="Factor of real time, or max.")]
