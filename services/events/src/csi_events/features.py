"""The features of a ``sensing_update``: what they are computed from and over which time."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_events.bins import TimeBins
from csi_events.levels import change_points, variance
from csi_events.spectrum import band_power, dominant_frequency, spectrum

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FAST_BIN_NS = 50_000_000
FAST_S = 4.0
"""The motion band, the dominant line and the spectral power are those of this much time, s, at most ``FAST_BINS``."""
FAST_BINS = 64
MOTION_BAND_HZ = (0.5, 10.0)
SLOW_BIN_NS = 200_000_000
SLOW_S = 30.0
"""The breathing band is that of this much time, s."""
BREATHING_BAND_HZ = (0.1, 0.5)
REFRESH_NS = 500_000_000
"""Spectra are computed anew at most this often, ns of event time; windows in between repeat the last."""


@dataclass(frozen=True, slots=True)
class Features:
    """Features of one window; units as in ``csi_schemas.sensing.SensingFeatures``."""

    variance: float = 0.0
    motion_band_power: float = 0.0
    breathing_band_power: float = 0.0
    dominant_freq_hz: float = 0.0
    change_points: int = 0
    spectral_power: float = 0.0


@dataclass(slots=True)
class FeatureMemory:
    """What one stream keeps for its features: seconds in fine bins, half a minute in coarse ones, the last spectra."""

    fast: TimeBins = field(default_factory=lambda: TimeBins(FAST_BIN_NS, FAST_BINS))
    """Mean normalised amplitude of every live sub-carrier."""
    slow: TimeBins = field(default_factory=lambda: TimeBins(SLOW_BIN_NS, int(SLOW_S * 1e9) // SLOW_BIN_NS + 1))
    """The same, averaged in groups of sub-carriers."""
    refreshed_ns: int | None = None
    spectral: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    """Motion band, breathing band and total power, and the dominant frequency, when last computed."""

    def clear(self) -> None:
        """Forget everything, as after a gap."""
        self.fast.clear()
        self.slow.clear()
        self.refreshed_ns = None
        self.spectral = (0.0, 0.0, 0.0, 0.0)

    def window(
        self,
        t_ns: NDArray[np.int64],
        x: NDArray[np.float32],
        grouped: NDArray[np.float32],
        inverse_noise: NDArray[np.float32] | None,
    ) -> Features:
        """Take one window and return its features.

        Args:
            t_ns: (frames,) ascending.
            x: (frames, live sub-carriers) normalised amplitudes.
            grouped: (frames, groups): the same averaged in groups.
            inverse_noise: (live sub-carriers,) of the calibration; without it level shifts are not counted.
        """
        self.fast.add(t_ns, x)
        self.slow.add(t_ns, grouped)
        now_ns = int(t_ns[-1])
        if self.refreshed_ns is None or not 0 <= now_ns - self.refreshed_ns < REFRESH_NS:
            self.refreshed_ns = now_ns
            self.spectral = self._spectral()
        motion, breathing, total, dominant = self.spectral
        shifts = 0 if inverse_noise is None else len(change_points(x * inverse_noise))
        return Features(variance(x), motion, breathing, dominant, shifts, total)

    def _spectral(self) -> tuple[float, float, float, float]:
        fast = spectrum(*self.fast.read(FAST_S))
        slow = spectrum(*self.slow.read(SLOW_S))
        return (
            band_power(fast, *MOTION_BAND_HZ),
            band_power(slow, *BREATHING_BAND_HZ),
            float(fast.power.sum()),
            dominant_frequency(fast),
        )
