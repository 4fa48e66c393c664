"""Shapes told apart: every scheme of folds over the takes of a group, with the product's matcher."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import group_name
from csiflow.evaluation.folds import Fold, FoldOutcome, Recogniser, run_fold, schemes
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.pool import LOST, parallel
from csiflow.evaluation.recording import load
from csiflow.evaluation.statistics import rounded
from csiflow.evaluation.takes import LabelledTake, chosen, pieces_of, source_of, takes_of

MATCHER = "csi_introspection.shapes"
"""Module whose ``recognise`` is the recogniser of the product."""


@dataclass(frozen=True, slots=True)
class ShapeOptions:
    """What is the same for every group."""

    labelling: Labelling = field(default_factory=Labelling)
    labels: frozenset[str] = frozenset()
    """Only takes of these; all when empty."""
    take: re.Pattern[str] | None = None
    group: re.Pattern[str] | None = None
    pieces_s: float | None = None
    """Cut recordings that have one label into pieces of this length."""
    seen: tuple[int, ...] = ()


@dataclass(slots=True)
class Shapes:
    """The takes of each group, and what could not be read."""

    groups: dict[str, list[LabelledTake]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)


def recogniser() -> Recogniser:
    """Return the product's matcher.

    Raises:
        EvaluationError: this version has none.
    """
    try:
        found: Recogniser = import_module(MATCHER).recognise
    except ModuleNotFoundError as error:
        if error.name != MATCHER:
            raise
        raise EvaluationError(f"this version has no matcher of shapes: {MATCHER} is missing; update csiflow") from error
    return found


def read_takes(files: Sequence[Path], options: ShapeOptions) -> Shapes:
    """Cut every recording into takes; one that cannot be used is an error of its own."""
    found = Shapes()
    for path in files:
        try:
            labelled = load(path, str(path), options.labelling)
        except EvaluationError as error:
            found.errors[str(path)] = str(error)
            continue
        if options.pieces_s is not None and labelled.scope == "recording":
            takes = pieces_of(labelled, options.pieces_s)
        else:
            takes = takes_of(labelled, source_of(path, options.take))
        kept = chosen(takes, options.labels)
        if kept:
            found.groups.setdefault(group_name(path, options.group), []).extend(kept)
    return found


def plan(shapes: Shapes) -> list[tuple[str, str, Fold]]:
    """Return (group, scheme, fold) of everything to be done; a group that cannot be parted becomes an error."""
    steps = []
    for group, takes in shapes.groups.items():
        try:
            steps += [(group, scheme, fold) for scheme, folds in schemes(takes) for fold in folds]
        except EvaluationError as error:
            shapes.errors[group] = f"{group}: {error}"
    return steps


def run(
    steps: Sequence[tuple[str, str, Fold]], recognise: Recogniser, options: ShapeOptions, jobs: int
) -> Iterator[tuple[str, str, FoldOutcome]]:
    """Yield (group, scheme, outcome) of every fold as they come.

    Raises:
        EvaluationError: a process died.
    """
    for (group, scheme, _), outcome in parallel(partial(_run_step, recognise, options.seen), steps, jobs):
        if outcome is None:
            raise EvaluationError(f"{group}: {LOST}")
        yield group, scheme, outcome


def _run_step(recognise: Recogniser, seen: tuple[int, ...], step: tuple[str, str, Fold]) -> FoldOutcome:
    return run_fold(step[2], recognise, seen)


def as_json(shapes: Shapes, outcomes: dict[tuple[str, str], FoldOutcome]) -> dict[str, Any]:
    """Return one object: for each group its takes and each scheme's figures."""
    found: dict[str, Any] = {}
    for (group, scheme), outcome in sorted(outcomes.items()):
        takes = shapes.groups[group]
        about = found.setdefault(group, {"takes": len(takes), "sources": sorted({take.source for take in takes})})
        about[scheme] = outcome.figures()
    return {"shapes": found, "errors": shapes.errors}


def tables(outcomes: dict[tuple[str, str], FoldOutcome]) -> list[Table]:
    """Return a confusion matrix for each group and scheme."""
    built = []
    for (group, scheme), outcome in sorted(outcomes.items()):
        figures = outcome.figures()
        low, high = figures["top1_interval"]
        words = {"one_take": "signatures of one take", "leave_one_out": "signatures of all other takes"}[scheme]
        title = (
            f"{escape(group)}, {words}: top-1 {figures['right']}/{figures['total']} = {100 * figures['top1']:.1f} % "
            f"[{100 * low:.0f}, {100 * high:.0f}]"
        )
        if figures["seen"]:
            after = ", ".join(f"{frames}: {rounded(found['top1'], 2)}" for frames, found in figures["seen"].items())
            title += f"; after so many frames {after}"
        table = Table(title=title, title_justify="left", title_style="bold")
        for name in ("truth", *figures["answers"]):
            table.add_column(escape(name), justify="left" if name == "truth" else "right")
        for truth, row in figures["confusion"].items():
            table.add_row(escape(truth), *(str(count) for count in row))
        built.append(table)
    return built
