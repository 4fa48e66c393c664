"""What the gateway knows of every node: when it was heard last, and what is true of it now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import msgspec
from csi_schemas.sensing import MotionLevel

if TYPE_CHECKING:
    from csi_gateway.heads import ClassificationHead, EventHead, SensingHead, SnapshotHead

_LEVELS: tuple[MotionLevel, ...] = get_args(MotionLevel)
"""From nothing to most."""


@dataclass(slots=True)
class StreamState:
    """One stream of a node."""

    provenance: str
    source: str
    last_seen_ns: int = 0
    sensing_ns: int = 0
    classification: ClassificationHead | None = None
    snapshot_ns: int = 0
    regime: str | None = None


@dataclass(slots=True)
class NodeState:
    """One node."""

    provenance: str
    source: str
    last_seen_ns: int = 0
    stale_since_ns: int | None = None
    """Time of a NodeStale event that nothing newer has overtaken."""
    streams: dict[str, StreamState] = field(default_factory=dict)


class LatestValue(msgspec.Struct, frozen=True):
    """The newest message of one type of one stream."""

    node_id: str
    stream: str
    at_ns: int
    value: bytes
    """As it was published."""


class Nodes:
    """State of all nodes; messages may come in any order, older ones change nothing."""

    def __init__(self, stale_after_s: float) -> None:
        self._stale_after_ns = round(stale_after_s * 1e9)
        self._nodes: dict[str, NodeState] = {}
        self._sensing: dict[tuple[str, str], LatestValue] = {}
        self._snapshots: dict[tuple[str, str], LatestValue] = {}

    @property
    def stale_after_s(self) -> float:
        """Seconds of silence after which a node or stream is stale."""
        return self._stale_after_ns / 1e9

    def sensing(self, head: SensingHead, value: bytes) -> None:
        """Take note of a ``sensing_update``."""
        stream = self._stream(head)
        if head.at_ns >= stream.sensing_ns:
            stream.sensing_ns = head.at_ns
            stream.classification = head.classification
            self._sensing[head.node_id, head.stream] = LatestValue(head.node_id, head.stream, head.at_ns, value)

    def snapshot(self, head: SnapshotHead, value: bytes) -> None:
        """Take note of an ``introspection_snapshot``."""
        stream = self._stream(head)
        if head.at_ns >= stream.snapshot_ns:
            stream.snapshot_ns = head.at_ns
            stream.regime = head.regime
            self._snapshots[head.node_id, head.stream] = LatestValue(head.node_id, head.stream, head.at_ns, value)

    def event(self, head: EventHead) -> None:
        """Take note of an event; NodeStale holds until the node is heard again.

        Only NodeBack and events that a frame decided say that it was heard: others may come of its silence.
        """
        if head.event == "NodeStale":
            node = self._node(head, head.last_seen_ns or 0)
            if node.last_seen_ns <= head.timestamp_ns:
                node.stale_since_ns = head.timestamp_ns
        elif head.event == "NodeBack" or head.origin is not None:
            self._node(head, head.timestamp_ns)
        else:
            self._node(head, 0)

    def latest_sensing(self, nodes: frozenset[str] | None = None) -> list[LatestValue]:
        """Newest ``sensing_update`` of every stream, newest first."""
        return _newest_first(self._sensing, nodes)

    def latest_snapshots(self, nodes: frozenset[str] | None = None) -> list[LatestValue]:
        """Newest snapshot of every stream, newest first."""
        return _newest_first(self._snapshots, nodes)

    def knows(self, node_id: str) -> bool:
        """Whether the node was ever heard."""
        return node_id in self._nodes

    def age_s(self, at_ns: int, now_ns: int) -> float:
        """Age in seconds by the gateway's clock; 0 for a time stamp ahead of it."""
        return max(0, now_ns - at_ns) / 1e9

    def is_stale(self, node_id: str, at_ns: int, now_ns: int) -> bool:
        """Whether something of ``node_id`` that happened at ``at_ns`` says nothing about now."""
        node = self._nodes.get(node_id)
        declared = node is not None and node.stale_since_ns is not None and at_ns <= node.stale_since_ns
        return declared or now_ns - at_ns > self._stale_after_ns

    def view(self, now_ns: int) -> list[dict[str, Any]]:
        """Every node for ``/api/v1/nodes``, by id; what a stale one last said is not passed off as now."""
        return [self._view(node_id, self._nodes[node_id], now_ns) for node_id in sorted(self._nodes)]

    def _view(self, node_id: str, node: NodeState, now_ns: int) -> dict[str, Any]:
        declared = node.stale_since_ns is not None
        silent = now_ns - node.last_seen_ns > self._stale_after_ns
        fresh = [
            stream.classification
            for stream in node.streams.values()
            if stream.classification is not None and not self.is_stale(node_id, stream.sensing_ns, now_ns)
        ]
        strongest = max(fresh, key=lambda said: (said.presence, _LEVELS.index(said.motion_level)), default=None)
        return {
            "node_id": node_id,
            "source": node.source,
            "provenance": node.provenance,
            "last_seen_ns": node.last_seen_ns,
            "age_s": self.age_s(node.last_seen_ns, now_ns),
            "stale": declared or silent,
            "stale_reason": "NodeStale" if declared else "silent" if silent else None,
            "presence": None if strongest is None else strongest.presence,
            "motion_level": None if strongest is None else strongest.motion_level,
            "confidence": None if strongest is None else strongest.confidence,
            "streams": sorted(node.streams),
            "stream_states": [
                self._stream_view(node_id, label, node.streams[label], now_ns) for label in sorted(node.streams)
            ],
        }

    def _stream_view(self, node_id: str, label: str, stream: StreamState, now_ns: int) -> dict[str, Any]:
        said = None if self.is_stale(node_id, stream.sensing_ns, now_ns) else stream.classification
        return {
            "stream": label,
            "provenance": stream.provenance,
            "source": stream.source,
            "last_seen_ns": stream.last_seen_ns,
            "age_s": self.age_s(stream.last_seen_ns, now_ns),
            "stale": self.is_stale(node_id, stream.last_seen_ns, now_ns),
            "presence": None if said is None else said.presence,
            "motion_level": None if said is None else said.motion_level,
            "confidence": None if said is None else said.confidence,
            "regime": None if self.is_stale(node_id, stream.snapshot_ns, now_ns) else stream.regime,
        }

    def _node(self, head: SensingHead | SnapshotHead | EventHead, seen_ns: int) -> NodeState:
        node = self._nodes.get(head.node_id)
        if node is None:
            node = self._nodes[head.node_id] = NodeState(head.provenance, head.source)
        if seen_ns >= node.last_seen_ns:
            node.last_seen_ns = seen_ns
            node.provenance = head.provenance
            node.source = head.source
            if node.stale_since_ns is not None and seen_ns > node.stale_since_ns:
                node.stale_since_ns = None
        return node

    def _stream(self, head: SensingHead | SnapshotHead) -> StreamState:
        at_ns = head.at_ns
        streams = self._node(head, at_ns).streams
        stream = streams.get(head.stream)
        if stream is None:
            stream = streams[head.stream] = StreamState(head.provenance, head.source)
        if at_ns >= stream.last_seen_ns:
            stream.last_seen_ns = at_ns
            stream.provenance = head.provenance
            stream.source = head.source
        return stream


def _newest_first(values: dict[tuple[str, str], LatestValue], nodes: frozenset[str] | None) -> list[LatestValue]:
    wanted = (value for value in values.values() if nodes is None or value.node_id in nodes)
    return sorted(wanted, key=lambda value: value.at_ns, reverse=True)
