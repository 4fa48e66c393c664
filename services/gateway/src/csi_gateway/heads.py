"""The few fields of each message the gateway itself needs; msgspec skips the rest without building it."""

from __future__ import annotations

from typing import Literal

import msgspec
from csi_schemas.common import Provenance, StreamKey, channel_of
from csi_schemas.introspection import Regime
from csi_schemas.sensing import MotionLevel


class ClassificationHead(msgspec.Struct):
    """Presence and motion of a window."""

    motion_level: MotionLevel
    presence: bool
    confidence: float


class SensingHead(msgspec.Struct):
    """Of a ``sensing_update``."""

    type: Literal["sensing_update"]
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


class SnapshotHead(msgspec.Struct):
    """Of an ``introspection_snapshot``."""

    type: Literal["introspection_snapshot"]
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


class LatestHead(msgspec.Struct):
    """Says which of the two a record of ``csi.latest.v1`` is."""

    type: str


class ClusterHead(msgspec.Struct):
    """Of a ``cluster_snapshot``."""

    zone: str
    timestamp_ns: int


class EventHead(msgspec.Struct):
    """Of any event."""

    event: str
    node_id: str
    provenance: Provenance
    source: str
    timestamp_ns: int
    last_seen_ns: int | None = None


class FrameHead(msgspec.Struct):
    """Of a record of ``csi.frames.v1``."""

    kind: str
    node_id: str
    n_antennas: int = 0
    n_subcarriers: int = 0
    frequency_mhz: int = 0

    @property
    def stream(self) -> str:
        """Stream label."""
        return StreamKey(self.node_id, self.n_antennas, self.n_subcarriers, channel_of(self.frequency_mhz)).label
