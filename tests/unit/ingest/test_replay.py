"""Replay over real UDP sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from csi_ingest.listener import Listener, open_listener
from csi_ingest.recordings import Recording, open_recording
from csi_ingest.replay import send
from csi_ingest.sender import ReceiverQueue, SendError


@pytest.fixture
def recording(tmp_path: Path) -> Recording:
    """500 frames of 100 Hz."""
    generator = np.random.default_rng(3)
    iq = generator.integers(-128, 128, (500, 1, 64, 2)).astype(np.int8)
    path = tmp_path / "room.npz"
    np.savez(path, t_ns=np.arange(500, dtype=np.int64) * 10_000_000, iq=iq)
    return open_recording(path)


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A receiver with room for about 400 of these datagrams."""
    opened = open_listener("replay", "127.0.0.1:0", 200_000)
    yield opened
    opened.close()


@contextlib.contextmanager
def reading(listener: Listener) -> Iterator[list[bytes]]:
    """Read whatever comes while the context is open."""
    taken: list[bytes] = []
    loop = asyncio.get_running_loop()
    loop.add_reader(listener.socket, lambda: listener.drain(lambda datagram, *_: taken.append(datagram)))
    yield taken
    loop.remove_reader(listener.socket)
    listener.drain(lambda datagram, *_: taken.append(datagram), 10_000)


def drain(listener: Listener, limit: int = 10_000) -> list[bytes]:
    """Take what waits."""
    taken: list[bytes] = []
    listener.drain(lambda datagram, *_: taken.append(datagram), limit)
    return taken


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a receiver's queue")
async def test_max_speed_waits_for_a_slow_receiver(recording: Recording, listener: Listener) -> None:
    """At full speed into a receiver that reads 20 at a time and holds fewer than all, nothing is lost or reordered."""
    sending = asyncio.create_task(send(recording, listener.address, None))
    received: list[bytes] = []
    while not sending.done():
        received += drain(listener, 20)
        await asyncio.sleep(0.001)
    received += drain(listener)
    assert received == [datagram for _, datagram in recording]
    assert listener.kernel_drops() == 0
    report = await sending
    assert report.sent == 500
    assert report.rate == pytest.approx(499 / report.duration_s)


async def test_the_recorded_pace_is_kept(recording: Recording, listener: Listener) -> None:
    """At speed 10 five seconds take at least half a second: no datagram leaves before its time."""
    loop = asyncio.get_running_loop()
    start = loop.time()
    progress: list[int] = []
    with reading(listener) as received:
        report = await send(recording, listener.address, 10.0, progress.append)
    assert received == [datagram for _, datagram in recording]
    assert loop.time() - start >= 4.99 / 10
    assert report.duration_s >= 4.99 / 10 - 0.02
    assert progress == sorted(progress)
    assert progress[-1] == 500


async def test_lateness_does_not_add_up(recording: Recording, listener: Listener) -> None:
    """Deadlines are absolute: where every sleep takes half as long again, less sleep is asked for."""
    loop = asyncio.get_running_loop()
    sleeps: list[float] = []
    original = asyncio.sleep

    async def oversleep(delay: float) -> None:
        sleeps.append(delay)
        await original(delay * 1.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("csi_ingest.replay.asyncio.sleep", oversleep)
        start = loop.time()
        with reading(listener):
            await send(recording, listener.address, 10.0)
    # with relative pauses each of 499 would be asked for in full: 499 x 1 ms x 1.5
    assert sum(sleeps) < 499 * 0.001
    assert loop.time() - start >= 0.499


async def test_nobody_listening_is_an_error(recording: Recording) -> None:
    """On this machine the sender learns that the port is closed and says which."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(SendError, match=f"nobody listens on {address}.*is ingest running"):
        await send(recording, address, 100.0)


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:x", "no.such.host.invalid:5006"])
async def test_unusable_addresses_are_named(recording: Recording, address: str) -> None:
    """Malformed and unknown addresses are refused before anything is sent."""
    with pytest.raises(SendError, match=f"cannot send to {address}"):
        await send(recording, address)


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
async def test_a_speed_must_be_above_zero(recording: Recording, listener: Listener, speed: float) -> None:
    """0, negative and NaN speeds are refused."""
    with pytest.raises(ValueError, match="must be above 0"):
        await send(recording, listener.address, speed)


async def test_an_address_may_be_a_tuple(recording: Recording, listener: Listener) -> None:
    """("127.0.0.1", port) and "127.0.0.1:port" mean the same."""
    host, port = listener.socket.getsockname()
    with reading(listener) as received:
        report = await send(recording, (host, port), None)
    assert len(received) == report.sent == 500


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a receiver's queue")
async def test_a_receiver_that_never_reads_is_an_error(
    recording: Recording, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sender does not wait for ever, does not overrun the receiver, and says who did not read."""
    monkeypatch.setattr("csi_ingest.sender.PATIENCE_SECONDS", 0.05)
    with pytest.raises(SendError, match=f"receiver on {listener.address} has not read"):
        await send(recording, listener.address, None)
    assert listener.kernel_drops() == 0


async def test_where_no_queue_can_be_seen_the_rate_is_capped(
    recording: Recording, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A receiver that is not in this machine's tables gets the cap at most: 500 datagrams take 96 ms."""
    monkeypatch.setattr("csi_ingest.sender.ReceiverQueue.bytes_waiting", lambda _: None)
    loop = asyncio.get_running_loop()
    start = loop.time()
    with reading(listener) as received:
        await send(recording, listener.address, None)
    assert loop.time() - start >= 480 / 5000
    assert received == [datagram for _, datagram in recording]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux shows a receiver's queue")
def test_the_queue_of_a_listener_is_seen_and_that_of_nobody_is_not(listener: Listener) -> None:
    """Datagrams that wait show as bytes, an empty queue as 0, and a port without a socket as None."""
    port = listener.socket.getsockname()[1]
    queue = ReceiverQueue(socket.AF_INET, port)
    assert queue.bytes_waiting() == 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(10):
            sender.sendto(bytes(100), ("127.0.0.1", port))
    assert (queue.bytes_waiting() or 0) >= 1000
    drain(listener)
    assert queue.bytes_waiting() == 0
    listener.close()
    assert queue.bytes_waiting() is None
