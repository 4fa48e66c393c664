"""The command line: registers every command. Heavy imports stay inside the modules that need them."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from csiflow.commands.agent import PASS_ON, agent
from csiflow.commands.bench import bench
from csiflow.commands.calibrate import calibrate
from csiflow.commands.capture import capture_signature
from csiflow.commands.demo import demo
from csiflow.commands.develop import lint, test
from csiflow.commands.doctor import doctor
from csiflow.commands.evaluate import evaluate
from csiflow.commands.fingerprints import fingerprint
from csiflow.commands.nodes import nodes
from csiflow.commands.replay import replay, synthesize
from csiflow.commands.signatures import signatures
from csiflow.commands.topics import tail, topics
from csiflow.commands.up import up


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - a callback of typer
    if wanted:
        typer.echo(f"csiflow {version('csiflow')}")
        raise typer.Exit


def main(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Wi-Fi sensing as a dataflow on Apache Kafka."""


app = typer.Typer(
    name="csiflow",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    callback=main,
)
app.command()(demo)
app.command()(up)
app.command()(replay)
app.command()(synthesize)
app.command()(nodes)
app.command()(tail)
app.command(context_settings=PASS_ON)(agent)
app.command()(doctor)
app.command()(calibrate)
app.command()(capture_signature)
app.add_typer(topics, name="topics")
app.add_typer(signatures, name="signatures")
app.add_typer(fingerprint, name="fingerprint")
app.command("eval")(evaluate)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(bench)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test)
app.command()(lint)
