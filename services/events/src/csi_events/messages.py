"""From what a window says to the messages that say it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from csi_schemas.events import (
    AnyEvent,
    BreathingEstimated,
    DriftDetected,
    MotionEnded,
    MotionStarted,
    NodeDegraded,
    PresenceEnded,
    PresenceStarted,
)
from csi_schemas.sensing import (
    Classification,
    NodeReading,
    SensingFeatures,
    SensingUpdate,
    VitalSigns,
    Window,
)

if TYPE_CHECKING:
    from csi_schemas.common import Origin, Provenance, StreamKey

    from csi_events.result import WindowResult
    from csi_events.windows import ClosedWindow


class Source(NamedTuple):
    """What every message of a stream repeats."""

    stream: StreamKey
    provenance: Provenance
    source: str


def sensing_update(about: Source, window: ClosedWindow, result: WindowResult, origin: Origin) -> SensingUpdate:
    """Build the update of one window."""
    rssi = round(sum(window.rssi_dbm) / len(window.rssi_dbm), 2)
    received = len(window.t_ns)
    features = result.features
    estimate = result.breathing
    vital = None
    if estimate is not None and estimate.bpm is not None:
        vital = VitalSigns(round(estimate.bpm, 2), round(estimate.confidence, 3))
    newest_ns = max(window.t_ns)
    return SensingUpdate(
        timestamp=newest_ns / 1e9,
        source=about.source,
        tick=result.tick,
        nodes=[
            NodeReading(
                node_id=about.stream.node_id,
                rssi_dbm=rssi,
                amplitude=result.profile,
                subcarrier_count=about.stream.n_subcarriers,
            )
        ],
        features=SensingFeatures(
            mean_rssi=rssi,
            variance=features.variance,
            motion_band_power=features.motion_band_power,
            breathing_band_power=features.breathing_band_power,
            dominant_freq_hz=features.dominant_freq_hz,
            change_points=features.change_points,
            spectral_power=features.spectral_power,
        ),
        classification=Classification(result.motion_level, result.presence, round(result.confidence, 3)),
        node_id=about.stream.node_id,
        stream=about.stream.label,
        provenance=about.provenance,
        window=Window(received, min(window.t_ns), newest_ns, window.closed_by),
        origin=origin,
        vital_signs=vital,
        signal_quality_score=round(result.usable * received / (received + window.missing), 3),
        quality_verdict=result.verdict.quality,
        quality_reason=result.verdict.reason,
        calibration=result.calibration,
        health=result.health,
    )


def window_events(about: Source, result: WindowResult, timestamp_ns: int, origin: Origin) -> list[AnyEvent]:
    """Build the events of one window: what began before what ended with it, presence around motion."""
    turned = result.presence_turn is not None or result.motion_turn is not None
    if not (turned or result.breathing_is_news or result.drift is not None or result.degraded):
        return []
    common: dict[str, Any] = {
        "timestamp_ns": timestamp_ns,
        "node_id": about.stream.node_id,
        "provenance": about.provenance,
        "source": about.source,
        "stream": about.stream.label,
        "origin": origin,
        "confidence": round(result.confidence, 3),
    }
    events: list[AnyEvent] = []
    if result.presence_turn == "started":
        events.append(PresenceStarted(**common))
    if result.motion_turn == "started":
        events.append(MotionStarted(**common))
    elif result.motion_turn == "ended":
        events.append(MotionEnded(**common, started_ns=result.motion_since_ns))
    if result.presence_turn == "ended":
        events.append(PresenceEnded(**common, started_ns=result.presence_since_ns))
    estimate = result.breathing
    if estimate is not None and estimate.bpm is not None and result.breathing_is_news:
        breathing = {**common, "confidence": round(estimate.confidence, 3)}
        events.append(BreathingEstimated(**breathing, breathing_rate_bpm=round(estimate.bpm, 2)))
    if result.drift is not None:
        events.append(DriftDetected(**common, drift=round(result.drift, 2)))
    events += [NodeDegraded(**{**common, "confidence": None}, reason=reason) for reason in result.degraded]
    return events
