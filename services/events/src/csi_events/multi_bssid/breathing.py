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
LEAST_BINS = 80
"""Bins without movement before the first attempt: 20 s."""
LEAST_FILLED = 0.6
"""Share of a slot's bins that must hold a reading."""
AGREE = 3
"""Attempts in a row that must give rates within ``AGREE_BPM``."""
AGREE_BPM = 1.0
INTERVAL_BINS = 4
"""An attempt each second."""
SLOT_CAP = 12.0
"""Most that one slot counts for a line, in units of its noise."""
REACH = 3
"""Lines by which the maximum may be beside the one that is most significant."""
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


@kernel(
    "Tuple((float64[:,::1], int64))(float64[:,:,::1], float64[::1], int64[::1], boolean[:,::1], float64[::1],"
    " boolean[::1])"
)
def normalised_power(
    spectrum: NDArray[np.float64],
    noise: NDArray[np.float64],
    bins: NDArray[np.int64],
    filled: NDArray[np.bool_],
    gain: NDArray[np.float64],
    active: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], int]:
    """Power of every line and slot over that of the slot's own white noise: exponential of mean 1 for white noise.

    Returns:
        (lines, 32), 0 for slots that take no part, and the number of slots that do: active, ``LEAST_BINS`` long,
        ``LEAST_FILLED`` filled, and not constant. 2 us for 32 slots.
    """
    lines, slots = spectrum.shape[1:]
    window = len(filled)
    out = np.zeros((lines, slots))
    took = 0
    for i in range(slots):
        length = min(bins[i], window)
        if not active[i] or length < LEAST_BINS or noise[i] <= 1e-6:
            continue
        has = 0
        for b in range(window):
            has += filled[b, i]
        if has < LEAST_FILLED * length:
            continue
        took += 1
        for j in range(lines):
            power = spectrum[0, j, i] ** 2 + spectrum[1, j, i] ** 2
            out[j, i] = power / (length * noise[i] * gain[j])
    return out, took


@kernel("float64(float64, float64)")
def gamma_tail(shape: float, x: float) -> float:
    """Chance that a gamma variable of this shape and scale 1 exceeds ``x``.

    Wilson & Hilferty 1931 (doi:10.1073/pnas.17.12.684); exact for shape 1.
    """
    if shape <= 1.0:
        return float(np.exp(-x))
    ninth = 1.0 / (9.0 * shape)
    return float(0.5 * math.erfc(((max(x, 0.0) / shape) ** (1.0 / 3.0) - (1.0 - ninth)) / math.sqrt(2.0 * ninth)))


@kernel("Tuple((int64, float64))(float64[:,::1], int64)")
def strongest_line(power: NDArray[np.float64], slots: int) -> tuple[int, float]:
    """Line that stands highest above the background, and the chance that noise alone has one as high.

    Of every line the sum over slots is taken, each slot capped at :data:`SLOT_CAP`, and the largest left out where
    there are three or more: a hotspot that somebody carries to and fro has a line of its own. The sum of noise is a
    gamma variable. Its scale is that of the white noise, or of the other lines if they are higher: a power law through
    their medians of the lower and the upper half, falling with frequency or flat. Its shape is the number of slots, or
    fewer if the other lines scatter more than that: slots that share their noise say less.

    Args:
        power: (lines, 32), see :func:`normalised_power`.
        slots: how many take part.
    """
    lines, width = power.shape
    total = np.zeros(lines)
    counted = slots - 1 if slots >= 3 else slots
    for j in range(lines):
        largest = 0.0
        for i in range(width):
            value = min(power[j, i], SLOT_CAP)
            total[j] += value
            largest = max(largest, value)
        if slots >= 3:
            total[j] -= largest
    half = lines // 2
    low = np.median(total[:half]) / counted
    high = np.median(total[half:]) / counted
    slope = max(0.0, np.log(max(low, 1e-9) / max(high, 1e-9)))
    scale = np.empty(lines)
    best = 0
    for j in range(lines):
        place = (j - 0.5 * (half - 1)) / (0.5 * lines)
        scale[j] = max(1.0, max(low, 1e-9) * np.exp(-slope * place), high)
        if total[j] / scale[j] > total[best] / scale[best]:
            best = j
    mean, square, count = 0.0, 0.0, 0
    for j in range(lines):
        if abs(j - best) > 2:
            value = total[j] / scale[j]
            mean += value
            square += value * value
            count += 1
    mean /= count
    spread = max(square / count - mean * mean, 1e-9)
    shape = max(1.0, min(float(counted), 2.0 * mean * mean / spread))
    chance = lines * gamma_tail(shape, total[best] / scale[best] * shape / counted)
    return best, min(1.0, chance)


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
