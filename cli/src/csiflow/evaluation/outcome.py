"""One recording judged: both paths run, everything counted."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from csi_introspection.library import check
from csi_schemas.signature import Signature

from csiflow.evaluation.answers import FrameAnswers, WindowAnswers, frame_answers, window_answers
from csiflow.evaluation.beside import Beside, judge_beside, pool
from csiflow.evaluation.breathing import Breathing, count_breathing
from csiflow.evaluation.calibration import (
    Calibration,
    first_quiet,
    foreign_wait_s,
    learn,
    time_of,
)
from csiflow.evaluation.curves import (
    Curve,
    onset_curve,
    recognition_curve,
)
from csiflow.evaluation.ends import Ends, count_ends
from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.motion import Motion, count_motion
from csiflow.evaluation.onsets import Alarms, Onsets, count_alarms, count_onsets
from csiflow.evaluation.recognition import Recognition, count_recognition
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.evaluation.regimes import Regimes, count_regimes
from csiflow.evaluation.takes import caught


@dataclass(slots=True)
class Outcome:
    """Everything counted in one recording, or pooled over several."""

    name: str
    motion: Motion = field(default_factory=Motion)
    onsets: Onsets = field(default_factory=Onsets)
    alarms: Alarms = field(default_factory=Alarms)
    ends: Ends = field(default_factory=Ends)
    recognition: Recognition = field(default_factory=Recognition)
    breathing: Breathing = field(default_factory=Breathing)
    regimes: Regimes = field(default_factory=Regimes)
    onset_curves: dict[str, Curve] = field(default_factory=dict)
    """``abrupt`` and ``gentle``."""
    recognition_curves: dict[str, Curve] = field(default_factory=dict)
    """By measure."""
    beside: dict[str, Beside] = field(default_factory=dict)
    """Motion by ours and by each peer asked, by name; empty when none was asked or nothing calibrates."""
    about: dict[str, Any] = field(default_factory=dict)
    """The recording itself: frames, seconds, rate, labels, calibration."""

    def add(self, other: Outcome) -> None:
        """Pool with another recording's."""
        self.motion.add(other.motion)
        self.onsets.add(other.onsets)
        self.alarms.add(other.alarms)
        self.ends.add(other.ends)
        self.recognition.add(other.recognition)
        self.breathing.add(other.breathing)
        self.regimes.add(other.regimes)
        pool(self.beside, other.beside)
        for own, others in (
            (self.onset_curves, other.onset_curves),
            (self.recognition_curves, other.recognition_curves),
        ):
            for name, curve in others.items():
                own.setdefault(name, Curve(curve.measure, curve.thresholds)).add(curve)

    def figures(self) -> dict[str, Any]:
        """Return the contract's object R, with more beside."""
        alarms = self.alarms.figures()
        return {
            **self.about,
            "motion": self.motion.figures(),
            "onset": self.onsets.figures(),
            "false_alarms_per_hour": alarms["onset"]["per_hour"],
            "false_alarms": alarms,
            "end": self.ends.figures(),
            "recognition": self.recognition.figures(),
            "breathing": self.breathing.figures(),
            "regimes": self.regimes.figures(),
            **({"beside": {name: each.figures() for name, each in self.beside.items()}} if self.beside else {}),
        }


def pooled(name: str, outcomes: Sequence[Outcome]) -> Outcome:
    """Return one outcome over several recordings."""
    total = Outcome(name)
    for outcome in outcomes:
        total.add(outcome)
    return total


@dataclass(frozen=True, slots=True)
class Settings:
    """What is the same for every recording."""

    labelling: Labelling = field(default_factory=Labelling)
    skip_s: float = 0.0
    skip_in: re.Pattern[str] | None = None
    """Only recordings in whose path this is found skip."""
    signatures: tuple[Signature, ...] = ()
    calibrate_from: Path | None = None
    """Calibrates recordings that have no quiet of their own."""
    take: re.Pattern[str] | None = None
    """A signature in whose id it catches the same as in a recording's path is not used on that recording."""
    plots: Path | None = None
    """Folder for the time lines."""
    beside: tuple[str, ...] = ()
    """Peers that judge the same recordings."""

    def skip_for(self, path: Path) -> float:
        """Return how much of the start of a recording never calibrates, s."""
        return self.skip_s if self.skip_in is None or self.skip_in.search(path.as_posix()) else 0.0

    def library_for(self, path: Path) -> tuple[Signature, ...]:
        """Return the signatures that a recording may be judged by."""
        own = caught(path.as_posix(), self.take) if self.take else None
        if self.take is None or own is None:
            return self.signatures
        return tuple(signature for signature in self.signatures if caught(signature.id, self.take) != own)


def read_library(folder: Path | None) -> tuple[Signature, ...]:
    """Return every signature of a folder.

    Raises:
        EvaluationError: there is no such folder, or a file in it is wrong.
    """
    if folder is None:
        return ()
    if not folder.is_dir():
        raise EvaluationError(f"{folder} is no folder of signatures; give another with --signatures")
    report = check(folder)
    if report.problems:
        raise EvaluationError(f"signature {report.problems[0]}; csiflow signatures check {folder} lists every problem")
    return tuple(report.signatures)


@dataclass(frozen=True, slots=True)
class Chosen:
    """What calibrates a recording, and from where on it is counted."""

    calibration: Calibration | None
    reason: str
    """Why there is none."""
    counted: int
    """First frame of which onsets and alarms count."""
    since_s: float
    """Time from which seconds of motion count."""


def choose(
    labelled: LabelledRecording,
    settings: Settings,
    shared: Calibration | None,
    change: Callable[[LabelledRecording], LabelledRecording] | None = None,
) -> Chosen:
    """Find what calibrates a recording.

    Args:
        labelled: the recording.
        settings: what was asked for.
        shared: calibrates in place of its own quiet.
        change: what was done to the recording, to be done to one that lends it a quiet too.
    """
    stretch = first_quiet(labelled, settings.skip_for(labelled.path))
    calibration, reason = shared, ""
    if calibration is None and stretch is not None:
        try:
            calibration = learn(labelled, stretch)
        except ValueError as error:
            reason = str(error)
    if calibration is None and settings.calibrate_from is not None:
        calibration = borrowed(settings, change)
    if calibration is None and not reason:
        reason = "no quiet in here may calibrate; --share or --calibrate-from lets another recording of the room do it"
    if calibration is not None and calibration.quiet.live.shape != labelled.recording.amplitude.shape[1:]:
        theirs, ours = calibration.quiet.live.shape, labelled.recording.amplitude.shape[1:]
        reason = f"{calibration.recording} cannot calibrate it: {theirs} antennas and sub-carriers, here {ours}"
        calibration = None
    own = calibration is not None and calibration.recording == labelled.name
    wait_s = foreign_wait_s(labelled)
    counted = stretch.counted if stretch else int(np.searchsorted(labelled.seconds, wait_s))
    return Chosen(calibration, reason, counted, time_of(labelled, counted) if own else wait_s)


def judge(labelled: LabelledRecording, settings: Settings, shared: Calibration | None) -> Outcome:
    """Judge one recording; ``shared`` calibrates in place of its own quiet."""
    chosen = choose(labelled, settings, shared)
    calibration, counted, since_s = chosen.calibration, chosen.counted, chosen.since_s
    windows = window_answers(labelled, calibration)
    library = settings.library_for(labelled.path)
    frames = frame_answers(labelled, library)
    if settings.plots is not None:
        from csiflow.evaluation.plots import timeline  # noqa: PLC0415 - matplotlib takes a second to load

        timeline(settings.plots, labelled, windows, frames)
    outcome = _count(labelled, windows, frames, counted)
    outcome.motion = count_motion(labelled, windows.moving, since_s)
    if calibration is None:
        outcome.motion = Motion(why=[chosen.reason])
    elif labelled.scope == "clip":
        outcome.motion = Motion(why=["the label is for the whole clip, of which the action fills only a part"])
    elif settings.beside:
        outcome.beside = judge_beside(settings.beside, labelled, windows, calibration, chosen)
    outcome.about = _about(labelled, calibration, since_s)
    outcome.about["signatures"] = {"used": len(library), "held_out": len(settings.signatures) - len(library)}
    return outcome


def _count(labelled: LabelledRecording, windows: WindowAnswers, frames: FrameAnswers, counted: int) -> Outcome:
    """Count everything but motion from frame ``counted`` on."""
    matches = recognition_curve(labelled, frames, counted)
    return Outcome(
        labelled.name,
        onsets=count_onsets(labelled, frames, windows, counted),
        alarms=count_alarms(labelled, frames, windows, counted),
        ends=count_ends(labelled, windows, counted),
        recognition=count_recognition(labelled, frames, windows, counted),
        breathing=count_breathing(labelled.bpm, windows.breaths_per_minute),
        regimes=count_regimes(labelled, frames),
        onset_curves={
            "abrupt": onset_curve(labelled, frames, counted, abrupt=True),
            "gentle": onset_curve(labelled, frames, counted, abrupt=False),
        },
        recognition_curves={matches.measure: matches},
    )


@lru_cache(maxsize=1)
def _lender(path: Path, labelling: Labelling) -> LabelledRecording:
    """Load what lends its quiet: once a process, as many recordings may have none."""
    return load(path, str(path), labelling)


def borrowed(settings: Settings, change: Callable[[LabelledRecording], LabelledRecording] | None = None) -> Calibration:
    """Calibrate on the recording given for those without a quiet of their own, after a ``change`` if there is one.

    Raises:
        EvaluationError: it has no quiet that can calibrate.
    """
    path = settings.calibrate_from
    assert path is not None  # noqa: S101 - the caller's condition, for the type checker
    labelled = _lender(path, settings.labelling)
    if change is not None:
        labelled = change(labelled)
    stretch = first_quiet(labelled, settings.skip_for(path))
    if stretch is None:
        raise EvaluationError(
            f"{path}, given with --calibrate-from, has no quiet stretch; name its labels --quiet-labels"
        )
    try:
        return learn(labelled, stretch)
    except ValueError as error:
        raise EvaluationError(f"{path}, given with --calibrate-from: {error}") from error


def _about(labelled: LabelledRecording, calibration: Calibration | None, since_s: float) -> dict[str, Any]:
    t = labelled.seconds
    return {
        "frames": len(t),
        "duration_s": round(float(t[-1]), 3),
        "rate_hz": round(labelled.rate_hz, 3),
        "labels": sorted({labelled.label_names[number] for number in set(labelled.label.tolist())}),
        "label_scope": labelled.scope,
        "calibration": None
        if calibration is None
        else {
            "recording": calibration.recording,
            "start_s": round(calibration.start_s, 3),
            "stop_s": round(calibration.stop_s, 3),
            "frames": calibration.frames,
        },
        "counted_from_s": round(since_s, 3) if math.isfinite(since_s) else None,
    }
