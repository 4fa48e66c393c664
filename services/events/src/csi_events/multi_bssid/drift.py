"""Drift profile of every slot: what its signal strength did over its last 64 blocks of readings (ADR-022, stage 9).

A block is at least a second and four readings: 64 to 80 s at ten readings a second, two minutes at two. The block means
are described by a constant, a line, a step or an oscillation (least squares; the Bayesian information criterion chooses
among them), and what was chosen must beat the constant in a likelihood-ratio test and matter in dB. The variances in
the blocks are compared, later ones with earlier ones, by a rank-sum test (Mann and Whitney 1947).
"""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.drift_tests import profile_of
from csi_events.multi_bssid.slots import SLOTS, Record, floats, integers, singles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.result import DriftProfile

BLOCK_S = 1.0
"""Least duration of a block, s."""
BLOCK_READINGS = 4
"""Least readings of a block."""
BLOCKS = 64
"""Blocks a profile is about."""
LEAST_BLOCKS = 32
"""Blocks a slot needs for a profile."""
JUDGED_S = 2.0
"""Every slot is judged anew within about this time, s."""
PROFILES: Final[tuple[DriftProfile, ...]] = ("Stable", "Linear", "StepChange", "Oscillating", "VarianceExpansion")
"""Profiles by their number in the kernels."""
UNKNOWN = -1


class DriftState(Record):
    """Blocks of every slot; rows are slots."""

    means = singles(SLOTS, BLOCKS)
    """(32, 64): mean of a block, dBm; a ring."""
    variances = singles(SLOTS, BLOCKS)
    """(32, 64): variance in a block, dB squared; a ring."""
    blocks = integers()
    """(32,): blocks so far."""
    open_block = floats(SLOTS, 5)
    """(32, 5): start in s, readings, first reading, sum and sum of squares relative to it."""
    judged = integers()
    """(32,): ``blocks`` when the slot was judged."""
    profile = integers()
    """(32,): number of the profile in ``PROFILES``; -1 with too few blocks."""
    turn = integers(1)
    """(1,): slot that is judged next, if it has a new block."""
    newest_s = floats(1)
    """(1,): time of the newest scan, s."""
    names: tuple[DriftProfile | None, ...] = (None,) * SLOTS
    """(32,): ``profile`` in words; ``None`` with too few blocks."""

    def __init__(self, memory: NDArray[np.void] | None = None) -> None:
        """Begin without a block."""
        super().__init__(memory)
        self.clear()

    def forget(self, slot: int) -> None:
        """Begin anew with one slot."""
        self.blocks[slot] = self.judged[slot] = 0
        self.open_block[slot] = 0.0
        self.profile[slot] = UNKNOWN
        self.name()

    def clear(self) -> None:
        """Begin anew with every slot."""
        self.blocks[:] = self.judged[:] = 0
        self.open_block[:] = 0.0
        self.profile[:] = UNKNOWN
        self.name()

    def name(self) -> None:
        """Put the profiles in words, after they changed."""
        self.names = tuple(None if number < 0 else PROFILES[number] for number in self.profile.tolist())


@kernel("void(float64, float64[::1], boolean[::1], drift)", drift=DriftState.layout)
def add_readings(t_s: float, rssi_dbm: NDArray[np.float64], fresh: NDArray[np.bool_], state: DriftState) -> None:
    """Add fresh readings to the open blocks, and close those that are complete. 0.4 us for 32 slots.

    Args:
        t_s: time of the scan, s; a step back begins a new block.
        rssi_dbm: (32,) dBm.
        fresh: (32,).
        state: changed.
    """
    means, variances, blocks, open_block = state.means, state.variances, state.blocks, state.open_block
    for i in range(len(rssi_dbm)):
        if not fresh[i]:
            continue
        block = open_block[i]
        if block[1] == 0 or t_s < block[0]:
            block[0], block[1], block[2], block[3], block[4] = t_s, 0.0, rssi_dbm[i], 0.0, 0.0
        away = rssi_dbm[i] - block[2]
        block[1] += 1
        block[3] += away
        block[4] += away * away
        if block[1] >= BLOCK_READINGS and t_s - block[0] >= BLOCK_S:
            mean = block[3] / block[1]
            place = blocks[i] % means.shape[1]
            means[i, place] = block[2] + mean
            variances[i, place] = max(0.0, block[4] - block[1] * mean * mean) / (block[1] - 1)
            blocks[i] += 1
            block[1] = 0.0


@kernel("boolean(float64, float64, float64, drift)", drift=DriftState.layout, composed=True)
def judge_in_turn(t_s: float, least_db: float, step_db: float, state: DriftState) -> bool:
    """Judge the slots whose turn it is, as many a scan as make a round in ``JUDGED_S``: one at 20 scans a second.

    0.1 us, and for a slot with a new block what :func:`csi_events.multi_bssid.drift_tests.profile_of` costs.

    Args:
        t_s: time of the scan, s.
        least_db: a line, a step or an oscillation from one end to the other of less than this is Stable, dB.
        step_db: quantisation of the readings, dB.
        state: changed.

    Returns:
        A slot got another profile.
    """
    elapsed = min(max(t_s - state.newest_s[0], 0.0), JUDGED_S)
    state.newest_s[0] = t_s
    changed = False
    for _ in range(max(1, ceil(SLOTS * elapsed / JUDGED_S - 1e-6))):
        slot = state.turn[0]
        state.turn[0] = (slot + 1) % SLOTS
        blocks = state.blocks[slot]
        if blocks < LEAST_BLOCKS or blocks == state.judged[slot]:
            continue
        state.judged[slot] = blocks
        number = profile_of(state.means[slot], state.variances[slot], blocks, least_db, step_db)
        changed = changed or number != state.profile[slot]
        state.profile[slot] = number
    return changed
