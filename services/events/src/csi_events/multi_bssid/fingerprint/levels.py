"""Levels and spreads of all slots: what a fingerprint is made of, and what it is compared with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SLOTS, SlotRecord, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

WIDTH = 2 * SLOTS
"""Numbers of a vector: levels of all slots in dBm, then their spreads."""
LEVEL_S = 2.0
"""Time constant of levels and spreads, s."""
FLOOR_DBM = -95.0
"""Level of a slot that is not heard: below what radios receive."""
FLOOR_DB2 = 0.05
"""Added to the variance a spread is the logarithm of: readings have steps, and the logarithm of 0 is not wanted."""


class LevelState(SlotRecord):
    """Level and variance of every slot; arrays are (32,)."""

    level_dbm = floats()
    variance_db2 = floats()
    heard_s = floats()


@kernel("void(float64, float64[::1], boolean[::1], levels)", levels=LevelState.layout)
def follow(t_s: float, rssi_dbm: NDArray[np.float64], fresh: NDArray[np.bool_], state: LevelState) -> None:
    """Take fresh readings into exponential means and variances, plain ones at first; 0.2 us for 32 slots.

    Args:
        t_s: time of the scan, s.
        rssi_dbm: (32,) dBm.
        fresh: (32,).
        state: changed.
    """
    level_dbm, variance_db2, heard_s, readings = state.level_dbm, state.variance_db2, state.heard_s, state.readings
    for i in range(len(rssi_dbm)):
        if not fresh[i]:
            continue
        readings[i] += 1
        if readings[i] == 1:
            level_dbm[i], variance_db2[i], heard_s[i] = rssi_dbm[i], 0.0, t_s
            continue
        share = max(1.0 - np.exp(-max(t_s - heard_s[i], 0.0) / LEVEL_S), 1.0 / readings[i])
        away = rssi_dbm[i] - level_dbm[i]
        level_dbm[i] += share * away
        variance_db2[i] = (1.0 - share) * (variance_db2[i] + share * away * away)
        heard_s[i] = t_s


def vector(state: LevelState, t_s: float, expiry_s: float) -> NDArray[np.float32]:
    """Return the (64,) vector of this moment; a slot that is not known or silent for ``expiry_s`` is at the floor."""
    known = (state.readings > 0) & (t_s - state.heard_s <= expiry_s)
    made = np.empty(WIDTH, np.float32)
    made[:SLOTS] = np.where(known, state.level_dbm, FLOOR_DBM)
    made[SLOTS:] = 0.5 * np.log(np.where(known, state.variance_db2, 0.0) + FLOOR_DB2)
    return made
