"""Motion by the second: the windowed path against the labels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csiflow.evaluation.labels import MOTION, QUIET
from csiflow.evaluation.statistics import rounded, share, wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csiflow.evaluation.recording import LabelledRecording

AGREED = 0.8
"""A second is judged when at least this share of its frames carries one meaning."""


@dataclass(slots=True)
class Motion:
    """Seconds by truth and answer."""

    hit: int = 0
    missed: int = 0
    false: int = 0
    quiet: int = 0
    """Quiet seconds rightly called so."""
    why: list[str] = field(default_factory=list)
    """Why there is nothing to count."""

    def add(self, other: Motion) -> None:
        """Pool the counts of another recording."""
        self.hit += other.hit
        self.missed += other.missed
        self.false += other.false
        self.quiet += other.quiet

    def figures(self) -> dict[str, Any]:
        """Return what the contract asks for, with counts and 95 % intervals."""
        moving, resting = self.hit + self.missed, self.false + self.quiet
        f1 = 2 * self.hit / (2 * self.hit + self.missed + self.false) if moving and resting else None
        found: dict[str, Any] = {
            "recall": rounded(share(self.hit, moving)),
            "false_positive_rate": rounded(share(self.false, resting)),
            "f1": rounded(f1),
            "recall_interval": wilson(self.hit, moving),
            "false_positive_interval": wilson(self.false, resting),
            "windows": {"motion": moving, "quiet": resting, "missed": self.missed, "false": self.false},
        }
        if not moving and self.why:
            found["why"] = self.why[0]
        elif not moving:
            found["why"] = "no second with a motion label is counted"
        elif not resting:
            found["why"] = "no quiet second is left to count: no false positives, no F1"
        return found


def count_motion(labelled: LabelledRecording, moving: NDArray[np.bool_], since_s: float) -> Motion:
    """Count the seconds of a recording that begin at ``since_s`` or later.

    Args:
        labelled: the recording.
        moving: (T,) the answer for each frame; a second is moving when half of its frames are.
        since_s: time from the first frame, s.
    """
    found = Motion()
    second = np.floor(labelled.seconds).astype(np.int64)
    for k in np.unique(second[second >= since_s]):
        first, stop = np.searchsorted(second, (k, k + 1))
        truth, answer = labelled.truth[first:stop], bool(moving[first:stop].mean() >= 0.5)
        if (truth == MOTION).mean() >= AGREED:
            found.hit, found.missed = found.hit + answer, found.missed + (not answer)
        elif (truth == QUIET).mean() >= AGREED:
            found.false, found.quiet = found.false + answer, found.quiet + (not answer)
    return found
