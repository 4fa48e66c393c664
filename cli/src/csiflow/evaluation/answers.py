"""What both paths say of a recording: the services' own code, run over arrays."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from csi_events.offline import frame_states, run
from csi_introspection.frame import TOP
from csi_introspection.offline import follow
from csi_schemas.events import BreathingEstimated, MotionEnded, MotionStarted
from csi_schemas.introspection import Regime
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csi_events.offline import Judged
    from csi_schemas.introspection import IntrospectionSnapshot, NotApplicable
    from csi_schemas.signature import Signature

    from csiflow.evaluation.calibration import Calibration
    from csiflow.evaluation.recording import LabelledRecording

REGIMES: tuple[Regime, ...] = ("idle", "periodic", "transient", "chaotic", "unknown")


@dataclass(frozen=True, slots=True)
class WindowAnswers:
    """What the windowed path says."""

    moving: NDArray[np.bool_]
    """(T,) debounced motion of the window each frame is in."""
    started: NDArray[np.int64]
    """Frames on which MotionStarted was said: the last ones of the deciding windows."""
    ended: NDArray[np.int64]
    """Frames on which MotionEnded was."""
    breaths_per_minute: list[float]
    """Of every BreathingEstimated."""


@dataclass(frozen=True, slots=True)
class FrameAnswers:
    """What the per-frame path says, frame by frame."""

    onset: NDArray[np.bool_]
    """(T,)."""
    score: NDArray[np.float32]
    """(T,) ``motion_score``."""
    moving: NDArray[np.bool_]
    """(T,)."""
    calibrating: NDArray[np.bool_]
    """(T,) nothing can be promoted."""
    regime: NDArray[np.int8]
    """(T,) index into REGIMES."""
    signature: NDArray[np.int16]
    """(T, TOP) listed signatures, indices into ``signatures``; -1 where the list is shorter."""
    match_score: NDArray[np.float32]
    """(T, TOP)."""
    p_value: NDArray[np.float32]
    """(T, TOP) nan where the snapshot gives none."""
    promoted: NDArray[np.bool_]
    """(T, TOP) ``above_threshold``."""
    signatures: tuple[Signature, ...]
    not_applicable: tuple[NotApplicable, ...]


def window_answers(labelled: LabelledRecording, calibration: Calibration | None) -> WindowAnswers:
    """Run the windowed path; without a calibration it makes its own, as the service does."""
    judged = list(run(labelled.recording, calibration.quiet if calibration else None))
    return judged_answers(judged, len(labelled.truth))


def judged_answers(judged: list[Judged], count: int) -> WindowAnswers:
    """Return what the windows of a recording of ``count`` frames say."""
    events = [(window.stop - 1, event) for window in judged for event in window.events]
    return WindowAnswers(
        frame_states(judged, count),
        np.array([frame for frame, event in events if isinstance(event, MotionStarted)], np.int64),
        np.array([frame for frame, event in events if isinstance(event, MotionEnded)], np.int64),
        [event.breathing_rate_bpm for _, event in events if isinstance(event, BreathingEstimated)],
    )


def frame_answers(labelled: LabelledRecording, signatures: Sequence[Signature]) -> FrameAnswers:
    """Run the per-frame path; it calibrates itself on the stream as it comes, as the service does."""
    count = len(labelled.truth)
    places = {signature.id: number for number, signature in enumerate(signatures)}
    answers = FrameAnswers(
        onset=np.zeros(count, bool),
        score=np.zeros(count, np.float32),
        moving=np.zeros(count, bool),
        calibrating=np.ones(count, bool),
        regime=np.zeros(count, np.int8),
        signature=np.full((count, TOP), -1, np.int16),
        match_score=np.zeros((count, TOP), np.float32),
        p_value=np.full((count, TOP), np.nan, np.float32),
        promoted=np.zeros((count, TOP), bool),
        signatures=tuple(signatures),
        not_applicable=(),
    )
    snapshot: IntrospectionSnapshot | None = None
    regimes = {name: number for number, name in enumerate(REGIMES)}
    followed = follow(labelled.frames, signatures, labelled.recording.t_ns, "recording", "replay")
    for number, snapshot in enumerate(followed):
        answers.onset[number] = snapshot.onset
        answers.score[number] = snapshot.motion_score
        answers.moving[number] = snapshot.moving
        answers.calibrating[number] = snapshot.calibrating
        answers.regime[number] = regimes[snapshot.regime]
        for place, match in enumerate(snapshot.top_k_similarity):
            answers.signature[number, place] = places[match.signature_id]
            answers.match_score[number, place] = match.score
            answers.promoted[number, place] = match.above_threshold
            if match.p_value is not None:
                answers.p_value[number, place] = match.p_value
    if snapshot is None:
        return answers
    return replace(answers, not_applicable=tuple(snapshot.not_applicable))
