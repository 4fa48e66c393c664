"""A perturbed recording played to both paths of the service, and counted against the truth of its frames."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from csi_events.offline import Judged, Recording, run
from numpy.typing import NDArray

from csiflow.evaluation.answers import frame_answers, judged_answers
from csiflow.evaluation.breaths import by_second
from csiflow.evaluation.calibration import Calibration, first_quiet, foreign_wait_s, learn, time_of
from csiflow.evaluation.labels import QUIET, Labelling
from csiflow.evaluation.motion import Motion, count_motion
from csiflow.evaluation.nulls import white
from csiflow.evaluation.onsets import Alarms, Onsets, count_alarms, count_onsets, watched_quiet
from csiflow.evaluation.perturbations import PERTURBATIONS, Frames, frames_of
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.evaluation.statistics import median, rounded


@dataclass(frozen=True, slots=True)
class Task:
    """One recording under one perturbation."""

    source: str
    path: Path
    perturbation: str
    seed: int
    skip_s: float = 0.0
    calibrate_from: Path | None = None
    """Recording whose first quiet calibrates this one."""
    breathing: bool = False
    """Somebody breathes undisturbed, or nobody is there: seconds answered are counted; the stream calibrates itself."""
    null: bool = False
    """Whatever rate is answered is false."""
    white: int = 0
    """In place of a recording, white noise of so many antennas."""


@dataclass(slots=True)
class Robust:
    """What was counted in one recording, or pooled over several."""

    motion: Motion = field(default_factory=Motion)
    onsets: Onsets = field(default_factory=Onsets)
    alarms: Alarms = field(default_factory=Alarms)
    longest_false_s: float = 0.0
    """Longest time that quiet was called motion in one go."""
    breath_s: int = 0
    """Seconds in which a rate could have been answered."""
    answered_s: int = 0
    errors: list[float] = field(default_factory=list)
    """Distances of the rates answered from the known one, breaths per minute."""
    null_s: int = 0
    """Seconds in which no rate is right."""
    null_answered_s: int = 0
    uncalibrated: list[str] = field(default_factory=list)
    """Streams whose calibration at the end is not ``ok``: file and state."""
    failed: list[str] = field(default_factory=list)
    """Exceptions."""

    def add(self, other: Robust) -> None:
        """Pool with another recording's."""
        self.motion.add(other.motion)
        self.onsets.add(other.onsets)
        self.alarms.add(other.alarms)
        self.longest_false_s = max(self.longest_false_s, other.longest_false_s)
        self.breath_s += other.breath_s
        self.answered_s += other.answered_s
        self.errors += other.errors
        self.null_s += other.null_s
        self.null_answered_s += other.null_answered_s
        self.uncalibrated += other.uncalibrated
        self.failed += other.failed

    def figures(self) -> dict[str, Any]:
        """Return what is printed, null where there was nothing to count."""
        motion, alarms, onset = self.motion.figures(), self.alarms.figures(), self.onsets.figures()
        watched = self.motion.hit + self.motion.missed + self.motion.false + self.motion.quiet
        return {
            "f1": motion["f1"],
            "recall": motion["recall"],
            "false_positive_rate": motion["false_positive_rate"],
            "windows": motion["windows"],
            "longest_false_s": round(self.longest_false_s, 1) if watched else None,
            "started_per_hour": alarms["window"]["per_hour"],
            "started": alarms["window"]["count"],
            "onset_frames_median": onset["frames_median"],
            "onset_ms_median": onset["ms_median"],
            "onsets": onset["count"],
            "onsets_missed": onset["missed"],
            "false_onsets": alarms["onset"]["count"],
            "quiet_s": alarms["quiet_s"],
            "breath_answered": rounded(self.answered_s / self.breath_s) if self.breath_s else None,
            "breath_error": rounded(float(np.mean(self.errors)), 3) if self.errors else None,
            "breath_error_median": rounded(median(self.errors), 3) if self.errors else None,
            "null_answered_s": self.null_answered_s if self.null_s else None,
            "null_s": self.null_s,
            "uncalibrated": self.uncalibrated,
            "failed": self.failed,
        }


def perturbed(labelled: LabelledRecording, name: str, seed: int) -> tuple[LabelledRecording, LabelledRecording]:
    """Perturb a recording; the generator is seeded by ``seed``, the perturbation and the recording's file name.

    Returns:
        What the service gets, and the same frames with the times at which they were sent: truth is counted by those.
    """
    rng = np.random.default_rng([seed, zlib.crc32(name.encode()), zlib.crc32(labelled.path.name.encode())])
    original = frames_of(labelled.recording.t_ns, labelled.frames)
    frames = PERTURBATIONS[name](original, rng)
    played = replace(
        labelled,
        recording=recording_of(frames),
        frames=frames.values,
        label=labelled.label[frames.number],
        truth=labelled.truth[frames.number],
    )
    return played, replace(played, recording=replace(played.recording, t_ns=labelled.recording.t_ns[frames.number]))


def recording_of(frames: Frames) -> Recording:
    """Return frames in the windowed path's form."""
    if frames.values.ndim == 4:
        return Recording.from_iq(np.ascontiguousarray(frames.values), frames.t_ns)
    return Recording(frames.t_ns, np.ascontiguousarray(frames.values, np.float32))


def play(task: Task) -> Robust:
    """Play one recording and count; an exception of the service is counted, not raised.

    Raises:
        EvaluationError: the recording cannot be used.
    """
    labelled = noise(task) if task.white else load(task.path, str(task.path), Labelling())
    played, sent = perturbed(labelled, task.perturbation, task.seed)
    try:
        return listen(task, played, sent) if task.breathing else watch(task, labelled, played, sent)
    except Exception as error:  # noqa: BLE001 - whatever a perturbed stream brings about is what is looked for
        return Robust(failed=[f"{task.path.name}: {type(error).__name__}: {error}"])


def noise(task: Task) -> LabelledRecording:
    """Return two minutes of a still channel in white noise, labelled quiet."""
    recording = white(task.white, task.seed, seconds=120)
    assert recording.iq is not None  # noqa: S101 - it is made of I/Q, for the type checker
    count = len(recording.t_ns)
    return LabelledRecording(
        path=task.path,
        name=str(task.path),
        recording=recording,
        frames=recording.iq,
        label=np.zeros(count, np.int64),
        label_names=("quiet",),
        truth=np.full(count, QUIET, np.int8),
        scope="recording",
        spliced=False,
        bpm=None,
    )


def watch(task: Task, labelled: LabelledRecording, played: LabelledRecording, sent: LabelledRecording) -> Robust:
    """Count motion, starts and onsets of a recording calibrated on quiet that was perturbed in the same way.

    Counting begins when it does in the recording as it is, or after the calibration if that takes longer.
    """
    calibration = _calibration(task, played, sent)
    judged = list(run(played.recording, calibration.quiet))
    windows = judged_answers(judged, len(played.truth))
    frames = frame_answers(played, ())
    t = sent.seconds
    since_s = _counted_from(task, labelled, sent)
    counted = int(np.searchsorted(t, since_s))
    found = Robust(
        motion=Motion() if sent.scope == "clip" else count_motion(sent, windows.moving, since_s),
        onsets=count_onsets(sent, frames, windows, counted),
        alarms=count_alarms(sent, frames, windows, counted),
        longest_false_s=_longest(t, windows.moving & watched_quiet(sent, counted)),
    )
    _count_breaths(found, task, judged, sent)
    return found


def listen(task: Task, played: LabelledRecording, sent: LabelledRecording) -> Robust:
    """Count the seconds in which a stream that calibrates itself is told a breathing rate."""
    judged = list(run(played.recording))
    found = Robust()
    _count_breaths(found, task, judged, sent)
    return found


def _calibration(task: Task, played: LabelledRecording, sent: LabelledRecording) -> Calibration:
    if task.calibrate_from is not None:
        other = load(task.calibrate_from, str(task.calibrate_from), Labelling())
        played, sent = perturbed(other, task.perturbation, task.seed)
    stretch = first_quiet(sent, task.skip_s)
    if stretch is None:
        raise ValueError(f"{sent.path} has no quiet that could calibrate")
    return learn(played, stretch)


def _counted_from(task: Task, labelled: LabelledRecording, sent: LabelledRecording) -> float:
    if task.calibrate_from is not None:
        return foreign_wait_s(labelled)
    whole, part = first_quiet(labelled, task.skip_s), first_quiet(sent, task.skip_s)
    assert whole is not None  # noqa: S101 - part of it calibrated, for the type checker
    assert part is not None  # noqa: S101 - the same
    return max(time_of(labelled, whole.counted), time_of(sent, part.stop))


def _count_breaths(found: Robust, task: Task, judged: list[Judged], sent: LabelledRecording) -> None:
    """Count seconds by the times at which frames were sent."""
    rate = by_second(judged, sent.seconds)
    told = rate[np.isfinite(rate)]
    if task.null:
        found.null_s, found.null_answered_s = len(rate), len(told)
    elif task.breathing:
        found.breath_s, found.answered_s = len(rate), len(told)
    if sent.bpm is not None:
        found.errors = np.abs(told - sent.bpm).tolist()
    state = judged[-1].result.calibration
    if state is not None and state.state != "ok":
        found.uncalibrated = [f"{task.path.name}: {state.state}"]


def _longest(t: NDArray[np.float64], false: NDArray[np.bool_]) -> float:
    """Return the longest time over which ``false`` (T,) holds without a break."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], false, [False])).astype(np.int8)))
    return max((float(t[stop - 1] - t[first]) for first, stop in edges.reshape(-1, 2)), default=0.0)
