"""Motion as others see it beside ours: the same recordings, calibration and seconds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from csiflow.evaluation.motion import Motion, count_motion
from csiflow.evaluation.onsets import EARLY_S, answer_to, labelled_onsets, or_never, seconds_of, watched_quiet
from csiflow.evaluation.peers import PUBLISHED, PeerRefusal, Published, peer
from csiflow.evaluation.statistics import median, per_hour, rounded

if TYPE_CHECKING:
    from csiflow.evaluation.answers import WindowAnswers
    from csiflow.evaluation.calibration import Calibration
    from csiflow.evaluation.outcome import Chosen
    from csiflow.evaluation.recording import LabelledRecording

OURS = "csiflow"


@dataclass(slots=True)
class Beside:
    """What one detector said of one or more recordings."""

    title: str
    motion: Motion = field(default_factory=Motion)
    ms: list[float | None] = field(default_factory=list)
    """Time from every labelled onset at which it did not say motion already to its start, ``None``: never."""
    already: int = 0
    false_starts: int = 0
    quiet_s: float = 0.0
    refused: list[str] = field(default_factory=list)
    """Recordings that it could not judge, and why."""

    def add(self, other: Beside) -> None:
        """Pool with another recording's."""
        self.motion.add(other.motion)
        self.ms += other.ms
        self.already += other.already
        self.false_starts += other.false_starts
        self.quiet_s += other.quiet_s
        self.refused += other.refused

    def figures(self) -> dict[str, Any]:
        """Return motion by the second, the median time to the answer, and false starts."""
        return {
            "title": self.title,
            **self.motion.figures(),
            "onsets": len(self.ms),
            "already": self.already,
            "ms_median": rounded(median(or_never(self.ms)), 1),
            "false_starts": self.false_starts,
            "false_starts_per_hour": rounded(per_hour(self.false_starts, self.quiet_s), 2),
            "quiet_s": round(self.quiet_s, 1),
            "refused": self.refused,
        }


def count_beside(title: str, labelled: LabelledRecording, answers: WindowAnswers, chosen: Chosen) -> Beside:
    """Count one detector's answers.

    Args:
        title: its name.
        labelled: the recording.
        answers: what it said.
        chosen: from where on it is counted.
    """
    found = Beside(title, count_motion(labelled, answers.moving, chosen.since_s))
    t, counted = labelled.seconds, chosen.counted
    quiet = watched_quiet(labelled, counted)
    found.quiet_s = seconds_of(labelled, quiet)
    for first, stop in labelled_onsets(labelled, counted):
        quiet[(t >= t[first] - EARLY_S) & (t < t[first])] = False
        answer = answer_to(labelled, answers.started, answers.moving, first, stop)
        if answer.already:
            found.already += 1
        else:
            found.ms.append(answer.ms)
    found.false_starts = int(np.count_nonzero(quiet[answers.started]))
    return found


def judge_beside(
    names: Sequence[str], labelled: LabelledRecording, ours: WindowAnswers, calibration: Calibration, chosen: Chosen
) -> dict[str, Beside]:
    """Judge a recording by our windowed path and by every peer named, calibrated on the same frames."""
    found = {OURS: count_beside(OURS, labelled, ours, chosen)}
    for name in names:
        other = peer(name)
        try:
            found[name] = count_beside(
                other.title, labelled, other.motion(labelled.recording, calibration.learnt_on), chosen
            )
        except PeerRefusal as refusal:
            found[name] = Beside(other.title, refused=[f"{labelled.name}: {refusal}"])
    return found


def pool(into: dict[str, Beside], others: Mapping[str, Beside]) -> None:
    """Pool each detector's counts."""
    for name, other in others.items():
        into.setdefault(name, Beside(other.title)).add(other)


def published_for(recordings: Sequence[str]) -> list[Published]:
    """Return what projects say of themselves on recordings of which some are among these."""
    paths = [Path(name).resolve().as_posix() for name in recordings]
    return [each for each in PUBLISHED if any(re.search(each.about, path) for path in paths)]


def table(sections: Mapping[str, tuple[Mapping[str, Beside], Sequence[Published]]]) -> Table:
    """Return the table of every pool of recordings: each detector, then what is published of them."""
    built = Table(title="motion by the second, the same recordings, calibration and seconds", title_justify="left")
    for column in ("recordings", "detector", "recall", "false", "F1", "motion/quiet", "onset s", "false starts/h"):
        built.add_column(column, justify="left" if column in {"recordings", "detector"} else "right", overflow="fold")
    for name, (detectors, published) in sections.items():
        for each in detectors.values():
            figures = each.figures()
            windows = figures["windows"]
            ms, per = figures["ms_median"], figures["false_starts_per_hour"]
            built.add_row(
                escape(name),
                escape(each.title),
                *(_percent(figures[part]) for part in ("recall", "false_positive_rate", "f1")),
                f"{windows['motion']}/{windows['quiet']}",
                "-" if ms is None else f"{ms / 1e3:.2f} ({len(each.ms)})",
                "-" if per is None else f"{per:.3g}",
            )
        for said in published:
            shares = (f"{low:g}-{high:g}" for low, high in (said.recall, said.false_positives, said.f1))
            built.add_row(escape(name), escape(said.title), *shares, "its own", "-", "-")
        built.add_section()
    return built


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
