"""Messages the browser tests publish, made by our own structs."""

from __future__ import annotations

import time
from collections.abc import Sequence

import msgspec
import numpy as np
from csi_schemas.common import Origin, Provenance
from csi_schemas.events import Event
from csi_schemas.frame import CsiFrame
from csi_schemas.introspection import (
    ClusterMember,
    ClusterSnapshot,
    IntrospectionSnapshot,
    LeftNode,
    Regime,
    Similarity,
)
from csi_schemas.sensing import (
    Classification,
    MotionLevel,
    NodeReading,
    SensingFeatures,
    SensingUpdate,
    VitalSigns,
    Window,
)
from csi_schemas.signature import DtwParameters, Signature
from numpy.typing import NDArray

SECOND = 1_000_000_000


def record(message: Event | IntrospectionSnapshot | SensingUpdate | CsiFrame) -> tuple[bytes, bytes]:
    """The message as a Kafka record: key and value."""
    return message.node_id.encode(), msgspec.json.encode(message)


def snapshot(
    node_id: str = "1",
    stream: str = "1x64@6",
    *,
    regime: Regime = "periodic",
    lyapunov: float | None = -0.123456789,
    dimension: float | None = 2.0987654321,
    similar: Sequence[Similarity] = (),
    provenance: Provenance = "live",
    sequence: int = 1,
    timestamp_ns: int | None = None,
) -> IntrospectionSnapshot:
    """A snapshot of now."""
    return IntrospectionSnapshot(
        timestamp_ns=timestamp_ns or time.time_ns(),
        node_id=node_id,
        frame_count=sequence,
        regime=regime,
        lyapunov_exponent=lyapunov,
        attractor_dim=dimension,
        attractor_confidence=0.8125,
        regime_changed=False,
        top_k_similarity=list(similar),
        stream=stream,
        sequence=sequence,
        provenance=provenance,
        source="esp32",
        origin=Origin("csi.frames.v1", 0, sequence),
    )


def sensing(
    node_id: str = "1",
    stream: str = "1x64@6",
    *,
    level: MotionLevel = "present_still",
    provenance: Provenance = "live",
    breathing: float | None = None,
    timestamp_ns: int | None = None,
) -> SensingUpdate:
    """A window that ended now."""
    end_ns = timestamp_ns or time.time_ns()
    return SensingUpdate(
        timestamp=end_ns / 1e9,
        source="esp32",
        tick=1,
        nodes=[NodeReading(node_id, rssi_dbm=-47.0, amplitude=[1.0, 2.0], subcarrier_count=64)],
        features=SensingFeatures(-47.0, 0.01, 0.01, 0.01, 0.0, 0, 0.01),
        classification=Classification(level, presence=level != "absent", confidence=0.75),
        node_id=node_id,
        stream=stream,
        provenance=provenance,
        window=Window(16, end_ns - SECOND, end_ns, "duration"),
        origin=Origin("csi.frames.v1", 0, 1),
        vital_signs=None if breathing is None else VitalSigns(breathing, 0.5),
    )


def fused(
    weights: dict[str, float],
    *,
    zone: str = "living room",
    regime: Regime = "transient",
    agreement: float = 0.8125,
    left: dict[str, int | None] | None = None,
    best_match: Similarity | None = None,
    best_match_node: str | None = None,
    provenance: Provenance = "live",
    moving: bool = False,
    onset_node: str | None = None,
) -> tuple[bytes, bytes]:
    """A record of csi.cluster.v1 of now: members by their weights, and when nodes that left were last heard."""
    now_ns = time.time_ns()
    members = [
        ClusterMember(node, regime, 0.0, weight=weight, last_seen_ns=now_ns, provenance=provenance)
        for node, weight in weights.items()
    ]
    snapshot = ClusterSnapshot(
        zone,
        now_ns,
        regime if weights else "unknown",
        agreement if weights else 0.0,
        members,
        provenance,
        best_match=best_match,
        best_match_node=best_match_node,
        moving=moving,
        onset_ns=now_ns if onset_node else None,
        onset_node=onset_node,
        left=[LeftNode(node, last_seen_ns) for node, last_seen_ns in (left or {}).items()],
    )
    return zone.encode(), msgspec.json.encode(snapshot)


def frame(
    amplitude: NDArray[np.int8],
    *,
    frequency_mhz: int = 2437,
    sequence: int = 0,
    timestamp_ns: int | None = None,
) -> CsiFrame:
    """A frame of node 1 whose amplitudes are exactly ``amplitude`` (one antenna): I carries them, Q is zero."""
    iq = np.zeros((len(amplitude), 2), np.int8)
    iq[:, 0] = amplitude
    return CsiFrame(
        node_id="1",
        timestamp_ns=timestamp_ns or time.time_ns(),
        sequence=sequence,
        provenance="live",
        source="esp32",
        n_antennas=1,
        n_subcarriers=len(amplitude),
        frequency_mhz=frequency_mhz,
        rssi_dbm=-47,
        noise_floor_dbm=-95,
        iq=iq.tobytes(),
    )


def signature(identity: str, label: str, threshold: float, provenance: Provenance = "live") -> bytes:
    """A signature file."""
    return msgspec.json.encode(
        Signature(
            id=identity,
            label=label,
            captured_at="2026-01-01T00:00:00Z",
            feature_kind="amplitude_l2_per_subcarrier",
            length=2,
            dtw=DtwParameters(),
            vectors=[[0.0, 1.0], [1.0, 0.0]],
            promotion_threshold=threshold,
            provenance=provenance,
        )
    )
