"""The two states of a stream that turn into events: motion, and presence with a bounded hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transition = Literal["started", "ended"]

HOLD_S = 35.0
"""Presence without evidence lasts this long unless it is set otherwise: who sits down after a walk is heard breathing
20 to 31 s later, and is not to be called absent until then."""
UNCONFIRMED_NS = 15_000_000_000
"""Motion that no window could confirm or deny for so long has ended."""
ENTER_WINDOWS = 2
"""Windows in a row that must say so before presence begins, unless somebody moves."""


@dataclass(slots=True)
class Motion:
    """Moves or not, and since when; what decides it is :mod:`csi_events.decision`."""

    on: bool = False
    since_ns: int = 0
    """When the present motion started; meaningful while ``on``."""

    def step(self, *, moving: bool, now_ns: int) -> Transition | None:
        """Take the decision on one window, whose last frame was received at ``now_ns``."""
        if moving == self.on:
            return None
        self.on = moving
        if not moving:
            return "ended"
        self.since_ns = now_ns
        return "started"

    def expire(self) -> Transition | None:
        """End a motion that nothing has confirmed or denied for too long."""
        if not self.on:
            return None
        self.on = False
        return "ended"


@dataclass(slots=True)
class Presence:
    """Somebody is there or not: enters on motion or evidence in ``ENTER_WINDOWS`` windows, leaves ``hold_ns`` later."""

    hold_ns: int
    on: bool = False
    streak: int = 0
    since_ns: int = 0
    """When the present presence started; meaningful while ``on``."""
    evidence_ns: int = 0
    """Receive time of the last evidence; meaningful while ``on``."""

    def step(self, *, evidence: bool | None, now_ns: int, certain: bool = False) -> Transition | None:
        """Take one window.

        Args:
            evidence: ``None`` when the window could not say, which neither enters nor prolongs.
            now_ns: receive time of its last frame.
            certain: the evidence needs no second window.
        """
        if evidence is not None:
            self.streak = self.streak + 1 if evidence else 0
        if evidence:
            self.evidence_ns = now_ns
            if self.on or (self.streak < ENTER_WINDOWS and not certain):
                return None
            self.on, self.since_ns = True, now_ns
            return "started"
        if self.on and now_ns - self.evidence_ns > self.hold_ns:
            return self.expire()
        return None

    def held_share(self, now_ns: int) -> float:
        """Share of the hold still left, 1 at the last evidence and 0 at its end."""
        return min(1.0, max(0.0, 1.0 - (now_ns - self.evidence_ns) / self.hold_ns))

    def expire(self) -> Transition | None:
        """End a presence that nothing supports any more."""
        self.streak = 0
        if not self.on:
            return None
        self.on = False
        return "ended"
