"""How soon the per-frame path says that a motion began, beside the windowed path in the same run."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from csiflow.evaluation.labels import MOTION, QUIET
from csiflow.evaluation.statistics import median, per_hour, poisson_interval, rounded

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csiflow.evaluation.answers import WindowAnswers
    from csiflow.evaluation.recording import LabelledRecording

QUIET_BEFORE_S = 1.0
"""A motion label after at least this much quiet is an onset; alarms this soon after a motion belong to nobody."""
EARLY_S = 0.25
"""An answer this shortly before the label is one on its first frame, and no false alarm: borders are drawn by eye."""
GAP_STEPS, GAP_S = 5.0, 0.25
"""An onset after a silence longer than so many frame intervals, and than so many seconds, is abrupt."""


class Said(Protocol):
    """What a per-frame path says of a recording, as ``FrameAnswers`` has it."""

    @property
    def onset(self) -> NDArray[np.bool_]:
        """(T,)."""

    @property
    def moving(self) -> NDArray[np.bool_]:
        """(T,)."""


@dataclass(frozen=True, slots=True)
class Onset:
    """One labelled onset and when each path answered.

    Frames count from the first moving one, which is 1; times from that frame's. ``None``: never while the label lasted.
    """

    frame: int
    at_s: float
    abrupt: bool
    frames: int | None
    ms: float | None
    already: bool
    """The per-frame path said that something moves before the label did, and not just before."""
    early: bool
    """It answered within EARLY_S before the label."""
    window_frames: int | None
    window_ms: float | None
    window_already: bool
    interval_ms: float
    """Usual time between frames."""

    @property
    def ratio_of_ms(self) -> float | None:
        """Like ``ratio``, of the times after the first moving frame; ours is taken for one interval at least."""
        if self.already or self.window_already or (self.ms is None and self.window_ms is None):
            return None
        if self.ms is None:
            return 0.0
        return math.inf if self.window_ms is None else self.window_ms / max(self.ms, self.interval_ms)

    @property
    def ratio(self) -> float | None:
        """Window frames for each frame the per-frame path took; 0 when it missed, infinite when the windows did."""
        if self.already or self.window_already or (self.frames is None and self.window_frames is None):
            return None
        if self.frames is None:
            return 0.0
        return math.inf if self.window_frames is None else self.window_frames / self.frames

    def figures(self) -> dict[str, Any]:
        """Return this onset for a list of them."""
        return {
            "at_s": round(self.at_s, 3),
            "kind": "abrupt" if self.abrupt else "gentle",
            "frames": self.frames,
            "ms": rounded(self.ms, 1),
            "already": self.already,
            "early": self.early,
            "window_frames": self.window_frames,
            "window_already": self.window_already,
        }


@dataclass(slots=True)
class Onsets:
    """Onsets of one or more recordings."""

    found: list[Onset] = field(default_factory=list)
    why: list[str] = field(default_factory=list)

    def add(self, other: Onsets) -> None:
        """Pool with another recording's."""
        self.found += other.found

    def figures(self) -> dict[str, Any]:
        """Return what the contract asks for; abrupt onsets (a splice or a gap) and gentle ones also apart."""
        result = onset_figures(self.found)
        result["abrupt"] = onset_figures([onset for onset in self.found if onset.abrupt])
        result["gentle"] = onset_figures([onset for onset in self.found if not onset.abrupt])
        if not self.found:
            result["why"] = self.why[0] if self.why else "no motion label follows a second of quiet"
        elif result["frames_median"] is None:
            result["why"] = "most onsets were missed, or something was moving already: there is no median"
        return result


def onset_figures(onsets: list[Onset]) -> dict[str, Any]:
    """Return medians in which a missed onset counts as never, and the counts behind them."""
    open_to_us = [onset for onset in onsets if not onset.already]
    open_to_windows = [onset for onset in onsets if not onset.window_already]
    ratios = [ratio for onset in onsets if (ratio := onset.ratio) is not None]
    of_ms = [ratio for onset in onsets if (ratio := onset.ratio_of_ms) is not None]
    return {
        "frames_median": median(or_never(onset.frames for onset in open_to_us)),
        "ms_median": rounded(median(or_never(onset.ms for onset in open_to_us)), 1),
        "missed": sum(onset.frames is None for onset in open_to_us),
        "ratio_vs_window": rounded(median(ratios), 2),
        "ratio_of_ms": rounded(median(of_ms), 2),
        "count": len(onsets),
        "already": len(onsets) - len(open_to_us),
        "early": sum(onset.early for onset in onsets),
        "window": {
            "frames_median": median(or_never(onset.window_frames for onset in open_to_windows)),
            "ms_median": rounded(median(or_never(onset.window_ms for onset in open_to_windows)), 1),
            "missed": sum(onset.window_frames is None for onset in open_to_windows),
            "already": len(onsets) - len(open_to_windows),
        },
    }


def or_never(values: Iterable[float | None]) -> list[float]:
    """Put infinity where there was no answer, for a median."""
    return [math.inf if value is None else float(value) for value in values]


@dataclass(slots=True)
class Alarms:
    """What was said in quiet."""

    onsets: int = 0
    window_starts: int = 0
    quiet_s: float = 0.0

    def add(self, other: Alarms) -> None:
        """Pool with another recording's."""
        self.onsets += other.onsets
        self.window_starts += other.window_starts
        self.quiet_s += other.quiet_s

    def figures(self) -> dict[str, Any]:
        """Return rates an hour with their 95 % intervals; null when no quiet was watched."""
        found: dict[str, Any] = {"quiet_s": round(self.quiet_s, 1)}
        for name, count in (("onset", self.onsets), ("window", self.window_starts)):
            rate = per_hour(count, self.quiet_s)
            interval = (
                [round(mean * 3600 / self.quiet_s, 2) for mean in poisson_interval(count)] if rate is not None else None
            )
            found[name] = {"count": count, "per_hour": rounded(rate, 2), "per_hour_interval": interval}
        if not self.quiet_s:
            found["why"] = "no quiet is left after the stretch that calibrates"
        return found


def labelled_onsets(labelled: LabelledRecording, counted: int) -> list[tuple[int, int]]:
    """Return (first moving frame, end of the motion) of every onset from frame ``counted`` on."""
    truth, t = labelled.truth, labelled.seconds
    others = np.concatenate(([-1], np.flatnonzero(truth != QUIET)))
    found = []
    for i in np.flatnonzero((truth[1:] == MOTION) & (truth[:-1] == QUIET)) + 1:
        last = int(others[np.searchsorted(others, i) - 1])
        if i >= counted and t[i] - (t[last] if last >= 0 else t[0]) > QUIET_BEFORE_S:
            still = np.flatnonzero(truth[i:] != MOTION)
            found.append((int(i), int(i + still[0]) if len(still) else len(truth)))
    return found


def is_abrupt(labelled: LabelledRecording, frame: int) -> bool:
    """Whether the recording jumps at this frame: a splice, or a silence before it."""
    gap = float(labelled.seconds[frame] - labelled.seconds[frame - 1])
    return labelled.spliced or gap > max(GAP_S, GAP_STEPS / labelled.rate_hz)


def count_onsets(labelled: LabelledRecording, frames: Said, windows: WindowAnswers, counted: int) -> Onsets:
    """Time both paths at every labelled onset."""
    said = np.flatnonzero(rising(frames.onset))
    found = []
    for first, stop in labelled_onsets(labelled, counted):
        ours = answer_to(labelled, said, frames.moving, first, stop)
        theirs = answer_to(labelled, windows.started, windows.moving, first, stop)
        found.append(
            Onset(
                frame=first,
                at_s=float(labelled.seconds[first]),
                abrupt=is_abrupt(labelled, first),
                frames=ours.frames,
                ms=ours.ms,
                already=ours.already,
                early=ours.early,
                window_frames=theirs.frames,
                window_ms=theirs.ms,
                window_already=theirs.already,
                interval_ms=1e3 / labelled.rate_hz if labelled.rate_hz else math.inf,
            )
        )
    return Onsets(found)


class Answer(NamedTuple):
    """One path's answer to one onset, see ``Onset``."""

    frames: int | None
    ms: float | None
    already: bool
    early: bool = False


def answer_to(
    labelled: LabelledRecording, said: NDArray[np.int64], moving: NDArray[np.bool_], first: int, stop: int
) -> Answer:
    """Return the first of the frames ``said`` that answers; motion that began long before cannot be timed."""
    t = labelled.seconds
    if ((said < first) & (t[first] - t[said] <= EARLY_S)).any():
        return Answer(1, 0.0, already=False, early=True)
    within = said[(said >= first) & (said < stop)]
    already = bool(moving[first - 1])
    if not len(within):
        return Answer(None, None, already)
    at = int(within[0])
    return Answer(at - first + 1, float(t[at] - t[first]) * 1e3, already)


def watched_quiet(labelled: LabelledRecording, counted: int) -> NDArray[np.bool_]:
    """(T,) quiet frames in which an answer is a false one: none within a second after anything else."""
    t = labelled.seconds
    last = np.maximum.accumulate(np.where(labelled.truth != QUIET, t, -np.inf))
    watched = np.asarray((labelled.truth == QUIET) & (t - last > QUIET_BEFORE_S))
    watched[:counted] = False
    return watched


def seconds_of(labelled: LabelledRecording, mask: NDArray[np.bool_]) -> float:
    """Time that the masked frames stand for, s; a frame before a gap stands for a second at most."""
    t = labelled.seconds
    return float(np.minimum(np.diff(t, append=t[-1]), 1.0)[mask].sum())


def rising(flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(T,) where a flag is set and was not on the frame before."""
    before = np.concatenate(([False], flags[:-1]))
    return np.asarray(flags & ~before)


def count_alarms(labelled: LabelledRecording, frames: Said, windows: WindowAnswers, counted: int) -> Alarms:
    """Count what both paths say began in quiet, but for early answers to an onset."""
    quiet = watched_quiet(labelled, counted)
    seconds = seconds_of(labelled, quiet)
    without_early(labelled, quiet, counted)
    return Alarms(int((rising(frames.onset) & quiet).sum()), int(quiet[windows.started].sum()), seconds)


def without_early(labelled: LabelledRecording, quiet: NDArray[np.bool_], counted: int) -> None:
    """Take from ``quiet`` (T,) the frames in which an answer is an early one to an onset."""
    t = labelled.seconds
    for first, _ in labelled_onsets(labelled, counted):
        quiet[(t >= t[first] - EARLY_S) & (t < t[first])] = False


def false_onsets(labelled: LabelledRecording, frames: Said, counted: int) -> list[int]:
    """Return the frames of the false answers that ``count_alarms`` counts."""
    quiet = watched_quiet(labelled, counted)
    without_early(labelled, quiet, counted)
    return [int(i) for i in np.flatnonzero(rising(frames.onset) & quiet)]
