"""What the windowed path measured in a recording, kept so that its decision can be replayed with other constants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_events.decision import MotionDecision, Rules, decide
from csi_events.offline import run
from csi_schemas.events import MotionStarted
from numpy.typing import NDArray

from csiflow.evaluation.labels import MOTION, NEITHER, QUIET
from csiflow.evaluation.motion import AGREED, Motion
from csiflow.evaluation.onsets import EARLY_S, labelled_onsets, rising, seconds_of, watched_quiet

if TYPE_CHECKING:
    from csiflow.evaluation.calibration import Calibration
    from csiflow.evaluation.recording import LabelledRecording

PLAIN = "none"
"""The perturbation of a recording that is as it is."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the windowed path measured in one recording, and the truth to hold decisions against."""

    name: str
    source: str
    group: str
    begin_ns: NDArray[np.float64]
    """(windows,) time of the first frame."""
    end_ns: NDArray[np.float64]
    score: NDArray[np.float64]
    """(windows,) nan where a window could not say."""
    anew: list[tuple[int, float]]
    """Windows from which a new calibration holds, and the time that it was learnt from, s."""
    second_start: NDArray[np.int64]
    """(seconds,) first window of every second that is counted ..."""
    weights: NDArray[np.float64]
    """(seconds, most windows of a second): share of the second's frames that each window from there on holds."""
    moves: NDArray[np.bool_]
    """(seconds,): the truth."""
    watched: NDArray[np.bool_]
    """(windows,) a start at the end of this window is a false one."""
    quiet_s: float
    said: list[tuple[float, bool]]
    """Confidence of every MotionStarted of the product, and whether something moved."""
    false_starts_s: list[float]
    """Times of the product's false starts, s."""
    perturbation: str = PLAIN
    """``PLAIN`` for the recording as it is."""


def trace(labelled: LabelledRecording, calibration: Calibration, since_s: float, counted: int, group: str) -> Trace:
    """Run the windowed path over one recording.

    Args:
        labelled: the recording.
        calibration: what it starts with.
        since_s: seconds count from here.
        counted: starts count from this frame.
        group: whose row it belongs to.
    """
    judged = list(run(labelled.recording, calibration.quiet))
    t_ns, t = labelled.recording.t_ns, labelled.seconds
    stops = np.array([window.stop for window in judged])
    window_of = np.searchsorted(stops, np.arange(len(t)), side="right")
    second = np.floor(t).astype(np.int64)
    starts, weights, moves = [], [], []
    for k in np.unique(second[second >= since_s]):
        first, stop = np.searchsorted(second, (k, k + 1))
        truth = labelled.truth[first:stop]
        if max((truth == MOTION).mean(), (truth == QUIET).mean()) < AGREED:
            continue
        own = window_of[first:stop]
        starts.append(int(own[0]))
        weights.append(np.bincount(own - own[0]) / len(own))
        moves.append(bool((truth == MOTION).mean() >= AGREED))
    quiet = watched_quiet(labelled, counted)
    quiet_s = seconds_of(labelled, quiet)
    for onset, _ in labelled_onsets(labelled, counted):
        quiet[(t >= t[onset] - EARLY_S) & (t < t[onset])] = False
    said, false_starts_s = [], []
    for window in judged:
        end = window.stop - 1
        started = [event.confidence for event in window.events if isinstance(event, MotionStarted)]
        if started and end >= counted and labelled.truth[end] != NEITHER:
            soon = labelled.truth[end : int(np.searchsorted(t, t[end] + EARLY_S, side="right"))]
            said.append((float(started[0] or 0.0), bool((soon == MOTION).any())))
        if started and quiet[end]:
            false_starts_s.append(float(t[end]))
    widest = max(map(len, weights), default=1)
    return Trace(
        name=labelled.name,
        source=labelled.path.resolve().parent.name,
        group=group,
        begin_ns=t_ns[[window.first for window in judged]].astype(np.float64),
        end_ns=t_ns[stops - 1].astype(np.float64),
        score=np.array([np.nan if w.result.score is None else w.result.score for w in judged]),
        anew=[
            (0, calibration.quiet.seconds),
            *((i, w.result.learnt_s) for i, w in enumerate(judged) if w.result.learnt_s is not None),
        ],
        second_start=np.array(starts, np.int64),
        weights=np.array([np.pad(row, (0, widest - len(row))) for row in weights]).reshape(-1, widest),
        moves=np.array(moves, bool),
        watched=quiet[stops - 1],
        quiet_s=quiet_s,
        said=said,
        false_starts_s=false_starts_s,
    )


@dataclass(slots=True)
class Counted:
    """Seconds and starts of one or more recordings."""

    motion: Motion
    false_starts: int = 0
    quiet_s: float = 0.0


def decided(trace: Trace, rules: Rules) -> NDArray[np.bool_]:
    """(windows,) motion after each window, decided by these rules."""
    decision, numbers = MotionDecision(rules), np.array(rules, np.float64)
    moving = np.zeros(len(trace.score), bool)
    edges = [*(window for window, _ in trace.anew), len(trace.score)]
    for (first, seconds), stop in zip(trace.anew, edges[1:], strict=True):
        decision.calibrated(seconds)
        part = slice(first, stop)
        moving[part] = decide(decision.state, trace.begin_ns[part], trace.end_ns[part], trace.score[part], numbers)[0]
    return moving


def count(traces: Sequence[Trace], rules: Rules) -> Counted:
    """Judge recordings by these rules."""
    total = Counted(Motion())
    for each in traces:
        moving = decided(each, rules)
        places = np.minimum(each.second_start[:, None] + np.arange(each.weights.shape[1]), len(moving) - 1)
        said = (moving[places] * each.weights).sum(axis=1) >= 0.5
        hit, false = int((said & each.moves).sum()), int((said & ~each.moves).sum())
        total.motion.add(Motion(hit, int(each.moves.sum()) - hit, false, int((~each.moves).sum()) - false))
        total.false_starts += int((rising(moving) & each.watched).sum())
        total.quiet_s += each.quiet_s
    return total
