"""Which regimes the per-frame path says under each label."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csiflow.evaluation.answers import REGIMES
from csiflow.evaluation.labels import plain_label

if TYPE_CHECKING:
    from csiflow.evaluation.answers import FrameAnswers
    from csiflow.evaluation.recording import LabelledRecording


@dataclass(slots=True)
class Regimes:
    """Frames by label and regime."""

    frames: dict[str, list[int]] = field(default_factory=dict)
    """For each label, frames of each of REGIMES."""

    def add(self, other: Regimes) -> None:
        """Pool with another recording's."""
        for label, counts in other.frames.items():
            own = self.frames.get(label, [0] * len(REGIMES))
            self.frames[label] = [a + b for a, b in zip(own, counts, strict=True)]

    def figures(self) -> dict[str, Any]:
        """Return the share of each regime per label."""
        return {
            label: {
                **{name: round(count / sum(counts), 4) for name, count in zip(REGIMES, counts, strict=True)},
                "frames": sum(counts),
            }
            for label, counts in sorted(self.frames.items())
        }


def count_regimes(labelled: LabelledRecording, frames: FrameAnswers) -> Regimes:
    """Count every frame of a recording under its label."""
    found = Regimes()
    for number, name in enumerate(labelled.label_names):
        own = frames.regime[labelled.label == number]
        if len(own):
            counts = np.bincount(own, minlength=len(REGIMES)).tolist()
            found.add(Regimes({plain_label(name): counts}))
    return found
