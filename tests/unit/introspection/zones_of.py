"""Members of zones for the tests of the fusion: made, numbered and fed as the real ones."""

from __future__ import annotations

from typing import Any

import msgspec
from csi_introspection.cluster.processor import ClusterProcessor
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.cluster.zones import Zones
from csi_schemas.common import Origin
from csi_schemas.introspection import ClusterSnapshot, Similarity, ZoneMember
from csi_schemas.topics import FRAMES, MEMBERS
from csi_streaming.testing import Harness, Published

MS = 1_000_000
T0 = 1_780_000_000_000 * MS


def member(node: str = "1", at_ms: int = 0, **fields: Any) -> ZoneMember:
    """One record of a node's stream, ``at_ms`` after T0; the frame's offset is its time."""
    given: dict[str, Any] = {
        "zone": "all",
        "timestamp_ns": T0 + at_ms * MS,
        "node_id": node,
        "stream": "1x64@6",
        "provenance": "live",
        "source": "esp32",
        "regime": "idle",
        "attractor_confidence": 0.0,
        "origin": Origin(FRAMES.name, sum(node.encode()) % 12, at_ms),
    }
    return ZoneMember(**{**given, **fields})


def match(signature: str = "walk", score: float = 0.9, **fields: Any) -> Similarity:
    """A promoted match."""
    return Similarity(signature, score, **{"above_threshold": True, "state": "confirmed", **fields})


class Cluster:
    """The processor of one partition without a broker."""

    def __init__(self, **settings: Any) -> None:
        self.settings = ClusterSettings(**settings)
        self.harness = Harness(self._processor, topic=MEMBERS.name)

    def send(self, *members: ZoneMember, delay_ms: int = 0) -> list[ClusterSnapshot]:
        """Deliver records, each a batch, stamped by Kafka ``delay_ms`` after their frame; return what came of them."""
        published = []
        for each in members:
            published += self.harness.send(
                msgspec.json.encode(each),
                key=each.zone.encode(),
                timestamp_ms=each.timestamp_ns // MS + delay_ms,
            )
        return _decoded(published)

    def tick(self, at_ms: int) -> list[ClusterSnapshot]:
        """Let time pass until ``at_ms`` after T0."""
        return _decoded(self.harness.tick(T0 + at_ms * MS))

    @property
    def processor(self) -> ClusterProcessor:
        """Its processor."""
        processor = self.harness.processors[0]
        assert isinstance(processor, ClusterProcessor)
        return processor

    def _processor(self, _: int) -> ClusterProcessor:
        return ClusterProcessor(self.settings, Zones(self.settings.zones))


def _decoded(published: list[Published]) -> list[ClusterSnapshot]:
    return [msgspec.json.decode(each.value, type=ClusterSnapshot) for each in published]
