"""The bounded buffer."""

from __future__ import annotations

import pytest
from csi_ingest.buffer import Lane, PendingBuffer, Record
from csi_ingest.ledger import DropReason, Outcome


def record(value: bytes = b"v", outcome: Outcome | None = Outcome.PUBLISHED, key: bytes = b"1") -> Record:
    """A record for a topic of its own."""
    return Record("t", key, value, 0, outcome, "reason" if outcome is Outcome.REJECTED else None)


def test_records_are_bounded() -> None:
    """The buffer takes max_records and not one more; room appears when Kafka acknowledges, not when it is sent."""
    buffer = PendingBuffer(3, 10**6, 1.0)
    assert [buffer.offer(record()) for _ in range(4)] == [None, None, None, DropReason.BUFFER_FULL]
    lane = Lane("t", 0)
    while buffer.arrived:
        buffer.sort(buffer.arrived.popleft(), lane)
    buffer.sent(lane, 2)
    assert buffer.offer(record()) is DropReason.BUFFER_FULL
    assert len(buffer.let_go(lane)) == 2
    assert buffer.offer(record()) is None


def test_bytes_are_bounded() -> None:
    """Many large datagrams reach the bound in bytes before the bound in records."""
    buffer = PendingBuffer(1000, 100, 1.0)
    assert buffer.offer(record(b"x" * 60)) is None
    assert buffer.offer(record(b"x" * 41)) is DropReason.BUFFER_FULL
    assert buffer.offer(record(b"x" * 40)) is None
    assert buffer.size == 100


@pytest.mark.parametrize("junk", [b"", b"x" * 30])
def test_junk_leaves_room_for_frames(junk: bytes) -> None:
    """Dead letters fill at most their share of records and bytes; frames still find room."""
    buffer = PendingBuffer(100, 1000, 0.25)
    reasons = [buffer.offer(record(junk, Outcome.REJECTED)) for _ in range(200)]
    assert reasons[0] is None
    assert reasons[-1] is DropReason.DEAD_LETTER_OVERFLOW
    assert buffer.dead_letters <= 25
    assert buffer.dead_letter_bytes <= 250
    assert [buffer.offer(record()) for _ in range(75)] == [None] * 75


def test_what_was_not_acknowledged_goes_back_in_order() -> None:
    """After unsort each key's records come in the order they were offered, sent ones first."""
    buffer = PendingBuffer(100, 10**6, 1.0)
    for number in range(12):
        buffer.offer(record(str(number).encode(), key=str(number % 3).encode()))
    lanes = {key: Lane("t", int(key) % 2) for key in (b"0", b"1", b"2")}
    for _ in range(9):
        first = buffer.arrived.popleft()
        buffer.sort(first, lanes[first.key])
    buffer.sent(Lane("t", 0), 3)
    buffer.unsort()
    assert buffer.records == 12
    for key in lanes:
        values = [int(waiting.value) for waiting in buffer.arrived if waiting.key == key]
        assert values == sorted(values)
        assert len(values) == 4


def test_events_are_held_but_are_no_datagrams() -> None:
    """A node event takes room, and does not count as a pending datagram."""
    buffer = PendingBuffer(10, 1000, 1.0)
    buffer.offer(record(outcome=None))
    buffer.offer(record())
    assert (buffer.records, buffer.datagrams) == (2, 1)
