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
COMPANY_NS = INTERVAL_NS // 2
"""Event time after which such a stream goes along when another one's record is due."""

_encode = msgspec.json.Encoder().encode


class Company:
    """The streams of a worker, which send what is not new together.

    Each record on its own costs the fusion a fetch, a wake-up and a commit's worth of bookkeeping; records of one
    moment share them, and share their request with the snapshot that is sent anyway.
    """

    __slots__ = ("_waiting",)

    def __init__(self) -> None:
        """Begin without streams."""
        self._waiting: dict[MemberFeed, None] = {}

    def wait(self, feed: MemberFeed) -> None:
        """Let ``feed``, which has a snapshot that was not sent, go along with the next."""
        self._waiting[feed] = None

    def leave(self, feed: MemberFeed) -> None:
        """Forget ``feed``: it has sent what it had."""
        self._waiting.pop(feed, None)

    def outputs(self, now_ns: int) -> list[Output]:
        """Return the records of those that are half due at this event time, longest waiting first.

        A feed whose partition has gone to another worker may be among them, once: the fusion passes over records that
        it has newer ones for.
        """
        return [output for feed in list(self._waiting) for output in feed.along(now_ns)]


class MemberFeed:
    """Thins the snapshots of one stream and addresses them to the zones of its node.

    The nodes of a zone are in different partitions of ``csi.introspection.v1``, and so in different workers; keyed by
    zone, all records of a zone are in one partition and reach one worker.
    """

    __slots__ = ("_addresses", "_company", "_member", "_promoted", "_sent_ns", "_snapshot")

    def __init__(self, node_id: str, zones: Zones, company: Company | None = None) -> None:
        """Feed every zone that holds the node, of which there may be none, in the company of the worker's others."""
        self._addresses = [(zone, key, partition_of(key, MEMBERS.partitions)) for zone, key in _keys(node_id, zones)]
        self._company = Company() if company is None else company
        self._snapshot: IntrospectionSnapshot | None = None
        """The newest, while it is not sent; its writer may rewrite it in place."""
        self._member: ZoneMember | None = None
        self._sent_ns = 0
        """Event time of the last record's sending."""
        self._promoted: list[tuple[str, MatchState | None]] = []

    def outputs(self, snapshot: IntrospectionSnapshot) -> list[Output]:
        """Return a record for each zone when this snapshot says something new.

        When it is merely due, that and the records of the others that are about due; else none.
        """
        if not self._addresses:
            return []
        promoted = [(match.signature_id, match.state) for match in snapshot.top_k_similarity if match.above_threshold]
        member = self._member
        if (
            member is None
            or snapshot.onset
            or snapshot.regime != member.regime
            or snapshot.moving != member.moving
            or promoted != self._promoted
        ):
            self._promoted = promoted
            return self._records(snapshot, snapshot.timestamp_ns)
        if 0 <= snapshot.timestamp_ns - self._sent_ns < INTERVAL_NS:
            self._snapshot = snapshot
            self._company.wait(self)
            return []
        now_ns = snapshot.timestamp_ns
        return self._records(snapshot, now_ns) + self._company.outputs(now_ns)

    def along(self, now_ns: int) -> list[Output]:
        """Return the waiting snapshot's records if it is half due at this event time, else none."""
        snapshot = self._snapshot
        if snapshot is None or now_ns - self._sent_ns < COMPANY_NS:
            return []
        # partitions may be far apart in time while one of them catches up
        return self._records(snapshot, min(now_ns, snapshot.timestamp_ns + COMPANY_NS))

    def _records(self, snapshot: IntrospectionSnapshot, sent_ns: int) -> list[Output]:
        self._company.leave(self)
        self._snapshot, self._sent_ns = None, sent_ns
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
