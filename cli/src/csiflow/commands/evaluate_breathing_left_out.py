"""``csiflow eval --breathing --leave-one-source-out``: breathing judged with constants chosen without the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Table

from csiflow.commands.evaluate import print_tables, progress_bar
from csiflow.evaluation.breath_confidence import reliability
from csiflow.evaluation.breath_left_out import DRAWS, RANGES, REFINED, SEARCHES, LeftOut, Row, leave_out, noise
from csiflow.evaluation.breath_trace import BreathTrace, trace
from csiflow.evaluation.breathers import STOPPED, simulated, stopped
from csiflow.evaluation.breaths import Streamed, streams
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import expand
from csiflow.evaluation.pool import LOST, parallel
from csiflow.output import console, emit_json

if TYPE_CHECKING:
    from csiflow.commands.evaluate_breathing import Asked

SEARCHED_SEEDS, JUDGED_SEEDS = (10, 30), (11, 21)
"""Simulated noise and breathers on which constants are searched for, and on which they are judged."""
SIDES = {"in_sample": "product", "searched_with_all": "searched with all", "left_out": "left out"}


def evaluate_breathing_left_out(asked: Asked, jobs: int, *, as_json_line: bool) -> int:
    """Run the windowed path once, search without each source, and print what was found; return the exit code."""
    given = list(streams(expand(asked.given), asked.labelling, asked.group, asked.antenna))
    if len({stream.source for stream in given if stream.source}) < 2:
        raise EvaluationError("leaving one source out needs two folders of recordings or more")
    searched_on, judged_on = (
        [*noise(of_noise), *simulated(of_people), *stopped(of_people)]
        for of_noise, of_people in (SEARCHED_SEEDS, JUDGED_SEEDS)
    )
    everything = [*given, *searched_on, *judged_on]
    with progress_bar() as bar:
        task = bar.add_task("running the windowed path", total=len(everything))
        traced = _traced(everything, jobs, lambda: bar.advance(task))
        recorded = [each for each in traced[: len(given)] if each.source]
        of_searched, of_judged = traced[len(given) : -len(judged_on)], traced[-len(judged_on) :]
        judged = [*recorded, *of_judged]
        sources = {each.source for each in recorded}
        searching = bar.add_task("searching without each source", total=len(sources) + 1)
        found = leave_out([*recorded, *of_searched], judged, lambda: bar.advance(searching))
    confidences = {
        "recordings": reliability([each for each in recorded if each.truth is not None or each.null]),
        "simulated breathers and noise": reliability([each for each in of_judged if each.group != STOPPED]),
    }
    print_tables([_table(found.rows), *(confidence_table(name, rows) for name, rows in confidences.items())])
    for name, rules in found.constants.items():
        said = ", ".join(f"{each} {getattr(rules, each):.3g}" for each in RANGES)
        console.print(f"{'with all' if name == 'all' else 'without ' + escape(name)}: {said}", soft_wrap=True)
    console.print(f"{SEARCHES} searches averaged, each of {DRAWS} draws and {REFINED} near the best")
    if asked.plots is not None:
        _draw(asked.plots, found)
    if as_json_line:
        emit_json(
            {
                "rows": [{"group": row.group, **row.figures()} for row in found.rows],
                "constants": {name: rules._asdict() for name, rules in found.constants.items()},
                "reliability": confidences,
            }
        )
    return 0


def _traced(everything: Sequence[Streamed], jobs: int, done: Any) -> list[BreathTrace]:
    """Trace every stream, in the order given."""
    found: dict[str, BreathTrace] = {}
    for stream, result in parallel(trace, everything, jobs):
        if result is None:
            raise EvaluationError(f"{stream.name}: {LOST}")
        found[stream.name] = result
        done()
    return [found[stream.name] for stream in everything]


def _table(rows: Sequence[Row]) -> Table:
    table = Table(title="breathing: by the product's constants, by searched ones, and without the source")
    for column in ("streams", "what", "seconds"):
        table.add_column(column, overflow="fold")
    for side in SIDES.values():
        table.add_column(f"{side}: answered %", justify="right")
        table.add_column("error (largest)", justify="right")
    for row in rows:
        figures = row.figures()
        cells = [str(figures["in_sample"]["seconds"])]
        for name in SIDES:
            cells += _cells(figures[name])
        table.add_row(escape(row.group), "null" if row.null else "breathing", *cells)
    return table


def _cells(side: Mapping[str, Any]) -> list[str]:
    share = "-" if side["answered"] is None else f"{100 * side['answered']:.1f}"
    return [share, "-" if side["error"] is None else f"{side['error']:g} ({side['error_max']:g})"]


def confidence_table(of: str, rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return what :func:`csiflow.evaluation.breath_confidence.counted` counted as a table."""
    table = Table(title=f"what a confidence means: {of}")
    for column in ("confidence", "answered by", "seconds", "right", "95 %", "mean confidence"):
        table.add_column(column, justify="right")
    for row in rows:
        interval = row["interval"]
        table.add_row(
            f"{row['from']:.2f}-{row['to']:.2f}",
            row["by"],
            str(row["seconds"]),
            f"{100 * row['right'] / row['seconds']:.0f} %",
            f"{100 * interval[0]:.0f}-{100 * interval[1]:.0f}",
            f"{row['mean']:.2f}",
        )
    return table


def _draw(plots: Path, found: LeftOut) -> None:
    from csiflow.evaluation.figures import dots  # noqa: PLC0415 - matplotlib takes a second to load

    rows = [(f"{row.group}{', ' + row.source if row.null else ''}", row.null, row.figures()) for row in found.rows]
    panels = {
        f"% of {'null' if null else 'breathing'} seconds answered": {
            name: {
                said: None if figures[side]["answered"] is None else 100 * figures[side]["answered"]
                for side, said in SIDES.items()
            }
            for name, of_null, figures in rows
            if of_null == null
        }
        for null in (False, True)
    }
    for (title, panel), name in zip(panels.items(), ("breathing", "nulls"), strict=True):
        if panel:
            dots(plots / f"breathing_left_out_{name}.svg", {title: panel})
    console.print(f"plots are in {plots}")
