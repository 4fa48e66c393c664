"""Keep-alive: a dead client is disconnected, one that is slow but reads is not."""

from __future__ import annotations

from typing import Any

import pytest
import uvicorn
from csi_gateway.websocket import FramedWebSocket
from uvicorn.server import ServerState
from websockets.protocol import State


class FakeLoop:
    """A clock that a test moves, and timers that it fires."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Any] = []

    def time(self) -> float:
        """Seconds."""
        return self.now

    def call_later(self, delay: float, callback: Any) -> Any:
        """Note a timer."""
        self.timers.append((self.now + delay, callback))
        return self

    def cancel(self) -> None:
        """Of a timer handle."""


class FakeTransport:
    """Notes what is written and whether it was closed."""

    def __init__(self) -> None:
        self.closed = self.aborted = False
        self.written = b""

    def is_closing(self) -> bool:
        """Whether it is."""
        return self.closed

    def write(self, data: bytes) -> None:
        """Note it."""
        self.written += data

    def close(self) -> None:
        """Note it."""
        self.closed = True

    def abort(self) -> None:
        """Note it."""
        self.closed = self.aborted = True

    def get_extra_info(self, _: str) -> None:
        """Nothing is known."""


@pytest.fixture
async def connection() -> FramedWebSocket:
    """A connection past its handshake, pinged at 0 s with 60 s to answer."""
    config = uvicorn.Config(app=lambda: None, log_config=None, ws_ping_interval=20, ws_ping_timeout=60)
    config.load()
    protocol = FramedWebSocket(config, ServerState(), {}, _loop=FakeLoop())  # type: ignore[arg-type]
    protocol.transport = FakeTransport()  # type: ignore[assignment]
    protocol.conn.state = State.OPEN
    protocol.handshake_complete = True
    protocol.send_keepalive_ping()
    return protocol


def at(protocol: FramedWebSocket, seconds: float) -> None:
    """Move the clock."""
    protocol.loop.now = seconds  # type: ignore[attr-defined]


async def test_a_dead_client_is_closed(connection: FramedWebSocket) -> None:
    """No pong and no sign of life within the limit: 1011."""
    at(connection, 60)
    connection.keepalive_timeout()
    assert connection.transport.is_closing()
    assert (1011).to_bytes(2) in connection.transport.written  # type: ignore[attr-defined]


async def test_a_slow_reader_is_kept(connection: FramedWebSocket) -> None:
    """Its pong waits behind megabytes: as long as its buffer drains now and then it stays, and then dies after all."""
    for seconds in (60, 120, 180):
        at(connection, seconds - 1)
        connection.pause_writing()
        connection.resume_writing()
        at(connection, seconds)
        connection.keepalive_timeout()
        assert not connection.transport.is_closing()
        assert connection.loop.timers[-1][0] == seconds + 60  # type: ignore[attr-defined]
    at(connection, 240)
    connection.keepalive_timeout()
    assert connection.transport.is_closing()


async def test_frames_only_while_open(connection: FramedWebSocket) -> None:
    """Frames go out as they are, until the connection closes."""
    transport: Any = connection.transport
    transport.written = b""
    connection.write_frames(b"\x81\x02{}")
    assert transport.written == b"\x81\x02{}"
    connection.shutdown()
    assert (1001).to_bytes(2) in transport.written
    transport.written = b""
    connection.write_frames(b"\x81\x02{}")
    assert transport.written == b""


async def test_shutdown_cuts_off_who_does_not_read(connection: FramedWebSocket) -> None:
    """A full buffer would keep the process waiting for a reader that never comes."""
    transport: Any = connection.transport
    connection.pause_writing()
    connection.shutdown()
    assert transport.aborted
