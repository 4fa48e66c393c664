"""The zones of one partition of csi.members.v1: members' records in, fused snapshots out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog
from csi_runtime.metrics import CLUSTER_FORGOTTEN, CLUSTER_IGNORED, CLUSTER_NODES, CLUSTER_SNAPSHOTS
from csi_schemas.introspection import ClusterSnapshot, ZoneMember
from csi_schemas.topics import CLUSTER
from csi_streaming import Output, SkippedRecords

from csi_introspection.cluster.zone import Zone

if TYPE_CHECKING:
    from csi_streaming import Batch

    from csi_introspection.cluster.settings import ClusterSettings
    from csi_introspection.cluster.zones import Zones

log = structlog.get_logger(__name__)

_decode = msgspec.json.Decoder(ZoneMember).decode
_encode = msgspec.json.Encoder().encode
_MS = 1_000_000
QUIET_NS = 500 * _MS
"""Wall time without a record after which none is on its way: well below the time after which nodes leave."""


class ClusterProcessor:
    """State of one partition (see ``csi_streaming.Processor``).

    Time is event time: the receive time of the newest frame in the partition. Only when no record has come for
    ``QUIET_NS`` does the wall clock take over, so that nodes leave also when everything is silent, and a worker that
    catches up, or a machine that is short of breath, does not take its own delay for theirs.
    """

    def __init__(self, settings: ClusterSettings, zones: Zones) -> None:
        """Start without any state."""
        self.zones: dict[str, Zone] = {}
        self._settings = settings
        self._configured = zones
        self._pace = settings.pace
        self._skipped = SkippedRecords("cluster", "record is no member of a zone and was skipped")
        self._now_ns = 0
        self._processed = 0
        """Live records since the last tick."""
        self._quiet_since_ns: int | None = None
        """Wall clock of the tick since which no record came."""
        self._complained: set[str] = set()

    def process(self, batch: Batch) -> list[Output]:
        """Take every record into its zone; the outputs are the zones' snapshots that are due or have news."""
        outputs: list[Output] = []
        for record in batch.records:
            try:
                member = _decode(record.value)
            except (msgspec.DecodeError, TypeError) as error:
                self._skipped.report(record, error)
                continue
            # No frame is received after the record made from it (both in ms). A time stamp ahead of that is a wrong
            # clock of one ingest host, which would make every other node look silent.
            member.timestamp_ns = min(member.timestamp_ns, (record.timestamp + 1) * _MS)
            zone = self._zone(member)
            if zone is None:
                continue
            self._now_ns = max(self._now_ns, member.timestamp_ns)
            news = zone.take(member, self._now_ns)
            if batch.replay:
                zone.catch_up()
            elif (news or zone.is_due(self._now_ns)) and (snapshot := zone.answer(self._now_ns, member.origin)):
                outputs.append(_output(snapshot))
        if not batch.replay:
            self._processed += len(batch.records)
        return outputs

    def tick(self, now_ns: int) -> list[Output]:
        """Let nodes leave that are silent."""
        if self._processed or self._quiet_since_ns is None or now_ns < self._quiet_since_ns:
            self._quiet_since_ns = now_ns
        quiet = now_ns - self._quiet_since_ns >= QUIET_NS
        if quiet:
            self._now_ns = max(self._now_ns, now_ns)
        if self._now_ns - now_ns > self._pace.stale_after_ns:
            self._now_ns = now_ns  # the wall clock was set back
        self._processed = 0
        # after an assignment the newest frame read again may be old: how old is known with a live record, or by now
        due = [zone for zone in self.zones.values() if quiet or zone.has_spoken]
        snapshots = [zone.answer(self._now_ns, None) for zone in due]
        return [_output(snapshot) for snapshot in snapshots if snapshot is not None]

    def _zone(self, member: ZoneMember) -> Zone | None:
        """Return the zone of a record, with room for its stream; ``None`` when the settings know none such."""
        if not self._configured.holds(member.zone, member.node_id):
            self._ignore(member)
            return None
        zone = self.zones.get(member.zone)
        if zone is None:
            zone = self.zones[member.zone] = Zone(member.zone, self._configured.named(member.zone), self._pace)
        identity = (member.node_id, member.stream, member.provenance)
        if identity not in zone.streams and len(zone.streams) >= self._settings.max_streams:
            node_id, stream, _ = zone.forget_oldest()
            CLUSTER_FORGOTTEN.labels(member.zone).inc()
            log.warning(
                "a stream is forgotten to make room for a new one; raise CSIFLOW_CLUSTER_MAX_STREAMS if all are real",
                zone=member.zone,
                node=node_id,
                stream=stream,
                max_streams=self._settings.max_streams,
            )
        return zone

    def _ignore(self, member: ZoneMember) -> None:
        CLUSTER_IGNORED.inc()
        if member.zone in self._complained or len(self._complained) >= self._settings.max_streams:
            return
        self._complained.add(member.zone)
        log.warning(
            "records of a zone are ignored: the settings have no such zone, or not with this node; give the "
            "introspection and the cluster service the same CSIFLOW_INTROSPECTION_ZONES (records from before a change "
            "of it are expected)",
            zone=member.zone,
            node=member.node_id,
        )


def _output(snapshot: ClusterSnapshot) -> Output:
    CLUSTER_SNAPSHOTS.labels(snapshot.zone).inc()
    CLUSTER_NODES.labels(snapshot.zone, "member").set(len(snapshot.members))
    CLUSTER_NODES.labels(snapshot.zone, "left").set(len(snapshot.left))
    return Output(CLUSTER.name, snapshot.zone.encode(), _encode(snapshot))
