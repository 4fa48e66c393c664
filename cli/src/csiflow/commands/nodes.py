"""``csiflow nodes``: who sends, what is known about them now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aiohttp
import typer
from rich.markup import escape
from rich.table import Column, Table

from csiflow.commands.options import Json
from csiflow.output import console, emit_json
from csiflow.runfile import require
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings


def nodes(*, as_json: Json = False) -> None:
    """List the nodes the running gateway knows: source, streams, staleness, presence and motion.

    Example:

      csiflow nodes --json | jq '.nodes[] | select(.stale)'
    """
    run = require(cli_settings())

    async def fetch() -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {run.token}"}
        timeout = aiohttp.ClientTimeout(total=5)
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(f"{run.gateway_url}/api/v1/nodes") as response,
        ):
            response.raise_for_status()
            body: dict[str, Any] = await response.json()
            return body

    body = run_until_signal(fetch())
    if body is None:
        raise typer.Exit(130)
    if body["nodes"]:
        console.print(table_of(body["nodes"]))
    else:
        console.print(
            f"no node has been heard yet: point nodes at UDP {run.live}, or send a recording: csiflow replay FILE"
        )
    if as_json:
        emit_json(body)


def table_of(nodes: Sequence[Mapping[str, Any]]) -> Table:
    """Lay the gateway's nodes out for 80 columns: what is known of the people is never broken, long names are."""
    columns = [Column(name, overflow="fold") for name in ("node", "source", "streams", "last seen")]
    columns += [Column(name, no_wrap=True) for name in ("presence", "motion")]
    table = Table(*columns)
    for node in nodes:
        streams = ", ".join(stream if isinstance(stream, str) else stream["stream"] for stream in node["streams"])
        source = f"{node['source']}, {node['provenance']}"
        seen = f"{node['age_s']:.0f} s ago{', stale' if node['stale'] else ''}"
        known = (node.get("presence"), node.get("motion_level"))
        said = ["unknown" if value is None else str(value) for value in known]
        table.add_row(*map(escape, (node["node_id"], source, streams, seen, *said)))
    return table
