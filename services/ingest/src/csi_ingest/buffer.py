"""The bounded buffer between the sockets and Kafka: records in the order they came, held until acknowledged.

Pure: it knows neither Kafka nor a clock. The publisher takes batches out of *lanes*, one lane for each partition; a
batch stays counted until it is acknowledged or put back, so the bound covers what is in flight too.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from csi_ingest.ledger import DropReason, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable


_NO_HEADERS: list[tuple[str, bytes]] = []
"""aiokafka's compiled batch builder takes a list and nothing else; never changed."""


class Record(NamedTuple):
    """One Kafka record to be, and the outcome of its datagram once Kafka has it."""

    topic: str
    key: bytes
    value: bytes
    timestamp_ms: int
    """Receive time; the Kafka record's time stamp."""
    outcome: Outcome | None
    """``None`` for what is no datagram: node events."""
    detail: str | None = None
    """Telemetry kind or reject reason, see ``Ledger.details``."""
    headers: list[tuple[str, bytes]] = _NO_HEADERS


class Lane(NamedTuple):
    """Destination of a record."""

    topic: str
    partition: int


@dataclass(slots=True)
class Held:
    """Records of one lane."""

    waiting: deque[Record] = field(default_factory=deque)
    sent: list[Record] = field(default_factory=list)
    """In flight: at most one batch a lane, so that a retry cannot overtake."""


@dataclass(slots=True)
class PendingBuffer:
    """Every record that Kafka has not acknowledged yet, at most ``max_records`` and ``max_bytes`` of values.

    Dead letters may fill at most ``dead_letter_share`` of either bound; the rest is kept for frames and telemetry.
    Records wait in ``arrived`` until the publisher knows the topic's partitions and sorts them into lanes.
    """

    max_records: int
    max_bytes: int
    dead_letter_share: float
    records: int = 0
    """Records held."""
    datagrams: int = 0
    """Of these, records made of a datagram; equals the ledger's pending count."""
    size: int = 0
    """Bytes of their values."""
    dead_letters: int = 0
    dead_letter_bytes: int = 0
    arrived: deque[Record] = field(default_factory=deque)
    lanes: dict[Lane, Held] = field(default_factory=dict)

    def offer(self, record: Record) -> DropReason | None:
        """Take a record, or say why it cannot be held."""
        size = len(record.value)
        if self.records >= self.max_records or self.size + size > self.max_bytes:
            return DropReason.BUFFER_FULL
        if record.outcome is Outcome.REJECTED:
            share = self.dead_letter_share
            if self.dead_letters >= share * self.max_records or self.dead_letter_bytes + size > share * self.max_bytes:
                return DropReason.DEAD_LETTER_OVERFLOW
            self.dead_letters += 1
            self.dead_letter_bytes += size
        self.records += 1
        self.datagrams += record.outcome is not None
        self.size += size
        self.arrived.append(record)
        return None

    def sort(self, record: Record, lane: Lane) -> None:
        """Put a record taken from ``arrived`` at the end of its lane."""
        held = self.lanes.get(lane)
        if held is None:
            held = self.lanes[lane] = Held()
        held.waiting.append(record)

    def sent(self, lane: Lane, count: int) -> list[Record]:
        """Move the first ``count`` waiting records of an idle lane to its batch in flight, and return them."""
        held = self.lanes[lane]
        held.sent = [held.waiting.popleft() for _ in range(count)]
        return held.sent

    def let_go(self, lane: Lane) -> list[Record]:
        """Let go of a lane's batch in flight and return it: its records have their outcome now."""
        held = self.lanes[lane]
        done, held.sent = held.sent, []
        self._release(done)
        return done

    def unsort(self) -> None:
        """Put everything sent or sorted back in front of ``arrived``: it must be sent (again), by another producer.

        All records of one key are in one lane, so a key's records stay in order.
        """
        for held in self.lanes.values():
            self.arrived.extendleft(reversed(held.waiting))
            self.arrived.extendleft(reversed(held.sent))
        self.lanes.clear()

    def full(self, fraction: float) -> bool:
        """Return whether either bound is used to ``fraction`` or more."""
        return self.records >= fraction * self.max_records or self.size >= fraction * self.max_bytes

    def _release(self, records: Iterable[Record]) -> None:
        for record in records:
            size = len(record.value)
            self.records -= 1
            self.datagrams -= record.outcome is not None
            self.size -= size
            if record.outcome is Outcome.REJECTED:
                self.dead_letters -= 1
                self.dead_letter_bytes -= size
