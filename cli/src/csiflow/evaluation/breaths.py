"""``csiflow eval --breathing``: seconds answered, and answered falsely, in recordings and in nulls made of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from csi_events.offline import Judged, Recording, run
from numpy.typing import NDArray
from rich.markup import escape
from rich.table import Table

from csiflow.evaluation.files import group_name
from csiflow.evaluation.labels import Labelling, normal
from csiflow.evaluation.nulls import joined, shuffled, white
from csiflow.evaluation.peers import peer
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.evaluation.statistics import rounded, wilson

WAIT_S = 30
"""Nothing is answered before; seconds are counted from here on."""
RESTING = frozenset({"lying", "sitting", "seated", "sleeping", "asleep", "resting", "rest", "breathing"})
"""Labels of a person who does nothing but breathe."""
SHORT_S = 31.0
"""Recordings of a group that are shorter are joined end to end."""


@dataclass(frozen=True, slots=True)
class Breaths:
    """What one stream was told, second by second."""

    name: str
    group: str
    rate: NDArray[np.float64]
    """(seconds,) breaths per minute shown, nan where none was, from second ``WAIT_S`` on."""
    truth: float | None
    by: str = "csiflow"
    """Who told."""

    def figures(self) -> dict[str, Any]:
        """Return share answered, error where the rate is known, and the rate minute by minute (median, spread)."""
        told = self.rate[np.isfinite(self.rate)]
        found: dict[str, Any] = {
            "seconds": len(self.rate),
            "answered_s": len(told),
            "answered": rounded(len(told) / len(self.rate)) if len(self.rate) else None,
            "answered_interval": wilson(len(told), len(self.rate)),
            "bpm": rounded(float(np.median(told)), 2) if len(told) else None,
            "truth": self.truth,
            "error": None,
            "error_max": None,
            "per_minute": [_minute(self.rate[k : k + 60]) for k in range(0, len(self.rate), 60)],
        }
        if self.truth is not None and len(told):
            error = np.abs(told - self.truth)
            found["error"], found["error_max"] = rounded(float(error.mean()), 3), rounded(float(error.max()), 3)
        return found


def _minute(rate: NDArray[np.float64]) -> list[float] | None:
    told = rate[np.isfinite(rate)]
    return [round(float(np.median(told)), 1), round(float(told.std()), 1)] if len(told) else None


def told(recording: Recording) -> NDArray[np.float64]:
    """Return the rate that the windowed path shows in every second after ``WAIT_S``, nan where it shows none."""
    return by_second(run(recording), (recording.t_ns - recording.t_ns[0]) * 1e-9)


def by_second(judged: Iterable[Judged], t_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the rate that windows show in every second after ``WAIT_S``, nan where none does.

    Args:
        judged: the windows.
        t_s: (frames,) times of the frames that they are of, s, from 0, ascending.
    """
    seconds = np.floor(t_s).astype(np.int64)
    rate = np.full(int(seconds[-1]) + 1, np.nan)
    for window in judged:
        shown = window.result.breathing
        if shown is not None and shown.bpm is not None:
            rate[seconds[window.stop - 1]] = shown.bpm
    return rate[WAIT_S:]


def evaluate_all(
    files: Sequence[Path],
    labelling: Labelling,
    group: re.Pattern[str] | None,
    antenna: int | None,
    peers: Sequence[str] = (),
) -> Iterator[Breaths]:
    """Yield what ours, and each peer, tells of every stream; see :func:`streams`."""
    asked = [peer(name) for name in peers]
    for stream in streams(files, labelling, group, antenna):
        truth = None if stream.truth is None else float(np.mean(stream.truth))
        yield Breaths(stream.name, stream.group, told(stream.recording), truth)
        for other in asked:
            rate = other.breathing(stream.recording)[WAIT_S:]
            yield Breaths(stream.name, stream.group, rate, truth, other.title)


class Streamed(NamedTuple):
    """A recording, or a null made of one."""

    name: str
    group: str
    recording: Recording
    truth: float | NDArray[np.float64] | None
    """Breaths per minute; (seconds,) where it changes."""
    source: str
    """Folder of the recordings that it is made of; empty for what is made of none."""
    null: bool
    """Nobody breathes undisturbed in it: whatever is answered is false."""
    since_s: int = WAIT_S
    """Seconds are counted from here on."""


def streams(
    files: Sequence[Path], labelling: Labelling, group: re.Pattern[str] | None, antenna: int | None
) -> Iterator[Streamed]:
    """Yield each recording and the same shuffled, then clips joined by group and shape, then white noise.

    ``antenna`` looks at one antenna only, as if there were no other.
    """
    clips: dict[tuple[str, str, tuple[int, ...]], list[Recording]] = {}
    for seed, path in enumerate(files):
        labelled = load(path, str(path), labelling)
        recording, name, source = alone(labelled, antenna), group_name(path, group), path.resolve().parent.name
        if labelled.seconds[-1] < SHORT_S:
            clips.setdefault((name, source, recording.amplitude.shape[1:]), []).append(recording)
            continue
        yield Streamed(str(path), name, recording, labelled.bpm, source, null=not breathes(labelled))
        yield Streamed(f"{path}, shuffled", "shuffled frames", shuffled(recording, seed), None, source, null=True)
    for (name, source, shape), parts in clips.items():
        clip = f"{name}, {len(parts)} clips of {shape[0]} x {shape[1]} joined"
        yield Streamed(clip, name, joined(parts), None, source, null=True)
    for antennas in (1, 3, 6) if antenna is None else (1,):
        for seed in range(3):
            name = f"white noise, {antennas} antennas, seed {seed}"
            yield Streamed(name, "white noise", white(antennas, seed), None, "", null=True)


def breathes(labelled: LabelledRecording) -> bool:
    """Whether somebody is known to breathe undisturbed: a rate is given, or most frames are labelled so."""
    names = [normal(name) in RESTING for name in labelled.label_names]
    return labelled.bpm is not None or bool(np.array(names)[labelled.label].mean() >= 0.8)


def alone(labelled: LabelledRecording, antenna: int | None) -> Recording:
    """Return the recording, or what one of its antennas hears."""
    recording = labelled.recording
    if antenna is None:
        return recording
    one = slice(min(antenna, recording.amplitude.shape[1] - 1), None)
    iq = None if recording.iq is None else np.ascontiguousarray(recording.iq[:, one][:, :1])
    return Recording(recording.t_ns, np.ascontiguousarray(recording.amplitude[:, one][:, :1]), iq)


def pools(found: Sequence[Breaths]) -> dict[str, dict[str, Any]]:
    """Pool seconds by group."""
    groups: dict[str, list[Breaths]] = {}
    for breaths in found:
        groups.setdefault(breaths.group, []).append(breaths)
    pooled = {}
    for name, members in groups.items():
        rate = np.concatenate([member.rate for member in members])
        figures = Breaths(name, name, rate, None).figures()
        known = [np.abs(m.rate - m.truth)[np.isfinite(m.rate)] for m in members if m.truth is not None]
        error = np.concatenate(known) if known else np.zeros(0)
        figures["error"] = rounded(float(error.mean()), 3) if len(error) else None
        figures["error_max"] = rounded(float(error.max()), 3) if len(error) else None
        del figures["per_minute"], figures["truth"], figures["bpm"]
        pooled[name] = figures
    return pooled


def tables(found: Sequence[Breaths]) -> list[Table]:
    """Return a table of every stream, and one of the groups."""
    each = Table(title="breathing, second by second", title_justify="left")
    group = Table(title="groups and nulls", title_justify="left")
    for table in (each, group):
        for column in ("of", "by", "seconds", "answered %", "error", "largest"):
            table.add_column(column, overflow="fold")
    each.add_column("minute by minute: median +- spread", overflow="fold")
    for breaths in found:
        figures = breaths.figures()
        minutes = ", ".join("-" if m is None else f"{m[0]:g}+-{m[1]:g}" for m in figures["per_minute"])
        each.add_row(escape(breaths.name), breaths.by, *_cells(figures), minutes)
    for by in dict.fromkeys(breaths.by for breaths in found):
        for name, figures in pools([breaths for breaths in found if breaths.by == by]).items():
            group.add_row(escape(name), by, *_cells(figures))
    return [each, group]


def _cells(figures: dict[str, Any]) -> tuple[str, ...]:
    share = figures["answered"]
    return (
        str(figures["seconds"]),
        "-" if share is None else f"{100 * share:.1f}",
        *("-" if figures[name] is None else f"{figures[name]:g}" for name in ("error", "error_max")),
    )
