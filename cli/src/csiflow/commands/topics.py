"""``csiflow topics create`` and ``csiflow tail``."""

from __future__ import annotations

import math
import sys
import time
from typing import Annotated

import typer
from csi_runtime.topics import create_topics
from csi_schemas.topics import BY_NAME, REJECTED, TopicSpec
from rich.markup import escape

from csiflow.commands.options import Json
from csiflow.following import following
from csiflow.output import console, emit_json, fail
from csiflow.runfile import bootstrap_servers
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings

SILENCE_S = 5.0
"""Seconds without a record after which tail says so."""

topics = typer.Typer(no_args_is_help=True, help="The Kafka topics csiflow uses.")


@topics.command("create")
def create(*, as_json: Json = False) -> None:
    """Create the topics that are missing and say what differs from the registry; changes nothing that exists.

    Example:

      CSIFLOW_KAFKA=broker:9092 csiflow topics create
    """
    bootstrap = bootstrap_servers(cli_settings())
    report = run_until_signal(create_topics(bootstrap))
    if report is None:
        raise typer.Exit(130)
    for name in report.created:
        console.print(f"[green]created[/]  {name}")
    for name in report.existing:
        console.print(f"exists   {name}")
    for difference in report.differences:
        console.print(f"[yellow]differs[/]  {difference}")
    if as_json:
        differences = [str(difference) for difference in report.differences]
        emit_json({"created": list(report.created), "existing": list(report.existing), "differences": differences})
    if report.differences:
        raise typer.Exit(1)


def tail(
    topic: Annotated[str, typer.Argument(help="A topic, for example csi.events.v1.", show_default=False)],
    *,
    node: Annotated[str | None, typer.Option(help="Only records with this key.")] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", help="Stop after this many records.", min=1)] = None,
    from_beginning: Annotated[bool, typer.Option(help="Start with the oldest record.")] = False,
) -> None:
    """Print a topic's records as they come, one JSON value a line.

    Examples:

      csiflow tail csi.events.v1

      csiflow tail csi.introspection.v1 --node 1 -n 10 | jq .regime
    """
    if topic not in BY_NAME:
        fail(f"there is no topic {topic!r}; csiflow's topics are {', '.join(BY_NAME)}", 2)
    try:
        run_until_signal(_follow(bootstrap_servers(cli_settings()), BY_NAME[topic], node, count, from_beginning))
    except BrokenPipeError:
        sys.stderr.close()  # the reader, such as head, has had enough


async def _follow(bootstrap: str, topic: TopicSpec, node: str | None, count: int | None, from_beginning: bool) -> None:  # noqa: FBT001 - an option
    """Print records until there were ``count``; say once when none came for a while, and which nodes' records did."""
    async with following(bootstrap, topic, from_beginning=from_beginning) as consumer:
        printed, others, said_at = 0, set[str](), time.monotonic() + SILENCE_S
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    key = (record.key or b"").decode(errors="replace").split("/")[0]
                    if node not in {None, key}:
                        others.add(key)
                        continue
                    _print(topic, record.value, record.headers)
                    printed += 1
                    if printed == count:
                        return
            if not printed and time.monotonic() > said_at:
                said_at = math.inf
                console.print(f"waiting: {_silence(topic, node, others)}", soft_wrap=True)


def _silence(topic: TopicSpec, node: str | None, others: set[str]) -> str:
    """Say what has not come, and what has instead."""
    if node is None:
        return f"no record of {topic.name} for {SILENCE_S:g} s; csiflow nodes says what ingest hears"
    heard = f"of {', '.join(sorted(others))}" if others else "none of any other; csiflow nodes says what ingest hears"
    return escape(f"no record of {topic.name} with the key {node} for {SILENCE_S:g} s, but {heard}")


def _print(topic: TopicSpec, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> None:
    if topic is REJECTED:
        said = {name: text.decode(errors="replace") for name, text in headers}
        emit_json({**said, "bytes": len(value or b""), "hex": (value or b"")[:32].hex()})
    else:
        sys.stdout.buffer.write((value or b"null") + b"\n")
        sys.stdout.buffer.flush()
