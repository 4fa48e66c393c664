"""The few fields of each message the gateway itself needs; msgspec skips the rest without building it."""

from __future__ import annotations

import msgspec
from csi_schemas.common import Provenance, StreamKey, channel_of
from csi_schemas.introspection import Regime
from csi_schemas.sensing import MotionLevel


class ClassificationHead(msgspec.Struct):
    """Presence and motion of a window."""

    motion_level: MotionLevel
    presence: bool
    confidence: float


class SensingHead(msgspec.Struct, tag_field="type", tag="sensing_update"):
    """Of a ``sensing_update``."""

    node_id: str
    stream: str
    provenance: Provenance
    source: str
    timestamp: float
    classification: ClassificationHead

    @property
    def at_ns(self) -> int:
        """Receive time, ns since the Unix epoch."""
        return round(self.timestamp * 1e9)


class SnapshotHead(msgspec.Struct, tag_field="type", tag="introspection_snapshot"):
    """Of an ``introspection_snapshot``."""

    node_id: str
    stream: str
    provenance: Provenance
    source: str
    timestamp_ns: int
    regime: Regime

    @property
    def at_ns(self) -> int:
        """Receive time, ns since the Unix epoch."""
        return self.timestamp_ns


class ClusterHead(msgspec.Struct):
    """Of a ``cluster_snapshot``."""

    zone: str
    timestamp_ns: int
    members: list[msgspec.Raw] = []


class EventHead(msgspec.Struct):
    """Of any event."""

    event: str
    node_id: str
    provenance: Provenance
    source: str
    timestamp_ns: int
    last_seen_ns: int | None = None
    origin: object = None
    """Set when a frame decided it, so that the node was heard then."""


class FrameHead(msgspec.Struct):
    """Of a record of ``csi.frames.v1``."""

    kind: str
    node_id: str
    provenance: Provenance
    n_antennas: int = 0
    n_subcarriers: int = 0
    frequency_mhz: int = 0

    @property
    def stream(self) -> str:
        """Stream label."""
        return StreamKey(self.node_id, self.n_antennas, self.n_subcarriers, channel_of(self.frequency_mhz)).label
