"""From what a scan says to the messages that say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from csi_schemas.events import (
    AnyEvent,
    BreathingEstimated,
    MotionEnded,
    MotionStarted,
    PresenceEnded,
    PresenceStarted,
)
from csi_schemas.sensing import (
    Classification,
    EnhancedBreathing,
    EnhancedMotion,
    MotionLevel,
    NodeReading,
    SensingFeatures,
    SensingUpdate,
    VitalSigns,
    Window,
)

if TYPE_CHECKING:
    from csi_schemas.common import Origin, Provenance

    from csi_events.features import Features
    from csi_events.multi_bssid.result import BreathingEstimate, Result
    from csi_events.multi_bssid.turning import Turn
    from csi_events.multi_bssid.window import ClosedBy, ScanWindow

LABEL = "scan"
"""A node that scans is one stream; its label says what it is in place of a shape."""


class ScanSource(NamedTuple):
    """What every message of a node repeats."""

    node_id: str
    provenance: Provenance
    source: str


def motion_level_of(result: Result) -> MotionLevel:
    """The four motion levels of ADR-022 in the words of the windowed path."""
    if not result.present:
        return "absent"
    if result.motion_level == "None":
        return "present_still"
    return "active" if result.motion_level == "High" else "present_moving"


def scan_update(
    about: ScanSource,
    window: ScanWindow,
    closed_by: ClosedBy,
    features: Features,
    result: Result,
    tick: int,
    origin: Origin,
) -> SensingUpdate:
    """Build the update of one window; ``result`` is that of its last scan."""
    rssi_dbm = round(window.mean_rssi(), 2)
    amplitude = window.mean_amplitude()
    estimate = result.breathing
    newest_ns = max(window.t_ns)
    return SensingUpdate(
        timestamp=newest_ns / 1e9,
        source=about.source,
        tick=tick,
        nodes=[NodeReading(about.node_id, rssi_dbm, amplitude.round(3).tolist(), len(amplitude))],
        features=SensingFeatures(
            mean_rssi=rssi_dbm,
            variance=features.variance,
            motion_band_power=features.motion_band_power,
            breathing_band_power=features.breathing_band_power,
            dominant_freq_hz=features.dominant_freq_hz,
            change_points=features.change_points,
            spectral_power=features.spectral_power,
        ),
        classification=Classification(motion_level_of(result), result.present, round(result.confidence, 3)),
        node_id=about.node_id,
        stream=LABEL,
        provenance=about.provenance,
        window=Window(len(window.t_ns), min(window.t_ns), newest_ns, closed_by),
        origin=origin,
        vital_signs=None
        if estimate is None
        else VitalSigns(round(estimate.rate_bpm, 2), round(estimate.confidence, 3)),
        enhanced_motion=EnhancedMotion(round(result.motion_score, 3), result.motion_level, result.contributing_bssids),
        enhanced_breathing=None
        if estimate is None
        else EnhancedBreathing(round(estimate.rate_bpm, 2), round(estimate.confidence, 3), estimate.bssid_count),
        posture=result.posture,
        signal_quality_score=round(result.signal_quality, 3),
        quality_verdict=result.verdict,
        quality_reason=result.reason,
        bssid_count=result.bssid_count,
    )


def turn_event(about: ScanSource, turn: Turn, confidence: float, origin: Origin) -> AnyEvent:
    """Build the event of something that began or ended."""
    common = _common(about, turn.at_ns, confidence, origin)
    if turn.began:
        return PresenceStarted(**common) if turn.kind == "presence" else MotionStarted(**common)
    ended = PresenceEnded if turn.kind == "presence" else MotionEnded
    return ended(**common, started_ns=turn.since_ns)


def breathing_events(
    about: ScanSource, estimate: BreathingEstimate | None, at_ns: int, origin: Origin
) -> list[AnyEvent]:
    """Build the event of a breathing rate, if there is one to announce."""
    if estimate is None:
        return []
    common = _common(about, at_ns, estimate.confidence, origin)
    return [BreathingEstimated(**common, breathing_rate_bpm=round(estimate.rate_bpm, 2))]


def _common(about: ScanSource, at_ns: int, confidence: float, origin: Origin) -> dict[str, Any]:
    return {
        "timestamp_ns": at_ns,
        "node_id": about.node_id,
        "provenance": about.provenance,
        "source": about.source,
        "stream": LABEL,
        "origin": origin,
        "confidence": round(confidence, 3),
    }
