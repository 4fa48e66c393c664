"""What the pipeline says of one scan."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from csi_schemas.sensing import EnhancedMotionLevel, QualityVerdict

Mode = Literal["multi", "single"]
DriftProfile = Literal["Stable", "Linear", "StepChange", "Oscillating", "VarianceExpansion"]


class BreathingEstimate(NamedTuple):
    """A rate that passed its significance test."""

    rate_bpm: float
    """Breaths per minute."""
    confidence: float
    """0-1."""
    p_value: float
    """Chance that noise alone does this."""
    bssid_count: int
    """Access points that took part."""


class Result(NamedTuple):
    """What one scan says."""

    present: bool
    """Somebody is there."""
    motion_level: EnhancedMotionLevel
    """None: nobody moves, breathing included; Minimal: small movements in place; Moderate: movements of the body in
    place; High: somebody walks."""
    motion_score: float
    """0-1."""
    confidence: float
    """0-1, of ``present``; 0 while nothing can be said."""
    breathing: BreathingEstimate | None
    """The newest estimate that passed, while it is fresh."""
    breathing_p: float | None
    """Chance that noise alone does what the newest attempt saw; ``None`` without a recent attempt."""
    posture: str | None
    """Name of the fingerprint the room matches."""
    signal_quality: float
    """0-1: 0.3 diversity + 0.4 concentration + 0.3 spectral gap (ADR-022)."""
    verdict: QualityVerdict
    reason: str | None
    """Why the verdict is not Permit."""
    bssid_count: int
    """Access points in the scan."""
    contributing_bssids: int
    """Access points that carried the motion."""
    drift: tuple[DriftProfile | None, ...]
    """(32,): profile of each slot; ``None`` where there are too few readings."""
    mode: Mode
    """``single`` with fewer than three access points: one path, lower confidence."""
