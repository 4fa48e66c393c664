"""Labelled actions cut out of recordings, by the take or the person they are from."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from csiflow.evaluation.labels import NEITHER, QUIET, plain_label
from csiflow.evaluation.recognition import labelled_actions
from csiflow.evaluation.recording import LabelledRecording

TAKE = re.compile(r"(?:^|[_/])((?:e|p|s|take|person|subject)-?\d+)(?=[_.]|$)")
"""What in a recording's path names its take or person, without --take."""
PIECES_A_TAKE = 5
"""Pieces of a recording that is cut evenly are from one take by so many."""


@dataclass(frozen=True, slots=True)
class Take:
    """One action as a matcher gets it."""

    amplitude: NDArray[np.float32]
    """(T, antennas, sub-carriers), the recording up to the end of the action."""
    t_ns: NDArray[np.int64]
    """(T,)."""
    first: int
    """Where the action begins, or the recording, when nobody knows where in it the action is."""
    timed: bool
    """``first`` is where the action begins."""
    quiet: tuple[int, int] | None
    """First quiet stretch of the recording, (first, stop), if one is labelled."""

    def seen(self, frames: int) -> Take:
        """The same action when only so many of its frames have come."""
        stop = min(self.first + frames, len(self.t_ns))
        return replace(self, amplitude=self.amplitude[:stop], t_ns=self.t_ns[:stop])


@dataclass(frozen=True, slots=True)
class LabelledTake:
    """An action, its label and what it is from."""

    label: str
    take: Take
    source: str
    """The take or person; nothing of one source is ever both learnt from and tested."""
    recording: str


def caught(name: str, pattern: re.Pattern[str]) -> str | None:
    """Return what the pattern catches in a name, ``None`` when it does not."""
    match = pattern.search(name)
    return None if match is None else " ".join(part for part in match.groups() if part) or match.group()


def source_of(path: Path, pattern: re.Pattern[str] | None) -> str:
    """Return the take or person a recording is from: what the pattern catches, else the recording itself."""
    return caught(path.as_posix(), pattern or TAKE) or path.stem


def takes_of(labelled: LabelledRecording, source: str) -> list[LabelledTake]:
    """Return every stretch of a label that means motion; the whole recording, where a label stands for it."""
    quiet = _first_quiet_run(labelled)
    return [
        LabelledTake(plain_label(name), _take(labelled, first, stop, quiet), source, labelled.name)
        for name, first, stop in labelled_actions(labelled)
    ]


def pieces_of(labelled: LabelledRecording, seconds: float) -> list[LabelledTake]:
    """Cut a recording of repeated actions, whose borders nobody marked, into pieces of equal length.

    A piece holds nothing of the others; labels of rest are cut as well, as one more class. Sources are the pieces'
    numbers by PIECES_A_TAKE, so that those of several recordings go together.
    """
    t = labelled.seconds
    borders = np.searchsorted(t, np.arange(0, t[-1] + seconds / 2, seconds))
    found = []
    for number, (first, stop) in enumerate(pairwise(borders.tolist())):
        truth = labelled.truth[first:stop]
        if not len(truth) or (labelled.label[first:stop] != labelled.label[first]).any() or (truth == NEITHER).any():
            continue
        take = Take(
            labelled.recording.amplitude[first:stop], labelled.recording.t_ns[first:stop], 0, timed=False, quiet=None
        )
        name = plain_label(labelled.label_names[labelled.label[first]])
        found.append(LabelledTake(name, take, f"pieces {number // PIECES_A_TAKE}", labelled.name))
    return found


def _take(labelled: LabelledRecording, first: int, stop: int, quiet: tuple[int, int] | None) -> Take:
    known = quiet if quiet is not None and quiet[1] <= first else None
    amplitude, t_ns = labelled.recording.amplitude[:stop], labelled.recording.t_ns[:stop]
    return Take(amplitude, t_ns, first, timed=labelled.scope == "frame" and first > 0, quiet=known)


def _first_quiet_run(labelled: LabelledRecording) -> tuple[int, int] | None:
    quiet = np.flatnonzero(labelled.truth == QUIET)
    if not len(quiet):
        return None
    others = np.flatnonzero(labelled.truth[quiet[0] :] != QUIET)
    return int(quiet[0]), int(quiet[0] + others[0]) if len(others) else len(labelled.truth)


def chosen(takes: Sequence[LabelledTake], labels: frozenset[str]) -> list[LabelledTake]:
    """Return the takes of these labels; all of them when none is named."""
    return [take for take in takes if not labels or take.label in labels]
