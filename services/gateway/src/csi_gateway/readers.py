"""From Kafka records to messages for the clients and to the gateway's own state."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
import orjson
import structlog
from csi_runtime.metrics import GATEWAY_SKIPPED
from csi_schemas.frame import CsiFrame

from csi_gateway.amplitude import amplitude_bins
from csi_gateway.heads import ClusterHead, EventHead, FrameHead, SensingHead, SnapshotHead
from csi_gateway.message import Message
from csi_gateway.recent import RecentEvent, RecentEvents

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csi_gateway.channel import Channel
    from csi_gateway.nodes import Nodes
    from csi_gateway.zones import Zones

log = structlog.get_logger(__name__)

H = TypeVar("H")


class HeadReader(Generic[H]):
    """Reads the head of each record; one that cannot be read is skipped, counted and logged, and stops nothing."""

    def __init__(self, kind: Any) -> None:
        """``kind`` is the msgspec type of a head."""
        self._decoder = msgspec.json.Decoder(kind)

    def read(self, records: Sequence[Any]) -> Iterator[tuple[H, bytes]]:
        """Yield head and value of every readable record."""
        for record in records:
            try:
                value: bytes = record.value or b""
                str(value, "utf-8")  # a websocket client must break the connection on text that is not UTF-8
                yield self._decoder.decode(value), value
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                GATEWAY_SKIPPED.labels(record.topic).inc()
                log.warning(
                    "skipped a record that cannot be decoded",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    error=str(error),
                )


class SensingReader:
    """``csi.sensing.v1`` to /ws/sensing."""

    def __init__(self, nodes: Nodes, channel: Channel) -> None:
        self._heads: HeadReader[SensingHead] = HeadReader(SensingHead)
        self._nodes = nodes
        self._channel = channel

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: FBT001  # feed.Handler
        """Take a batch."""
        messages = []
        for head, value in self._heads.read(records):
            self._nodes.sensing(head, value)
            messages.append(Message(head.node_id, (head.node_id, head.stream, head.provenance), value))
        if not history:
            await self._channel.publish(messages)


class SnapshotReader:
    """``csi.introspection.v1`` to /ws/introspection."""

    def __init__(self, nodes: Nodes, channel: Channel) -> None:
        self._heads: HeadReader[SnapshotHead] = HeadReader(SnapshotHead)
        self._nodes = nodes
        self._channel = channel

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: FBT001  # feed.Handler
        """Take a batch."""
        messages = []
        for head, value in self._heads.read(records):
            self._nodes.snapshot(head, value)
            messages.append(Message(head.node_id, (head.node_id, head.stream, head.provenance), value))
        if not history:
            await self._channel.publish(messages)


class ClusterReader:
    """``csi.cluster.v1`` to /ws/cluster; a zone takes the place of a node."""

    def __init__(self, zones: Zones, channel: Channel) -> None:
        self._heads: HeadReader[ClusterHead] = HeadReader(ClusterHead)
        self._zones = zones
        self._channel = channel

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: FBT001  # feed.Handler
        """Take a batch."""
        messages = []
        for head, value in self._heads.read(records):
            self._zones.take(head, value)
            messages.append(Message(head.zone, (head.zone,), value))
        if not history:
            await self._channel.publish(messages)


class EventReader:
    """``csi.events.v1`` to /ws/events and to the recent events; an event is never coalesced."""

    def __init__(self, nodes: Nodes, recent: RecentEvents, channel: Channel) -> None:
        self._heads: HeadReader[EventHead] = HeadReader(EventHead)
        self._nodes = nodes
        self._recent = recent
        self._channel = channel

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: FBT001  # feed.Handler
        """Take a batch."""
        messages = []
        for head, value in self._heads.read(records):
            self._nodes.event(head)
            self._recent.add(RecentEvent(head.timestamp_ns, head.node_id, value))
            messages.append(Message(head.node_id, None, value))
        if not history:
            await self._channel.publish(messages)


class LatestReader:
    """``csi.latest.v1``, read once at the start, to the state of the nodes."""

    def __init__(self, nodes: Nodes, *, introspection: bool) -> None:
        self._heads: HeadReader[SensingHead | SnapshotHead] = HeadReader(SensingHead | SnapshotHead)
        self._nodes = nodes
        self._introspection = introspection

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: ARG002, FBT001  # feed.Handler
        """Take a batch."""
        kept = [record for record in records if record.value]  # a tombstone deletes its key
        for head, value in self._heads.read(kept):
            if isinstance(head, SensingHead):
                self._nodes.sensing(head, value)
            elif self._introspection:
                self._nodes.snapshot(head, value)


class AmplitudeReader:
    """``csi.frames.v1`` to /ws/amplitude; a row is only worked out when a client takes it."""

    def __init__(self, channel: Channel) -> None:
        self._heads: HeadReader[FrameHead] = HeadReader(FrameHead)
        self._frames = msgspec.json.Decoder(CsiFrame)
        self._channel = channel

    async def handle(self, records: Sequence[Any], history: bool) -> None:  # noqa: FBT001  # feed.Handler
        """Take a batch."""
        if history:
            return
        messages = []
        for head, value in self._heads.read(records):
            if head.kind == "csi":
                messages.append(
                    Message(head.node_id, (head.node_id, head.stream, head.provenance), partial(self._row, value))
                )
        await self._channel.publish(messages)

    def _row(self, value: bytes) -> bytes:
        frame = self._frames.decode(value)
        amplitude = amplitude_bins(frame.iq, frame.n_antennas, frame.n_subcarriers)
        return orjson.dumps(
            {
                "type": "amplitude",
                "node_id": frame.node_id,
                "stream": frame.stream.label,
                "timestamp_ns": frame.timestamp_ns,
                "amplitude": [round(float(value), 2) for value in amplitude],
                "provenance": frame.provenance,
            }
        )
