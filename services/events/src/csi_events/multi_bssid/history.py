"""Tiered history: what every slot read, the newest scans with 8 bits, older ones with 5, the oldest with 3 (ADR-022).

Scans are kept in blocks of 32. A block has, for each slot, its least reading and its range in hundredths of a dB, the
resolution of the wire, and a code for each scan: 0 for no reading, else 1 + round((reading - least) / range * steps)
with 254, 30 or 6 steps. When a tier is full its oldest block decays to the next one; the oldest block of the last tier
is overwritten. Least and largest reading of a block stay exact in every tier. A reading is off by at most
range / 2 * (1 / 254), after the first decay range / 2 * (1 / 254 + 1 / 30), after the second
range / 2 * (1 / 254 + 1 / 30 + 1 / 6): with a range of 6 dB by 0.012, 0.11 and 0.61 dB. 256 KiB hold 1024 scans with 8
bits, 2048 with 5 and 9024 with 3: ten minutes at 20 scans a second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.multi_bssid.packing import NO_READING, UNITS_PER_DB, coarsen, keep, pack, unpack_row
from csi_events.multi_bssid.slots import SLOTS, array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

SCANS = 32
"""Scans in a block."""
BITS = (8, 5, 3)
"""Bits a code has in each tier."""
STEPS = (254, 30, 6)
"""Steps of a block's range in each tier."""
HOT_BLOCKS = 32
"""Blocks of the first tier: the 1024 scans of ADR-022, if there is memory for them ..."""
WARM_BLOCKS = 64
"""... and of the second; the last one has the rest."""
HOT_SHARE = 0.2
WARM_SHARE = 0.3
"""Shares of the memory that the first two tiers have at most."""
LONGEST_S = 65.0
"""A block spans at most this: times in it are whole milliseconds in 16 bits."""


class Past(NamedTuple):
    """What is known of a slot, oldest first."""

    t_s: NDArray[np.float64]
    """(n,) times of the scans, s, to 1 ms."""
    rssi_dbm: NDArray[np.float64]
    """(n,) dBm."""
    bound_db: NDArray[np.float64]
    """(n,) largest error of each, dB."""


@dataclass(slots=True)
class Tier:
    """A ring of blocks of one resolution."""

    blocks: int
    bits: int
    codes: NDArray[np.uint8] = field(init=False)
    """(blocks, 32 slots, 4 * bits): codes of 32 scans, packed."""
    least: NDArray[np.int16] = field(init=False)
    """(blocks, 32): least reading of a slot, 0.01 dBm."""
    span: NDArray[np.uint16] = field(init=False)
    """(blocks, 32): range of its readings, 0.01 dB."""
    start_s: NDArray[np.float64] = field(init=False)
    """(blocks,): time of the first scan, s."""
    after_ms: NDArray[np.uint16] = field(init=False)
    """(blocks, 32 scans): time since then, ms."""
    scans: NDArray[np.uint8] = field(init=False)
    """(blocks,): scans in the block."""
    kept: NDArray[np.uint32] = field(init=False)
    """(blocks,): bit of each slot that was not forgotten."""
    written: int = 0
    """Blocks so far."""
    moved: int = 0
    """Blocks that were passed on, or dropped: the ring holds those since."""

    def __post_init__(self) -> None:
        """Make the arrays."""
        self.codes = np.zeros((self.blocks, SLOTS, 4 * self.bits), np.uint8)
        self.least = np.zeros((self.blocks, SLOTS), np.int16)
        self.span = np.zeros((self.blocks, SLOTS), np.uint16)
        self.start_s = np.zeros(self.blocks)
        self.after_ms = np.zeros((self.blocks, SCANS), np.uint16)
        self.scans = np.zeros(self.blocks, np.uint8)
        self.kept = np.zeros(self.blocks, np.uint32)

    @property
    def places(self) -> list[int]:
        """Rows of the ring that hold a block, oldest first."""
        return [number % self.blocks for number in range(self.moved, self.written)]

    @property
    def full(self) -> bool:
        """Whether there is no room for another block."""
        return self.written - self.moved == self.blocks

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.codes, self.least, self.span, self.start_s, self.after_ms, self.scans, self.kept)


def block_bytes(bits: int) -> int:
    """Memory of one block, bytes."""
    return Tier(1, bits).nbytes


@dataclass(slots=True)
class History:
    """The history of one node in at most ``budget`` bytes."""

    budget: int
    tiers: tuple[Tier, Tier, Tier] = field(init=False)
    open_rssi: NDArray[np.int16] = field(default_factory=lambda: np.full((SLOTS, SCANS), NO_READING, np.int16))
    """(32, 32 scans): readings of the block that is being filled, 0.01 dBm; the least number for none."""
    open_t_s: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SCANS))
    """(32 scans,): their times."""
    filled: int = 0
    """Scans in it."""

    def __post_init__(self) -> None:
        """Divide the memory.

        Raises:
            ValueError: the budget does not hold one block of every tier.
        """
        hot, warm, cold = (block_bytes(bits) for bits in BITS)
        left = self.budget - array_bytes(self.open_rssi, self.open_t_s)
        first = min(HOT_BLOCKS, int(HOT_SHARE * left / hot))
        second = min(WARM_BLOCKS, int(WARM_SHARE * left / warm))
        third = (left - first * hot - second * warm) // cold
        if min(first, second, third) < 1:
            raise ValueError(f"{self.budget} bytes hold no history: make it at least {12 * 1024}")
        self.tiers = (Tier(first, BITS[0]), Tier(second, BITS[1]), Tier(third, BITS[2]))

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes: at most ``budget``."""
        return array_bytes(self.open_rssi, self.open_t_s) + sum(tier.nbytes for tier in self.tiers)

    @property
    def capacity(self) -> tuple[int, int, int]:
        """Scans each tier can hold."""
        first, second, third = (tier.blocks * SCANS for tier in self.tiers)
        return first, second, third

    def push(self, t_s: float, rssi_dbm: NDArray[np.float64]) -> None:
        """Take one scan; (32,) dBm, NaN where there is no reading.

        1 us; three scans in 32 move a block each, 7 us.
        """
        if self.filled and not 0.0 <= t_s - self.open_t_s[0] < LONGEST_S:
            self._seal()
        keep(rssi_dbm, self.filled, self.open_rssi)
        self.open_t_s[self.filled] = t_s
        self.filled += 1
        if self.filled == SCANS // 4:
            self._make_room(1)
        elif self.filled == SCANS // 2:
            self._make_room(0)
        elif self.filled == SCANS:
            self._seal()

    def past(self, slot: int) -> Past:
        """Return everything that is known of a slot, scans without a reading left out; a copy."""
        t_s: list[NDArray[np.float64]] = []
        rssi: list[NDArray[np.float64]] = []
        bound: list[NDArray[np.float64]] = []
        share = 0.0
        older: list[Past] = []
        for tier, steps in zip(self.tiers, STEPS, strict=True):
            share += 0.5 / steps
            parts = [self._block(tier, place, slot, steps, share) for place in tier.places]
            older = [part for part in parts if len(part.t_s)] + older
        for part in older:
            t_s.append(part.t_s)
            rssi.append(part.rssi_dbm)
            bound.append(part.bound_db)
        newest = self.open_rssi[slot, : self.filled]
        read = newest != NO_READING
        t_s.append(self.open_t_s[: self.filled][read])
        rssi.append(newest[read] / UNITS_PER_DB)
        bound.append(np.full(int(read.sum()), 0.5 / UNITS_PER_DB))
        return Past(np.concatenate(t_s), np.concatenate(rssi), np.concatenate(bound))

    def forget(self, slot: int) -> None:
        """Forget everything read of one slot."""
        mask = np.uint32(0xFFFFFFFF ^ (1 << slot))
        for tier in self.tiers:
            tier.kept &= mask
        self.open_rssi[slot] = NO_READING

    def clear(self) -> None:
        """Forget everything."""
        for tier in self.tiers:
            tier.written = tier.moved = 0
        self.filled = 0

    def _make_room(self, number: int) -> None:
        """Pass the oldest block of a tier on if there is no room for another: ahead of time, one block a scan."""
        tier, target = self.tiers[number], self.tiers[number + 1]
        if not tier.full:
            return
        if target.full:
            if number + 1 < len(self.tiers) - 1:
                self._make_room(number + 1)
            else:
                target.moved += 1
        _decay(tier, target, STEPS[number], STEPS[number + 1])

    def _seal(self) -> None:
        """Close the open block."""
        hot = self.tiers[0]
        self._make_room(0)
        place = hot.written % hot.blocks
        pack(self.open_rssi, self.filled, hot.bits, STEPS[0], hot.codes[place], hot.least[place], hot.span[place])
        hot.start_s[place] = self.open_t_s[0]
        hot.after_ms[place, : self.filled] = np.rint((self.open_t_s[: self.filled] - self.open_t_s[0]) * 1e3)
        hot.scans[place], hot.kept[place] = self.filled, 0xFFFFFFFF
        hot.written += 1
        self.filled = 0

    @staticmethod
    def _block(tier: Tier, place: int, slot: int, steps: int, share: float) -> Past:
        n = int(tier.scans[place])
        if not int(tier.kept[place]) >> slot & 1:
            n = 0
        codes = np.empty(SCANS, np.int64)
        unpack_row(tier.codes[place, slot], tier.bits, codes)
        codes = codes[:n]
        read = codes > 0
        span = float(tier.span[place, slot]) / UNITS_PER_DB
        rssi = np.asarray(tier.least[place, slot] / UNITS_PER_DB + (codes[read] - 1) * (span / steps), np.float64)
        t_s = tier.start_s[place] + tier.after_ms[place, :n][read] * 1e-3
        # the wire's own rounding, and what rounding to whole hundredths adds on the way from tier to tier
        return Past(t_s, rssi, np.full(len(rssi), span * share + 0.5 / UNITS_PER_DB))


def _decay(source: Tier, target: Tier, steps: int, fewer: int) -> None:
    """Move the oldest block of a full tier to the next one."""
    old, new = source.moved % source.blocks, target.written % target.blocks
    coarsen(source.codes[old], source.bits, steps, target.bits, fewer, target.codes[new])
    for name in ("least", "span", "start_s", "after_ms", "scans", "kept"):
        getattr(target, name)[new] = getattr(source, name)[old]
    target.written += 1
    source.moved += 1
