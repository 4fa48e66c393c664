"""What a captured take scores against other takes, against quiet and against other signatures, and what follows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from csi_introspection.arrays import Float64
from csi_introspection.capture import WINDOW, Take
from csi_introspection.features import KINDS
from csi_introspection.library import MOST_ROWS
from csi_introspection.likeness import likeness, resample

if TYPE_CHECKING:
    from csi_schemas.signature import Signature

DEFAULT_THRESHOLD = 0.78
"""ADR-099's; taken only while nothing was measured."""
_LOWEST, _HIGHEST = 0.05, 0.99


@dataclass(frozen=True, slots=True)
class Confusion:
    """Two signatures of different labels that promote each other's motion."""

    first: str
    """Id."""
    second: str
    score: float
    """The higher of the two ways, 0-1."""

    def __str__(self) -> str:
        return f"{self.first} cannot be told apart from {self.second}: score {self.score:.2f}"


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A promotion threshold and what it rests on."""

    threshold: float
    same: list[float] = field(default_factory=list)
    """Scores of the other takes of the label."""
    quiet: list[float] = field(default_factory=list)
    """Scores of the quiet before each take."""
    others: dict[str, float] = field(default_factory=dict)
    """Scores of signatures of other labels, by id."""
    measured: bool = True
    """False: there was nothing to compare with, and the threshold is the default."""
    rest: bool = False
    """A room at rest, which is scored by how little leaves the quiet."""

    @property
    def overlap(self) -> bool:
        """Whether no threshold parts the takes of the label from everything else."""
        wrong = [*self.quiet, *self.others.values()]
        return bool(self.same and wrong) and min(self.same) <= max(wrong)

    @property
    def basis(self) -> str:
        """What the threshold rests on, in words."""
        if self.rest:
            return f"{self.threshold:g} is the default: a room at rest is not scored by its likeness to other takes"
        if not self.measured:
            return (
                f"{self.threshold:g} is the default: there is no second take of this motion to compare with; "
                "a motion wants several (--takes 4)"
            )
        parts = []
        if self.same:
            parts.append(f"{_span(self.same)} by {_count(self.same, 'other take')} of this label")
        if self.quiet:
            parts.append(f"{_span(self.quiet)} by {_count(self.quiet, 'quiet stretch', 'quiet stretches')}")
        if self.others:
            parts.append(f"{_span(list(self.others.values()))} by {_count(self.others, 'signature')} of other labels")
        if self.same and not self.others:
            parts.append("no signature of another label (the lowest score of a take is taken)")
        tail = "; no threshold parts them all" if self.overlap else ""
        return f"{self.threshold:g} from scores of " + ", ".join(parts) + tail


def _span(scores: Sequence[float]) -> str:
    low, high = f"{min(scores):.2f}", f"{max(scores):.2f}"
    return low if low == high else f"{low}-{high}"


def _count(things: Sequence[object] | dict[str, float], one: str, many: str | None = None) -> str:
    return f"{len(things)} {one if len(things) == 1 else many or one + 's'}"


def comparable(signature: Signature, take: Take) -> bool:
    """Whether a signature of the library and a take are runs of the same vectors, both of a motion."""
    return (
        signature.feature_kind == take.kind
        and signature.feature_version == KINDS[take.kind].version
        and len(signature.vectors[0]) == take.vectors.shape[1]
        and not signature.rest
    )


def suggest(take: Take, same: Sequence[Take], library: Sequence[Signature], label: str, *, rest: bool) -> Suggestion:
    """Suggest the promotion threshold of a take's signature.

    With other takes and other labels: the threshold with the fewest mistakes (takes of the label below it, quiet and
    other labels above it, each group weighing the same), in the middle of the gap when one parts them. With other takes
    but no other label: the lowest of their scores. Quiet scores about nothing, and a threshold half-way to it would let
    every motion in that shares a beginning with this one. Without another take: the default, or half-way to 1 from the
    best score of another label where this is above it.

    Args:
        take: The take.
        same: The other takes of its label, whole clips.
        library: The signatures that exist; those of the same label count as takes.
        label: The take's label.
        rest: The take is a room at rest, whose score is another one: it gets the default.
    """
    if rest:
        return Suggestion(DEFAULT_THRESHOLD, measured=False, rest=True)
    template = take.vectors / take.deviation
    fitting = [signature for signature in library if comparable(signature, take)]
    runs = [other.stream / take.deviation for other in same]
    runs += [_alone(signature, take) for signature in fitting if signature.label == label]
    positive = [round(likeness(template, run, WINDOW), 4) for run in runs]
    quiet = [
        round(likeness(template, t.stream[: t.quiet_rows] / take.deviation, WINDOW), 4)
        for t in (take, *same)
        if t.quiet_rows >= len(template) - WINDOW  # a shorter one holds no whole match
    ]
    others = {
        signature.id: round(likeness(template, _alone(signature, take), WINDOW), 4)
        for signature in fitting
        if signature.label != label
    }
    wrong = [*quiet, *others.values()]
    if positive:
        best = fewest_mistakes(positive, wrong) if others else max(min(positive), max(quiet, default=0.0))
        return Suggestion(floor(100 * min(max(best, _LOWEST), _HIGHEST)) / 100, positive, quiet, others)
    highest = max(wrong, default=0.0)
    if highest < DEFAULT_THRESHOLD:
        return Suggestion(DEFAULT_THRESHOLD, [], quiet, others, measured=False)
    return Suggestion(round(min((1 + highest) / 2, _HIGHEST), 2), [], quiet, others)


def fewest_mistakes(right: Sequence[float], wrong: Sequence[float]) -> float:
    """Return the threshold with the least sum of the share of ``right`` below and of ``wrong`` not below it.

    Among equals the one in the middle of the widest gap between neighbouring scores; 0 and 1 count as neighbours.
    """
    scores = np.unique([0.0, *right, *wrong, 1.0])
    between = (scores[1:] + scores[:-1]) / 2
    misses = (np.array(right)[:, np.newaxis] < between).mean(axis=0)
    alarms = (np.array(wrong)[:, np.newaxis] >= between).mean(axis=0) if wrong else np.zeros(len(between))
    mistakes = misses + alarms
    widths = np.where(mistakes <= mistakes.min() + 1e-12, np.diff(scores), -1.0)
    return float(between[int(np.argmax(widths))])


def _alone(signature: Signature, take: Take) -> Float64:
    """Return a signature as a stream at the take's rate, in its quiet deviations, with quiet before and after."""
    rows = at_rate(signature, take.rate_hz) / take.deviation
    rest = np.zeros((WINDOW, rows.shape[1]))
    return np.concatenate([rest, rows, rest])


def at_rate(signature: Signature, rate_hz: float | None) -> Float64:
    """Return a signature's vectors at this many rows a second; as they are where either rate is not known.

    No more than ``MOST_ROWS``: two that differ so much in duration no band can bridge.
    """
    rows = np.array(signature.vectors)
    if signature.rate_hz is None or rate_hz is None:
        return rows
    return resample(rows, int(np.clip(round(len(rows) * rate_hz / signature.rate_hz), 2, MOST_ROWS)))


def confusions(takes: Sequence[tuple[Signature, Take]], library: Sequence[Signature]) -> list[Confusion]:
    """Return the signatures of other labels that a captured one cannot be told apart from, by its quiet deviation."""
    found = []
    for made, take in takes:
        for other in library:
            if other.label != made.label and comparable(other, take) and not made.rest:
                found += _confusion(made, other, take.deviation)
    return found


def confused_pairs(signatures: Sequence[Signature]) -> list[Confusion]:
    """Return the pairs of a library that cannot be told apart, in feature units: no quiet deviation is known.

    Pairs of one label, of different kind, version or width, and of a motion and a rest are not compared; two rests of
    different labels always look the same.
    """
    found = []
    for number, first in enumerate(signatures):
        for second in signatures[number + 1 :]:
            if (
                first.label == second.label
                or (first.feature_kind, first.feature_version) != (second.feature_kind, second.feature_version)
                or len(first.vectors[0]) != len(second.vectors[0])
                or first.rest != second.rest
            ):
                continue
            if first.rest:
                found.append(Confusion(first.id, second.id, 1.0))
            else:
                found += _confusion(first, second, np.ones(len(first.vectors[0])))
    return found


def _confusion(first: Signature, second: Signature, deviation: Float64) -> list[Confusion]:
    """Return the pair when one would promote the other's motion, else nothing."""
    scores = []
    for template, motion in ((first, second), (second, first)):
        rows = at_rate(motion, template.rate_hz)
        rest = np.zeros((template.dtw.window, rows.shape[1]))
        run = np.concatenate([rest, rows, rest]) / deviation
        scores.append(likeness(np.array(template.vectors) / deviation, run, template.dtw.window))
    promoted = scores[0] >= first.promotion_threshold or scores[1] >= second.promotion_threshold
    return [Confusion(first.id, second.id, round(max(scores), 4))] if promoted else []
