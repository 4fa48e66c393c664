"""Shapes as a stream: signatures of one take in the library, other recordings played to the per-frame path."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from csi_introspection.playback import Run, Session, lengthened
from csi_introspection.shapes import signature_of
from csi_introspection.states import CONFIRMED, EMERGING, STATE
from csi_introspection.tail import FEWEST
from csi_schemas.signature import FeatureKind, Signature
from numpy.typing import NDArray

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.folds import one_take_folds
from csiflow.evaluation.pool import LOST, parallel
from csiflow.evaluation.sessions import Job, Recording
from csiflow.evaluation.statistics import median, per_hour, poisson_interval, rounded, share, wilson
from csiflow.evaluation.takes import LabelledTake

THRESHOLD = 0.2
"""Promotion threshold of the signatures: one take says nothing of it, and the label with the most evidence counts."""
QUIET_S = 180.0
"""Quiet that a stream has seen before anything is judged, the session's played again where there is less."""


@dataclass(frozen=True, slots=True)
class StreamStep:
    """One fold: what is learnt, and the recordings played."""

    kinds: tuple[FeatureKind, ...]
    """Of the signatures in the library; of several, each take has one of each."""
    train: tuple[LabelledTake, ...]
    recordings: tuple[Recording, ...]
    quiet: tuple[Run, ...]
    watched: tuple[Run, ...]
    """Whole stretches of labelled quiet, in which every promotion is false."""


@dataclass(slots=True)
class StreamOutcome:
    """Counts of one or more folds."""

    actions: int = 0
    right: int = 0
    wrong_first: int = 0
    ms: list[float] = field(default_factory=list)
    """From the labelled beginning to the first frame with the right label active; infinite: never."""
    false: int = 0
    watched_s: float = 0.0
    calibrating: list[str] = field(default_factory=list)
    """Recordings on which nothing could be promoted."""

    def add(self, other: StreamOutcome) -> None:
        """Pool with another fold's."""
        self.actions += other.actions
        self.right += other.right
        self.wrong_first += other.wrong_first
        self.ms += other.ms
        self.false += other.false
        self.watched_s += other.watched_s
        self.calibrating += other.calibrating

    def figures(self) -> dict[str, Any]:
        """Return shares with Wilson's, and the rate with Garwood's, 95 % interval."""
        rate = per_hour(self.false, self.watched_s)
        interval = (
            None if rate is None else [round(mean * 3600 / self.watched_s, 2) for mean in poisson_interval(self.false)]
        )
        return {
            "actions": self.actions,
            "right": self.right,
            "right_share": rounded(share(self.right, self.actions)),
            "right_interval": wilson(self.right, self.actions),
            "wrong_first": self.wrong_first,
            "wrong_first_share": rounded(share(self.wrong_first, self.actions)),
            "ms_median": rounded(median(self.ms), 1),
            "false_matches": self.false,
            "false_matches_per_hour": rounded(rate, 2),
            "false_matches_interval": interval,
            "watched_s": round(self.watched_s, 1),
            "calibrating": self.calibrating,
        }


def steps_of(takes: Sequence[LabelledTake], jobs: Sequence[Job], kinds: tuple[FeatureKind, ...]) -> list[StreamStep]:
    """Return a fold for every source: signatures of the next one that has every label, see ``one_take_folds``."""
    steps = []
    for fold in one_take_folds(takes):
        names = {take.recording for take in fold.test}
        for job in jobs:
            played = tuple(each for each in job.recordings if each.cuts.recording in names)
            if played:
                steps.append(StreamStep(kinds, fold.train, played, job.quiet, job.watched))
    return steps


def active(session: Session, run: Run, signatures: Sequence[Signature]) -> NDArray[np.bool_]:
    """Play a run and return which signatures are promoted on each frame, (T, n)."""
    found = np.zeros((len(run.amplitude), len(signatures)), bool)
    places = {signature.id: number for number, signature in enumerate(signatures)}
    for frame, stream in enumerate(session.play(run)):
        if stream.stream is not None:
            states = stream.stream.matcher.states[:, STATE]
            for number in np.flatnonzero((states == EMERGING) | (states == CONFIRMED)):
                found[frame, places[stream.signatures[number].id]] = True
    return found


def begins(promoted: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Frames, (T, n), on which a promotion begins; one that lasts from before the first frame does not."""
    out = np.zeros_like(promoted)
    out[1:] = promoted[1:] & ~promoted[:-1]
    return out


def by_label(promoted: NDArray[np.bool_], labels: Sequence[str], names: Sequence[str]) -> NDArray[np.bool_]:
    """Return on which frames a signature of each of ``names`` is promoted, (T, names): several of one label are one."""
    return np.stack([promoted[:, np.array(labels) == name].any(axis=1) for name in names], axis=1)


def count_action(
    outcome: StreamOutcome, promoted: NDArray[np.bool_], right: NDArray[np.bool_], first: int, interval_s: float
) -> None:
    """Judge one action.

    Args:
        outcome: Receives the counts.
        promoted: (T, labels) promoted labels, until the action's end.
        right: (labels) which is its own.
        first: The action's first frame.
        interval_s: Seconds between frames.
    """
    hits = np.flatnonzero(promoted[first:, right].any(axis=1))
    until = first + int(hits[0]) if len(hits) else len(promoted)
    outcome.actions += 1
    outcome.right += bool(len(hits))
    outcome.wrong_first += bool(begins(promoted)[first:until, ~right].any())
    outcome.ms.append(int(hits[0]) * interval_s * 1e3 if len(hits) else np.inf)


def run_stream(step: StreamStep) -> StreamOutcome:
    """Play the recordings of a fold, each after its own quiet or the session's, then the session's whole quiet.

    Raises:
        ValueError: a take makes no signature of these kinds.
    """
    signatures = [
        signature_of(take.labelled, kind, f"{kind}-{n}", THRESHOLD)
        for kind in step.kinds
        for n, take in enumerate(step.train)
    ]
    labels = [signature.label for signature in signatures]
    names = sorted(set(labels))
    outcome = StreamOutcome()
    shared = _settled(signatures, step.quiet) if step.quiet else None
    for recording in step.recordings:
        if recording.quiet is not None:  # its own place, as when somebody has sat there for some time
            session = _settled(signatures, (recording.quiet,))
        else:
            assert shared is not None  # noqa: S101 - where a session has no quiet, each recording has one of its own
            session = shared
            session.rewind()
            session.pause()
        if session.calm_seconds < FEWEST:
            outcome.calibrating.append(recording.cuts.recording)
        (run,) = recording.cuts.runs
        promoted = by_label(active(session, run, signatures), labels, names)
        for cut in recording.cuts.cuts:
            right = np.array(names) == cut.label
            count_action(outcome, promoted[: cut.stop], right, cut.first, run.interval_ns * 1e-9)
    if shared is not None:
        shared.rewind()
        _watch(outcome, shared, step.watched, signatures)
    return outcome


def _watch(outcome: StreamOutcome, session: Session, quiet: Sequence[Run], signatures: Sequence[Signature]) -> None:
    """Count the promotions in quiet, once a matcher knows its own."""
    for run in quiet:
        session.pause()
        if session.calm_seconds >= FEWEST:
            outcome.false += int(begins(active(session, run, signatures)).any(axis=1).sum())
            outcome.watched_s += len(run.amplitude) * run.interval_ns * 1e-9


def _settled(signatures: Sequence[Signature], quiet: Sequence[Run]) -> Session:
    """Return a stream that has seen this quiet for ``QUIET_S`` at least; that of one place goes there and back."""
    if len(quiet) == 1:
        (run,) = quiet
        quiet = (run._replace(amplitude=lengthened(run.amplitude, round(QUIET_S * 1e9 / run.interval_ns))),)
    seconds = sum(len(run.amplitude) * run.interval_ns * 1e-9 for run in quiet)
    again = 1 if seconds <= 0 else max(1, int(np.ceil(QUIET_S / seconds)))
    session = Session(signatures, tuple(quiet) * again)
    session.mark()
    return session


def run_streams(steps: Sequence[tuple[str, StreamStep]], processes: int) -> Iterator[tuple[str, StreamOutcome]]:
    """Yield (group and kinds, outcome) of every fold as they come.

    Raises:
        EvaluationError: a process died.
    """
    for (name, _), outcome in parallel(_run_named, steps, processes):
        if outcome is None:
            raise EvaluationError(f"{name}: {LOST}")
        yield name, outcome


def _run_named(step: tuple[str, StreamStep]) -> StreamOutcome:
    return run_stream(step[1])
