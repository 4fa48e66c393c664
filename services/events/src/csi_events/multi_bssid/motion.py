"""How much the access points' signal strengths fluctuate, and which of four motion levels that is (ADR-022, stage 4).

ADR-022 takes one variance a slot. Variance alone does not tell somebody who sways at a desk from somebody who does
exercises: the fluctuations of the former are slow, of the latter fast, and a walk adds slow shadows to fast fading.
Therefore three energies a slot, over three time constants, each relative to the slot's own energy while nobody moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SLOTS, SlotRecord, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCALES_S = np.array([1.0, 2.5, 6.0])
"""Time constants over which energies are averaged, s."""
KINDS = 3
"""Energies: of residuals, of differences between readings, of residuals that last longer than one reading."""
FEATURES = KINDS * 3
QUIET_S = 40.0
"""Time constant with which a slot's energies while nobody moves are learnt, s."""
DOWN_S = 10.0
"""The same when they are far below what was learnt, moving or not: motion never lowers them, s."""
FAR_BELOW = 0.5
"""Share of what was learnt that is far below: chance does not reach it in the longest time."""
LEAST_DB2 = 0.1
"""Added to a slot's noise: quantisation of a constant level has none."""
LOG_FLOOR = 0.03
"""Added to energies before their logarithm is taken."""
CONTRIBUTES = 1.0
"""Energy over quiet, in units of the noise, from which a slot carries the motion."""


class MotionState(SlotRecord):
    """Energies of every slot, dB squared."""

    energy = floats(3, KINDS, SLOTS)
    """(scales, kinds, 32)."""
    quiet = floats(KINDS, SLOTS)
    """(kinds, 32): while nobody moves."""
    previous_dbm = floats()
    """(32,): reading before."""
    previous_db = floats()
    """(32,): residual before."""
    heard_s = floats()
    """(32,): time of the reading before."""


@kernel(
    "void(float64[::1], float64[::1], float64, boolean, boolean, float64, motion)",
    motion=MotionState.layout,
)
def accumulate(
    rssi_dbm: NDArray[np.float64],
    residual_db: NDArray[np.float64],
    t_s: float,
    still: bool,  # noqa: FBT001 - kernels take positional arguments
    learning: bool,  # noqa: FBT001
    silence_s: float,
    state: MotionState,
) -> None:
    """Take the residuals of one scan. 1 us for 32 slots.

    Args:
        rssi_dbm: (32,).
        residual_db: (32,); NaN where there is no fresh reading.
        t_s: time of the scan, s.
        still: nobody moves as far as is known.
        learning: the node is calibrating: the quiet is a plain mean of everything so far.
        silence_s: after so long without a reading, what was before is not compared with.
        state: changed.
    """
    energy, quiet = state.energy, state.quiet
    previous_dbm, previous_db, heard_s, readings = (
        state.previous_dbm, state.previous_db, state.heard_s, state.readings,
    )  # fmt: skip
    scales, kinds, slots = energy.shape
    now = np.empty(kinds)
    for i in range(slots):
        r = residual_db[i]
        if np.isnan(r):
            continue
        elapsed = t_s - heard_s[i]
        heard_s[i] = t_s
        if readings[i] == 0 or elapsed > silence_s:
            previous_dbm[i], previous_db[i] = rssi_dbm[i], r
            if readings[i] == 0:
                readings[i] = 1
                energy[:, :, i] = 0.0
                quiet[:, i] = 0.0
            continue
        step = rssi_dbm[i] - previous_dbm[i]
        now[0], now[1], now[2] = r * r, 0.5 * step * step, r * previous_db[i]
        previous_dbm[i], previous_db[i] = rssi_dbm[i], r
        for s in range(scales):
            share = max(1.0 - np.exp(-elapsed / SCALES_S[s]), 1.0 / readings[i])
            for k in range(kinds):
                energy[s, k, i] += share * (now[k] - energy[s, k, i])
        share = max(1.0 - np.exp(-elapsed / QUIET_S), 1.0 / readings[i]) if learning or still else 0.0
        fall = 1.0 - np.exp(-elapsed / DOWN_S)
        for k in range(kinds):
            quiet[k, i] += share * (now[k] - quiet[k, i])
            if k < 2 and energy[scales - 1, k, i] < FAR_BELOW * quiet[k, i]:
                quiet[k, i] += fall * (energy[scales - 1, k, i] - quiet[k, i])
        readings[i] += 1


@kernel(
    "Tuple((float64[::1], float64[::1], int64))(boolean[::1], boolean[::1], float64[::1], int64[::1], float64, motion)",
    motion=MotionState.layout,
)
def features(  # noqa: C901 - loops over arrays, which numba wants written out
    active: NDArray[np.bool_],
    differs: NDArray[np.bool_],
    weights: NDArray[np.float64],
    device: NDArray[np.int64],
    shift: float,
    state: MotionState,
) -> tuple[NDArray[np.float64], NDArray[np.float64], int]:
    """Weighted mean over slots of the energies above the quiet, without the device that has most.

    A hotspot in somebody's pocket, or an access point that changes its power, moves its own slots and no others; a body
    moves several. With fewer than three devices none is left out. 1 us for 32 slots.

    Args:
        active: (32,).
        differs: (32,): the gate let the reading pass.
        weights: (32,) of the slots, summing to 1 over the active ones.
        device: (32,): lowest slot of the same device.
        shift: energy of the shift of levels, see :func:`csi_events.multi_bssid.presence.shift_energy`.
        state: energies and quiet.

    Returns:
        (scales * kinds + 1,) logarithms of :data:`LOG_FLOOR` + energy in units of the noise, the last one of the shift;
        (32,) activity, from 0 to 1: ln(1 + energy above the quiet over the shortest time, in the same unit) / 3; and
        how many slots carry motion: the gate let them pass, or that energy is above :data:`CONTRIBUTES`.
    """
    energy, quiet = state.energy, state.quiet
    scales, kinds, slots = energy.shape
    out = np.empty(scales * kinds + 1)
    activity = np.zeros(slots)
    carrying = 0
    share = np.empty(slots)
    part = np.zeros(slots)
    mass = np.zeros(slots)
    devices = 0
    for i in range(slots):
        if active[i]:
            mass[device[i]] += weights[i]
            share[i] = weights[i] / (quiet[1, i] + LEAST_DB2)
            excess = (energy[0, 0, i] - quiet[0, i]) / (quiet[1, i] + LEAST_DB2)
            activity[i] = min(np.log1p(max(excess, 0.0)) / 3.0, 1.0)
            carrying += differs[i] or excess > CONTRIBUTES
    for i in range(slots):
        devices += mass[i] > 0.0
    for s in range(scales):
        for k in range(kinds):
            part[:] = 0.0
            total, weight = 0.0, 0.0
            for i in range(slots):
                if active[i]:
                    part[device[i]] += share[i] * (energy[s, k, i] - quiet[k, i])
            largest = -1
            for i in range(slots):
                if mass[i] > 0.0:
                    total += part[i]
                    weight += mass[i]
                    if largest < 0 or part[i] > part[largest]:
                        largest = i
            if devices >= 3:
                total -= part[largest]
                weight -= mass[largest]
            mean = total / weight if weight > 1e-9 else 0.0
            out[s * kinds + k] = np.log(max(mean, 0.0) + LOG_FLOOR)
    out[scales * kinds] = np.log(shift + LOG_FLOOR)
    return out, activity, carrying


@kernel("float64[::1](float64[::1], float64[:,::1])")
def level_chances(x: NDArray[np.float64], model: NDArray[np.float64]) -> NDArray[np.float64]:
    """Chances of the levels None, Minimal, Moderate, High: softmax of a linear model (4, features + 1), the last
    column its constants. 0.1 us.
    """  # noqa: D205 - one sentence
    levels, columns = model.shape
    chance = np.empty(levels)
    highest = -np.inf
    for level in range(levels):
        value = model[level, columns - 1]
        for c in range(columns - 1):
            value += model[level, c] * x[c]
        chance[level] = value
        highest = max(highest, value)
    total = 0.0
    for level in range(levels):
        chance[level] = np.exp(chance[level] - highest)
        total += chance[level]
    return chance / total


@kernel("Tuple((float64, int64, float64))(float64[::1], float64[:,::1], float64[::1], float64[::1], float64)")
def conclude(
    x: NDArray[np.float64],
    levels: NDArray[np.float64],
    presence: NDArray[np.float64],
    chances: NDArray[np.float64],
    share: float,
) -> tuple[float, int, float]:
    """Judge the features of one scan. 0.2 us.

    Args:
        x: (features,), see :func:`features`.
        levels: (4, features + 1), see :func:`level_chances`.
        presence: (features + 1,): linear model of the logarithm of the odds of presence, the last element its constant.
        chances: (4,) smoothed chances of the motion levels: state, changed.
        share: how far they move to those of this scan.

    Returns:
        The motion score, 0-1: chances times 0, 1/3, 2/3 and 1; the likeliest level; and the logarithm of the odds.
    """
    now = level_chances(x, levels)
    score, likeliest = 0.0, 0
    for level in range(len(chances)):
        chances[level] += share * (now[level] - chances[level])
        score += chances[level] * level / (len(chances) - 1)
        if chances[level] > chances[likeliest]:
            likeliest = level
    evidence = presence[len(x)]
    for k in range(len(x)):
        evidence += presence[k] * x[k]
    return score, likeliest, evidence
