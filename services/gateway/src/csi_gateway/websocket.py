"""uvicorn's websocket protocol with a direct way out for frames that are encoded already.

The ASGI ``send`` costs a coroutine, a copy of the payload and a frame per client and message. A client of the
gateway gets the same bytes as any other, so they are framed once (:mod:`csi_gateway.message`) and written to its
transport as they are; the transport says when it is full and when it has room again.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

if TYPE_CHECKING:
    from collections.abc import Callable

    from websockets.http11 import Request

EXTENSION = "csiflow.outlet"
"""Key of ``scope["extensions"]`` under which the connection hands itself to the application."""

GOING_AWAY = 1001


class FramedWebSocket(WebSocketsSansIOProtocol):
    """A websocket connection that also takes ready-made frames."""

    on_room: Callable[[], None] | None = None
    """Called when the transport has room again after it was full."""
    _progress_at = 0.0

    @property
    def has_room(self) -> bool:
        """Whether the transport's buffer is below its limit."""
        return self.writable.is_set()

    def write_frames(self, frames: bytes) -> None:
        """Write complete frames; does nothing on a connection that is closing."""
        if self.conn.state is State.OPEN and not self.close_sent and not self.transport.is_closing():
            self.transport.write(frames)

    def bound_send_buffer(self, size: int) -> None:
        """Let the kernel hold about ``size`` bytes that the client has not taken yet."""
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, size)

    def handle_connect(self, event: Request) -> None:
        """Offer the outlet to the application."""
        super().handle_connect(event)
        if self.response.status_code == 101:  # else there is no scope: the handshake itself was refused
            self.scope["extensions"][EXTENSION] = self  # type: ignore[assignment]

    def resume_writing(self) -> None:
        """Pass on that there is room."""
        super().resume_writing()
        self._progress_at = self.loop.time()
        if self.on_room is not None:
            self.on_room()

    def data_received(self, data: bytes) -> None:
        """Anything the client sends shows that it lives."""
        self._progress_at = self.loop.time()
        super().data_received(data)

    def keepalive_timeout(self) -> None:
        """Keep a client that is slow but reads: its pong waits behind everything we sent before the ping."""
        if self._progress_at > self.ping_sent_at and self.ping_timeout is not None:
            self.ping_sent_at = self.loop.time()
            self.pong_timer = self.loop.call_later(self.ping_timeout, self.keepalive_timeout)
            return
        super().keepalive_timeout()

    def shutdown(self) -> None:
        """Tell the client that the gateway goes away; one that does not read cannot be told and is cut off."""
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
            return
        self.stop_keepalive()
        self.queue.put_nowait({"type": "websocket.disconnect", "code": GOING_AWAY})
        self.conn.send_close(GOING_AWAY, "the gateway is shutting down")
        self.transport.write(b"".join(self.conn.data_to_send()))
        self.close_sent = True
        if self.has_room:
            self.transport.close()
        else:
            self.transport.abort()
