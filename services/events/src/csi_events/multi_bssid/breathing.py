"""Breathing of somebody who holds still, from all slots together, behind a significance test (ADR-022, stage 5).

ADR-022 counts zero crossings of a filtered signal, which finds a rate in any noise. Here every slot is filtered to the
band by the recursive filters ADR-022 asks for, its spectrum over the last 30 s is kept up to date bin by bin (sliding
discrete Fourier transform), and a rate is given only for a line that noise does not explain.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.breathing_tests import normalised_power, strongest_line
from csi_events.multi_bssid.result import BreathingEstimate
from csi_events.multi_bssid.slots import SLOTS, array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

BIN_S = 0.25
"""Readings are averaged in bins of this length."""
WINDOW = 120
"""Bins of the window: 30 s."""
TURN = 240
"""Frequencies are whole multiples of 1 / (TURN bins), 1 breath/min: half the window's resolution."""
AGREE = 3
"""Attempts in a row that must give rates within ``AGREE_BPM``."""
AGREE_BPM = 1.0
REACH = 3
"""Lines by which the maximum may be beside the one that is most significant."""
INTERVAL_BINS = 4
"""An attempt each second."""
EDGE = 1.25
"""The filters' corners are this factor outside of the band."""


def _section(kind: str, corner_hz: float) -> NDArray[np.float64]:
    """Butterworth section (5,), b0 b1 b2 a1 a2, by the bilinear transform; ``kind`` is ``low`` or ``high``."""
    k = math.tan(math.pi * corner_hz * BIN_S)
    norm = 1.0 / (1.0 + math.sqrt(2.0) * k + k * k)
    a1, a2 = 2.0 * (k * k - 1.0) * norm, (1.0 - math.sqrt(2.0) * k + k * k) * norm
    if kind == "low":
        return np.array([k * k * norm, 2.0 * k * k * norm, k * k * norm, a1, a2])
    return np.array([norm, -2.0 * norm, norm, a1, a2])


def sections(low_hz: float, high_hz: float) -> NDArray[np.float64]:
    """High pass and low pass, (2, 5), whose corners are a little outside of the band."""
    return np.stack((_section("high", low_hz / EDGE), _section("low", min(high_hz * EDGE, 0.45 / BIN_S))))


def gains(filters: NDArray[np.float64], lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """Power gain of the filters at some lines (multiples of 1 / (TURN bins)), (lines,)."""
    z = np.exp(-2j * np.pi * lines / TURN)
    gain = np.ones(len(lines))
    for b0, b1, b2, a1, a2 in filters:
        gain *= np.abs((b0 + b1 * z + b2 * z * z) / (1.0 + a1 * z + a2 * z * z)) ** 2
    return gain


@dataclass(slots=True)
class BreathingState:
    """The last 30 s of every slot, filtered, and their spectrum."""

    low_hz: float
    high_hz: float
    filters: NDArray[np.float64] = field(init=False)
    """(2, 5)."""
    lines: NDArray[np.int64] = field(init=False)
    """(lines,): frequencies in multiples of 1 / (TURN bins)."""
    gain: NDArray[np.float64] = field(init=False)
    """(lines,): power gain of the filters."""
    circle: NDArray[np.float64] = field(init=False)
    """(2, TURN): cosine and sine of a turn."""
    spectrum: NDArray[np.float64] = field(init=False)
    """(2, lines, 32): real and imaginary part."""
    ring: NDArray[np.float64] = field(default_factory=lambda: np.zeros((WINDOW, SLOTS)))
    """(WINDOW, 32): filtered bins, dB."""
    filled: NDArray[np.bool_] = field(default_factory=lambda: np.zeros((WINDOW, SLOTS), np.bool_))
    """(WINDOW, 32): the bin held a reading."""
    memory: NDArray[np.float64] = field(default_factory=lambda: np.zeros((2, 2, SLOTS)))
    """(sections, 2, 32): states of the filters."""
    level: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): level that is taken off before the filters, so that they start at rest."""
    newest: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): value of the newest bin, dBm."""
    noise: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): half the mean squared difference of neighbouring bins, dB squared."""
    bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    """(32,): bins since the slot began."""
    total: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): sum of the open bin's readings."""
    count: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    """(32,): readings in the open bin."""
    opened: int = -1
    """Number of the open bin, its time over ``BIN_S``; -1 before the first."""
    attempted: int = 0
    """Number of the bin of the last attempt."""
    candidates: tuple[float, ...] = ()
    """Rates of the newest attempts in a row that were significant."""

    def __post_init__(self) -> None:
        """Make what the band decides."""
        self.filters = sections(self.low_hz, self.high_hz)
        turn_s = TURN * BIN_S
        self.lines = np.arange(math.ceil(self.low_hz * turn_s), math.floor(self.high_hz * turn_s) + 1, dtype=np.int64)
        self.gain = gains(self.filters, self.lines)
        angle = 2 * np.pi * np.arange(TURN) / TURN
        self.circle = np.stack((np.cos(angle), np.sin(angle)))
        self.spectrum = np.zeros((2, len(self.lines), SLOTS))

    def forget(self, slot: int) -> None:
        """Start a slot anew."""
        self.bins[slot] = self.count[slot] = 0
        self.total[slot] = self.noise[slot] = 0.0
        self.ring[:, slot] = self.memory[:, :, slot] = self.spectrum[:, :, slot] = 0.0
        self.filled[:, slot] = False

    def clear(self) -> None:
        """Start all slots anew, as after movement."""
        if self.opened < 0:
            return
        for array in (self.bins, self.count, self.total, self.noise, self.ring, self.memory, self.spectrum):
            array[:] = 0
        self.filled[:] = False
        self.opened, self.attempted, self.candidates = -1, 0, ()

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(
            self.filters, self.lines, self.gain, self.circle, self.spectrum, self.ring, self.filled, self.memory,
            self.level, self.newest, self.noise, self.bins, self.total, self.count,
        )  # fmt: skip

    def add(self, rssi_dbm: NDArray[np.float64], fresh: NDArray[np.bool_], t_s: float) -> bool:
        """Take one scan; returns whether an attempt is due. 0.5 us, and 4 us when it completes a bin."""
        number = int(t_s // BIN_S)
        if self.opened < 0:
            self.opened = self.attempted = number
        while self.opened < number:
            close_bin(
                self.opened, self.total, self.count, self.filters, self.lines, self.circle, self.level, self.newest,
                self.noise, self.bins, self.memory, self.ring, self.filled, self.spectrum,
            )  # fmt: skip
            self.opened += 1
        gather(rssi_dbm, fresh, self.total, self.count)
        return number - self.attempted >= INTERVAL_BINS

    def attempt(self, active: NDArray[np.bool_], p_value: float) -> tuple[BreathingEstimate | None, float | None]:
        """Look for a line.

        Args:
            active: (32,): slots heard lately.
            p_value: chance with which noise alone may pass.

        Returns:
            The estimate, if it is significant and agrees with those before; and the chance that noise alone does what
            was seen, ``None`` while there are too few bins.
        """
        self.attempted = self.opened
        power, slots = normalised_power(self.spectrum, self.noise, self.bins, self.filled, self.gain, active)
        if not slots:
            self.candidates = ()
            return None, None
        line, chance = strongest_line(power, slots)
        if chance > p_value:
            self.candidates = ()
            return None, chance
        rate = 60.0 * line_hz(np.sqrt(power).sum(axis=1), line, int(self.lines[0]))
        self.candidates = (*self.candidates[-(AGREE - 1) :], rate)
        if len(self.candidates) < AGREE or max(self.candidates) - min(self.candidates) > AGREE_BPM:
            return None, chance
        took_part = int(np.count_nonzero(power[line] > 3.0))
        confidence = min(0.95, 0.5 + 0.05 * max(0.0, -math.log10(max(chance, 1e-12)) + math.log10(p_value)))
        return BreathingEstimate(rate, confidence, chance, max(1, took_part)), chance


@kernel("void(float64[::1], boolean[::1], float64[::1], int64[::1])")
def gather(
    rssi_dbm: NDArray[np.float64], fresh: NDArray[np.bool_], total: NDArray[np.float64], count: NDArray[np.int64]
) -> None:
    """Add fresh readings (32,) to the open bin: ``total`` and ``count`` change."""
    for i in range(len(rssi_dbm)):
        if fresh[i]:
            total[i] += rssi_dbm[i]
            count[i] += 1


@kernel(
    "void(int64, float64[::1], int64[::1], float64[:,::1], int64[::1], float64[:,::1], float64[::1], float64[::1],"
    " float64[::1], int64[::1], float64[:,:,::1], float64[:,::1], boolean[:,::1], float64[:,:,::1])"
)
def close_bin(
    number: int,
    total: NDArray[np.float64],
    count: NDArray[np.int64],
    filters: NDArray[np.float64],
    lines: NDArray[np.int64],
    circle: NDArray[np.float64],
    level: NDArray[np.float64],
    newest: NDArray[np.float64],
    noise: NDArray[np.float64],
    bins: NDArray[np.int64],
    memory: NDArray[np.float64],
    ring: NDArray[np.float64],
    filled: NDArray[np.bool_],
    spectrum: NDArray[np.float64],
) -> None:
    """Filter the open bin, put it in the ring, and move the spectrum by it; see :class:`BreathingState`.

    A slot without a reading repeats its last bin. The newest sample enters with the phase of its own bin number and the
    oldest leaves with its own: 30 s are half a turn of every line, so the phases differ by whole half turns. 4 us for
    32 slots and 25 lines.
    """
    window, slots = ring.shape
    turn = circle.shape[1]
    row = number % window
    change = np.zeros(slots)
    gone = np.zeros(slots)
    for i in range(slots):
        gone[i] = ring[row, i]
        has = count[i] > 0
        filled[row, i] = has
        if has:
            value = total[i] / count[i]
            total[i], count[i] = 0.0, 0
            if bins[i] == 0:
                level[i] = newest[i] = value
            elif bins[i] > 0:
                step = value - newest[i]
                noise[i] += (0.5 * step * step - noise[i]) / min(bins[i], window)
            newest[i] = value
        elif bins[i] == 0:
            ring[row, i] = 0.0
            continue
        y = newest[i] - level[i]
        for s in range(len(filters)):
            x = y
            y = filters[s, 0] * x + memory[s, 0, i]
            memory[s, 0, i] = filters[s, 1] * x - filters[s, 3] * y + memory[s, 1, i]
            memory[s, 1, i] = filters[s, 2] * x - filters[s, 4] * y
        ring[row, i] = y
        change[i] = y
        bins[i] += 1
    for j in range(len(lines)):
        at = (lines[j] * number) % turn
        c, s = circle[0, at], circle[1, at]
        before = (lines[j] * (number - window)) % turn
        c_old, s_old = circle[0, before], circle[1, before]
        for i in range(slots):
            spectrum[0, j, i] += change[i] * c - gone[i] * c_old
            spectrum[1, j, i] += change[i] * s - gone[i] * s_old


def line_hz(total: NDArray[np.float64], line: int, first: int) -> float:
    """Frequency in Hz of the maximum of ``total`` (lines,) within ``REACH`` of ``line``, by a parabola.

    Args:
        total: amplitudes summed over slots; capped powers are flat at the top of a strong line.
        line: index of the line that was significant.
        first: first line, in multiples of 1 / (TURN bins).
    """
    low = max(0, line - REACH)
    line = low + int(total[low : line + REACH + 1].argmax())
    shift = 0.0
    if 0 < line < len(total) - 1:
        below, here, above = total[line - 1 : line + 2]
        bend = below - 2 * here + above
        if bend < 0:
            shift = min(max(0.5 * (below - above) / bend, -0.5), 0.5)
    return float((first + line + shift) / (TURN * BIN_S))
