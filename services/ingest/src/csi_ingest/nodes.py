"""What ingest knows of each node: sequence accounting, stream counts, and whether it still sends.

Pure: the caller hands in the clocks. Times for staleness are seconds of a monotonic clock; ``*_ns`` are Unix time.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from csi_schemas.common import StreamKey, channel_of
from csi_schemas.events import NodeBack, NodeStale

from csi_ingest.sequence import SequenceTracker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from csi_schemas.common import Provenance

MAX_NODES = 2048
"""ESP32 nodes have a u8 number (at most 256 for each provenance); the rest is room for multi-BSSID hosts, whose 64-bit
numbers anybody can make up. Beyond it the node that has been silent longest is forgotten."""

MAX_STREAMS = 64
"""Stream shapes counted for one node. A real node has three; junk can invent millions."""
OTHER_STREAMS = (0, 0, 0)


class NodeKey(NamedTuple):
    """A replayed node 1 is not the live node 1, though both are called 1."""

    provenance: Provenance
    node_id: str


@dataclass(slots=True)
class Node:
    """State of one node."""

    key: NodeKey
    source: str
    """RuView's word for its radio."""
    last_seen: float = 0.0
    """Monotonic seconds."""
    last_seen_ns: int = 0
    """Receive time of its last datagram."""
    stale: bool = False
    sequence: SequenceTracker = field(default_factory=SequenceTracker)
    streams: Counter[tuple[int, int, int]] = field(default_factory=Counter)
    """Frames by (antennas, sub-carriers, frequency in MHz), second copies apart; at most ``MAX_STREAMS`` entries."""
    scans: int = 0
    """Multi-BSSID frames."""
    record_key: bytes = b""
    """The node's Kafka record key."""

    def __post_init__(self) -> None:
        self.record_key = self.key.node_id.encode()

    def count_frame(self, shape: tuple[int, int, int]) -> None:
        """Count one frame of the stream of this shape."""
        if shape not in self.streams and len(self.streams) >= MAX_STREAMS:
            shape = OTHER_STREAMS
        self.streams[shape] += 1

    def frames_by_stream(self) -> dict[str, int]:
        """Frames by stream label, see ``StreamKey.label``; what is past ``MAX_STREAMS`` is under ``other``."""
        frames: Counter[str] = Counter()
        for shape, count in self.streams.items():
            antennas, subcarriers, frequency = shape
            label = StreamKey(self.key.node_id, antennas, subcarriers, channel_of(frequency)).label
            frames["other" if shape == OTHER_STREAMS else label] += count
        return dict(frames)


@dataclass(slots=True)
class NodeTable:
    """Every node heard so far, at most ``MAX_NODES``."""

    stale_after: float
    """Seconds of silence after which a node is stale."""
    nodes: dict[NodeKey, Node] = field(default_factory=dict)

    def seen(self, key: NodeKey, source: str, now: float, timestamp_ns: int) -> tuple[Node, NodeBack | None]:
        """Note a datagram of a node; returns the node, and the event when it was stale until now."""
        node = self.nodes.get(key)
        if node is None:
            if len(self.nodes) >= MAX_NODES:
                del self.nodes[min(self.nodes.values(), key=lambda known: known.last_seen).key]
            node = self.nodes[key] = Node(key, source)
        back = None
        if node.stale:
            node.stale = False
            back = NodeBack(
                timestamp_ns=timestamp_ns,
                node_id=key.node_id,
                provenance=key.provenance,
                source=source,
                stale_since_ns=node.last_seen_ns,
            )
        node.source = source
        node.last_seen = now
        node.last_seen_ns = timestamp_ns
        return node, back

    def sweep(self, now: float, now_ns: int) -> Iterator[NodeStale]:
        """Yield one event for each node that has become stale since the last sweep."""
        for node in self.nodes.values():
            if not node.stale and now - node.last_seen >= self.stale_after:
                node.stale = True
                yield NodeStale(
                    timestamp_ns=now_ns,
                    node_id=node.key.node_id,
                    provenance=node.key.provenance,
                    source=node.source,
                    last_seen_ns=node.last_seen_ns,
                )
