"""What of a node's state is worth an event: presence, motion and breathing that begin or end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from csi_events.multi_bssid.result import BreathingEstimate, Result

ENTER_WINDOWS = 2
"""Windows in a row with motion before it has begun."""
LEAVE_WINDOWS = 2
"""Windows in a row without motion before it has ended."""
BREATHING_EVENT_NS = 10_000_000_000
"""Breathing rates are announced as events at most this often."""


class Turn(NamedTuple):
    """Something began or ended."""

    kind: Literal["presence", "motion"]
    began: bool
    at_ns: int
    """Receive time of the deciding scan."""
    since_ns: int
    """When it began."""


@dataclass(slots=True)
class Turning:
    """What is going on, as far as events have said."""

    present_since_ns: int | None = None
    moving_since_ns: int | None = None
    streak: int = 0
    """Windows in a row that speak against the present state of motion."""
    announced_ns: int | None = None
    """When a breathing rate was last announced."""

    def presence(self, result: Result, now_ns: int) -> list[Turn]:
        """Take one scan; the pipeline has debounced presence already. Motion does not outlast presence."""
        if result.present == (self.present_since_ns is not None):
            return []
        if not result.present:
            return self.end(now_ns)
        self.present_since_ns = now_ns
        return [Turn("presence", began=True, at_ns=now_ns, since_ns=now_ns)]

    def motion(self, result: Result, now_ns: int) -> Turn | None:
        """Take the newest scan of one window: motion begins above Minimal, and lasts as long as there is any."""
        moving = self.moving_since_ns is not None
        level = result.motion_level
        begins = level in {"Moderate", "High"} and self.present_since_ns is not None
        against = level == "None" if moving else begins
        self.streak = self.streak + 1 if against else 0
        if self.streak < (LEAVE_WINDOWS if moving else ENTER_WINDOWS):
            return None
        self.streak = 0
        since_ns = now_ns if self.moving_since_ns is None else self.moving_since_ns
        self.moving_since_ns = None if moving else now_ns
        return Turn("motion", not moving, now_ns, since_ns)

    def breathing(self, result: Result, now_ns: int) -> BreathingEstimate | None:
        """Take the newest scan of one window; returns the estimate that is to be announced."""
        if result.breathing is None:
            return None
        if self.announced_ns is not None and 0 <= now_ns - self.announced_ns < BREATHING_EVENT_NS:
            return None
        self.announced_ns = now_ns
        return result.breathing

    def end(self, now_ns: int) -> list[Turn]:
        """End what is going on, motion before presence."""
        ended = []
        if self.moving_since_ns is not None:
            ended.append(Turn("motion", began=False, at_ns=now_ns, since_ns=self.moving_since_ns))
        if self.present_since_ns is not None:
            ended.append(Turn("presence", began=False, at_ns=now_ns, since_ns=self.present_since_ns))
        self.moving_since_ns = self.present_since_ns = None
        self.streak = 0
        return ended
