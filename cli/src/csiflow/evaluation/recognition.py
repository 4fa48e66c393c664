"""Recognition: promoted signatures against the labels of actions."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csiflow.evaluation.labels import MOTION, answers_to, plain_label, runs
from csiflow.evaluation.onsets import rising, seconds_of, watched_quiet
from csiflow.evaluation.statistics import median, per_hour, poisson_interval, rounded, share, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csiflow.evaluation.answers import FrameAnswers, WindowAnswers
    from csiflow.evaluation.recording import LabelledRecording


@dataclass(frozen=True, slots=True)
class Action:
    """One labelled action for which there is a signature, and when it was recognised."""

    label: str
    signature: str | None
    """The first right one promoted; ``None``: missed."""
    frames: int | None
    """From the action's first frame, which is 1; ``None`` as well where the recording does not say when it began."""
    ms: float | None
    timed: bool
    """The recording says when the action began, and no right match was promoted before."""
    wrong_first: int
    """Wrong promotions that began in the action before the right one."""
    window_frames: float | None
    """Of the windowed path's MotionStarted, where the action follows quiet; infinite: never."""
    at_s: float = 0.0

    @property
    def ratio(self) -> float | None:
        """Window frames for each frame until recognised; 0 when it was missed, ``None`` where one cannot be had."""
        if not self.timed or self.window_frames is None:
            return None
        if self.frames is None:
            return None if math.isinf(self.window_frames) else 0.0
        return self.window_frames / self.frames

    def figures(self) -> dict[str, Any]:
        """Return this action for a list of them."""
        return {
            "label": self.label,
            "at_s": round(self.at_s, 3),
            "signature": self.signature,
            "frames": self.frames,
            "ms": rounded(self.ms, 1),
            "timed": self.timed,
            "wrong_first": self.wrong_first,
            "window_frames": None
            if self.window_frames is None or math.isinf(self.window_frames)
            else self.window_frames,
        }


@dataclass(slots=True)
class Recognition:
    """Actions and false matches of one or more recordings."""

    actions: list[Action] = field(default_factory=list)
    false: int = 0
    """Promotions that began in quiet."""
    watched_s: float = 0.0
    """Quiet in which something could have been promoted."""
    calibrating_s: float = 0.0
    """Quiet in which nothing could, as the stream's own quiet was not known well enough."""
    why: list[str] = field(default_factory=list)

    def add(self, other: Recognition) -> None:
        """Pool with another recording's."""
        self.actions += other.actions
        self.false += other.false
        self.watched_s += other.watched_s
        self.calibrating_s += other.calibrating_s

    def figures(self) -> dict[str, Any]:
        """Return what the contract asks for and the counts behind it; ``by_label`` tells labels apart."""
        named = Counter(action.signature for action in self.actions if action.signature is not None)
        rate = per_hour(self.false, self.watched_s)
        found = {
            "signature": named.most_common(1)[0][0] if named else None,
            **_timing(self.actions),
            "false_matches_per_hour": rounded(rate, 2),
            "false_matches": self.false,
            "false_matches_interval": (
                [round(mean * 3600 / self.watched_s, 2) for mean in poisson_interval(self.false)]
                if rate is not None
                else None
            ),
            "watched_s": round(self.watched_s, 1),
            "calibrating_s": round(self.calibrating_s, 1),
            "by_label": {
                label: _timing([action for action in self.actions if action.label == label])
                for label in sorted({action.label for action in self.actions})
            },
        }
        reasons = []
        if not self.actions:
            reasons.append(self.why[0] if self.why else "no signature of the library is one of an action in here")
        elif found["frames_median"] is None:
            reasons.append("most actions were missed, or do not say when they began: there is no median")
        if rate is None:
            reasons.append("no quiet was watched with a calibrated matcher: no false matches per hour")
        if reasons:
            found["why"] = "; ".join(reasons)
        return found


def _timing(actions: list[Action]) -> dict[str, Any]:
    timed = [action for action in actions if action.timed]
    right = sum(action.signature is not None for action in actions)
    ratios = [ratio for action in timed if (ratio := action.ratio) is not None]
    return {
        "frames_median": median([math.inf if action.frames is None else action.frames for action in timed]),
        "ms_median": rounded(median([math.inf if action.ms is None else action.ms for action in timed]), 1),
        "ratio_vs_window": rounded(median(ratios), 2),
        "actions": len(actions),
        "timed": len(timed),
        "right": right,
        "right_share": rounded(share(right, len(actions))),
        "right_interval": wilson(right, len(actions)),
        "wrong_first": sum(action.wrong_first > 0 for action in actions),
    }


def promoted_by_signature(frames: FrameAnswers) -> NDArray[np.bool_]:
    """(T, signatures) whether each is listed and promoted on each frame."""
    out = np.zeros((len(frames.onset), len(frames.signatures)), bool)
    at, place = np.nonzero(frames.promoted & (frames.signature >= 0))
    out[at, frames.signature[at, place]] = True
    return out


def right_signatures(frames: FrameAnswers, name: str) -> list[int]:
    """Return the numbers of the signatures that fit the stream and are right about frames labelled ``name``."""
    unfit = {each.signature_id for each in frames.not_applicable}
    return [
        number
        for number, signature in enumerate(frames.signatures)
        if not signature.rest and signature.id not in unfit and answers_to(signature.label, name)
    ]


def labelled_actions(labelled: LabelledRecording) -> list[tuple[str, int, int]]:
    """Return (label name, first frame, stop) of every stretch of one label that means motion."""
    names = {number: plain_label(name) for number, name in enumerate(labelled.label_names)}
    order = {name: number for number, name in enumerate(dict.fromkeys(names.values()))}
    plain = np.array([order[names[number]] for number in range(len(names))], np.int64)[labelled.label]
    return [
        (labelled.label_names[labelled.label[first]], first, stop)
        for first, stop in runs(plain)
        if labelled.truth[first] == MOTION
    ]


def count_recognition(
    labelled: LabelledRecording, frames: FrameAnswers, windows: WindowAnswers, counted: int
) -> Recognition:
    """Judge every promoted match of a recording."""
    promoted = promoted_by_signature(frames)
    begins = np.stack([rising(column) for column in promoted.T], axis=1) if promoted.size else promoted
    moving = [number for number, signature in enumerate(frames.signatures) if not signature.rest]
    quiet = watched_quiet(labelled, counted)
    found = Recognition(
        false=sum(_false_in_quiet(labelled, frames, begins[:, number], number, quiet) for number in moving),
        watched_s=seconds_of(labelled, quiet & ~frames.calibrating) if moving else 0.0,
        calibrating_s=seconds_of(labelled, quiet & frames.calibrating),
    )
    for name, first, stop in labelled_actions(labelled):
        right = right_signatures(frames, name)
        if right:
            wrong = np.asarray(begins[:, [number for number in moving if number not in right]].any(axis=1))
            found.actions.append(_Judge(labelled, frames, windows, promoted, wrong).action(right, name, first, stop))
    if not found.actions:
        found.why.append(_why_none(labelled, frames))
    return found


def _false_in_quiet(
    labelled: LabelledRecording, frames: FrameAnswers, begins: NDArray[np.bool_], number: int, quiet: NDArray[np.bool_]
) -> int:
    """Promotions of one signature that begin in quiet whose own label it does not name."""
    label = frames.signatures[number].label
    wrong = np.array([not answers_to(label, name) for name in labelled.label_names])[labelled.label]
    return int((begins & quiet & wrong).sum())


@dataclass(frozen=True, slots=True)
class _Judge:
    """What one action is judged by."""

    labelled: LabelledRecording
    frames: FrameAnswers
    windows: WindowAnswers
    promoted: NDArray[np.bool_]
    wrong: NDArray[np.bool_]
    """(T,) a wrong promotion begins."""

    def action(self, right: list[int], name: str, first: int, stop: int) -> Action:
        """Judge frames ``first`` to ``stop``, labelled ``name``, of which the signatures ``right`` are right."""
        hits = np.flatnonzero(self.promoted[first:stop, right].any(axis=1))
        at = first + int(hits[0]) if len(hits) else None
        began = first > 0 and self.labelled.scope == "frame"
        timed = began and not self.promoted[first - 1, right].any()
        t = self.labelled.seconds
        return Action(
            label=plain_label(name),
            signature=None if at is None else self.frames.signatures[next(n for n in right if self.promoted[at, n])].id,
            frames=at - first + 1 if timed and at is not None else None,
            ms=float(t[at] - t[first]) * 1e3 if timed and at is not None else None,
            timed=bool(timed),
            wrong_first=int(self.wrong[first : stop if at is None else at].sum()),
            window_frames=self._window_frames(first, stop) if began else None,
            at_s=float(t[first]),
        )

    def _window_frames(self, first: int, stop: int) -> float | None:
        """Frames until MotionStarted, where the action follows quiet and the windowed path was at rest."""
        if self.labelled.truth[first - 1] == MOTION or self.windows.moving[first - 1]:
            return None
        started = self.windows.started[(self.windows.started >= first) & (self.windows.started < stop)]
        return float(started[0] - first + 1) if len(started) else math.inf


def _why_none(labelled: LabelledRecording, frames: FrameAnswers) -> str:
    actions = sorted({plain_label(name) for name, _, _ in labelled_actions(labelled)})
    if not actions:
        return "no label in here is an action"
    if not frames.signatures:
        return "the library is empty"
    unfit = {each.signature_id: each.reason for each in frames.not_applicable}
    for signature in frames.signatures:
        if signature.id in unfit and any(answers_to(signature.label, name) for name in labelled.label_names):
            return f"signature {signature.id} is not applicable: {unfit[signature.id]}"
    labels = ", ".join(sorted({signature.label for signature in frames.signatures}))
    return f"no signature has a label of this recording ({', '.join(actions)}); the library knows {labels}"
