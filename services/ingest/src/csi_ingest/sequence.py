"""Sequence accounting of one node: gap, duplicate, reorder, restart and u32 wrap-around.

A node numbers its frames with a u32 that counts up by one and wraps. Between two restarts (an *epoch*) every number
stands for one frame, so from the numbers alone follows what was lost, came late, or came twice.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from csi_schemas.frame import SequenceStatus

WINDOW = 1024
"""Newest frames of an epoch whose digests are remembered; a jump forwards by more begins a new epoch."""
REORDER_WINDOW = 64
"""A frame this far behind the highest number is late; one further behind begins a new epoch."""

_MODULUS = 1 << 32
_HALF = 1 << 31


class Verdict(NamedTuple):
    """What the sequence number of one frame says."""

    status: SequenceStatus | Literal["duplicate"]
    missing_before: int = 0
    """Frames absent between the highest number so far and this one (status ``gap``)."""


_FIRST = Verdict("first")
_IN_ORDER = Verdict("in_order")
_DUPLICATE = Verdict("duplicate")
_REORDERED = Verdict("reordered")
_RESTARTED = Verdict("restarted")


def _empty() -> array[int]:
    return array("q", bytes(8 * WINDOW))


@dataclass(slots=True)
class SequenceTracker:
    """Counts and recent window of one node; 16 KiB.

    Rules, in this order, ``d`` being the number's distance from the highest one modulo 2**32:

    - seen within the last ``WINDOW`` numbers with the same digest: ``duplicate``;
    - seen with another digest: ``restarted`` (a node never gives one number to two frames);
    - ``d`` = 1: ``in_order``; 2 .. ``WINDOW``: ``gap`` of ``d`` - 1 frames;
    - up to ``REORDER_WINDOW`` behind: ``reordered``, and no longer missing if it was;
    - anything else: ``restarted``. A restart begins a new epoch: the window is empty and nothing counts as missing.
    """

    missing: int = 0
    """Frames never received, as far as known now: a late frame is taken off again."""
    reordered: int = 0
    """Frames that came after a frame with a higher number; second copies apart."""
    duplicates: int = 0
    """Second copies."""
    restarts: int = 0
    """Epochs after the first."""
    _highest: int = -1
    """Highest number of the epoch, as sent; -1 before the first frame."""
    _position: int = 0
    """The same, counted on past the wrap: distance from the epoch's first frame, plus ``WINDOW``."""
    _positions: array[int] = field(default_factory=_empty)
    """Position that each slot (position modulo ``WINDOW``) last held."""
    _digests: array[int] = field(default_factory=_empty)

    def observe(self, sequence: int, digest: int) -> Verdict:
        """Account for one frame.

        Args:
            sequence: the frame's number, 0 .. 2**32 - 1.
            digest: a signed 64-bit hash of the whole datagram; equal digests count as identical bytes.
        """
        if self._highest < 0:
            self._begin_epoch(sequence, digest)
            return _FIRST
        distance = (sequence - self._highest) % _MODULUS
        if distance == 1:
            self._advance(sequence, 1, digest)
            return _IN_ORDER
        if distance >= _HALF:
            distance -= _MODULUS
        if distance > 1:
            if distance > WINDOW:
                return self._restart(sequence, digest)
            self._advance(sequence, distance, digest)
            self.missing += distance - 1
            return Verdict("gap", distance - 1)
        return self._look_back(sequence, distance, digest)

    def _look_back(self, sequence: int, distance: int, digest: int) -> Verdict:
        position = self._position + distance
        slot = position % WINDOW
        if distance > -WINDOW and self._positions[slot] == position:
            if self._digests[slot] != digest:
                return self._restart(sequence, digest)
            self.duplicates += 1
            return _DUPLICATE
        if distance < -REORDER_WINDOW:
            return self._restart(sequence, digest)
        self._positions[slot] = position
        self._digests[slot] = digest
        self.reordered += 1
        if position > WINDOW:  # one from before the epoch's first frame was never counted as missing
            self.missing -= 1
        return _REORDERED

    def _advance(self, sequence: int, distance: int, digest: int) -> None:
        self._highest = sequence
        self._position += distance
        slot = self._position % WINDOW
        self._positions[slot] = self._position
        self._digests[slot] = digest

    def _restart(self, sequence: int, digest: int) -> Verdict:
        self.restarts += 1
        self._positions = _empty()
        self._begin_epoch(sequence, digest)
        return _RESTARTED

    def _begin_epoch(self, sequence: int, digest: int) -> None:
        # positions start at WINDOW, so that a frame that overtook the first one still has a positive position,
        # and a slot that was never used (0) matches none
        self._position = WINDOW - 1
        self._advance(sequence, 1, digest)
