"""Breathing: the windowed path's estimates against a known rate."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from csiflow.evaluation.statistics import rounded


@dataclass(slots=True)
class Breathing:
    """Estimates of one or more recordings, each beside its truth."""

    told: list[list[float]] = field(default_factory=list)
    """For each recording with a known rate, the rates estimated, breaths per minute."""
    truth: list[float] = field(default_factory=list)
    """And the known rates."""
    without_truth: list[float] = field(default_factory=list)
    """Estimates in recordings without a known rate."""

    def add(self, other: Breathing) -> None:
        """Pool with another recording's."""
        self.told += other.told
        self.truth += other.truth
        self.without_truth += other.without_truth

    def figures(self) -> dict[str, Any]:
        """Return the rate, the truth and the mean absolute error; over several recordings only the error."""
        errors = [abs(bpm - truth) for told, truth in zip(self.told, self.truth, strict=True) for bpm in told]
        answered = sum(bool(told) for told in self.told)
        single = self.told[0] if len(self.told) == 1 else None
        found: dict[str, Any] = {
            "bpm": rounded(float(np.median(single)), 2) if single else None,
            "truth": self.truth[0] if len(self.truth) == 1 else None,
            "error": rounded(float(np.mean(errors)), 3) if errors else None,
            "error_max": rounded(max(errors), 3) if errors else None,
            "estimates": len(errors),
            "estimates_without_truth": len(self.without_truth),
            "recordings": {"with_truth": len(self.truth), "answered": answered},
        }
        if not self.truth:
            found["why"] = "no recording with bpm, the true rate"
        elif not errors:
            found["why"] = "no BreathingEstimated: the path refused to answer"
        elif len(self.truth) > 1:
            found["why"] = "several recordings: bpm and truth are in each one's own result"
        return found


def count_breathing(bpm: float | None, told: list[float]) -> Breathing:
    """Put a recording's estimates beside its truth, if it has one."""
    if bpm is None:
        return Breathing(without_truth=list(told))
    return Breathing([list(told)], [bpm])
