"""Signatures of some takes tested on others: who learns, who is tested, and what came out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.statistics import rounded, share, wilson
from csiflow.evaluation.takes import LabelledTake, Take

Recogniser: TypeAlias = Callable[[Sequence[LabelledTake], Take], Mapping[str, float]]
"""Learns from labelled takes and returns the evidence for each label in another; without one, it does not apply."""

NONE = "none"
"""The answer of a matcher without evidence for any label."""


@dataclass(frozen=True, slots=True)
class Fold:
    """What is learnt from, and what is tested."""

    train: tuple[LabelledTake, ...]
    test: tuple[LabelledTake, ...]


@dataclass(slots=True)
class Confusion:
    """Answers by truth."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """(true label, answer): takes."""

    def count(self, truth: str, answer: str) -> None:
        """Count one take."""
        self.counts[truth, answer] = self.counts.get((truth, answer), 0) + 1

    def add(self, other: Confusion) -> None:
        """Pool with another."""
        for key, count in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + count

    @property
    def labels(self) -> list[str]:
        """True labels by name."""
        return sorted({truth for truth, _ in self.counts})

    @property
    def answers(self) -> list[str]:
        """True labels, then answers that are none."""
        return [*self.labels, *sorted({answer for _, answer in self.counts} - set(self.labels))]

    def figures(self) -> dict[str, Any]:
        """Return top-1 with its Wilson 95 % interval, the same for each label, and the matrix."""
        total = sum(self.counts.values())
        right = sum(count for (truth, answer), count in self.counts.items() if truth == answer)
        rows = {truth: [self.counts.get((truth, answer), 0) for answer in self.answers] for truth in self.labels}
        return {
            "right": right,
            "total": total,
            "top1": rounded(share(right, total)),
            "top1_interval": wilson(right, total),
            "by_label": {
                truth: {
                    "right": self.counts.get((truth, truth), 0),
                    "total": sum(row),
                    "interval": wilson(self.counts.get((truth, truth), 0), sum(row)),
                }
                for truth, row in rows.items()
            },
            "answers": self.answers,
            "confusion": rows,
        }


def one_take_folds(takes: Sequence[LabelledTake]) -> list[Fold]:
    """Signatures of one source, each tested on one other: every take is tested once, so that counts are independent.

    The source a fold learns from is the next one by name, round and round, that has every label.

    Raises:
        EvaluationError: fewer than two sources, or none that has every label and is not the one tested.
    """
    sources = _by_source(takes)
    labels = {take.label for take in takes}
    names = list(sources)
    whole = [name for name in names if {take.label for take in sources[name]} == labels]
    folds = []
    for number, name in enumerate(names):
        following = names[number + 1 :] + names[:number]
        teacher = next((other for other in following if other in whole), None)
        if teacher is None:
            raise EvaluationError(
                f"no take but {name} has every label ({', '.join(sorted(labels))}); --labels chooses fewer, --take "
                "says what in a file's name is its take"
            )
        folds.append(Fold(tuple(sources[teacher]), tuple(sources[name])))
    return folds


def leave_one_out_folds(takes: Sequence[LabelledTake]) -> list[Fold]:
    """Signatures of all sources but one, tested on that one.

    Raises:
        EvaluationError: fewer than two sources.
    """
    sources = _by_source(takes)
    return [
        Fold(tuple(take for other, own in sources.items() if other != name for take in own), tuple(tested))
        for name, tested in sources.items()
    ]


def _by_source(takes: Sequence[LabelledTake]) -> dict[str, list[LabelledTake]]:
    sources: dict[str, list[LabelledTake]] = {}
    for take in sorted(takes, key=lambda each: (each.source, each.recording, each.take.first)):
        sources.setdefault(take.source, []).append(take)
    if len(sources) < 2:
        found = ", ".join(sources) or "none"
        raise EvaluationError(
            f"shapes need two takes or more, found {found}; --take says what in a file's name is its take"
        )
    return sources


def answer(evidence: Mapping[str, float]) -> str:
    """Return the label with the most evidence."""
    return max(sorted(evidence), key=lambda label: evidence[label]) if evidence else NONE


@dataclass(slots=True)
class FoldOutcome:
    """What came out of one or more folds."""

    whole: Confusion = field(default_factory=Confusion)
    seen: dict[int, Confusion] = field(default_factory=dict)
    """After so many frames of the action, of takes that say where it begins."""

    def add(self, other: FoldOutcome) -> None:
        """Pool with another fold's."""
        self.whole.add(other.whole)
        for frames, confusion in other.seen.items():
            self.seen.setdefault(frames, Confusion()).add(confusion)

    def figures(self) -> dict[str, Any]:
        """Return the whole takes' figures, and top-1 by frames seen."""
        by_frames = {frames: confusion.figures() for frames, confusion in sorted(self.seen.items())}
        kept = ("right", "total", "top1", "top1_interval")
        return {
            **self.whole.figures(),
            "seen": {str(frames): {name: found[name] for name in kept} for frames, found in by_frames.items()},
        }


def run_fold(fold: Fold, recognise: Recogniser, seen: Sequence[int] = ()) -> FoldOutcome:
    """Test every take of a fold."""
    outcome = FoldOutcome()
    for tested in fold.test:
        outcome.whole.count(tested.label, answer(recognise(fold.train, tested.take)))
        for frames in seen if tested.take.timed else ():
            evidence = recognise(fold.train, tested.take.seen(frames))
            outcome.seen.setdefault(frames, Confusion()).count(tested.label, answer(evidence))
    return outcome


def schemes(takes: Sequence[LabelledTake]) -> Iterator[tuple[str, list[Fold]]]:
    """Yield the ways to part takes into folds, by name."""
    yield "one_take", one_take_folds(takes)
    yield "leave_one_out", leave_one_out_folds(takes)
