"""The test behind a breathing rate: power of every line in units of noise, and whether noise explains the highest."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_BINS = 80
"""Bins without movement before the first attempt: 20 s."""
LEAST_FILLED = 0.6
"""Share of a slot's bins that must hold a reading."""
SLOT_CAP = 12.0
"""Most that one slot counts for a line, in units of its noise."""


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
