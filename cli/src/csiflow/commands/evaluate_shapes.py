"""``csiflow eval --shapes``: signatures of some takes, tested on the others."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import typer
from csi_introspection.stream import warm_up
from rich.markup import escape

from csiflow.commands.evaluate import exit_code, label_names, print_tables, progress_bar
from csiflow.evaluation.files import expand
from csiflow.evaluation.shapes import (
    ShapeOptions,
    Shapes,
    as_json,
    plan,
    plan_streams,
    read_jobs,
    run,
    stream_table,
    tables,
    take_in,
)
from csiflow.evaluation.streams import StreamOutcome, run_streams
from csiflow.output import console, emit_json
from csiflow.parameters import parse_duration

if TYPE_CHECKING:
    from csiflow.evaluation.labels import Labelling


def shape_options(
    labelling: Labelling,
    *,
    labels: str,
    take: re.Pattern[str] | None,
    group: re.Pattern[str] | None,
    session: re.Pattern[str] | None,
    pieces: str,
    seen: str,
    stream: bool,
) -> ShapeOptions:
    """Return the options from what was typed.

    Raises:
        typer.BadParameter: one cannot be read.
    """
    counts = [text.strip() for text in seen.split(",") if text.strip()]
    if not all(text.isdigit() and int(text) for text in counts):
        raise typer.BadParameter(f"--seen {seen!r} is no list of frame counts; write for example 8,16,32")
    return ShapeOptions(
        labelling=labelling,
        labels=label_names(labels),
        take=take,
        group=group,
        session=session,
        pieces_s=parse_duration(pieces) if pieces else None,
        seen=tuple(sorted({int(text) for text in counts})),
        stream=stream,
    )


def evaluate_shapes(given: list[str], options: ShapeOptions, jobs: int, *, as_json_line: bool) -> int:
    """Run every fold with a progress bar and print the matrices; return the exit code."""
    shapes = Shapes()
    work = read_jobs(expand(given), options, shapes.errors)
    with progress_bar() as bar:
        task = bar.add_task("loading kernels", total=sum(len(job.recordings) for job in work))
        warm_up()  # once, here: processes side by side would each compile what is not cached
        bar.update(task, description="recordings")
        for _ in take_in(shapes, work, jobs):
            bar.advance(task)
        steps = plan(shapes)
        task = bar.add_task("folds", total=len(steps))
        for _ in run(shapes, steps, options.seen, jobs):
            bar.advance(task)
        played = plan_streams(shapes, work) if options.stream else []
        task = bar.add_task("streams", total=len(played), visible=bool(played))
        for name, outcome in run_streams(played, jobs):
            shapes.streams.setdefault(name, StreamOutcome()).add(outcome)
            bar.advance(task)
    print_tables([*tables(shapes), *([stream_table(shapes)] if shapes.streams else [])])
    for message in shapes.errors.values():
        console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    if not steps and not shapes.errors:
        shapes.errors["takes"] = "no recording has a label that means motion"
        console.print(f"[bold red]error:[/] {shapes.errors['takes']}")
    if as_json_line:
        emit_json(as_json(shapes))
    return exit_code(judged=bool(steps), errors=bool(shapes.errors))
