"""Shapes told apart: every scheme of folds over the takes of a group, with the product's matcher."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

from csi_introspection.shapes import kinds_of, recognise
from rich.markup import escape
from rich.table import Table

from csiflow.evaluation.confusion import Confusion, Kinds, answer, candidates, choose_kinds, combined, confusion_of
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.files import group_name
from csiflow.evaluation.folds import (
    EVERY_PAIR,
    LEAVE_ONE_OUT,
    ONE_TAKE,
    Fold,
    FoldEvidence,
    Recogniser,
    of_one_take,
    run_fold,
    schemes,
)
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.pool import LOST, parallel
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.evaluation.sessions import Job, encode_job, own_quiet, parted, quiet_runs, quiet_stretches, recording_of
from csiflow.evaluation.sessions import session_of as session_key
from csiflow.evaluation.statistics import rounded
from csiflow.evaluation.streams import StreamOutcome, StreamStep, steps_of
from csiflow.evaluation.takes import Cuts, LabelledTake, chosen, pieces_of, run_of, source_of, sources_of, takes_of

SCHEME_WORDS = {ONE_TAKE: "signatures of one take", LEAVE_ONE_OUT: "signatures of all other takes"}


@dataclass(frozen=True, slots=True)
class ShapeOptions:
    """What is the same for every group."""

    labelling: Labelling = field(default_factory=Labelling)
    labels: frozenset[str] = frozenset()
    """Only takes of these; all when empty."""
    take: re.Pattern[str] | None = None
    group: re.Pattern[str] | None = None
    session: re.Pattern[str] | None = None
    """Recordings of which it catches the same are of one session."""
    pieces_s: float | None = None
    """Cut recordings that have one label into pieces of this length."""
    seen: tuple[int, ...] = ()
    stream: bool = False
    """Also play the recordings as streams."""


@dataclass(slots=True)
class Shapes:
    """The takes of each group, what could not be read, and the folds' evidence."""

    groups: dict[str, list[LabelledTake]] = field(default_factory=dict)
    assumed: dict[str, int] = field(default_factory=dict)
    """Recordings of each group whose quiet nobody labelled."""
    errors: dict[str, str] = field(default_factory=dict)
    evidence: dict[tuple[str, str], list[FoldEvidence]] = field(default_factory=dict)
    """By group and scheme."""
    streams: dict[str, StreamOutcome] = field(default_factory=dict)
    """By group and kinds of features."""


def read_jobs(files: Sequence[Path], options: ShapeOptions, errors: dict[str, str]) -> list[Job]:
    """Cut every recording into takes, and find the quiet of its session.

    A recording that cannot be used becomes an entry of ``errors``.
    """
    sessions: dict[tuple[object, ...], list[tuple[Path, LabelledRecording]]] = {}
    for path in files:
        try:
            labelled = load(path, str(path), options.labelling)
        except EvaluationError as error:
            errors[str(path)] = str(error)
            continue
        sessions.setdefault(session_key(labelled, options.session), []).append((path, labelled))
    jobs = []
    for members in sessions.values():
        quiet = tuple(run for _, labelled in members for run in quiet_stretches(labelled))
        found = []
        for path, labelled in members:
            cuts = _cuts(path, labelled, options)
            if cuts.cuts:
                found.append(recording_of(labelled, group_name(path, options.group), cuts, known=bool(quiet)))
        if found:
            watched = tuple(run_of(each, *stretch) for _, each in members for stretch in quiet_runs(each))
            jobs.append(Job(tuple(found), quiet, watched if options.stream else ()))
    return jobs


def _cuts(path: Path, labelled: LabelledRecording, options: ShapeOptions) -> Cuts:
    if options.pieces_s is not None and labelled.scope == "recording":
        return chosen(pieces_of(labelled, options.pieces_s), options.labels)
    own = own_quiet(labelled)
    return chosen(takes_of(labelled, source_of(path, options.take), own[0] if own else 0), options.labels)


def take_in(shapes: Shapes, jobs: Sequence[Job], processes: int) -> Iterator[None]:
    """Turn the recordings into rows; yields for each that is done. Takes are then in the order of the jobs."""
    encoded: dict[str, list[LabelledTake]] = {}
    for job, result in parallel(_encode, parted(jobs, processes), processes):
        if isinstance(result, dict):
            encoded |= result
        for recording in job.recordings:
            name = recording.cuts.recording
            if not isinstance(result, dict):
                shapes.errors[name] = f"{name}: {LOST if result is None else result}"
            yield
    for recording in (each for job in jobs for each in job.recordings):
        shapes.groups.setdefault(recording.group, []).extend(encoded.get(recording.cuts.recording, []))
        shapes.assumed[recording.group] = shapes.assumed.get(recording.group, 0) + recording.assumed


def _encode(job: Job) -> dict[str, list[LabelledTake]] | str:
    try:
        return encode_job(job)
    except ValueError as error:
        return str(error)


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
    shapes: Shapes,
    steps: Sequence[tuple[str, str, Fold]],
    seen: tuple[int, ...],
    processes: int,
    recogniser: Recogniser = recognise,
) -> Iterator[None]:
    """Test every fold; yields as each is done. Evidence is then in the order of the steps.

    Raises:
        EvaluationError: a process died.
    """
    found: dict[int, FoldEvidence] = {}
    numbered = list(enumerate(steps))
    for (number, (group, _, _)), evidence in parallel(partial(_run_step, recogniser, seen), numbered, processes):
        if evidence is None:
            raise EvaluationError(f"{group}: {LOST}")
        found[number] = evidence
        yield
    for number, (group, scheme, _) in numbered:
        shapes.evidence.setdefault((group, scheme), []).append(found[number])


def _run_step(recogniser: Recogniser, seen: tuple[int, ...], step: tuple[int, tuple[str, str, Fold]]) -> FoldEvidence:
    return run_fold(step[1][2], recogniser, seen)


def figures_of(folds: Sequence[FoldEvidence], single: Sequence[FoldEvidence]) -> dict[str, Any]:
    """Return a scheme's figures: with the kinds chosen for each fold, fold by fold, and with each choice of kinds.

    Args:
        folds: The scheme's.
        single: Those that learn from one take each, by which kinds are chosen.
    """
    chosen_for: dict[tuple[str, ...], Kinds] = {}
    whole = Confusion()
    seen: dict[int, Confusion] = {}
    rows = []
    for fold in folds:
        if fold.tested not in chosen_for:
            chosen_for[fold.tested] = choose_kinds(fold, single)
        kinds = chosen_for[fold.tested]
        own = Confusion()
        answers = []
        for tested in fold.takes:
            said = answer(combined(tested.whole, kinds))
            answers.append({"recording": tested.recording, "truth": tested.label, "answer": said})
            for confusion in (whole, own):
                confusion.count(tested.label, said)
            for frames, evidence in tested.seen.items():
                seen.setdefault(frames, Confusion()).count(tested.label, answer(combined(evidence, kinds)))
        about = {"tested": list(fold.tested), "learnt": list(fold.learnt), "kinds": list(kinds)}
        rows.append({**about, **own.brief(), "answers": answers})
    return {
        **whole.figures(),
        "seen": {str(frames): confusion.brief() for frames, confusion in sorted(seen.items())},
        "kinds": {"+".join(kinds): confusion_of(folds, kinds).brief() for kinds in candidates(folds)},
        "folds": rows,
    }


def as_json(shapes: Shapes) -> dict[str, Any]:
    """Return one object: for each group its takes and each scheme's figures; of every pair no more than a share."""
    found: dict[str, Any] = {}
    for group in sorted({group for group, _ in shapes.evidence}):
        takes, pairs = shapes.groups[group], shapes.evidence[group, EVERY_PAIR]
        every = figures_of(pairs, pairs)
        found[group] = {
            "takes": len(takes),
            "sources": sources_of(takes),
            "quiet_assumed": shapes.assumed[group],
            ONE_TAKE: figures_of(of_one_take(pairs), pairs),
            LEAVE_ONE_OUT: figures_of(shapes.evidence[group, LEAVE_ONE_OUT], pairs),
            EVERY_PAIR: {
                "top1": every["top1"],
                "kinds": {kinds: about["top1"] for kinds, about in every["kinds"].items()},
            },
        }
    streams = {name: outcome.figures() for name, outcome in sorted(shapes.streams.items())}
    return {"shapes": found, "streams": streams, "errors": shapes.errors}


def plan_streams(shapes: Shapes, jobs: Sequence[Job]) -> list[tuple[str, StreamStep]]:
    """Return (group and kinds, fold) of what is played as streams: recordings, not pieces.

    Every kind alone, and every combination of kinds, of which one that is right is enough.
    """
    steps = []
    for group, takes in shapes.groups.items():
        if group in shapes.errors or not takes:
            continue
        whole = [job for job in jobs if all(len(each.cuts.runs) == 1 for each in job.recordings)]
        single = kinds_of(takes[0].example.encoded.columns)
        for count in range(1, len(single) + 1):
            for kinds in combinations(single, count):
                steps += [(f"{group} {'+'.join(kinds)}", step) for step in steps_of(takes, whole, kinds)]
    return steps


def stream_table(shapes: Shapes) -> Table:
    """Return a row for each group and combination of kinds played as streams."""
    table = Table(title="As streams, signatures of one take", title_justify="left", title_style="bold")
    for name in ("set, kinds", "right active", "95 %", "wrong first", "ms, median", "false / quiet s", "an hour"):
        table.add_column(name)
    for name, outcome in sorted(shapes.streams.items()):
        found = outcome.figures()
        low, high = found["right_interval"]
        table.add_row(
            escape(name),
            f"{found['right']}/{found['actions']}",
            f"{100 * low:.0f}-{100 * high:.0f}",
            str(found["wrong_first"]),
            str(found["ms_median"]),
            f"{found['false_matches']}/{found['watched_s']:.0f}",
            str(found["false_matches_per_hour"]),
        )
    return table


def tables(shapes: Shapes) -> list[Table]:
    """Return a confusion matrix for each group and scheme."""
    built = []
    for group, about in as_json(shapes)["shapes"].items():
        for scheme in (name for name in SCHEME_WORDS if name in about):
            figures = about[scheme]
            low, high = figures["top1_interval"]
            title = (
                f"{escape(group)}, {SCHEME_WORDS[scheme]}: top-1 {figures['right']}/{figures['total']} = "
                f"{100 * figures['top1']:.1f} % [{100 * low:.0f}, {100 * high:.0f}]; "
                + ", ".join(f"{kinds} {found['right']}" for kinds, found in figures["kinds"].items())
            )
            if figures["seen"]:
                after = ", ".join(f"{frames}: {rounded(found['top1'], 2)}" for frames, found in figures["seen"].items())
                title += f"; after so many frames {after}"
            if scheme == ONE_TAKE:
                title += f"; over every pair of takes {100 * about[EVERY_PAIR]['top1']:.1f} %"
            if about["quiet_assumed"]:
                title += f"; of {about['quiet_assumed']} recordings the first seconds were taken for quiet"
            table = Table(title=title, title_justify="left", title_style="bold")
            for name in ("truth", *figures["answers"]):
                table.add_column(escape(name), justify="left" if name == "truth" else "right")
            for truth, row in figures["confusion"].items():
                table.add_row(escape(truth), *(str(count) for count in row))
            built.append(table)
    return built
