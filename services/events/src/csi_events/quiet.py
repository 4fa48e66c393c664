"""What a stream looks like when nothing moves: learnt from its first quiet stretch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.gain_states import GainStates

CALIBRATION_S = 10.0
"""Event time a calibration stretch lasts, s."""
CALIBRATION_FRAMES = 40
"""Fewest frames of a calibration stretch; a slow stream takes longer."""
CALIBRATION_MAX_FRAMES = 1024
"""A fast stream calibrates on this many frames, though they last less than ``CALIBRATION_S``."""
CALIBRATION_BYTES = 600_000
"""Memory for the frames of a stretch: a wide stream calibrates on fewer of them, ``CALIBRATION_FRAMES`` at least."""

RATE_STEPS = (1, 2, 4, 8, 16)
"""Frames over which intervals are taken to tell the rate: the first of these that is long enough for batches."""
BATCHED = 0.1
"""Share of the intervals that may be shorter than this share of the median one."""
LEAST_INTERVAL_S = 1e-4


@dataclass(slots=True)
class Quiet:
    """Calibration of one stream; a plain value that can be printed, copied and compared."""

    live: NDArray[np.bool_]
    """(antennas, sub-carriers): carries signal."""
    gain: GainStates
    """Directions of the normalised amplitude that change scores leave out."""
    inverse_noise: NDArray[np.float32]
    """(live sub-carriers,): 1 / frame-to-frame noise of the normalised amplitude without those directions."""
    widths: NDArray[np.int64]
    """Half-widths of the Haar pairs, frames."""
    level: NDArray[np.float64]
    """(widths,): median log energy of each scale in the quiet."""
    profile: NDArray[np.float32]
    """(live sub-carriers,): mean normalised amplitude in the quiet."""
    spread: NDArray[np.float32]
    """(live sub-carriers,): its standard deviation in the quiet."""
    rate_hz: float
    """Frame rate of the stretch, Hz, see :func:`frame_rate`."""
    seconds: float
    """Time from its first to its last frame, s."""
    frames: int
    """Usable frames of the stretch."""


def frame_rate(t_s: NDArray[np.float64]) -> float:
    """Median frame rate, Hz, of frames that may be lost, or come in batches that have one time.

    Intervals are taken over so many frames that hardly any has no length: over one, where frames come one by one.

    Args:
        t_s: (frames,) receive times, s, ascending; at least two.
    """
    for step in RATE_STEPS:
        lasts = np.sort(t_s[step:] - t_s[:-step])
        if not len(lasts):
            break
        median = 0.5 * (lasts[(len(lasts) - 1) // 2] + lasts[len(lasts) // 2])
        place = BATCHED * (len(lasts) - 1)
        below = int(place)
        short = lasts[below] + (place - below) * (lasts[min(below + 1, len(lasts) - 1)] - lasts[below])
        if short > BATCHED * median:
            return float(step / max(median, step * LEAST_INTERVAL_S))
    return float((len(t_s) - 1) / max(t_s[-1] - t_s[0], (len(t_s) - 1) * LEAST_INTERVAL_S))
