"""How soon the windowed path says that a motion is over."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csiflow.evaluation.labels import MOTION, QUIET
from csiflow.evaluation.statistics import median, rounded

if TYPE_CHECKING:
    from csiflow.evaluation.answers import WindowAnswers
    from csiflow.evaluation.recording import LabelledRecording

QUIET_AFTER_S = 1.0
"""A motion label before at least this much quiet ends; a shorter rest may be over before anybody could say so."""


@dataclass(slots=True)
class Ends:
    """Labelled ends of motion in one or more recordings."""

    ms: list[float] = field(default_factory=list)
    """From the first quiet frame to MotionEnded; infinite when it did not come while the quiet lasted."""
    already: int = 0
    """Ends before which the path no longer, or never, said that something moves."""

    def add(self, other: Ends) -> None:
        """Pool with another recording's."""
        self.ms += other.ms
        self.already += other.already

    def figures(self) -> dict[str, Any]:
        """Return the median, in which an answer that did not come counts as never, and the counts behind it."""
        found: dict[str, Any] = {
            "ms_median": rounded(median(self.ms), 1),
            "missed": sum(map(math.isinf, self.ms)),
            "already": self.already,
            "count": len(self.ms) + self.already,
        }
        if not found["count"]:
            found["why"] = f"no motion label comes before {QUIET_AFTER_S:g} s of quiet"
        elif found["ms_median"] is None:
            found["why"] = "most ends were missed, or nothing was said to move any more: there is no median"
        return found


def count_ends(labelled: LabelledRecording, windows: WindowAnswers, counted: int) -> Ends:
    """Time MotionEnded at every end of a motion label from frame ``counted`` on."""
    truth, t = labelled.truth, labelled.seconds
    found = Ends()
    for i in np.flatnonzero((truth[1:] == QUIET) & (truth[:-1] == MOTION)) + 1:
        other = np.flatnonzero(truth[i:] != QUIET)
        stop = int(i + other[0]) if len(other) else len(truth)
        if i < counted or t[stop - 1] - t[i] < QUIET_AFTER_S:
            continue
        if not windows.moving[i - 1]:
            found.already += 1
            continue
        said = windows.ended[(windows.ended >= i) & (windows.ended < stop)]
        found.ms.append(float(t[said[0]] - t[i]) * 1e3 if len(said) else math.inf)
    return found
