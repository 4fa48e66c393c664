"""``csiflow eval``: the services' kernels measured on labelled recordings, without Kafka."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from csiflow.commands.options import Json
from csiflow.output import console, emit_json, fail
from csiflow.parameters import parse_duration

if TYPE_CHECKING:
    from csiflow.evaluation.outcome import Settings
    from csiflow.evaluation.report import Report


def evaluate(
    recordings: Annotated[
        list[str],
        typer.Argument(metavar="F...", help="Recordings (.npz), folders of them, or patterns.", show_default=False),
    ],
    *,
    signatures: Annotated[
        Path | None, typer.Option(help="Folder of signatures; by default the service's library.", show_default=False)
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Draw curves and time lines into this folder.")] = None,
    quiet_labels: Annotated[str, typer.Option(help="Label names that mean quiet, joined by commas.")] = "",
    motion_labels: Annotated[str, typer.Option(help="Label names that mean motion, joined by commas.")] = "",
    skip: Annotated[str, typer.Option(help="Never calibrate on the start of a recording, for example 30s.")] = "",
    share: Annotated[
        str, typer.Option(help="Regular expression: recordings of which it catches the same share one calibration.")
    ] = "",
    calibrate_from: Annotated[
        Path | None, typer.Option(help="Recording that calibrates those without a quiet of their own.")
    ] = None,
    group: Annotated[
        str, typer.Option(help="Regular expression: what it catches names a pool of recordings; by default the folder.")
    ] = "",
    skip_in: Annotated[
        str, typer.Option(help="Regular expression: --skip holds only for recordings in whose path it is found.")
    ] = "",
    leave_one_source_out: Annotated[
        bool,
        typer.Option(
            "--leave-one-source-out",
            help="Instead: motion only, or with --breathing that, each folder judged with constants chosen on all the "
            "others.",
        ),
    ] = False,
    shapes: Annotated[
        bool, typer.Option("--shapes", help="Instead: learn signatures from some takes, recognise the others.")
    ] = False,
    breathing: Annotated[
        bool, typer.Option("--breathing", help="Instead: the breathing rate second by second, with nulls.")
    ] = False,
    beside: Annotated[
        str,
        typer.Option(help="Libraries that judge the same recordings, joined by commas; known: wisense. docs/peers.md"),
    ] = "",
    antenna: Annotated[
        int | None, typer.Option(help="With --breathing: look at this antenna only, counted from 0.", min=0)
    ] = None,
    take: Annotated[
        str,
        typer.Option(
            help="Regular expression: what it catches in a recording's path is its take or person; a signature with "
            "the same in its id is not used on it."
        ),
    ] = "",
    session: Annotated[
        str,
        typer.Option(
            help="With --shapes: regular expression; recordings of which it catches the same are of one session. By "
            "default the manifest's device and room tell."
        ),
    ] = "",
    labels: Annotated[str, typer.Option(help="With --shapes: only these labels, joined by commas.")] = "",
    pieces: Annotated[
        str, typer.Option(help="With --shapes: cut recordings of one label into pieces of this length.")
    ] = "",
    stream: Annotated[
        bool, typer.Option("--stream", help="With --shapes: also play the recordings to the per-frame path as streams.")
    ] = False,
    seen: Annotated[str, typer.Option(help="With --shapes: also after so many frames, for example 8,16,32.")] = "",
    jobs: Annotated[int, typer.Option(help="Processes; 0: one a core.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Judge motion, onset, recognition and breathing by labelled recordings.

    Only a recording's first quiet stretch calibrates. How everything is counted: docs/evaluation.md.

    Examples:

      csiflow eval room.npz

      csiflow eval recordings/ --plots plots --json

      csiflow eval 'night/*.npz' --quiet-labels asleep,empty --skip 30s

      csiflow eval none_01.npz walk_01.npz --share '_([0-9]+)'

      csiflow eval --shapes takes/ --take '_(p[0-9]+)_' --labels fall,squat,walking
    """
    from csiflow.evaluation.errors import EvaluationError  # noqa: PLC0415 - numba takes a second to load
    from csiflow.evaluation.labels import Labelling  # noqa: PLC0415

    _refuse(
        shapes=shapes,
        other={
            "--plots": plots,
            "--signatures": signatures,
            "--share": share,
            "--skip": skip,
            "--leave-one-source-out": leave_one_source_out,
            "--calibrate-from": calibrate_from,
            "--beside": beside,
        },
        own={"--stream": stream, "--session": session, "--labels": labels, "--pieces": pieces, "--seen": seen},
    )
    if antenna is not None and not breathing:
        fail("--antenna means nothing without --breathing; leave it out", 2)
    if plots is not None and find_spec("matplotlib") is None:
        fail("--plots needs matplotlib: run ./csiflow eval in a checkout, or install csiflow[eval]", 2)
    labelling = Labelling(label_names(quiet_labels), label_names(motion_labels))
    names = _peers(beside, leave_one_source_out=leave_one_source_out)
    groups, takes, processes = pattern(group, "--group"), pattern(take, "--take"), jobs or os.cpu_count() or 1
    try:
        if shapes:
            from csiflow.commands.evaluate_shapes import evaluate_shapes, shape_options  # noqa: PLC0415

            sessions = pattern(session, "--session")
            options = shape_options(
                labelling,
                labels=labels,
                take=takes,
                group=groups,
                session=sessions,
                pieces=pieces,
                seen=seen,
                stream=stream,
            )
            raise typer.Exit(evaluate_shapes(recordings, options, processes, as_json_line=as_json))
        if breathing:
            from csiflow.commands.evaluate_breathing import Asked, evaluate_breathing  # noqa: PLC0415

            asked = Asked(recordings, labelling, groups, antenna, plots, leave_out=leave_one_source_out, peers=names)
            raise typer.Exit(evaluate_breathing(asked, processes, as_json_line=as_json))
        from csiflow.evaluation.outcome import Settings, read_library  # noqa: PLC0415

        settings = Settings(
            labelling=labelling,
            skip_s=parse_duration(skip) if skip else 0.0,
            skip_in=pattern(skip_in, "--skip-in"),
            signatures=read_library(signatures or _default_library()),
            calibrate_from=calibrate_from,
            take=takes,
            plots=plots,
            beside=names,
        )
        if leave_one_source_out:
            from csiflow.commands.evaluate_left_out import evaluate_left_out  # noqa: PLC0415
            from csiflow.evaluation.files import expand  # noqa: PLC0415

            files, sharing = expand(recordings), pattern(share, "--share")
            raise typer.Exit(evaluate_left_out(files, settings, sharing, groups, processes, as_json_line=as_json))
        report = _run(recordings, settings, pattern(share, "--share"), groups, processes)
    except EvaluationError as error:
        fail(escape(str(error)), 2)
    except KeyboardInterrupt:
        console.print("stopped; nothing is reported")
        raise typer.Exit(130) from None
    raise typer.Exit(_tell(report, plots, as_json=as_json))


def _refuse(*, shapes: bool, other: dict[str, object], own: dict[str, object]) -> None:
    """End with a message when an option is given that this kind of evaluation does not heed."""
    for option, value in (other if shapes else own).items():
        if value:
            fail(f"{option} means nothing {'with' if shapes else 'without'} --shapes; leave it out", 2)


def _peers(text: str, *, leave_one_source_out: bool) -> tuple[str, ...]:
    """Return the peers named; end with a message when one is not to be had, or when they mean nothing here."""
    from csiflow.evaluation.errors import EvaluationError  # noqa: PLC0415 - numba takes a second to load
    from csiflow.evaluation.peers import peer  # noqa: PLC0415

    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if names and leave_one_source_out:
        fail("--beside means nothing with --leave-one-source-out: others' constants are their own; leave it out", 2)
    try:
        for name in names:
            peer(name)
    except EvaluationError as error:
        fail(escape(str(error)), 2)
    return names


def label_names(text: str) -> frozenset[str]:
    """Return label names joined by commas, in the form in which labels are compared."""
    from csiflow.evaluation.labels import normal  # noqa: PLC0415

    return frozenset(normal(name) for name in text.split(",") if name.strip())


def pattern(text: str, option: str) -> re.Pattern[str] | None:
    """Return the regular expression of an option, ``None`` when it was not given."""
    try:
        return re.compile(text) if text else None
    except re.error as error:
        fail(f"{option} {escape(repr(text))} is no regular expression: {error}", 2)


def print_tables(tables: list[Table]) -> None:
    """Print for people; a file or a pipe, which has no width, gets whole names."""
    wide = console if console.is_terminal else Console(stderr=True, highlight=False, width=150)
    for table in tables:
        wide.print(table)


def exit_code(*, judged: bool, errors: bool) -> int:
    """Return 0 when every recording was judged, 1 when some were and 2 when none could be."""
    if not errors:
        return 0
    return 1 if judged else 2


def progress_bar() -> Progress:
    """Return the bar of an evaluation."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)


def _run(
    given: list[str], settings: Settings, share: re.Pattern[str] | None, group: re.Pattern[str] | None, jobs: int
) -> Report:
    """Judge everything with a progress bar; results in the order given."""
    from csi_introspection.stream import warm_up  # noqa: PLC0415

    from csiflow.evaluation.files import expand, group_name  # noqa: PLC0415
    from csiflow.evaluation.pool import Failure, judge_all, units  # noqa: PLC0415
    from csiflow.evaluation.report import Report  # noqa: PLC0415

    files = expand(given)
    order = {str(path): number for number, path in enumerate(files)}
    outcomes, errors = {}, {}
    with progress_bar() as bar:
        task = bar.add_task("loading kernels", total=len(files))
        warm_up()  # once, here: processes side by side would each compile what is not cached
        bar.update(task, description="evaluating")
        for results in judge_all(units(files, share), settings, jobs):
            for result in results:
                if isinstance(result, Failure):
                    errors[result.name] = result.message
                else:
                    outcomes[result.name] = result
                bar.advance(task)
    return Report(
        dict(sorted(outcomes.items(), key=lambda item: order[item[0]])),
        {str(path): group_name(path, group) for path in files},
        errors,
    )


def _tell(report: Report, plots: Path | None, *, as_json: bool) -> int:
    """Print the report; return the exit code."""
    from csiflow.evaluation.report import tables  # noqa: PLC0415

    print_tables(tables(report))
    if plots is not None and report.outcomes:
        from csiflow.evaluation.plots import curves, draw_beside  # noqa: PLC0415 - matplotlib takes a second to load

        curves(plots, report.total)
        draw_beside(plots, report)
        console.print(f"plots are in {plots}")
    for message in report.errors.values():
        console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    if as_json:
        emit_json(report.as_json())
    return exit_code(judged=bool(report.outcomes), errors=bool(report.errors))


def _default_library() -> Path | None:
    from csi_introspection.settings import IntrospectionSettings  # noqa: PLC0415

    return IntrospectionSettings().signatures
