"""``csiflow eval --leave-one-source-out``: motion judged with constants chosen without the source."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from csiflow.commands.evaluate import exit_code
from csiflow.output import console, emit_json

if TYPE_CHECKING:
    from csiflow.evaluation.left_out import Row
    from csiflow.evaluation.motion_trace import Trace
    from csiflow.evaluation.outcome import Settings
    from csiflow.evaluation.pool import Failure, Unit
    from csiflow.evaluation.recording import LabelledRecording


def traces_of(unit: Unit, settings: Settings, group: re.Pattern[str] | None) -> list[Trace | Failure]:
    """Run the windowed path over the recordings of a unit and over their copies, each calibrated on quiet of its kind.

    What nothing calibrates is left out.
    """
    from csiflow.evaluation.errors import EvaluationError  # noqa: PLC0415 - in a process of the pool
    from csiflow.evaluation.files import group_name  # noqa: PLC0415
    from csiflow.evaluation.left_out import COPIES  # noqa: PLC0415
    from csiflow.evaluation.motion_trace import PLAIN, trace  # noqa: PLC0415
    from csiflow.evaluation.outcome import choose  # noqa: PLC0415
    from csiflow.evaluation.pool import Failure, shared_calibration  # noqa: PLC0415
    from csiflow.evaluation.recording import load  # noqa: PLC0415

    results: list[Trace | Failure] = []
    try:
        loaded = [load(path, str(path), settings.labelling) for path in unit]
        for name in (PLAIN, *COPIES):
            # None of COPIES changes the time of a frame, so that what is played is also what truth is counted by.
            change = partial(_changed, name)
            played = [change(labelled) for labelled in loaded]
            shared = shared_calibration(played, settings) if len(unit) > 1 else None
            for labelled in played:
                chosen = choose(labelled, settings, shared, change)
                if chosen.calibration is not None and labelled.scope != "clip":
                    row = group_name(labelled.path, group)
                    found = trace(labelled, chosen.calibration, chosen.since_s, chosen.counted, row)
                    results.append(replace(found, perturbation=name))
    except (EvaluationError, ValueError) as error:
        return [Failure(str(path), str(error)) for path in unit]
    return results


def _changed(name: str, labelled: LabelledRecording) -> LabelledRecording:
    """Perturb a recording as it is played."""
    from csiflow.evaluation.perturbed import perturbed  # noqa: PLC0415 - in a process of the pool

    return perturbed(labelled, name, 0)[0]


def evaluate_left_out(
    files: Sequence[Path],
    settings: Settings,
    share: re.Pattern[str] | None,
    group: re.Pattern[str] | None,
    jobs: int,
    *,
    as_json_line: bool,
) -> int:
    """Search and judge with a progress bar; return the exit code."""
    from csiflow.evaluation.left_out import SEARCHES, all_sources, reliability, rows, searches  # noqa: PLC0415 - numba takes a second to load
    from csiflow.evaluation.motion_trace import PLAIN, Trace  # noqa: PLC0415 - as above
    from csiflow.evaluation.pool import parallel, units  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    errors: dict[str, str] = {}
    traces: list[Trace] = []
    with Progress(*columns, console=console) as bar:
        found = units(files, share)
        task = bar.add_task("running the windowed path", total=len(found))
        for unit, results in parallel(partial(traces_of, settings=settings, group=group), found, jobs):
            for result in results or []:
                if isinstance(result, Trace):
                    traces.append(result)
                else:
                    errors[result.name] = result.message
            if results is None:
                errors |= {str(path): "the process that ran it died" for path in unit}
            bar.advance(task)
        sources = {each.source for each in traces}
        if len(sources) < 2:
            errors["sources"] = f"leaving one source out needs two folders of recordings or more, found {len(sources)}"
        else:
            searching = bar.add_task("searching without each source", total=(len(sources) + 1) * SEARCHES)
            traces.sort(key=lambda each: (each.source, each.group, each.name, each.perturbation))
            found_rules = searches(traces, jobs, lambda: bar.advance(searching))
            judged = rows(traces, found_rules)
            together = all_sources(traces, found_rules[None])
            plain = [each for each in traces if each.perturbation == PLAIN]
    for message in errors.values():
        console.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    if len(sources) >= 2:
        _tell(judged, plain, together)
        if settings.plots is not None:
            _draw(settings.plots, judged)
        if as_json_line:
            emit_json(
                {
                    "rows": {row.group: row.figures() for row in judged},
                    "all_sources": together,
                    "copies": len(traces) - len(plain),
                    "reliability": reliability(plain),
                    "false_starts": {each.name: each.false_starts_s for each in plain if each.false_starts_s},
                    "errors": errors,
                }
            )
    return exit_code(judged=len(sources) >= 2, errors=bool(errors))


def _tell(judged: Sequence[Row], traces: Sequence[Trace], together: dict[str, Any]) -> None:
    """Print for people: both judgements, how often a confidence was right, and every false start."""
    from csiflow.evaluation.left_out import reliability  # noqa: PLC0415 - numba takes a second to load

    wide = console if console.is_terminal else Console(stderr=True, highlight=False, width=150)
    wide.print(_table(judged))
    wide.print(_constants(together))
    for each in reliability(traces):
        said = f"{each['from']:.2f}-{each['to']:.2f}: {each['right']} of {each['events']} right"
        wide.print(f"MotionStarted given a confidence of {said}")
    for trace in traces:
        if trace.false_starts_s:
            times = ", ".join(f"{at:.1f}" for at in trace.false_starts_s)
            wide.print(f"false MotionStarted: {escape(trace.name)} at {times} s")


def _table(judged: Sequence[Row]) -> Table:
    table = Table(title="motion by the second: in sample, and with constants chosen without the source")
    for column in ("recordings", "motion/quiet", "F1", "false %", "false starts", "F1 left out", "false %", "starts"):
        table.add_column(column, justify="left" if column == "recordings" else "right")
    for row in judged:
        own, left = row.own.motion.figures(), row.left_out.motion.figures()
        windows = own["windows"]
        cells = [f"{windows['motion']}/{windows['quiet']}"]
        for figures, side in ((own, row.own), (left, row.left_out)):
            cells += [_percent(figures["f1"]), _percent(figures["false_positive_rate"]), str(side.false_starts)]
        table.add_row(escape(row.group), *cells)
    return table


def _constants(together: dict[str, Any]) -> Table:
    table = Table("constant", *together, title="constants found with no source left out, and the product's")
    for name in together["found"]["constants"]:
        table.add_row(name, *(f"{side['constants'][name]:g}" for side in together.values()))
    table.add_row("cost over all", *(f"{side['cost']:g}" for side in together.values()))
    return table


def _draw(plots: Path, judged: Sequence[Row]) -> None:
    from csiflow.evaluation.figures import Value, dots  # noqa: PLC0415 - matplotlib takes a second to load

    panels: dict[str, dict[str, dict[str, Value]]] = {"F1, %": {}, "false positives, % of quiet seconds": {}}
    for row in judged:
        sides = {"in sample": row.own.motion.figures(), "left out": row.left_out.motion.figures()}
        for panel, part in zip(panels.values(), ("f1", "false_positive_rate"), strict=True):
            panel[row.group] = {
                name: None if figures[part] is None else 100 * figures[part] for name, figures in sides.items()
            }
    dots(plots / "motion_left_out.svg", panels)
    console.print(f"plots are in {plots}")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
