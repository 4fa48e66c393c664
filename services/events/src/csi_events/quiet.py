"""What a stream looks like when nothing moves: learnt from its first quiet stretch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from csi_events.change import haar_log_energy, lags, noise_scale
from csi_events.gain_states import GainStates, gain_states
from csi_events.normalise import gain_normalised, live_subcarriers

if TYPE_CHECKING:
    from numpy.typing import NDArray

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

    def with_unseen_gain(self, amplitude: NDArray[np.float32]) -> Quiet | None:
        """Leave out the gain states of a stretch that this calibration has not met; ``None`` when there are none.

        What moves in the stretch is not learnt, see :func:`csi_events.gain_states.gain_states`.

        Args:
            amplitude: (frames, antennas, sub-carriers), at least 4 of them usable.
        """
        x, _ = gain_normalised(np.ascontiguousarray(amplitude), self.live)
        if len(x) < 4:
            return None
        joined = self.gain.joined(gain_states(self.gain.removed(x), switches_only=True))
        return replace(self, gain=joined) if len(joined.read) > len(self.gain.read) else None


def calibrate(amplitude: NDArray[np.float32], t_s: NDArray[np.float64]) -> Quiet | None:
    """Learn a stream's quiet from one stretch of it.

    Up to half of the stretch may hold motion: the level is a median, the scale is of shortened differences. More, and
    the motion is learnt as quiet.

    Args:
        amplitude: (frames, antennas, sub-carriers), any unit.
        t_s: receive times, s, ascending.

    Returns:
        The calibration, or ``None`` when fewer than 4 frames of the stretch are usable or nothing is live.
    """
    amplitude = np.ascontiguousarray(amplitude)
    live = live_subcarriers(amplitude)
    x, usable = gain_normalised(amplitude, live)
    frames = len(x)
    if frames < 4:
        return None
    rate_hz = frame_rate(t_s[usable])
    widths = np.array(lags(rate_hz, frames), dtype=np.int64)
    gain = gain_states(x)
    steady = gain.removed(x)
    noise = noise_scale(steady)
    return Quiet(
        live=live,
        gain=gain,
        inverse_noise=(1.0 / noise).astype(np.float32),
        widths=widths,
        level=quiet_level(steady, noise, widths),
        profile=x.mean(axis=0),
        spread=np.maximum(x.std(axis=0), noise).astype(np.float32),
        rate_hz=rate_hz,
        seconds=float(t_s[-1] - t_s[0]),
        frames=frames,
    )


def quiet_level(x: NDArray[np.float32], noise: NDArray[np.float64], widths: NDArray[np.int64]) -> NDArray[np.float64]:
    """Median log energy per scale of a quiet stretch ``x`` (frames, columns)."""
    return np.asarray(np.nanmedian(haar_log_energy(x / noise, widths, 2 * int(widths[0]) - 1), axis=1))


def frame_rate(t_s: NDArray[np.float64]) -> float:
    """Median frame rate, Hz, of frames that may be lost, or come in batches that have one time.

    Intervals are taken over so many frames that hardly any has no length: over one, where frames come one by one.

    Args:
        t_s: (frames,) receive times, s, ascending; at least two.
    """
    for step in RATE_STEPS:
        lasts = t_s[step:] - t_s[:-step]
        if len(lasts) and np.quantile(lasts, BATCHED) > BATCHED * np.median(lasts):
            return float(step / max(np.median(lasts), step * LEAST_INTERVAL_S))
    return float((len(t_s) - 1) / max(t_s[-1] - t_s[0], (len(t_s) - 1) * LEAST_INTERVAL_S))
