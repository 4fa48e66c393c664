"""Breathing rate of a still person: answered only when a line stands out of the stream's own background."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from csi_events._compile import kernel
from csi_events.bins import TimeBins
from csi_events.periodogram import strongest_line

if TYPE_CHECKING:
    from numpy.typing import NDArray

BIN_NS = 200_000_000
WINDOW_S = 30.0
INTERVAL_NS = 1_000_000_000
"""An estimate is attempted at most this often, ns of event time."""
MIN_BINS_PER_S = 2.4
"""Filled bins per second below which a rate of 30 breaths/min is out of reach."""
MAX_HOLE_S = 3.0
LOW_BPM, HIGH_BPM = 5.75, 30.75
MIN_Z = 21.0
"""Line power over background. Noise alone exceeds z with a chance of about 400 exp(-z) a window: 3e-7."""
MIN_COHERENCE = 0.9
MIN_WEAKEST = 0.4
MAX_BURST = 25.0
STEADY = 5
"""Candidates in a row that must agree within 1 breath/min."""
GROUPS = 8
MAX_PAIRS = 15

Reason = Literal["ok", "warming up", "rate too low", "movement", "not significant", "unstable"]


@dataclass(frozen=True, slots=True)
class BreathingEstimate:
    """One attempt; ``bpm`` is ``None`` unless ``reason`` is ok."""

    t_ns: int
    reason: Reason
    bpm: float | None = None
    confidence: float = 0.0
    """0-1."""
    z: float = 0.0


_MEAN_PRODUCT = "complex128({0}[:,::1], {0}[:,::1], int64[::1])"


@kernel(_MEAN_PRODUCT.format("int8"), _MEAN_PRODUCT.format("int16"))
def _mean_product(a: NDArray[np.integer], b: NDArray[np.integer], columns: NDArray[np.int64]) -> complex:
    """Mean of a * conj(b) over some sub-carriers of I/Q (sub-carriers, 2)."""
    real, imaginary = 0.0, 0.0
    for s in columns:
        ai, aq, bi, bq = float(a[s, 0]), float(a[s, 1]), float(b[s, 0]), float(b[s, 1])
        real += ai * bi + aq * bq
        imaginary += aq * bi - ai * bq
    return complex(real, imaginary) / len(columns)


@kernel(
    "complex64[:,::1](int8[:,:,:,::1], boolean[:,::1])",
    "complex64[:,::1](int16[:,:,:,::1], boolean[:,::1])",
)
def antenna_products(iq: NDArray[np.integer], live: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Conjugate products of antenna pairs: phase differences that the radios' clocks cannot disturb.

    Every antenna is divided by its root mean square over the sub-carriers live on all antennas. The first ``MAX_PAIRS``
    pairs in the order (0, 1), (0, 2) ... (1, 2) ...; each averaged in at most ``GROUPS`` neighbouring groups.

    Args:
        iq: (frames, antennas, sub-carriers, 2), int8 or int16.
        live: (antennas, sub-carriers).

    Returns:
        (frames, pairs * groups); no columns when no sub-carrier is live on all antennas.
    """
    frames, antennas, subcarriers, _ = iq.shape
    shared = np.array([s for s in range(subcarriers) if live[:, s].all()], dtype=np.int64)
    width = len(shared)
    pairs = min(MAX_PAIRS, antennas * (antennas - 1) // 2)
    groups = min(GROUPS, width)
    products = np.zeros((frames, pairs * groups), np.complex64)
    if width == 0:
        return products
    inverse_rms = np.empty(antennas)
    for f in range(frames):
        for a in range(antennas):
            power = 0.0
            for k in range(width):
                power += float(iq[f, a, shared[k], 0]) ** 2 + float(iq[f, a, shared[k], 1]) ** 2
            inverse_rms[a] = 1.0 / (np.sqrt(power / width) + 1e-9)
        pair = 0
        for a in range(antennas):
            for b in range(a + 1, antennas):
                if pair == pairs:
                    break
                scale = inverse_rms[a] * inverse_rms[b]
                for g in range(groups):
                    columns = shared[g * width // groups : (g + 1) * width // groups]
                    products[f, pair * groups + g] = scale * _mean_product(iq[f, a], iq[f, b], columns)
                pair += 1
    return products


def signal_matrix(rows: NDArray[Any]) -> NDArray[np.float64]:
    """Turn the mean rows of a window into real signals: angles against the window's mean, or relative amplitudes."""
    mean = rows.mean(axis=0)
    if np.iscomplexobj(rows):
        return np.asarray(np.angle(rows * (mean.conj() / (np.abs(mean) ** 2 + 1e-12))), dtype=np.float64)
    return np.asarray(rows / (mean + 1e-9), dtype=np.float64)


@dataclass(slots=True)
class Breathing:
    """Breathing state of one stream: half a minute of bins and the last candidates."""

    bins: TimeBins = field(default_factory=lambda: TimeBins(BIN_NS, int(WINDOW_S * 1e9) // BIN_NS + 1))
    candidates: list[float] = field(default_factory=list)
    attempted_ns: int | None = None

    def add(self, t_ns: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Add frames: antenna products, or normalised amplitudes averaged in groups where there is one antenna."""
        self.bins.add(t_ns, rows)

    def due(self, now_ns: int) -> bool:
        """Whether the next attempt may be made."""
        return self.attempted_ns is None or now_ns - self.attempted_ns >= INTERVAL_NS or now_ns < self.attempted_ns

    def skip(self) -> None:
        """Somebody moves: what was periodic before says nothing about now."""
        self.candidates.clear()

    def clear(self) -> None:
        """Forget everything, as after a gap."""
        self.bins.clear()
        self.candidates.clear()
        self.attempted_ns = None

    def attempt(self, now_ns: int) -> BreathingEstimate:
        """Look for a breathing line in the last ``WINDOW_S`` seconds."""
        self.attempted_ns = now_ns
        t, rows = self.bins.read(WINDOW_S)
        if len(t) < 10 or t[-1] - t[0] < WINDOW_S - STEADY - 0.5 or not rows.shape[1]:
            return self._refuse(now_ns, "warming up")
        if len(t) < MIN_BINS_PER_S * (t[-1] - t[0]) or np.diff(t).max() > MAX_HOLE_S:
            return self._refuse(now_ns, "rate too low")
        line = strongest_line(t, signal_matrix(rows), LOW_BPM / 60, HIGH_BPM / 60)
        if line is None:
            return self._refuse(now_ns, "not significant")
        bpm = line.frequency_hz * 60
        steady = len(self.candidates) >= STEADY - 1 and all(abs(c - bpm) <= 1.0 for c in self.candidates)
        self.candidates = [*self.candidates, bpm][-(STEADY - 1) :]
        if t[-1] - t[0] < WINDOW_S - 1.0:
            reason: Reason = "warming up"
        elif line.burst > MAX_BURST:
            reason = "movement"
        elif line.z < MIN_Z:
            reason = "not significant"
        elif line.coherence < MIN_COHERENCE or line.weakest < MIN_WEAKEST or not steady:
            reason = "unstable"
        else:
            return BreathingEstimate(now_ns, "ok", bpm, confidence(line.z, line.weakest), line.z)
        return BreathingEstimate(now_ns, reason, z=line.z)

    def _refuse(self, now_ns: int, reason: Reason) -> BreathingEstimate:
        self.candidates.clear()
        return BreathingEstimate(now_ns, reason)


def confidence(z: float, weakest: float) -> float:
    """Chance that a passed estimate is within 0.5 breaths/min: logistic in the margin over the threshold."""
    return 1.0 / (1.0 + math.exp(-(0.7 + 4.74 * math.log(z / MIN_Z) + 1.26 * math.log(weakest))))
