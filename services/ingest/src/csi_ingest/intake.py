"""From datagram to Kafka record: decode, account, encode, and give every datagram its outcome or its place in line."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
from csi_schemas.codec import CsiPacket, MultiBssid, PacketError, TelemetryBody, decode
from csi_schemas.codec.authentication import split
from csi_schemas.frame import AnyFrame, CsiFrame, MultiBssidFrame
from csi_schemas.telemetry import TelemetryRecord
from csi_schemas.topics import EVENTS, FRAMES, REJECTED, TELEMETRY

from csi_ingest.buffer import PendingBuffer, Record
from csi_ingest.ledger import Ledger, Outcome
from csi_ingest.listener import format_address
from csi_ingest.nodes import Node, NodeKey, NodeTable

if TYPE_CHECKING:
    from csi_schemas.common import Provenance
    from csi_schemas.events import Event

    from csi_ingest.authentication import Gate
    from csi_ingest.ledger import DropReason

_NS_PER_MS = 1_000_000
_MAX_DETAIL = 500


def source_of(provenance: Provenance, packet: CsiPacket | TelemetryBody) -> str:
    """RuView's word for the radio behind a packet; what came in on the synthetic port is always ``synthetic``."""
    if provenance == "synthetic":
        return "synthetic"
    if isinstance(packet, MultiBssid):
        return "wifi" if len(packet.slots) == 1 else f"wifi-enhanced:{len(packet.slots)}"
    return "esp32"


@dataclass(slots=True)
class Intake:
    """Where the sockets hand in datagrams.

    ``now`` (monotonic seconds) is set by the caller before each run of datagrams, so that the clock is read once a run.
    """

    ledger: Ledger
    buffer: PendingBuffer
    nodes: NodeTable
    gate: Gate | None = None
    """Checks authenticators on the live port; recordings and simulations have none to check."""
    now: float = 0.0
    lost_events: int = 0
    """Node events that found the buffer full."""
    _encode: Any = field(default_factory=lambda: msgspec.json.Encoder().encode)

    def take(self, datagram: bytes, received_ns: int, source: tuple[Any, ...], provenance: Provenance) -> None:
        """Account for one datagram."""
        self.ledger.receive(provenance)
        body, authenticator = split(datagram)
        try:
            packet = decode(body)
            if (
                self.gate is not None
                and provenance == "live"
                and not self.gate.admit(packet.node_id, body, authenticator)
            ):
                self._second_copy(NodeKey(provenance, packet.node_id))
                return
        except PacketError as error:
            self._reject(datagram, received_ns, source, provenance, error)
            return
        node, back = self.nodes.seen(
            NodeKey(provenance, packet.node_id), source_of(provenance, packet), self.now, received_ns
        )
        if back is not None:
            self.announce(back)
        if isinstance(packet, CsiPacket):
            self._frame(body, packet, node, received_ns)
        elif isinstance(packet, MultiBssid):
            self._scan(body, packet, node, received_ns)
        else:
            self._telemetry(packet, node, received_ns)

    def announce(self, event: Event) -> None:
        """Queue a node event for csi.events.v1."""
        key = event.node_id.encode()
        record = Record(EVENTS.name, key, self._encode(event), event.timestamp_ns // _NS_PER_MS, None)
        if self.buffer.offer(record) is not None:
            self.lost_events += 1

    def _frame(self, datagram: bytes, packet: CsiPacket, node: Node, received_ns: int) -> None:
        status, missing = node.sequence.observe(packet.sequence, hash(datagram))
        if status == "duplicate":
            self.ledger.settle(Outcome.DUPLICATE)
            return
        node.count_frame((packet.n_antennas, packet.n_subcarriers, packet.frequency_mhz))
        provenance, node_id = node.key
        frame = CsiFrame(
            node_id,
            received_ns,
            packet.sequence,
            provenance,
            node.source,
            packet.n_antennas,
            packet.n_subcarriers,
            packet.frequency_mhz,
            packet.rssi_dbm,
            packet.noise_floor_dbm,
            packet.iq,
            status,
            missing,
        )
        self._publish(frame, node, received_ns)

    def _scan(self, datagram: bytes, packet: MultiBssid, node: Node, received_ns: int) -> None:
        status, missing = node.sequence.observe(packet.sequence, hash(datagram))
        if status == "duplicate":
            self.ledger.settle(Outcome.DUPLICATE)
            return
        node.scans += 1
        provenance, node_id = node.key
        frame = MultiBssidFrame(
            node_id,
            received_ns,
            packet.sequence,
            provenance,
            node.source,
            packet.uptime_ms,
            packet.epoch,
            packet.native,
            packet.slots,
            status,
            missing,
        )
        self._publish(frame, node, received_ns)

    def _publish(self, frame: AnyFrame, node: Node, received_ns: int) -> None:
        self._offer(
            Record(FRAMES.name, node.record_key, self._encode(frame), received_ns // _NS_PER_MS, Outcome.PUBLISHED)
        )

    def _second_copy(self, key: NodeKey) -> None:
        """Count a datagram that was let in before; it does not count as a sign of life, as anybody can send it."""
        node = self.nodes.nodes.get(key)
        if node is not None:
            node.sequence.duplicates += 1
        self.ledger.settle(Outcome.DUPLICATE)

    def _telemetry(self, packet: TelemetryBody, node: Node, received_ns: int) -> None:
        record = TelemetryRecord(
            timestamp_ns=received_ns,
            node_id=node.key.node_id,
            provenance=node.key.provenance,
            source=node.source,
            body=packet,
        )
        kind = type(packet).__struct_config__.tag
        self._offer(
            Record(
                TELEMETRY.name,
                node.record_key,
                self._encode(record),
                received_ns // _NS_PER_MS,
                Outcome.TELEMETRY,
                str(kind),
            )
        )

    def _reject(
        self, datagram: bytes, received_ns: int, source: tuple[Any, ...], provenance: Provenance, error: PacketError
    ) -> None:
        headers = [
            ("reason", error.reason.encode()),
            ("detail", error.detail[:_MAX_DETAIL].encode()),
            ("source", format_address(source).encode()),
            ("received", str(received_ns).encode()),
            ("provenance", provenance.encode()),
        ]
        key = str(source[0]).encode()
        self._offer(
            Record(
                REJECTED.name, key, datagram, received_ns // _NS_PER_MS, Outcome.REJECTED, error.reason.value, headers
            )
        )

    def _offer(self, record: Record) -> None:
        reason: DropReason | None = self.buffer.offer(record)
        if reason is not None:
            self.ledger.settle(Outcome.DROPPED, reason.value)
