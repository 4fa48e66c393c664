"""What the gateway knows of every node: when it was heard last, and what is true of it now."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias, get_args

import msgspec
from csi_schemas.common import REALITY, Provenance
from csi_schemas.sensing import MotionLevel

if TYPE_CHECKING:
    from csi_gateway.heads import ClassificationHead, EventHead, SensingHead, SnapshotHead

_Key: TypeAlias = tuple[str, str, Provenance]
"""Node, stream, provenance."""
_LEVELS: tuple[MotionLevel, ...] = get_args(MotionLevel)
"""From nothing to most."""


@dataclass(slots=True)
class StreamState:
    """One stream of a node."""

    source: str
    last_seen_ns: int = 0
    sensing_ns: int = 0
    classification: ClassificationHead | None = None
    snapshot_ns: int = 0
    regime: str | None = None


@dataclass(slots=True)
class NodeState:
    """One node, live, replayed or simulated: a replay of a node never meets the node itself."""

    provenance: Provenance
    source: str
    last_seen_ns: int = 0
    stale_since_ns: int | None = None
    """Time of a NodeStale event that nothing newer has overtaken."""
    streams: dict[str, StreamState] = field(default_factory=dict)


class LatestValue(msgspec.Struct, frozen=True):
    """The newest message of one type of one stream."""

    node_id: str
    stream: str
    provenance: Provenance
    at_ns: int
    value: bytes
    """As it was published."""


class Nodes:
    """State of all nodes; messages may come in any order, older ones change nothing."""

    def __init__(self, stale_after_s: float) -> None:
        self._stale_after_ns = round(stale_after_s * 1e9)
        self._nodes: dict[str, dict[Provenance, NodeState]] = {}
        self._sensing: dict[_Key, LatestValue] = {}
        self._snapshots: dict[_Key, LatestValue] = {}

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
            self._sensing[_key(head)] = LatestValue(*_key(head), head.at_ns, value)

    def snapshot(self, head: SnapshotHead, value: bytes) -> None:
        """Take note of an ``introspection_snapshot``."""
        stream = self._stream(head)
        if head.at_ns >= stream.snapshot_ns:
            stream.snapshot_ns = head.at_ns
            stream.regime = head.regime
            self._snapshots[_key(head)] = LatestValue(*_key(head), head.at_ns, value)

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

    def is_stale(self, node_id: str, provenance: Provenance, at_ns: int, now_ns: int) -> bool:
        """Whether something of a node that happened at ``at_ns`` says nothing about now."""
        node = self._nodes.get(node_id, {}).get(provenance)
        declared = node is not None and node.stale_since_ns is not None and at_ns <= node.stale_since_ns
        return declared or now_ns - at_ns > self._stale_after_ns

    def most_telling(self, values: list[LatestValue], now_ns: int) -> list[LatestValue]:
        """Sort what says something about now before what is stale, the more real before the less, then the newer."""
        return sorted(
            values,
            key=lambda value: (
                self.is_stale(value.node_id, value.provenance, value.at_ns, now_ns),
                REALITY.index(value.provenance),
                -value.at_ns,
            ),
        )

    def view(self, now_ns: int) -> list[dict[str, Any]]:
        """Every node for ``/api/v1/nodes``, by id; what a stale one last said is not passed off as now.

        While a node is heard live and a replay or simulation under its number runs as well, the live one is the node;
        all of them are under ``stream_states``.
        """
        return [self._view(node_id, self._nodes[node_id], now_ns) for node_id in sorted(self._nodes)]

    def _view(self, node_id: str, heard: dict[Provenance, NodeState], now_ns: int) -> dict[str, Any]:
        def telling(state: NodeState) -> tuple[bool, int]:
            stale = self._is_silent(state, now_ns) is not None
            return stale, -state.last_seen_ns if stale else REALITY.index(state.provenance)

        node = min(heard.values(), key=telling)
        silence = self._is_silent(node, now_ns)
        fresh = [
            stream.classification
            for stream in node.streams.values()
            if stream.classification is not None
            and not self.is_stale(node_id, node.provenance, stream.sensing_ns, now_ns)
        ]
        strongest = max(fresh, key=lambda said: (said.presence, _LEVELS.index(said.motion_level)), default=None)
        return {
            "node_id": node_id,
            "source": node.source,
            "provenance": node.provenance,
            "last_seen_ns": node.last_seen_ns,
            "age_s": self.age_s(node.last_seen_ns, now_ns),
            "stale": silence is not None,
            "stale_reason": silence,
            "presence": None if strongest is None else strongest.presence,
            "motion_level": None if strongest is None else strongest.motion_level,
            "confidence": None if strongest is None else strongest.confidence,
            "streams": sorted(node.streams),
            "stream_states": [
                self._stream_view(node_id, state.provenance, label, state.streams[label], now_ns)
                for state in heard.values()
                for label in sorted(state.streams)
            ],
        }

    def _is_silent(self, node: NodeState, now_ns: int) -> str | None:
        """Why it counts as silent, if it does."""
        if node.stale_since_ns is not None:
            return "NodeStale"
        return "silent" if now_ns - node.last_seen_ns > self._stale_after_ns else None

    def _stream_view(
        self, node_id: str, provenance: Provenance, label: str, stream: StreamState, now_ns: int
    ) -> dict[str, Any]:
        said = None if self.is_stale(node_id, provenance, stream.sensing_ns, now_ns) else stream.classification
        return {
            "stream": label,
            "provenance": provenance,
            "source": stream.source,
            "last_seen_ns": stream.last_seen_ns,
            "age_s": self.age_s(stream.last_seen_ns, now_ns),
            "stale": self.is_stale(node_id, provenance, stream.last_seen_ns, now_ns),
            "presence": None if said is None else said.presence,
            "motion_level": None if said is None else said.motion_level,
            "confidence": None if said is None else said.confidence,
            "regime": None if self.is_stale(node_id, provenance, stream.snapshot_ns, now_ns) else stream.regime,
        }

    def _node(self, head: SensingHead | SnapshotHead | EventHead, seen_ns: int) -> NodeState:
        heard = self._nodes.setdefault(head.node_id, {})
        node = heard.get(head.provenance)
        if node is None:
            node = heard[head.provenance] = NodeState(head.provenance, head.source)
        if seen_ns >= node.last_seen_ns:
            node.last_seen_ns = seen_ns
            node.source = head.source
            if node.stale_since_ns is not None and seen_ns > node.stale_since_ns:
                node.stale_since_ns = None
        return node

    def _stream(self, head: SensingHead | SnapshotHead) -> StreamState:
        at_ns = head.at_ns
        streams = self._node(head, at_ns).streams
        stream = streams.get(head.stream)
        if stream is None:
            stream = streams[head.stream] = StreamState(head.source)
        if at_ns >= stream.last_seen_ns:
            stream.last_seen_ns = at_ns
            stream.source = head.source
        return stream


def _key(head: SensingHead | SnapshotHead) -> _Key:
    return head.node_id, head.stream, head.provenance


def _newest_first(values: dict[_Key, LatestValue], nodes: frozenset[str] | None) -> list[LatestValue]:
    wanted = (value for value in values.values() if nodes is None or value.node_id in nodes)
    return sorted(wanted, key=lambda value: value.at_ns, reverse=True)
