"""Whether somebody is there: motion, and how far levels are from those of the empty room.

A body that holds still shadows the paths it stands in. So the empty room's levels are learnt while nobody is there, and
the odds of presence are summed up from motion, from the distance to those levels, and from breathing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SlotRecord, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

MEAN_S = 3.0
"""Time constant of a slot's present level, s."""
REFERENCE_S = 60.0
"""Time constant with which the empty room is learnt, s."""
SPREAD_S = 120.0
"""Time constant with which is learnt how far levels stray from the empty room's by themselves, s."""
LEAST_SPREAD_DB2 = 0.09
"""Smallest variance of that straying."""
PRIOR_SPREAD_DB2 = 0.25
CAP = 16.0
"""Most that one slot may say, variances."""
LIMIT = 3.0
"""Odds are kept between e^-LIMIT and e^LIMIT, so that old evidence does not outweigh new."""
TURNS = 0.5
"""Presence begins above this logarithm of the odds and ends below its negative."""
SURELY_EMPTY = -2.0
"""Logarithm of the odds below which the room counts as empty for certain ..."""
EMPTY_S = 10.0
"""... and is learnt once it did for this long, s: somebody who is missed for a moment does not join the room."""
MOST = 4.0
"""Most that one scan's evidence counts."""
PER_SECOND = 3.0
"""How many scans' evidence a second is worth: scans that follow each other say nearly the same."""
SETTLED = 60
"""Readings after which a slot's straying is learnt."""


class PresenceState(SlotRecord):
    """Levels of every slot, present and in the empty room; arrays are (32,). A slot's first reading is the latter's."""

    mean_dbm = floats()
    reference_dbm = floats()
    spread_db2 = floats()
    heard_s = floats()
    odds: float = -LIMIT
    """Natural logarithm of the odds of presence, between -LIMIT and LIMIT."""
    on: bool = False
    doubt_s: float = -np.inf
    """Time of the newest scan in which the room was not empty for certain."""
    evidence_s: float = -np.inf
    """Time of the newest motion or breathing."""

    def clear(self) -> None:
        """Start all slots anew, with nobody there."""
        super().clear()
        self.odds, self.on, self.doubt_s, self.evidence_s = -LIMIT, False, -np.inf, -np.inf

    def step(self, evidence: float, t_s: float, elapsed_s: float) -> bool:
        """Sum up evidence, the logarithm of the odds that one scan gives; returns whether somebody is there."""
        bounded = min(max(evidence, -MOST), MOST)
        self.odds = min(max(self.odds + PER_SECOND * bounded * elapsed_s, -LIMIT), LIMIT)
        self.on = self.odds > (-TURNS if self.on else TURNS)
        if self.odds > SURELY_EMPTY:
            self.doubt_s = t_s
        return self.on

    def adopt(self) -> None:
        """Take the present levels for the empty room's, and nobody is there."""
        self.reference_dbm[:] = self.mean_dbm
        self.odds, self.on, self.doubt_s = -LIMIT, False, -np.inf


@kernel("float64(float64[::1])")
def shift_energy(z: NDArray[np.float64]) -> float:
    """Mean square of the shifts (32,), each capped at :data:`CAP`: 1 in an empty room; 0 without slots. 0.2 us."""
    total, count = 0.0, 0
    for value in z:
        if not np.isnan(value):
            total += min(value * value, CAP)
            count += 1
    return total / count if count else 0.0


@kernel(
    "Tuple((float64[::1], float64))(float64[::1], boolean[::1], boolean[::1], float64, boolean, boolean, float64,"
    " presence)",
    presence=PresenceState.layout,
)
def shifts(
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    active: NDArray[np.bool_],
    t_s: float,
    empty: bool,  # noqa: FBT001 - kernels take positional arguments
    learning: bool,  # noqa: FBT001
    silence_s: float,
    state: PresenceState,
) -> tuple[NDArray[np.float64], float]:
    """Move the levels by one scan, and compare them with the empty room's. 0.5 us for 32 slots.

    Args:
        rssi_dbm: (32,).
        fresh: (32,).
        active: (32,): the slot was heard lately.
        t_s: time of the scan, s.
        empty: nobody is there as far as is known: the empty room is learnt.
        learning: the node is calibrating: the empty room is a plain mean of everything so far.
        silence_s: after so long without a reading, the level begins anew at the next.
        state: changed.

    Returns:
        (32,) shifts in deviations of the slot's own straying, signed, NaN where not active; and their
        :func:`shift_energy`.
    """
    mean_dbm, reference_dbm, spread_db2 = state.mean_dbm, state.reference_dbm, state.spread_db2
    heard_s, readings = state.heard_s, state.readings
    slots = len(rssi_dbm)
    z = np.full(slots, np.nan)
    for i in range(slots):
        if fresh[i]:
            v = rssi_dbm[i]
            elapsed = t_s - heard_s[i]
            heard_s[i] = t_s
            if readings[i] == 0:
                mean_dbm[i] = reference_dbm[i] = v
                spread_db2[i] = PRIOR_SPREAD_DB2
                readings[i] = 1
            elif elapsed > silence_s:
                mean_dbm[i] = v
            else:
                share = max(1.0 - np.exp(-elapsed / MEAN_S), 1.0 / (readings[i] + 1))
                mean_dbm[i] += share * (v - mean_dbm[i])
                if learning or empty:
                    away = mean_dbm[i] - reference_dbm[i]
                    if readings[i] > SETTLED:
                        spread_db2[i] += (1.0 - np.exp(-elapsed / SPREAD_S)) * (
                            min(away * away, CAP * spread_db2[i]) - spread_db2[i]
                        )
                    share = max(1.0 - np.exp(-elapsed / REFERENCE_S), 1.0 / readings[i])
                    reference_dbm[i] += share * (v - reference_dbm[i])
                readings[i] += 1
        if active[i] and readings[i]:
            z[i] = (mean_dbm[i] - reference_dbm[i]) / np.sqrt(max(spread_db2[i], LEAST_SPREAD_DB2))
    return z, shift_energy(z)
