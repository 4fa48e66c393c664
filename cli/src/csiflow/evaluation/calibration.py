"""Which frames may calibrate a recording: its first quiet stretch, and no other."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csiflow.evaluation.labels import QUIET

if TYPE_CHECKING:
    from csi_events.offline import Recording
    from csi_events.quiet import Quiet

    from csiflow.evaluation.recording import LabelledRecording

STRETCH_S = 10.0
"""Longest calibration; a stretch that is shorter than a second more gives half of itself."""
FEWEST = 40
"""A stretch of fewer frames is lengthened to ``LONGEST_SETTLING`` frames, or to its end."""
ENOUGH = 275
"""From this many frames on, counting starts right after the calibration ..."""
LONGEST_SETTLING = 300
"""... and else after this many frames of the stretch: detectors that need more are then judged on the same windows."""
FOREIGN_FRAMES, FOREIGN_S = 75, 1.0
"""What is not counted at the start of a recording that was calibrated by another: so many frames, at least so long."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Frames ``first`` to ``stop`` (not included) calibrate; from ``counted`` on, answers are counted."""

    first: int
    stop: int
    counted: int


@dataclass(frozen=True, slots=True)
class Calibration:
    """A calibration and where it is from."""

    quiet: Quiet
    recording: str
    """Name of the recording it was learnt on."""
    start_s: float
    stop_s: float
    learnt_on: Recording
    """Those frames."""

    @property
    def frames(self) -> int:
        """How many they are."""
        return len(self.learnt_on.t_ns)


def first_quiet(labelled: LabelledRecording, skip_s: float = 0.0) -> Stretch | None:
    """Return the part of the first quiet stretch that calibrates; ``None`` without a quiet of two frames.

    Args:
        labelled: the recording.
        skip_s: leave out what is earlier than this, s: people settle.
    """
    quiet = np.flatnonzero(labelled.truth == QUIET)
    if not len(quiet):
        return None
    t = labelled.seconds
    begin = int(quiet[0])
    others = np.flatnonzero(labelled.truth[begin:] != QUIET)
    end = begin + int(others[0]) if len(others) else len(t)
    first = max(begin, int(np.searchsorted(t, skip_s)))
    if end - first < 2:
        return None
    lasts = t[end - 1] - t[first]
    wanted = t[first] + (STRETCH_S if lasts >= STRETCH_S + 1 else lasts / 2)
    stop = min(max(int(np.searchsorted(t, wanted)), first + 2), end)
    settled = stop if stop - first >= ENOUGH else min(first + LONGEST_SETTLING, end)
    return Stretch(first, settled if stop - first < FEWEST else stop, max(stop, settled))


def time_of(labelled: LabelledRecording, frame: int) -> float:
    """Return the time of a frame from which something is counted, s; never after the last one."""
    return float(labelled.seconds[frame]) if frame < len(labelled.seconds) else math.inf


def foreign_wait_s(labelled: LabelledRecording) -> float:
    """Return the time from which a recording that another one calibrated is counted, s."""
    return max(FOREIGN_S, FOREIGN_FRAMES / labelled.rate_hz if labelled.rate_hz else 0.0)


def learn(labelled: LabelledRecording, stretch: Stretch) -> Calibration:
    """Calibrate on a stretch.

    Raises:
        ValueError: fewer than 4 of its frames carry signal.
    """
    t = labelled.seconds
    return Calibration(
        labelled.recording.calibrate(stretch.first, stretch.stop),
        labelled.name,
        float(t[stretch.first]),
        float(t[stretch.stop - 1]),
        labelled.recording.part(stretch.first, stretch.stop),
    )
