"""One message on its way to any number of websocket clients, encoded at most once."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from csi_runtime.metrics import GATEWAY_ENCODED

if TYPE_CHECKING:
    from collections.abc import Callable


def text_frame(payload: bytes) -> bytes:
    """Return ``payload`` (UTF-8) as one unfragmented, unmasked websocket text frame (RFC 6455, section 5.2).

    A server's frames are not masked and we negotiate no extension, so the same bytes serve every client.
    """
    size = len(payload)
    if size < 126:
        return struct.pack("!BB", 0x81, size) + payload
    if size < 65536:
        return struct.pack("!BBH", 0x81, 126, size) + payload
    return struct.pack("!BBQ", 0x81, 127, size) + payload


class Message:
    """A JSON text with what it can be filtered and coalesced by."""

    __slots__ = ("_make", "_wire", "key", "node_id")

    def __init__(self, node_id: str, key: tuple[str, ...] | None, payload: bytes | Callable[[], bytes]) -> None:
        """``key`` names what a newer message of the same key replaces under ``max_hz``; ``None``: nothing does.

        A ``payload`` that costs something to make may be a function; it runs when the first client takes the message.
        """
        self.node_id = node_id
        self.key = key
        self._make = payload
        self._wire: bytes | None = None

    def wire(self) -> bytes:
        """Return the websocket frame."""
        if self._wire is None:
            self._wire = text_frame(self._make if isinstance(self._make, bytes) else self._make())
            GATEWAY_ENCODED.inc()
        return self._wire
