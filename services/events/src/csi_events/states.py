"""The two state machines of a stream: debounced motion, and presence with a bounded hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transition = Literal["started", "ended"]

ENTER_WINDOWS = 2
"""Windows in a row that must say so before motion or presence begins."""
LEAVE_WINDOWS = 2
"""Windows in a row that must deny it before motion ends."""


@dataclass(slots=True)
class Motion:
    """Moves or not. A window between the two thresholds breaks a streak and changes nothing."""

    on: bool = False
    streak: int = 0
    """Windows in a row that speak against the present state."""
    since_ns: int = 0
    """When the present motion started; meaningful while ``on``."""

    def step(self, *, begins: bool, lasts: bool, now_ns: int) -> Transition | None:
        """Take one window that could say.

        Args:
            begins: the window is above the threshold that starts motion.
            lasts: it is above the lower threshold that keeps it going.
            now_ns: receive time of the window's last frame.
        """
        against = (not lasts) if self.on else begins
        self.streak = self.streak + 1 if against else 0
        if self.streak < (LEAVE_WINDOWS if self.on else ENTER_WINDOWS):
            return None
        self.streak = 0
        return self._turn(now_ns)

    def expire(self) -> Transition | None:
        """End a motion that nothing has confirmed or denied for too long."""
        self.streak = 0
        if not self.on:
            return None
        self.on = False
        return "ended"

    def _turn(self, now_ns: int) -> Transition:
        self.on = not self.on
        if not self.on:
            return "ended"
        self.since_ns = now_ns
        return "started"


@dataclass(slots=True)
class Presence:
    """Somebody is there or not: enters on evidence in ``ENTER_WINDOWS`` windows, leaves ``hold_ns`` after the last."""

    hold_ns: int
    on: bool = False
    streak: int = 0
    since_ns: int = 0
    """When the present presence started; meaningful while ``on``."""
    evidence_ns: int = 0
    """Receive time of the last evidence; meaningful while ``on``."""

    def step(self, *, evidence: bool | None, now_ns: int) -> Transition | None:
        """Take one window; ``evidence`` is ``None`` when it could not say, which neither enters nor prolongs."""
        if evidence is not None:
            self.streak = self.streak + 1 if evidence else 0
        if evidence:
            self.evidence_ns = now_ns
            if self.on or self.streak < ENTER_WINDOWS:
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
