"""Labelled actions in recordings, by the take or the person they are from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from csi_introspection.playback import Run, interval_ns
from csi_introspection.shapes import Example, LabelledExample

from csiflow.evaluation.labels import NEITHER, plain_label
from csiflow.evaluation.recognition import labelled_actions
from csiflow.evaluation.recording import LabelledRecording

TAKE = re.compile(r"(?:^|[_/])((?:e|p|s|take|person|subject)-?\d+)(?=[_.]|$)")
"""What in a recording's path names its take or person, without --take."""
PIECES_A_TAKE = 5
"""Pieces of a recording that is cut evenly are from one take by so many."""
LEAD_FRAMES = 64
"""Frames before an action that go along with it: more than the rows before its first that matching looks at."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Where in a run of frames an action is."""

    label: str
    source: str
    """The take or person; nothing of one source is ever both learnt from and tested."""
    run: int
    first: int
    """Where the action begins, or where to begin looking for it, when nobody knows."""
    stop: int
    timed: bool
    """It begins at ``first``."""


@dataclass(frozen=True, slots=True)
class Cuts:
    """The runs of frames of a recording, and the actions in them."""

    recording: str
    runs: tuple[Run, ...]
    """One; of a recording that is cut evenly, its pieces."""
    cuts: tuple[Cut, ...]


@dataclass(frozen=True, slots=True)
class LabelledTake:
    """An action as the matcher gets it, its label and what it is from."""

    label: str
    example: Example
    source: str
    recording: str
    number: int
    """Of this action in its recording."""

    @property
    def labelled(self) -> LabelledExample:
        """What a matcher learns from."""
        return LabelledExample(self.label, self.example)


def caught(name: str, pattern: re.Pattern[str]) -> str | None:
    """Return what the pattern catches in a name, ``None`` when it does not."""
    match = pattern.search(name)
    return None if match is None else " ".join(part for part in match.groups() if part) or match.group()


def source_of(path: Path, pattern: re.Pattern[str] | None) -> str:
    """Return the take or person a recording is from: what the pattern catches, else the recording itself."""
    return caught(path.as_posix(), pattern or TAKE) or path.stem


def run_of(labelled: LabelledRecording, first: int, stop: int) -> Run:
    """Return frames of a recording as the per-frame path takes them."""
    amplitude = np.asarray(labelled.recording.amplitude[first:stop], np.float32)
    return Run(amplitude, interval_ns(labelled.recording.t_ns))


def takes_of(labelled: LabelledRecording, source: str, begin: int = 0) -> Cuts:
    """Return every stretch of a label that means motion; the whole recording, where a label stands for it.

    Args:
        labelled: the recording.
        source: the take or person it is from.
        begin: the run begins with this frame: that of the quiet before the first action.
    """
    timed = labelled.scope == "frame"
    cuts = [
        Cut(plain_label(name), source, 0, first - begin, stop - begin, timed=timed and first > begin)
        for name, first, stop in labelled_actions(labelled)
        if first >= begin
    ]
    return Cuts(labelled.name, (run_of(labelled, begin, len(labelled.truth)),), tuple(cuts))


def pieces_of(labelled: LabelledRecording, seconds: float) -> Cuts:
    """Cut a recording of repeated actions, whose borders nobody marked, into pieces of equal length.

    A piece holds nothing of the others; labels of rest are cut as well, as one more class. Sources are the pieces'
    numbers by PIECES_A_TAKE, so that those of several recordings go together.
    """
    t = labelled.seconds
    borders = np.searchsorted(t, np.arange(0, t[-1] + seconds / 2, seconds))
    runs: list[Run] = []
    cuts: list[Cut] = []
    for number, (first, stop) in enumerate(pairwise(borders.tolist())):
        truth = labelled.truth[first:stop]
        if not len(truth) or (labelled.label[first:stop] != labelled.label[first]).any() or (truth == NEITHER).any():
            continue
        name = plain_label(labelled.label_names[labelled.label[first]])
        source = f"pieces {number // PIECES_A_TAKE:02d}"
        cuts.append(Cut(name, source, len(runs), 0, stop - first, timed=True))
        runs.append(run_of(labelled, first, stop))
    return Cuts(labelled.name, tuple(runs), tuple(cuts))


def chosen(cuts: Cuts, labels: frozenset[str]) -> Cuts:
    """Return the actions of these labels; all of them when none is named."""
    kept = tuple(cut for cut in cuts.cuts if not labels or cut.label in labels)
    return Cuts(cuts.recording, cuts.runs, kept)


def sources_of(takes: Sequence[LabelledTake]) -> list[str]:
    """Return what takes are from, each once, by name."""
    return sorted({take.source for take in takes})
