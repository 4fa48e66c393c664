"""Recordings as the real world would perturb them: what still holds, beside the same recordings as they are.

    csiflow bench robustness [--json] [-- --all] [-- --sources IALR,GeoTec] [-- --only 'AGC|lost'] [-- --seed 1]

Every recording is perturbed by a seeded generator and played to both paths of the service (csi_events.offline,
csi_introspection.offline). Its first quiet stretch, perturbed alike, calibrates it. Truth is counted by the times at
which frames were sent. One table a source on stderr, one JSON object on stdout. Recordings are in CSIFLOW_DATA, else
in ../shared/data next to the checkout. docs/robustness.md explains the columns.

Examples:

  csiflow bench robustness -- --only 'sub-carrier|band' --sources espectre

  csiflow bench robustness --json -- --all --jobs 2
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import arguments
from csiflow.evaluation.perturbations import PERTURBATIONS
from csiflow.evaluation.perturbed import Robust, Task, play
from csiflow.evaluation.pool import LOST, parallel
from csiflow.output import console, emit_json, fail
from onset_recordings import data_folder
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

SEVERAL = {"qiang", "qiang breathing", "BreathSense", "white noise"}
"""Sources that have several antennas."""
POINTS = 0.05
"""A share that is worse by this much has collapsed."""
COLUMNS = {
    "F1 %": ("f1", 100),
    "recall %": ("recall", 100),
    "false %": ("false_positive_rate", 100),
    "starts /h": ("started_per_hour", 1),
    "longest false, s": ("longest_false_s", 1),
    "onset, frames": ("onset_frames_median", 1),
    "missed": ("onsets_missed", 1),
    "false onsets": ("false_onsets", 1),
    "breaths answered %": ("breath_answered", 100),
    "error /min": ("breath_error", 1),
    "null s answered": ("null_answered_s", 1),
}


def tasks_of(folder: Path, *, everything: bool) -> list[Task]:
    """Return every recording once, unperturbed; a part of them that stands for all unless ``everything``."""

    def found(pattern: str) -> list[Path]:
        return sorted(folder.glob(pattern))

    def task(source: str, path: Path, **more: Any) -> Task:
        return Task(source, path, "none", 0, **more)

    sessions = found("IALR/*_session.npz") + (found("IALR/*_sequence.npz") if everything else [])
    tasks = [task("espectre", path, null=True) for path in found("espectre/*_sequence.npz") + found("espectre/test_*")]
    tasks += [task("IALR", path, null=True) for path in sessions]
    tasks += [task("GeoTec", path, null=True) for path in found(f"GeoTec/*_{'*' if everything else 'rx_tx'}.npz")]
    for path in found("vasilis/*.npz"):
        quiet = path.with_name(path.name.replace("walk", "none"))
        tasks.append(task("vasilis", path, null=True, calibrate_from=None if quiet == path else quiet))
    for path in found("qiang/0510_walking*"):
        person = quiet_of(path)
        tasks.append(task("qiang", path, null=True, skip_s=30.0, calibrate_from=person))
    for path in found(f"qiang/0510_sitting_{'*' if everything else 'p1*'}"):
        tasks.append(task("qiang", path, skip_s=30.0))
    for path in found("qiang/0510_lying*") if everything else []:
        tasks.append(task("qiang", path, skip_s=30.0, calibrate_from=quiet_of(path)))
    breathers = (
        found("qiang/0510_lying*") + found("qiang/0510_sitting*") if everything else found("qiang/0510_lying_p3*")
    )
    tasks += [task("BreathSense", path, breathing=True) for path in found("BreathSense/*.npz")]
    tasks += [task("qiang breathing", path, breathing=True) for path in breathers]
    tasks += [
        task("white noise", Path(f"white_{antennas}"), breathing=True, null=True, white=antennas) for antennas in (1, 3)
    ]
    return tasks


def quiet_of(path: Path) -> Path:
    """Return the recording of the same person sitting, or of somebody else's."""
    own = path.with_name(re.sub(r"_[a-z]+_(p\d)_\d", r"_sitting_\1_1", path.name))
    return own if own.is_file() else path.with_name("0510_sitting_p3_1.npz")


def perturbed_tasks(tasks: Iterable[Task], names: Sequence[str], seed: int) -> list[Task]:
    """Return every task under every perturbation; one antenna of one is nothing new."""
    return [
        replace(task, perturbation=name, seed=seed)
        for name in names
        for task in tasks
        if name != "one antenna" or task.source in SEVERAL
    ]


def run(tasks: Sequence[Task], jobs: int) -> dict[str, dict[str, Robust]]:
    """Play everything; figures by source and perturbation, in the order of the tasks."""
    results: dict[str, dict[str, Robust]] = {}
    for task in tasks:
        results.setdefault(task.source, {}).setdefault(task.perturbation, Robust())
    columns = (TextColumn("perturbed recordings"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        step = bar.add_task("", total=len(tasks))
        for task, found in parallel(play, tasks, jobs):
            result = Robust(failed=[f"{task.path.name}: {LOST}"]) if found is None else found
            results[task.source][task.perturbation].add(result)
            bar.advance(step)
    return results


def collapses(source: str, name: str, figures: dict[str, Any], plain: dict[str, Any]) -> list[str]:
    """Say what is much worse than in the recordings as they are."""
    words = []
    for column, sign in (("f1", -1), ("recall", -1), ("false_positive_rate", 1), ("breath_answered", -1)):
        now, before = figures[column], plain[column]
        if before is not None and (now is None or sign * (now - before) > POINTS):
            words.append(f"{column} {before:.3f} -> {'none' if now is None else f'{now:.3f}'}")
    if (figures["null_answered_s"] or 0) > (plain["null_answered_s"] or 0):
        words.append(f"null seconds answered {plain['null_answered_s']} -> {figures['null_answered_s']}")
    words += [f"failed: {text}" for text in figures["failed"]]
    words += [f"calibration: {text}" for text in figures["uncalibrated"] if text not in plain["uncalibrated"]]
    return [f"{source}, {name}: {word}" for word in words]


def table_of(source: str, rows: dict[str, dict[str, Any]]) -> Table:
    """Return one source's table, without columns that hold nothing."""
    shown = [title for title, (key, _) in COLUMNS.items() if any(row[key] is not None for row in rows.values())]
    table = Table("perturbation", *shown, title=source, title_justify="left")
    for name, row in rows.items():
        values = [(row[COLUMNS[title][0]], COLUMNS[title][1]) for title in shown]
        table.add_row(name, *("-" if value is None else f"{round(value * times, 2):g}" for value, times in values))
    return table


parser = arguments.parser("robustness", __doc__)
parser.add_argument("--all", action="store_true", help="every recording; by default a part that stands for all")
parser.add_argument("--sources", help="only these, joined by commas")
parser.add_argument("--only", type=re.compile, help="only perturbations in whose names it is found, and none")
parser.add_argument("--seed", type=int, default=0)
parser.add_argument("--jobs", type=int, default=2, help="processes")


def main() -> None:
    """Play, print and say what collapsed."""
    options = parser.parse_args()
    tasks = tasks_of(data_folder(), everything=options.all)
    if options.sources:
        wanted = set(options.sources.split(","))
        known = {task.source for task in tasks}
        if wanted - known:
            fail(f"there is no source {', '.join(sorted(wanted - known))}; choose of {', '.join(sorted(known))}", 2)
        tasks = [task for task in tasks if task.source in wanted]
    names = [name for name in PERTURBATIONS if name == "none" or options.only is None or options.only.search(name)]
    results = run(perturbed_tasks(tasks, names, options.seed), options.jobs)
    figures = {source: {name: found.figures() for name, found in rows.items()} for source, rows in results.items()}
    worse = []
    for source, rows in figures.items():
        console.print(table_of(source, rows))
        for name, row in rows.items():
            worse += collapses(source, name, row, rows["none"])
    for line in worse:
        console.print(line, markup=False)
    emit_json({"seed": options.seed, "all": options.all, "collapsed": worse, "sources": figures})


if __name__ == "__main__":  # processes that play import this file
    main()
