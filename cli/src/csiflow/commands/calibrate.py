"""``csiflow calibrate``: learn what quiet is anew, while somebody promises it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from csiflow.calibrating import Calibrating
from csiflow.commands.options import Json
from csiflow.heard import HeardError, StreamName
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_duration
from csiflow.runfile import bootstrap_servers
from csiflow.running import run_until_signal
from csiflow.settings import cli_settings

SHORTEST_S = 5.0


def calibrate(
    *,
    duration: Annotated[str, typer.Option(help="How long the room will be quiet.")] = "30s",
    node: Annotated[str | None, typer.Option(help="Only this node's streams.")] = None,
    stream: Annotated[str | None, typer.Option(help="Only this stream, for example 1x64@6.")] = None,
    wait: Annotated[str, typer.Option(help="How long to wait for a first judged window.")] = "5s",
    as_json: Json = False,
) -> None:
    """Learn the quiet of every stream (or one node's) anew: leave the room, or keep still, until the bars are full.

    It is stored in csi.calibration.v1 and survives restarts. Ctrl-C withdraws it; the streams keep what they had.

    Examples:

      csiflow calibrate --duration 30s

      csiflow calibrate --node 1 --duration 1m --json
    """
    seconds = parse_duration(duration)
    if seconds < SHORTEST_S:
        fail(f"--duration {duration} is too short to learn from; give at least {SHORTEST_S:g}s", 2)
    bootstrap = bootstrap_servers(cli_settings())
    try:
        answers = run_until_signal(_run(bootstrap, node, stream, seconds, parse_duration(wait)))
    except HeardError as error:
        fail(escape(str(error)))
    if answers is None:
        console.print("nothing was calibrated; the request is withdrawn")
        raise typer.Exit(130)
    for answer in answers:
        gain = f", {answer['gain_states']} gain states" if answer["gain_states"] > 1 else ""
        name = f"{answer['stream']} of node {answer['node_id']} ({answer['provenance']})"
        console.print(f"[green]calibrated[/] {escape(name)}: {answer['frames']} frames at {answer['rate_hz']}/s{gain}")
    if as_json:
        emit_json({"calibrated": answers})


async def _run(
    bootstrap: str, node: str | None, stream: str | None, seconds: float, wait_s: float
) -> list[dict[str, Any]]:
    async with Calibrating.running(bootstrap) as calibrating:
        names = await calibrating.streams(node, stream, wait_s)
        columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f} %"))
        with Progress(*columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal) as bars:
            tasks = {name: bars.add_task(escape(f"quiet, please: {name}"), total=1.0) for name in names}

            def show(name: StreamName, progress: float) -> None:
                bars.update(tasks[name], completed=progress)

            if not console.is_terminal:
                console.print(f"calibrating {'; '.join(map(str, names))}: quiet for {seconds:g} s, please")
            await calibrating.ask(names, seconds)
            await calibrating.finish(show)
        answered = [asked.answer for asked in calibrating.asked.values() if asked.answer is not None]
    return [
        {
            "node_id": answer.node_id,
            "stream": answer.stream,
            "provenance": answer.provenance,
            "request": answer.request,
            "first_ns": answer.first_ns,
            "last_ns": answer.last_ns,
            "frames": answer.frames,
            "rate_hz": answer.rate_hz,
            "gain_states": 1 + len(answer.gain_read),
        }
        for answer in answered
    ]
