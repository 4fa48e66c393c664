"""How soon against how often wrong, over every threshold that could have been chosen."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from csiflow.evaluation.onsets import is_abrupt, labelled_onsets, seconds_of, watched_quiet
from csiflow.evaluation.recognition import labelled_actions, right_signatures
from csiflow.evaluation.statistics import median, per_hour, rounded

if TYPE_CHECKING:
    from csiflow.evaluation.answers import FrameAnswers
    from csiflow.evaluation.recording import LabelledRecording

ONSET_THRESHOLDS = tuple(round(0.2 * step, 1) for step in range(1, 36))
"""Of ``motion_score``, natural log of energy over the quiet's."""
SCORE_THRESHOLDS = tuple(round(0.02 * step, 2) for step in range(5, 50))
"""Of a match's score."""
P_THRESHOLDS = tuple(round(0.5 * step, 1) for step in range(2, 25))
"""Of -log10 of a match's p-value."""
APART_S = 1.0
"""In quiet, one false answer is counted for at most this long: a threshold that is always passed is always wrong."""


def separate(t: NDArray[np.float64]) -> int:
    """Return how many of the ascending times, s, lie at least APART_S after the last one counted."""
    count, at = 0, 0
    while at < len(t):
        count += 1
        at = int(np.searchsorted(t, t[at] + APART_S))
    return count


@dataclass(slots=True)
class Curve:
    """For each threshold, times to the right answer and false answers."""

    measure: str
    thresholds: tuple[float, ...]
    ms: list[list[float]] = field(default_factory=list)
    """For each event, its time at each threshold; infinite where missed."""
    frames: list[list[float]] = field(default_factory=list)
    """The same in frames; 1 is the first."""
    false: list[int] = field(default_factory=list)
    """At each threshold."""
    quiet_s: float = 0.0

    def __post_init__(self) -> None:
        """Begin with no false answers."""
        self.false = self.false or [0] * len(self.thresholds)

    def add(self, other: Curve) -> None:
        """Pool with another recording's."""
        self.ms += other.ms
        self.frames += other.frames
        self.false = [a + b for a, b in zip(self.false, other.false, strict=True)]
        self.quiet_s += other.quiet_s

    def points(self) -> list[dict[str, Any]]:
        """Return for each threshold the medians, in which a miss counts as never, misses and false answers an hour."""
        return [
            {
                "threshold": threshold,
                "frames_median": median([event[place] for event in self.frames]),
                "ms_median": rounded(median([event[place] for event in self.ms]), 1),
                "missed": sum(math.isinf(event[place]) for event in self.ms),
                "events": len(self.ms),
                "false": self.false[place],
                "false_per_hour": rounded(per_hour(self.false[place], self.quiet_s), 2),
            }
            for place, threshold in enumerate(self.thresholds)
        ]

    def count(
        self,
        labelled: LabelledRecording,
        rightly: list[tuple[int, int, NDArray[np.float32]]],
        wrongly: NDArray[np.float32],
        quiet: NDArray[np.bool_],
    ) -> None:
        """Count one recording.

        Args:
            labelled: the recording.
            rightly: (first frame, stop, (T,) measure of the right answer) of each event.
            wrongly: (T,) measure of a wrong answer in quiet.
            quiet: (T,) where that is counted.
        """
        t = labelled.seconds
        levels = np.array(self.thresholds)
        for first, stop, measure in rightly:
            reached = np.maximum.accumulate(measure[first:stop])
            at = np.searchsorted(reached, levels, side="right")  # the first frame above each threshold
            late = at >= stop - first
            times = t[np.minimum(first + at, len(t) - 1)] - t[first]
            self.ms.append(np.where(late, np.inf, times * 1e3).tolist())
            self.frames.append(np.where(late, np.inf, at + 1.0).tolist())
        for place, level in enumerate(self.thresholds):
            self.false[place] += separate(t[np.flatnonzero((wrongly > level) & quiet)])
        self.quiet_s += seconds_of(labelled, quiet)


def onset_curve(
    labelled: LabelledRecording, frames: FrameAnswers, counted: int, *, abrupt: bool | None = None
) -> Curve:
    """Time to ``motion_score`` above each threshold, from each labelled onset."""
    curve = Curve("motion_score", ONSET_THRESHOLDS)
    events = [
        (first, stop, frames.score)
        for first, stop in labelled_onsets(labelled, counted)
        if abrupt is None or is_abrupt(labelled, first) == abrupt
    ]
    curve.count(labelled, events, frames.score, watched_quiet(labelled, counted))
    return curve


def recognition_curve(labelled: LabelledRecording, frames: FrameAnswers, counted: int) -> Curve:
    """Time to a right match above each threshold, of p-values where the snapshots carry them, else of scores."""
    by_p = bool(np.isfinite(frames.p_value).any())
    measure = "-log10 p" if by_p else "score"
    with np.errstate(divide="ignore"):
        strength = -np.log10(frames.p_value) if by_p else frames.match_score
    strength = np.where(np.isfinite(strength) & (frames.signature >= 0), strength, -np.inf).astype(np.float32)
    moving = [number for number, signature in enumerate(frames.signatures) if not signature.rest]
    events = []
    for name, first, stop in labelled_actions(labelled):
        right = right_signatures(frames, name)
        if right and first > 0 and labelled.scope == "frame":
            events.append((first, stop, _best(strength, frames, right)))
    quiet = watched_quiet(labelled, counted) & ~frames.calibrating
    curve = Curve(measure, P_THRESHOLDS if by_p else SCORE_THRESHOLDS)
    curve.count(labelled, events, _best(strength, frames, moving), quiet)
    return curve


def _best(strength: NDArray[np.float32], frames: FrameAnswers, among: list[int]) -> NDArray[np.float32]:
    """(T,) the strongest listed match of these signatures."""
    best: NDArray[np.float32] = np.where(np.isin(frames.signature, among), strength, -np.inf).max(axis=1)
    return best
