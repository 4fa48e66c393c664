"""``csiflow topics create`` and ``csiflow tail``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError
from csi_runtime.topics import create_topics
from csi_schemas.topics import BY_NAME, REJECTED

from csiflow.commands.options import Json
from csiflow.output import console, emit_json, fail
from csiflow.runfile import bootstrap_servers
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings

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
    bootstrap = bootstrap_servers(cli_settings())

    async def run() -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None, enable_auto_commit=False)
        try:
            await consumer.start()
        except KafkaConnectionError:
            await consumer.stop()
            fail(f"no Kafka answers at {bootstrap}: start it, or mend CSIFLOW_KAFKA")
        try:
            partitions = [TopicPartition(topic, number) for number in range(BY_NAME[topic].partitions)]
            consumer.assign(partitions)
            await (consumer.seek_to_beginning if from_beginning else consumer.seek_to_end)(*partitions)
            printed = 0
            async for record in consumer:
                if node is not None and (record.key or b"").decode(errors="replace").split("/")[0] != node:
                    continue
                _print(topic, record.value, record.headers)
                printed += 1
                if printed == count:
                    return
        finally:
            await consumer.stop()

    try:
        run_until_signal(run())
    except BrokenPipeError:
        sys.stderr.close()  # the reader, such as head, has had enough


def _print(topic: str, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> None:
    if topic == REJECTED.name:
        said = {name: text.decode(errors="replace") for name, text in headers}
        emit_json({**said, "bytes": len(value or b""), "hex": (value or b"")[:32].hex()})
    else:
        sys.stdout.buffer.write((value or b"null") + b"\n")
        sys.stdout.buffer.flush()
