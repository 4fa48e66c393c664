"""Which frames make a window: 16 of them, or what one second holds, or what came before a stream fell silent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame

ClosedBy = Literal["frames", "duration", "timeout"]


class WindowRule(NamedTuple):
    """When a window closes, apart from silence, which is for the one with a clock to see."""

    frames: int = 16
    """On this many frames, at least 2."""
    duration_ns: int = 1_000_000_000
    """On a frame this much later (or earlier: a clock set back) than the window's first; the frame opens the next."""

    def holds(self, rate_hz: float) -> float:
        """Return how many frames a window holds at this rate."""
        return min(self.frames, rate_hz * self.duration_ns * 1e-9)


class ClosedWindow(NamedTuple):
    """The frames of one window, in order of arrival."""

    closed_by: ClosedBy
    t_ns: list[int]
    rssi_dbm: list[int]
    missing: int
    """Frames the node's sequence numbers say were lost before frames of this window."""
    last_offset: int
    """Offset of the frame that arrived last."""


@dataclass(slots=True)
class WindowBuffer:
    """The window of one stream that is still open."""

    rule: WindowRule
    t_ns: list[int]
    rssi_dbm: list[int]
    missing: int = 0
    last_offset: int = 0

    @classmethod
    def empty(cls, rule: WindowRule) -> WindowBuffer:
        """Return a buffer without frames."""
        return cls(rule, [], [])

    def add(self, frame: CsiFrame, offset: int) -> ClosedWindow | None:
        """Take one frame, and return the window that it closes: the one it completes, or the one before it."""
        t_ns = frame.timestamp_ns
        times = self.t_ns
        closed = None
        if times and not -self.rule.duration_ns < t_ns - times[0] < self.rule.duration_ns:
            closed = self._close("duration")
            times = self.t_ns
        times.append(t_ns)
        self.rssi_dbm.append(frame.rssi_dbm)
        self.missing += frame.missing_before
        self.last_offset = offset
        if len(times) >= self.rule.frames:
            return self._close("frames")
        return closed

    def expire(self) -> ClosedWindow | None:
        """Close the window because its stream fell silent; ``None`` when it is empty."""
        return self._close("timeout") if self.t_ns else None

    def _close(self, closed_by: ClosedBy) -> ClosedWindow:
        closed = ClosedWindow(closed_by, self.t_ns, self.rssi_dbm, self.missing, self.last_offset)
        self.t_ns, self.rssi_dbm = [], []
        self.missing = 0
        return closed
