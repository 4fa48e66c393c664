"""What one window says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from csi_schemas.sensing import Calibration, MotionLevel, QualityVerdict, RadioHealth

    from csi_events.breathing import BreathingEstimate
    from csi_events.decision import Decided
    from csi_events.features import Features
    from csi_events.states import Transition


class Verdict(NamedTuple):
    """Whether a window could be judged."""

    quality: QualityVerdict
    reason: str | None


@dataclass(slots=True)
class WindowResult:
    """What one window says."""

    tick: int
    features: Features
    motion_level: MotionLevel
    presence: bool
    confidence: float
    verdict: Verdict
    usable: float
    """Share of the window's frames that could be used."""
    profile: list[float] = field(default_factory=list, compare=False)
    """Mean amplitudes over the window's frames and antennas, see :attr:`csi_events.open_window.OpenWindow.binned`; none
    when there was no window."""
    score: float | None = None
    """Median change score of the window's frames, see :func:`csi_events.arrival.newest_score`."""
    decided: Decided | None = None
    """What was made of it."""
    calibrated: bool = False
    """A calibration was taken just before this window was judged."""
    learnt_s: float | None = None
    """The time that it was learnt from, s, when the quiet's level begins anew with it."""
    calibration: Calibration | None = None
    """What is thought of the calibration."""
    health: RadioHealth | None = None
    """The state of the radio, once there is a calibration to compare with."""
    degraded: list[str] = field(default_factory=list)
    """Troubles of the radio to announce."""
    motion_turn: Transition | None = None
    motion_since_ns: int = 0
    presence_turn: Transition | None = None
    presence_since_ns: int = 0
    breathing: BreathingEstimate | None = None
    """The newest passed estimate, while fresh."""
    breathing_is_news: bool = False
    """It is to be announced as an event."""
    drift: float | None = None
