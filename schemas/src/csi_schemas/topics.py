"""The topic registry: every topic csiflow reads or writes, its key, value type and configuration.

Names are versioned; a ``v1`` value only ever gains optional fields. Topics keyed by node id share one partition
count, so that a node's records stay in step across them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from csi_schemas.calibration import AnyCalibration
from csi_schemas.events import AnyEvent
from csi_schemas.frame import AnyFrame
from csi_schemas.introspection import ClusterSnapshot, IntrospectionSnapshot, ZoneMember
from csi_schemas.sensing import SensingUpdate
from csi_schemas.telemetry import TelemetryRecord

PARTITIONS = 12
_HOUR_MS = 3_600_000
_DAY_MS = 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One topic as it must exist on the cluster."""

    name: str
    key: str
    """What the record key holds."""
    value: Any
    """The msgspec type of the value; ``bytes`` for raw datagrams."""
    description: str
    cleanup_policy: Literal["delete", "compact"] = "delete"
    retention_ms: int | None = None
    """``None`` for compacted topics, which keep the newest value of every key."""
    partitions: int = PARTITIONS
    producers: tuple[str, ...] = ()
    """Services that write it."""
    consumers: tuple[str, ...] = ()
    """Services of ours that read it; anybody else may."""
    headers: tuple[str, ...] = ()

    @property
    def config(self) -> dict[str, str]:
        """Topic configuration in Kafka's own words."""
        config: dict[str, str] = {"cleanup.policy": self.cleanup_policy}
        if self.retention_ms is not None:
            config["retention.ms"] = str(self.retention_ms)
        return config


FRAMES = TopicSpec(
    "csi.frames.v1",
    "node id",
    AnyFrame,
    "Every validated CSI frame and every scan of a wifiscan agent, as ingest received it.",
    retention_ms=_HOUR_MS,
    producers=("ingest",),
    consumers=("events", "introspection"),
)
SENSING = TopicSpec(
    "csi.sensing.v1",
    "node id",
    SensingUpdate,
    "One sensing_update per closed window of a stream.",
    retention_ms=_DAY_MS,
    producers=("events",),
    consumers=("gateway",),
)
EVENTS = TopicSpec(
    "csi.events.v1",
    "node id",
    AnyEvent,
    "Presence, motion, breathing and node events.",
    retention_ms=30 * _DAY_MS,
    producers=("events", "ingest"),
    consumers=("gateway",),
)
INTROSPECTION = TopicSpec(
    "csi.introspection.v1",
    "node id",
    IntrospectionSnapshot,
    "One snapshot per frame.",
    retention_ms=_HOUR_MS,
    producers=("introspection",),
    consumers=("gateway",),
)
MEMBERS = TopicSpec(
    "csi.members.v1",
    "zone",
    ZoneMember,
    "Snapshots thinned and brought together by zone, for the fusion: internal, others read csi.introspection.v1.",
    retention_ms=_HOUR_MS,
    producers=("introspection",),
    consumers=("cluster",),
)
CLUSTER = TopicSpec(
    "csi.cluster.v1",
    "zone",
    ClusterSnapshot,
    "Fused snapshot over the nodes of a zone.",
    retention_ms=_DAY_MS,
    producers=("cluster",),
    consumers=("gateway",),
)
LATEST = TopicSpec(
    "csi.latest.v1",
    "node id/stream label/provenance/message type, partitioned by node id",
    SensingUpdate | IntrospectionSnapshot,
    "The last sensing_update and snapshot of every stream, at most one a second each.",
    cleanup_policy="compact",
    producers=("events", "introspection"),
    consumers=("gateway",),
)
CALIBRATION = TopicSpec(
    "csi.calibration.v1",
    "node id/stream label/provenance (a request: and /request), partitioned by node id",
    AnyCalibration,
    "What the windowed path has learnt of every stream's quiet, and requests to learn it anew.",
    cleanup_policy="compact",
    producers=("events",),
    consumers=("events",),
)
TELEMETRY = TopicSpec(
    "csi.telemetry.v1",
    "node id",
    TelemetryRecord,
    "The ESP32's other packets, decoded.",
    retention_ms=_DAY_MS,
    producers=("ingest",),
)
REJECTED = TopicSpec(
    "csi.rejected.v1",
    "source address",
    bytes,
    "Datagrams that are not valid, raw.",
    retention_ms=7 * _DAY_MS,
    producers=("ingest",),
    headers=("reason", "detail", "source", "received", "provenance"),
)

TOPICS: tuple[TopicSpec, ...] = (
    FRAMES,
    SENSING,
    EVENTS,
    INTROSPECTION,
    MEMBERS,
    CLUSTER,
    LATEST,
    CALIBRATION,
    TELEMETRY,
    REJECTED,
)
BY_NAME: dict[str, TopicSpec] = {topic.name: topic for topic in TOPICS}
