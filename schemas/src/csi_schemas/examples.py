"""One real message of every kind: what the documents show and the contract tests validate."""

from __future__ import annotations

from typing import TYPE_CHECKING

from csi_schemas import events, telemetry, topics
from csi_schemas.calibration import CalibrationRequest, StreamCalibration
from csi_schemas.common import Origin
from csi_schemas.frame import CsiFrame, MultiBssidFrame
from csi_schemas.introspection import (
    ClusterMember,
    ClusterSnapshot,
    IntrospectionSnapshot,
    LeftNode,
    NotApplicable,
    Similarity,
    ZoneMember,
)
from csi_schemas.sensing import (
    Calibration,
    Classification,
    EnhancedBreathing,
    EnhancedMotion,
    NodeFeatures,
    NodeReading,
    RadioHealth,
    SensingFeatures,
    SensingUpdate,
    SignalField,
    VitalSigns,
    Window,
)
from csi_schemas.signature import DtwParameters, Signature

if TYPE_CHECKING:
    import msgspec

_T = 1_780_000_000_000_000_000
_ORIGIN = Origin(topics.FRAMES.name, 7, 4711)

FRAME = CsiFrame(
    node_id="1",
    timestamp_ns=_T,
    sequence=1_000,
    provenance="synthetic",
    source="synthetic",
    n_antennas=1,
    n_subcarriers=4,
    frequency_mhz=2437,
    rssi_dbm=-41,
    noise_floor_dbm=-95,
    iq=bytes([0, 0, 17, 250, 16, 251, 15, 253]),
    sequence_status="gap",
    missing_before=2,
)

SCAN = MultiBssidFrame(
    node_id="00c0ffee00c0ffee",
    timestamp_ns=_T,
    sequence=3,
    provenance="synthetic",
    source="synthetic",
    uptime_ms=60_000,
    epoch=17,
    native=True,
    slots=(
        telemetry.BssidSlot(slot=0, rssi_dbm=-60.25, age_ms=40, channel=36, band=2, radio=5, rssi_variance_db2=0.5),
        telemetry.BssidSlot(slot=1, rssi_dbm=-71.0, age_ms=90, channel=6, band=1, radio=6, generation=2),
    ),
)

_FEATURES = SensingFeatures(
    mean_rssi=-41.5,
    variance=0.0021,
    motion_band_power=0.0017,
    breathing_band_power=0.0002,
    dominant_freq_hz=1.25,
    change_points=1,
    spectral_power=0.0021,
)
_MOVING = Classification(motion_level="present_moving", presence=True, confidence=0.93)

SENSING = SensingUpdate(
    timestamp=_T / 1e9,
    source="synthetic",
    tick=12,
    nodes=[NodeReading(node_id="1", rssi_dbm=-41.5, amplitude=[0.0, 18.0, 16.8, 15.3], subcarrier_count=4)],
    features=_FEATURES,
    classification=_MOVING,
    node_id="1",
    stream="1x4@6",
    provenance="synthetic",
    window=Window(frames=16, start_ns=_T - 750_000_000, end_ns=_T, closed_by="frames"),
    origin=_ORIGIN,
    vital_signs=VitalSigns(breathing_rate_bpm=14.5, breathing_confidence=0.8),
    signal_quality_score=0.7,
    quality_verdict="Defer",
    quality_reason="calibrating",
    calibration=Calibration(
        "suspect", "nothing was as quiet as the calibration for 3 minutes; run csiflow calibrate", _T, 0.5, "r1", 1.33
    ),
    health=RadioHealth(rate_hz=19.8, loss=0.01, dead_subcarriers=0, gain_states=2, drift=0.4),
)

MULTI_BSSID_SENSING = SensingUpdate(
    timestamp=_T / 1e9,
    source="synthetic",
    tick=3,
    nodes=[
        NodeReading(
            node_id="00c0ffee00c0ffee",
            rssi_dbm=-60.0,
            amplitude=[100.0, 31.6],
            subcarrier_count=2,
            position=[1.0, 2.0, 0.5],
        )
    ],
    features=_FEATURES,
    classification=_MOVING,
    node_id="00c0ffee00c0ffee",
    stream="1x32@?",
    provenance="synthetic",
    window=Window(frames=4, start_ns=_T - 1_000_000_000, end_ns=_T, closed_by="duration"),
    origin=_ORIGIN,
    signal_field=SignalField(grid_size=(2, 1, 1), values=[0.25, 0.75]),
    enhanced_motion=EnhancedMotion(score=0.4, level="Moderate", contributing_bssids=5),
    enhanced_breathing=EnhancedBreathing(rate_bpm=14.5, confidence=0.6, bssid_count=4),
    posture="at the desk",
    bssid_count=7,
    node_features=[
        NodeFeatures(
            node_id="00c0ffee00c0ffee",
            features=_FEATURES,
            classification=_MOVING,
            rssi_dbm=-60.0,
            last_seen_ms=120,
            frame_rate_hz=4.0,
            stale=False,
        )
    ],
)

SNAPSHOT = IntrospectionSnapshot(
    timestamp_ns=_T,
    node_id="1",
    frame_count=640,
    regime="transient",
    lyapunov_exponent=0.12,
    attractor_dim=None,
    attractor_confidence=0.5,
    regime_changed=True,
    top_k_similarity=[Similarity("door_open", 0.81, above_threshold=True, progress=0.75)],
    stream="1x4@6",
    sequence=1_000,
    provenance="synthetic",
    source="synthetic",
    origin=_ORIGIN,
    not_applicable=[NotApplicable("walking_slow", "width 64; the stream has 4")],
)

MEMBER = ZoneMember(
    zone="living room",
    timestamp_ns=_T,
    node_id="1",
    stream="1x4@6",
    provenance="synthetic",
    source="synthetic",
    regime="transient",
    attractor_confidence=0.5,
    origin=_ORIGIN,
    moving=True,
    motion_score=2.5,
    onset_ns=_T,
    best_match=SNAPSHOT.top_k_similarity[0],
)

CLUSTER = ClusterSnapshot(
    zone="living room",
    timestamp_ns=_T,
    regime="transient",
    agreement=0.75,
    members=[
        ClusterMember(
            "1",
            "transient",
            0.0,
            weight=0.75,
            last_seen_ns=_T,
            provenance="synthetic",
            streams=["1x4@6"],
            moving=True,
            motion_score=2.5,
            attractor_confidence=0.5,
        ),
        ClusterMember(
            "2", "idle", 30.0, weight=0.25, last_seen_ns=_T - 30_000_000, provenance="synthetic", streams=["1x4@6"]
        ),
    ],
    provenance="synthetic",
    best_match=SNAPSHOT.top_k_similarity[0],
    origin=_ORIGIN,
    best_match_node="1",
    regime_changed=True,
    onset=True,
    onset_ns=_T,
    onset_node="1",
    moving=True,
    motion_score=2.5,
    left=[LeftNode("3", _T - 2_000_000_000, 2_000.0, "synthetic"), LeftNode("4")],
)


def _event(kind: type[events.Event], **fields: float | str) -> events.Event:
    about = {"timestamp_ns": _T, "node_id": "1", "provenance": "synthetic", "source": "synthetic"}
    return kind(**about, **fields, stream="1x4@6", origin=_ORIGIN, confidence=0.9)  # type: ignore[arg-type]


EVENTS = (
    _event(events.PresenceStarted),
    _event(events.PresenceEnded, started_ns=_T - 60_000_000_000),
    _event(events.MotionStarted),
    _event(events.MotionEnded, started_ns=_T - 5_000_000_000),
    _event(events.BreathingEstimated, breathing_rate_bpm=14.5),
    events.NodeStale(timestamp_ns=_T, node_id="1", provenance="live", source="esp32", last_seen_ns=_T - 5_000_000_000),
    events.NodeBack(timestamp_ns=_T, node_id="1", provenance="live", source="esp32", stale_since_ns=_T - 9_000_000_000),
    _event(events.DriftDetected, drift=4.5),
    _event(events.NodeDegraded, reason="2 of 4 sub-carriers are dead"),
)

TELEMETRY_BODIES: tuple[telemetry.TelemetryBody, ...] = (
    telemetry.Vitals(
        node=1,
        presence=True,
        fall=False,
        motion=True,
        breathing_rate_bpm=14.5,
        heart_rate_bpm=71.25,
        rssi_dbm=-41,
        n_persons=1,
        motion_energy=1.5,
        presence_score=7.75,
        uptime_ms=60_000,
    ),
    telemetry.Features(node=1, sequence=9, node_time_us=60_000_000, values=(0.5, 0.25, 1.0, 0.0, 0.0, 0.75, 0.5, 0.5)),
    telemetry.FusedVitals(
        node=1,
        presence=True,
        fall=False,
        motion=False,
        mmwave=True,
        breathing_rate_bpm=14.5,
        heart_rate_bpm=71.25,
        rssi_dbm=-41,
        n_persons=1,
        mmwave_type=2,
        fusion_confidence=80,
        motion_energy=0.25,
        presence_score=7.75,
        uptime_ms=60_000,
        mmwave_heart_rate_bpm=71.0,
        mmwave_breathing_rate_bpm=14.0,
        mmwave_distance_cm=131.5,
        mmwave_targets=1,
        mmwave_confidence=77,
        reserved=1,
    ),
    telemetry.WasmOutput(node=1, module=0, events=(telemetry.WasmEvent(3, 0.5),)),
    telemetry.CompressedCsi(node=1, channel=6, iq_length=8, compressed=bytes([0, 7, 255, 1])),
    telemetry.FeatureState(
        node=1,
        mode=1,
        sequence=3,
        node_time_us=60_000_000,
        motion_score=0.5,
        presence_score=1.0,
        respiration_bpm=14.5,
        respiration_confidence=0.75,
        heart_rate_bpm=71.25,
        heart_rate_confidence=0.25,
        anomaly_score=0.0,
        environment_shift_score=0.125,
        coherence=0.5,
        flags=0b111,
        rssi_dbm=-41,
    ),
    telemetry.MultiBssid(
        host="00c0ffee00c0ffee",
        sequence=3,
        uptime_ms=60_000,
        slots=(telemetry.BssidSlot(slot=0, rssi_dbm=-60.25, age_ms=40, channel=36, band=2, radio=5),),
    ),
)

TELEMETRY = tuple(
    telemetry.TelemetryRecord(
        timestamp_ns=_T, node_id=body.node_id, provenance="synthetic", source="synthetic", body=body
    )
    for body in TELEMETRY_BODIES
)

SIGNATURE = Signature(
    id="door_open",
    label="A door opens",
    captured_at="2026-11-22T07:16:00Z",
    feature_kind="amplitude_l2_per_subcarrier",
    length=2,
    dtw=DtwParameters(),
    vectors=[[0.0, 0.62, 0.58, 0.53], [0.0, 0.55, 0.6, 0.58]],
    provenance="synthetic",
)

CALIBRATION = StreamCalibration(
    node_id="1",
    stream="1x4@6",
    provenance="synthetic",
    cause="request",
    origin=_ORIGIN,
    first_ns=_T - 10_000_000_000,
    last_ns=_T,
    frames=200,
    rate_hz=20.0,
    live=[[1, 2, 3]],
    subcarriers=4,
    gain_read=[[0.5, -0.5, 0.1]],
    gain_write=[[0.6, -0.6, 0.1]],
    inverse_noise=[41.0, 39.5, 40.2],
    widths=[2, 3, 4, 8],
    level=[-0.8, -0.79, -0.77, -0.7],
    profile=[1.1, 1.0, 0.9],
    spread=[0.03, 0.03, 0.02],
    quiet_level=-0.05,
    quiet_tail=0.21,
    request="r1",
)
CALIBRATION_REQUEST = CalibrationRequest(
    id="r1", node_id="1", stream="1x4@6", provenance="synthetic", requested_ns=_T, duration_s=30.0
)

BY_TOPIC: dict[str, tuple[msgspec.Struct, ...]] = {
    topics.FRAMES.name: (FRAME, SCAN),
    topics.SENSING.name: (SENSING, MULTI_BSSID_SENSING),
    topics.EVENTS.name: EVENTS,
    topics.INTROSPECTION.name: (SNAPSHOT,),
    topics.MEMBERS.name: (MEMBER,),
    topics.CLUSTER.name: (CLUSTER,),
    topics.LATEST.name: (SENSING, SNAPSHOT),
    topics.CALIBRATION.name: (CALIBRATION, CALIBRATION_REQUEST),
    topics.TELEMETRY.name: TELEMETRY,
}
