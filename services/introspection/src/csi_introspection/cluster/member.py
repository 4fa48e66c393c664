"""From the snapshots of one stream to the records its zones are fused from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from csi_runtime.metrics import INTROSPECTION_MEMBERS
from csi_schemas.introspection import ZoneMember
from csi_schemas.topics import MEMBERS
from csi_streaming import Output, partition_of

if TYPE_CHECKING:
    from csi_schemas.introspection import IntrospectionSnapshot, MatchState

    from csi_introspection.cluster.zones import Zones

INTERVAL_NS = 100_000_000
"""Least event time between two records of a stream with nothing new to tell."""

_encode = msgspec.json.Encoder().encode


class MemberFeed:
    """Thins the snapshots of one stream and addresses them to the zones of its node.

    The nodes of a zone are in different partitions of ``csi.introspection.v1``, and so in different workers; keyed by
    zone, all records of a zone are in one partition and reach one worker.
    """

    __slots__ = ("_addresses", "_last_ns", "_member", "_promoted")

    def __init__(self, node_id: str, zones: Zones) -> None:
        """Feed every zone that holds the node; there may be none."""
        self._addresses = [(zone, key, partition_of(key, MEMBERS.partitions)) for zone, key in _keys(node_id, zones)]
        self._member: ZoneMember | None = None
        self._last_ns = 0
        self._promoted: list[tuple[str, MatchState | None]] = []

    def outputs(self, snapshot: IntrospectionSnapshot) -> list[Output]:
        """Return one record for each zone when this snapshot is due or says something new, else none."""
        if not self._addresses:
            return []
        promoted = [(match.signature_id, match.state) for match in snapshot.top_k_similarity if match.above_threshold]
        member = self._member
        if (
            member is not None
            and 0 <= snapshot.timestamp_ns - self._last_ns < INTERVAL_NS
            and not snapshot.onset
            and snapshot.regime == member.regime
            and snapshot.moving == member.moving
            and promoted == self._promoted
        ):
            return []
        self._last_ns, self._promoted = snapshot.timestamp_ns, promoted
        member = self._member = self._rewritten(snapshot)
        outputs = []
        for zone, key, partition in self._addresses:
            member.zone = zone
            outputs.append(Output(MEMBERS.name, key, _encode(member), partition))
        INTROSPECTION_MEMBERS.inc(len(outputs))
        return outputs

    def _rewritten(self, snapshot: IntrospectionSnapshot) -> ZoneMember:
        onset_ns = None if self._member is None else self._member.onset_ns
        matches = snapshot.top_k_similarity
        best = next((match for match in matches if match.above_threshold), matches[0] if matches else None)
        return ZoneMember(
            zone="",
            timestamp_ns=snapshot.timestamp_ns,
            node_id=snapshot.node_id,
            stream=snapshot.stream,
            provenance=snapshot.provenance,
            source=snapshot.source,
            regime=snapshot.regime,
            attractor_confidence=snapshot.attractor_confidence,
            origin=snapshot.origin,
            calibrating=snapshot.calibrating,
            moving=snapshot.moving,
            motion_score=snapshot.motion_score,
            onset_ns=snapshot.timestamp_ns if snapshot.onset else onset_ns,
            best_match=best,
        )


def _keys(node_id: str, zones: Zones) -> list[tuple[str, bytes]]:
    return [(zone, zone.encode()) for zone in zones.of(node_id)]
