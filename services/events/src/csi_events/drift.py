"""Drift of a stream's quiet: the mean amplitude profile against the one that was calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.quiet import Quiet

SETTLE_S = 30.0
"""Time constant over which quiet windows are averaged, s."""
MIN_DRIFT = 3.0
"""Root mean square shift over sub-carriers, in quiet standard deviations, that counts as drift."""


@kernel("float64(float32[::1], float64[::1], float64, float32[::1], float32[::1])")
def _follow(
    average: NDArray[np.float32],
    profile: NDArray[np.float64],
    share: float,
    reference: NDArray[np.float32],
    spread: NDArray[np.float32],
) -> float:
    """Move ``average`` by ``share`` towards ``profile``; returns its distance in spreads, root mean square."""
    total = 0.0
    for c in range(len(average)):
        average[c] += share * (profile[c] - average[c])
        total += ((average[c] - reference[c]) / spread[c]) ** 2
    return float(np.sqrt(total / len(average)))


@dataclass(slots=True)
class Drift:
    """Slow average of a stream's quiet profile and what it is compared with."""

    reference: NDArray[np.float32]
    """(live sub-carriers,): the profile at calibration, or at the last drift."""
    spread: NDArray[np.float32]
    """(live sub-carriers,): quiet standard deviation."""
    profile: NDArray[np.float32]
    """(live sub-carriers,): average over recent quiet windows."""
    newest_ns: int
    shifted_ns: int | None = None
    """Since when the average is away from the reference."""
    shift: float = 0.0
    """Distance of the average from the reference, in quiet standard deviations."""

    @classmethod
    def start(cls, quiet: Quiet, now_ns: int) -> Drift:
        """Begin at a calibration."""
        return cls(quiet.profile, quiet.spread, quiet.profile.copy(), now_ns)

    def observe(self, profile: NDArray[np.float64], now_ns: int) -> float | None:
        """Take the mean profile of one quiet window.

        Returns:
            The shift in quiet standard deviations when the average has been away for ``SETTLE_S``: once per drift, as
            the new profile becomes the reference.
        """
        elapsed_s = max(0, now_ns - self.newest_ns) * 1e-9
        self.newest_ns = now_ns
        shift = _follow(
            self.profile, profile, -math.expm1(-min(elapsed_s, 1.0) / SETTLE_S), self.reference, self.spread
        )
        self.shift = shift
        if shift < MIN_DRIFT:
            self.shifted_ns = None
            return None
        if self.shifted_ns is None:
            self.shifted_ns = now_ns
        if now_ns - self.shifted_ns < SETTLE_S * 1e9:
            return None
        self.reference, self.shifted_ns = self.profile.copy(), None
        return shift
