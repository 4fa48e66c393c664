"""Reading the sockets, and leaving them alone while Kafka is slow."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest
from csi_ingest.buffer import Lane, PendingBuffer
from csi_ingest.intake import Intake
from csi_ingest.ledger import Ledger, Outcome
from csi_ingest.listener import Listener, open_listener
from csi_ingest.nodes import NodeTable
from csi_ingest.publisher import Publisher
from csi_ingest.reader import Reader
from csi_schemas.codec import encode_csi
from csi_schemas.topics import FRAMES
from support.waiting import wait_for

LANE = Lane(FRAMES.name, 0)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A live listener on a free port."""
    opened = open_listener("live", "127.0.0.1:0", 1 << 20)
    yield opened
    opened.close()


class Rig:
    """A reader between a real socket and a buffer for 40 records; the test plays Kafka."""

    def __init__(self, listener: Listener) -> None:
        self.ledger = Ledger()
        self.buffer = PendingBuffer(40, 10**6, 0.25)
        self.intake = Intake(self.ledger, self.buffer, NodeTable(5.0))
        self.publisher = Publisher("", [FRAMES.name], self.buffer, self.ledger, away_after=1.0)
        self.reader = Reader(asyncio.get_running_loop(), [listener], self.intake, self.publisher)
        self.publisher.on_progress = self.reader.resume
        self.listener = listener

    def send(self, count: int) -> None:
        """Frames into the socket."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for sequence in range(count):
                sender.sendto(encode_csi(1, bytes(2), sequence=sequence, n_subcarriers=1), self.address)

    @property
    def address(self) -> tuple[str, int]:
        """Where to send."""
        host, port = self.listener.socket.getsockname()
        return host, port

    def acknowledge_all(self) -> None:
        """Kafka takes whatever is held."""
        while self.buffer.arrived:
            self.buffer.sort(self.buffer.arrived.popleft(), LANE)
        self.buffer.sent(LANE, len(self.buffer.lanes[LANE].waiting))
        self.publisher._settle(LANE)


async def test_a_slow_kafka_pauses_reading_and_drops_nothing(listener: Listener) -> None:
    """With Kafka there but slow the sockets are left to the kernel at three quarters full, and read again later."""
    rig = Rig(listener)
    rig.publisher._note_back()
    rig.reader.resume()
    rig.send(200)
    taken = 0
    while taken < 200:
        await wait_for(
            lambda: rig.reader.paused or rig.ledger.total_received == 200, what="a pause, or everything read"
        )
        assert rig.buffer.records <= 40
        taken = rig.ledger.total_received
        rig.acknowledge_all()
    assert rig.ledger.outcomes == {Outcome.PUBLISHED: 200}
    assert listener.kernel_drops() in (0, None)
    rig.reader.pause()


async def test_without_kafka_everything_is_read_and_accounted_for(listener: Listener) -> None:
    """With Kafka away reading goes on: what finds no room is dropped with its reason."""
    rig = Rig(listener)
    rig.reader.resume()
    rig.send(200)
    await wait_for(lambda: rig.ledger.total_received == 200, what="everything is read")
    assert rig.ledger.outcomes == {Outcome.DROPPED: 160}
    assert rig.ledger.pending == 40
    rig.reader.pause()


async def test_reading_goes_on_when_a_slow_kafka_goes_away(listener: Listener) -> None:
    """A pause ends when Kafka is found to be away, for from then on every datagram is to be counted."""
    rig = Rig(listener)
    rig.publisher._note_back()
    rig.reader.resume()
    rig.send(100)
    await wait_for(lambda: rig.reader.paused, what="reading pauses")
    rig.publisher._note_away("no acknowledgement")
    await wait_for(lambda: rig.ledger.total_received == 100, what="everything is read")
    assert rig.ledger.imbalance() == 0
    rig.reader.pause()


async def test_a_defect_while_reading_ends_the_service(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception in the read callback reaches whoever waits for the reader, instead of a log line of the loop."""

    def broken(_: bytes) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("csi_ingest.intake.decode", broken)
    rig = Rig(listener)
    rig.reader.resume()
    rig.send(1)
    with pytest.raises(ZeroDivisionError):
        await asyncio.wait_for(rig.reader.failed, 20)
    assert rig.reader.paused
