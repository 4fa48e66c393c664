"""Which recordings are of one session, and what its quiet was: what a stream in service would have seen before."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from csi_introspection.playback import Run
from csi_introspection.shapes import Example, Recorded, encode

from csiflow.evaluation.calibration import FEWEST
from csiflow.evaluation.labels import QUIET
from csiflow.evaluation.manifest import entry_for
from csiflow.evaluation.recording import LabelledRecording
from csiflow.evaluation.takes import LEAD_FRAMES, Cuts, LabelledTake, caught, run_of

LONGEST_S = 60.0
"""Longest part of a stretch of quiet that is used, from its middle: people settle at both ends."""
FIRST_S = 2.0
"""Seconds at the start of a recording that count as quiet when no label of its session says which are."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording to be turned into rows."""

    group: str
    cuts: Cuts
    quiet: Run | None
    """Its own, before its first action."""
    assumed: bool
    """Nobody said that this is quiet: it is the recording's first ``FIRST_S``."""


@dataclass(frozen=True, slots=True)
class Job:
    """Recordings of one session, and the quiet that a stream would have seen before each."""

    recordings: tuple[Recording, ...]
    quiet: tuple[Run, ...]
    watched: tuple[Run, ...] = ()
    """The whole of the labelled quiet, for counting false matches."""


def session_of(labelled: LabelledRecording, pattern: re.Pattern[str] | None) -> tuple[object, ...]:
    """Return the key of a recording's session.

    With ``pattern``, what it catches in the path. Else folder, device and room as the manifest has them, and the shape
    of the frames: recordings of which the manifest says none of this are a session of their own.
    """
    shape = labelled.recording.amplitude.shape[1:]
    found = caught(labelled.path.as_posix(), pattern) if pattern else None
    if found is not None:
        return (found, shape)
    entry = entry_for(labelled.path) or {}
    if pattern is None and entry.get("room"):
        return (labelled.path.resolve().parent, entry.get("device"), entry["room"], shape)
    return (labelled.path.resolve(), shape)


def quiet_runs(labelled: LabelledRecording) -> list[tuple[int, int]]:
    """Return (first, stop) of every labelled stretch of quiet of at least ``FEWEST`` frames."""
    quiet = np.concatenate([[False], labelled.truth == QUIET, [False]])
    edges = np.flatnonzero(quiet[1:] != quiet[:-1]).reshape(-1, 2)
    return [(first, stop) for first, stop in edges.tolist() if stop - first >= FEWEST]


def quiet_stretches(labelled: LabelledRecording) -> list[Run]:
    """Return a recording's quiet, of each stretch at most ``LONGEST_S`` from its middle.

    A stretch of which that part has fewer than ``FEWEST`` frames, as where the recording paused there, is left out.
    """
    t = labelled.seconds
    found = []
    for first, stop in quiet_runs(labelled):
        spare = max(0.0, t[stop - 1] - t[first] - LONGEST_S) / 2
        begin = int(np.searchsorted(t, t[first] + spare))
        end = min(stop, int(np.searchsorted(t, t[stop - 1] - spare, side="right")))
        if end - begin >= FEWEST:
            found.append(run_of(labelled, begin, end))
    return found


def own_quiet(labelled: LabelledRecording) -> tuple[int, int] | None:
    """Return the quiet before a recording's first action, (first, stop)."""
    runs = quiet_runs(labelled)
    moving = np.flatnonzero(labelled.truth != QUIET)
    if not runs or (len(moving) and moving[0] < runs[0][1]):
        return None
    return runs[0] if len(moving) else None


def recording_of(labelled: LabelledRecording, group: str, cuts: Cuts, *, known: bool) -> Recording:
    """Return a recording with its own quiet: what is labelled so before its first action.

    Args:
        labelled: the recording.
        group: its group.
        cuts: its actions.
        known: its session has labelled quiet; without any, its first ``FIRST_S`` count as quiet.
    """
    own = own_quiet(labelled)
    if own is None and not known:
        return Recording(group, cuts, run_of(labelled, 0, max(2, round(FIRST_S * labelled.rate_hz))), assumed=True)
    return Recording(group, cuts, None if own is None else run_of(labelled, *own), assumed=False)


def parted(jobs: Sequence[Job], processes: int) -> list[Job]:
    """Part sessions of many recordings, so that every process has something to do."""
    return [
        Job(job.recordings[start::processes], job.quiet)
        for job in jobs
        for start in range(min(processes, len(job.recordings)))
    ]


def encode_job(job: Job) -> dict[str, list[LabelledTake]]:
    """Turn the actions of recordings into rows, by recording.

    Raises:
        ValueError: frames have no features.
    """
    runs = [Recorded(each.quiet, run) for each in job.recordings for run in each.cuts.runs]
    rows = iter(encode(runs, job.quiet))
    found: dict[str, list[LabelledTake]] = {}
    for recording in job.recordings:
        own = [next(rows) for _ in recording.cuts.runs]
        takes = found.setdefault(recording.cuts.recording, [])
        for number, cut in enumerate(recording.cuts.cuts):
            begin = max(0, cut.first - LEAD_FRAMES)
            example = Example(own[cut.run].part(begin, cut.stop), cut.first - begin, cut.timed)
            takes.append(LabelledTake(cut.label, example, cut.source, recording.cuts.recording, number))
    return found
