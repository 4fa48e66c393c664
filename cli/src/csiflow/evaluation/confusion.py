"""Answers by truth, and how kinds of features are put together into one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, TypeAlias

from csi_schemas.signature import FeatureKind

from csiflow.evaluation.folds import Evidence, FoldEvidence
from csiflow.evaluation.statistics import rounded, share, wilson

NONE = "none"
"""The answer of a matcher without evidence for any label."""
Kinds: TypeAlias = tuple[FeatureKind, ...]


@dataclass(slots=True)
class Confusion:
    """Answers by truth."""

    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    """(true label, answer): takes."""

    def count(self, truth: str, answer: str) -> None:
        """Count one take."""
        self.counts[truth, answer] = self.counts.get((truth, answer), 0) + 1

    @property
    def labels(self) -> list[str]:
        """True labels by name."""
        return sorted({truth for truth, _ in self.counts})

    @property
    def answers(self) -> list[str]:
        """True labels, then answers that are none."""
        return [*self.labels, *sorted({answer for _, answer in self.counts} - set(self.labels))]

    @property
    def right(self) -> int:
        """Takes whose answer is their label."""
        return sum(count for (truth, answer), count in self.counts.items() if truth == answer)

    def brief(self) -> dict[str, Any]:
        """Return top-1 with its Wilson 95 % interval."""
        total = sum(self.counts.values())
        return {
            "right": self.right,
            "total": total,
            "top1": rounded(share(self.right, total)),
            "top1_interval": wilson(self.right, total),
        }

    def figures(self) -> dict[str, Any]:
        """Return top-1 with its Wilson 95 % interval, the same for each label, and the matrix."""
        rows = {truth: [self.counts.get((truth, answer), 0) for answer in self.answers] for truth in self.labels}
        return {
            **self.brief(),
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


def combined(evidence: Evidence, kinds: Iterable[FeatureKind]) -> dict[str, float]:
    """Return the evidence for each label: its share of its kind's best label's, summed over kinds."""
    total: dict[str, float] = {}
    for kind in kinds:
        found = evidence.get(kind, {})
        most = max(found.values(), default=0.0)
        for label, value in found.items():
            total[label] = total.get(label, 0.0) + (max(value, 0.0) / most if most > 0.0 else 0.0)
    return total


def answer(total: Mapping[str, float]) -> str:
    """Return the label with the most evidence; ``NONE`` where none has any."""
    best = max(sorted(total), key=lambda label: total[label]) if total else NONE
    return best if total.get(best, 0.0) > 0.0 else NONE


def candidates(folds: Sequence[FoldEvidence]) -> list[Kinds]:
    """Return every combination of the kinds that all takes have, the largest first."""
    present = [set(tested.whole) for fold in folds for tested in fold.takes]
    kinds = sorted(set.intersection(*present)) if present else []
    return [chosen for count in range(len(kinds), 0, -1) for chosen in combinations(kinds, count)]


def confusion_of(folds: Iterable[FoldEvidence], kinds: Kinds) -> Confusion:
    """Return the answers of these folds by evidence of these kinds."""
    found = Confusion()
    for fold in folds:
        for tested in fold.takes:
            found.count(tested.label, answer(combined(tested.whole, kinds)))
    return found


def right_of(folds: Iterable[FoldEvidence], kinds: Kinds) -> int:
    """Return how often these folds' takes are answered rightly by evidence of these kinds."""
    return sum(answer(combined(tested.whole, kinds)) == tested.label for fold in folds for tested in fold.takes)


def choose_kinds(fold: FoldEvidence, others: Sequence[FoldEvidence]) -> Kinds:
    """Return the kinds that answer most often rightly where nothing of what ``fold`` tests is learnt from or tested.

    Of equals the combination of most kinds; all kinds where nothing is left to choose by.

    Args:
        fold: The one to be answered.
        others: Folds that learn from one take each; may hold ``fold``.
    """
    apart = [other for other in others if all(other.without(source) for source in fold.tested)]
    return max(candidates([*others, fold]), key=lambda kinds: right_of(apart, kinds))
