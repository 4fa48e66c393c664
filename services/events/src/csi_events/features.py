"""The features of a ``sensing_update``: what they are computed from and over which time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.arrival import add_moments, variance_of
from csi_events.bins import TimeBins
from csi_events.spectrum import band_power, dominant_frequency, spectrum_in_steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

FAST_BIN_NS = 50_000_000
FAST_S = 4.0
"""The motion band, the dominant line and the spectral power are those of this much time, s, at most ``FAST_BINS``."""
FAST_BINS = 64
FAST_COLUMNS = 512
"""Sub-carriers of which these are the mean, at most: of more every second is looked at, or every third ..."""
MOTION_BAND_HZ = (0.5, 10.0)
SLOW_BIN_NS = 200_000_000
SLOW_S = 30.0
"""The breathing band is that of this much time, s."""
BREATHING_BAND_HZ = (0.1, 0.5)
REFRESH_NS = 500_000_000
"""Spectra are computed anew at most this often, ns of event time; windows in between repeat the last."""
FAST_STEP, SLOW_STEP = 128, 24
"""Columns whose spectra are computed in one step."""
SLOW_US = 60.0
"""What the first step of the slow spectrum takes, about: the sinusoids of half a minute."""


class Features(NamedTuple):
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
    """Mean normalised amplitude of live sub-carriers, ``FAST_COLUMNS`` at most."""
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

    def add(
        self, t_ns: NDArray[np.int64], x: NDArray[np.float32], grouped: NDArray[np.float32]
    ) -> Iterator[float] | None:
        """Take one window.

        Args:
            t_ns: (frames,) ascending.
            x: (frames, live sub-carriers) normalised amplitudes.
            grouped: (frames, groups): the same averaged in groups.

        Returns:
            The steps of computing the spectra anew, when that is due, to be done before the next window is added.
        """
        every = -(-x.shape[1] // FAST_COLUMNS)
        self.fast.add(t_ns, x if every == 1 else np.ascontiguousarray(x[:, ::every]))
        self.slow.add(t_ns, grouped)
        now_ns = int(t_ns[-1])
        if self.refreshed_ns is not None and 0 <= now_ns - self.refreshed_ns < REFRESH_NS:
            return None
        self.refreshed_ns = now_ns
        return self._refresh()

    def window(self, t_ns: NDArray[np.int64], x: NDArray[np.float32], grouped: NDArray[np.float32]) -> Features:
        """Take one window as :meth:`add` does, do all that is due and return its features, without change points."""
        for _ in self.add(t_ns, x, grouped) or ():
            pass
        total = np.zeros(x.shape[1])
        return self.features(variance_of(total, add_moments(x, total, 0.0), len(x)), 0)

    def features(self, variance: float, change_points: int) -> Features:
        """Return a window's features with the newest spectra."""
        motion, breathing, total, dominant = self.spectral
        return Features(variance, motion, breathing, dominant, change_points, total)

    def _refresh(self) -> Iterator[float]:
        """Compute the spectra, some columns at a time."""
        fast = yield from spectrum_in_steps(*self.fast.parts(FAST_S, FAST_STEP))
        yield SLOW_US
        slow = yield from spectrum_in_steps(*self.slow.parts(SLOW_S, SLOW_STEP))
        self.spectral = (
            band_power(fast, *MOTION_BAND_HZ),
            band_power(slow, *BREATHING_BAND_HZ),
            float(fast.power.sum()),
            dominant_frequency(fast),
        )
