"""A client and a channel over an outlet that can be full."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest
import uvloop
from csi_gateway.channel import SLICE, Channel
from csi_gateway.client import PATIENCE_LIMIT, PATIENCE_PER_MESSAGE, Client, Wishes
from csi_gateway.message import Message
from csi_runtime.metrics import GATEWAY_ENCODED
from structlog.testing import capture_logs

if TYPE_CHECKING:
    from collections.abc import Callable


class FakeOutlet:
    """Collects frames; full after ``limit`` writes until :meth:`read` is called."""

    def __init__(self, limit: int | None = None) -> None:
        self.on_room: Callable[[], None] | None = None
        self.data = b""
        self.writes = 0
        self._limit = limit

    @property
    def has_room(self) -> bool:
        """Whether it takes frames now."""
        return self._limit is None or self.writes < self._limit

    def write_frames(self, frames: bytes) -> None:
        """Take frames."""
        self.writes += 1
        self.data += frames

    def read(self) -> list[Any]:
        """All texts written so far, decoded; makes room."""
        texts = []
        while self.data:
            size, start = self.data[1], 2
            if size == 126:
                size, start = int.from_bytes(self.data[2:4]), 4
            texts.append(json.loads(self.data[start : start + size]))
            self.data = self.data[start + size :]
        self.writes = 0
        if self.on_room is not None:
            self.on_room()
        return texts


def client(outlet: FakeOutlet, wishes: Wishes | None = None, *, warn_after: int = 32) -> Client:
    """A client of /ws/sensing with a ring of 32."""
    return Client("sensing", "test", outlet, wishes or Wishes(), ring_size=32, warn_after=warn_after)


def messages(count: int, node_id: str = "1", first: int = 0) -> list[Message]:
    """Numbered messages of one stream."""
    return [
        Message(node_id, (node_id, "1x64@6"), json.dumps({"n": i, "node": node_id}).encode())
        for i in range(first, first + count)
    ]


async def test_everything_arrives_in_order_and_encoded_once() -> None:
    """A batch far larger than a ring reaches every client that has room, through one encoding."""
    outlets = [FakeOutlet() for _ in range(20)]
    channel = Channel()
    for outlet in outlets:
        channel.add(client(outlet))
    before = GATEWAY_ENCODED._value.get()
    await channel.publish(messages(1000))
    for outlet in outlets:
        assert [text["n"] for text in outlet.read()] == list(range(1000))
        assert outlet.writes <= 1000 / SLICE + 1, "a slice is one write"
    assert GATEWAY_ENCODED._value.get() - before == 1000


async def test_a_stuck_client_delays_a_burst_by_its_patience_only_once() -> None:
    """Others get everything; the stuck one's patience ends and is not renewed while it takes nothing."""
    stuck, free = FakeOutlet(limit=0), FakeOutlet()
    slow = client(stuck)
    channel = Channel()
    channel.add(slow)
    channel.add(client(free))
    await channel.publish(messages(500))
    assert [text["n"] for text in free.read()] == list(range(500))
    assert slow.patience < PATIENCE_PER_MESSAGE * 10
    assert not slow.impatient_for(SLICE), "no second wait"
    assert slow.dropped == 500 - 32


async def test_a_client_that_makes_room_in_time_loses_nothing() -> None:
    """The dispatcher waits for a client whose outlet is full for a moment, and the wait ends when it has room."""
    outlet = FakeOutlet(limit=1)
    channel = Channel()
    reader = client(outlet)
    channel.add(reader)
    publishing = asyncio.create_task(channel.publish(messages(400)))
    got: list[int] = []
    while not publishing.done() or outlet.data:
        await asyncio.sleep(0)
        got += [text["n"] for text in outlet.read()]
    assert got == list(range(400))
    assert reader.dropped == 0
    assert reader.patience <= PATIENCE_LIMIT


async def test_told_the_exact_number_where_they_are_missing() -> None:
    """The report comes before the first message after the gap; received and dropped add up; totals accumulate."""
    outlet = FakeOutlet(limit=1)
    slow = client(outlet)
    slow.patience = 0.0
    channel = Channel()
    channel.add(slow)
    await channel.publish(messages(16))  # one write: full from now on
    await channel.publish(messages(100, first=16))
    assert [text["n"] for text in outlet.read()] == list(range(16))
    assert outlet.read() == [
        {"type": "dropped", "dropped": 68, "total": 68},
        *({"n": n, "node": "1"} for n in range(84, 116)),
    ]
    await channel.publish(messages(16, first=116))
    slow.patience = 0.0
    await channel.publish(messages(40, first=132))
    assert [text["n"] for text in outlet.read()] == list(range(116, 132))
    assert outlet.read()[0] == {"type": "dropped", "dropped": 8, "total": 76}


async def test_warned_once_per_run_of_drops() -> None:
    """One warning when so many were dropped in a row, another only after the client had caught up in between."""
    outlet = FakeOutlet(limit=0)
    slow = client(outlet, warn_after=10)
    with capture_logs() as logs:
        for message in messages(41):
            slow.offer(message)
        assert logs == []
        for message in messages(100):
            slow.offer(message)
        assert [(log["dropped_in_a_row"], log["client"]) for log in logs] == [(10, "test")]
        outlet._limit = None
        slow.flush()
        outlet._limit = 0
        for message in messages(80):
            slow.offer(message)
    assert [log["dropped_in_a_row"] for log in logs] == [10, 10]


async def test_node_filter() -> None:
    """Only the wanted nodes' messages take a place in the ring."""
    outlet = FakeOutlet()
    channel = Channel()
    channel.add(client(outlet, Wishes(nodes=frozenset({"1", "2"}))))
    await channel.publish([message for node in ("1", "12", "2", "") for message in messages(3, node)])
    assert [text["node"] for text in outlet.read()] == ["1"] * 3 + ["2"] * 3


async def test_coalescing_is_not_dropping() -> None:
    """Under max_hz the newest value of each stream comes when it is due; events (no key) are never held back."""
    outlet = FakeOutlet()
    limited = client(outlet, Wishes(max_hz=50))
    channel = Channel()
    channel.add(limited)
    await channel.publish([*messages(100, "1"), *messages(100, "2"), *[Message("1", None, b'{"n": -1}')] * 5])
    assert [text["n"] for text in outlet.read()] == [0, 0, -1, -1, -1, -1, -1]
    while outlet.writes == 0:
        await asyncio.sleep(0.001)
    rest = outlet.read()
    while len(rest) < 2:
        await asyncio.sleep(0.001)
        rest += outlet.read()
    assert sorted((text["node"], text["n"]) for text in rest) == [("1", 99), ("2", 99)]
    assert limited.dropped == 0
    limited.close()


def test_coalescing_when_a_message_is_overdue() -> None:
    """A timer set for a time already past (a late loop; uvloop makes it a plain handle) stops no later message."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        outlet = FakeOutlet()
        limited = client(outlet, Wishes(max_hz=1000))
        for message in messages(2, "1"):
            limited.offer(message)
        assert limited._timer is not None
        limited._timer.cancel()
        limited._timer = None
        began = loop.time()
        while loop.time() < began + 0.002:
            pass
        limited._set_timer()
        for message in messages(2, "2"):
            limited.offer(message)
        texts: list[Any] = []
        while len(texts) < 4:
            limited.flush()
            texts += outlet.read()
            await asyncio.sleep(0.001)
        assert sorted((text["node"], text["n"]) for text in texts) == [("1", 0), ("1", 1), ("2", 0), ("2", 1)]
        limited.close()

    uvloop.run(run())


async def test_closing_cancels_what_waits() -> None:
    """A closed client's timer does not fire, and its channel forgets it."""
    outlet = FakeOutlet()
    changes: list[int] = []
    channel = Channel(on_change=changes.append)
    limited = client(outlet, Wishes(max_hz=1000))
    channel.add(limited)
    await channel.publish(messages(2))
    timer = limited._timer
    assert timer is not None
    limited.close()
    channel.remove(limited)
    assert timer.cancelled()
    assert outlet.on_room is None
    assert [text["n"] for text in outlet.read()] == [0]
    assert changes == [1, 0]
    await channel.publish(messages(5))
    assert outlet.data == b""


@pytest.mark.parametrize("count", [1, SLICE, SLICE + 1, 5 * SLICE])
async def test_a_slice_never_overflows_an_empty_ring(count: int) -> None:
    """A ring of the smallest allowed size takes a whole slice without a drop."""
    outlet = FakeOutlet()
    small = Client("sensing", "test", outlet, Wishes(), ring_size=SLICE, warn_after=1)
    channel = Channel()
    channel.add(small)
    await channel.publish(messages(count))
    assert len(outlet.read()) == count
