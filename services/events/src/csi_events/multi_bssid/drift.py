"""Drift profile of every slot: what its signal strength did over its last 64 blocks of readings (ADR-022, stage 9).

A block is at least a second and four readings: 64 to 80 s at ten readings a second, two minutes at two. The block means
are described by a constant, a line, a step or an oscillation (least squares; the Bayesian information criterion chooses
among them), and what was chosen must beat the constant in a likelihood-ratio test and matter in dB. The variances in
the blocks are compared, later ones with earlier ones, by a rank-sum test (Mann and Whitney 1947).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from csi_events.multi_bssid.drift_tests import profile_of
from csi_events.multi_bssid.slots import SLOTS, array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.result import DriftProfile
    from csi_events.multi_bssid.scan import Scan

from csi_events._compile import kernel

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


@dataclass(slots=True)
class DriftState:
    """Blocks of every slot; rows are slots."""

    means: NDArray[np.float32] = field(default_factory=lambda: np.zeros((SLOTS, BLOCKS), np.float32))
    """(32, 64): mean of a block, dBm; a ring."""
    variances: NDArray[np.float32] = field(default_factory=lambda: np.zeros((SLOTS, BLOCKS), np.float32))
    """(32, 64): variance in a block, dB squared; a ring."""
    blocks: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    """(32,): blocks so far."""
    open_block: NDArray[np.float64] = field(default_factory=lambda: np.zeros((SLOTS, 5)))
    """(32, 5): start in s, readings, first reading, sum and sum of squares relative to it."""
    judged: NDArray[np.int64] = field(default_factory=lambda: np.zeros(SLOTS, np.int64))
    """(32,): ``blocks`` when the slot was judged."""
    profile: NDArray[np.int64] = field(default_factory=lambda: np.full(SLOTS, UNKNOWN))
    """(32,): number of the profile in ``PROFILES``; -1 with too few blocks."""
    cursor: int = 0
    """Slot that is judged next, if it has a new block."""
    newest_s: float = 0.0
    """Time of the newest scan, s."""
    names: tuple[DriftProfile | None, ...] = (None,) * SLOTS
    """(32,): ``profile`` in words."""

    def forget(self, slot: int) -> None:
        """Begin anew with one slot."""
        self.blocks[slot] = self.judged[slot] = 0
        self.open_block[slot] = 0.0
        self.profile[slot] = UNKNOWN
        self.names = _names(self.profile)

    def clear(self) -> None:
        """Begin anew with every slot."""
        for slot in range(SLOTS):
            self.forget(slot)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes: 18 KiB."""
        return array_bytes(self.means, self.variances, self.blocks, self.open_block, self.judged, self.profile)

    def observe(
        self, scan: Scan, fresh: NDArray[np.bool_], *, least_db: float, step_db: float
    ) -> tuple[DriftProfile | None, ...]:
        """Take one scan; judge the slots whose turn it is.

        Slots take turns, as many a scan as make a round in ``JUDGED_S``: one at 20 scans a second. See ``profile_of``
        for what a judgement costs.

        Args:
            scan: the scan.
            fresh: (32,), the readings in it that are new.
            least_db: a line, a step or an oscillation from one end to the other of less than this is Stable, dB.
            step_db: quantisation of the readings, dB.

        Returns:
            (32,) profiles; ``None`` with fewer than 32 blocks.
        """
        add_readings(scan.t_s, scan.rssi_dbm, fresh, self.means, self.variances, self.blocks, self.open_block)
        elapsed = min(max(scan.t_s - self.newest_s, 0.0), JUDGED_S)
        self.newest_s = scan.t_s
        changed = False
        for _ in range(max(1, ceil(SLOTS * elapsed / JUDGED_S - 1e-6))):
            slot = self.cursor
            self.cursor = (slot + 1) % SLOTS
            blocks = int(self.blocks[slot])
            if blocks < LEAST_BLOCKS or blocks == self.judged[slot]:
                continue
            self.judged[slot] = blocks
            number = profile_of(self.means[slot], self.variances[slot], blocks, least_db, step_db)
            changed = changed or number != self.profile[slot]
            self.profile[slot] = number
        if changed:
            self.names = _names(self.profile)
        return self.names


def _names(profile: NDArray[np.int64]) -> tuple[DriftProfile | None, ...]:
    return tuple(None if number < 0 else PROFILES[number] for number in profile.tolist())


@kernel(
    "void(float64, float64[::1], boolean[::1], float32[:,::1], float32[:,::1], int64[::1], float64[:,::1])",
)
def add_readings(
    t_s: float,
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    means: NDArray[np.float32],
    variances: NDArray[np.float32],
    blocks: NDArray[np.int64],
    open_block: NDArray[np.float64],
) -> None:
    """Add fresh readings to the open blocks, and close those that are complete. 0.3 us for 32 slots.

    Args:
        t_s: time of the scan, s; a step back begins a new block.
        rssi_dbm: (32,) dBm.
        fresh: (32,).
        means: state, changed, as are the others; see :class:`DriftState`.
        variances: state.
        blocks: state.
        open_block: state.
    """
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
