"""The socket to ingest: one datagram a scan, authenticated when there is a key."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from csi_schemas.codec import encode

from csi_wifiscan.errors import SettingError

if TYPE_CHECKING:
    from types import TracebackType

    from csi_schemas.codec import MultiBssid
    from csi_schemas.codec.authentication import Sealer


def parse_address(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` (``[HOST]:PORT`` for IPv6).

    Raises:
        SettingError: it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or not 0 < int(port) < 65536 or not host.strip("[]"):
        raise SettingError(f"{text!r} is not an address; write HOST:PORT, for example 192.0.2.7:5005")
    return host.strip("[]"), int(port)


class Sender:
    """Sends packets; a context manager.

    Raises:
        SettingError: on entering, when the address does not resolve.
    """

    def __init__(self, address: str, sealer: Sealer | None = None) -> None:
        self.address = address
        self.sent = 0
        self.failed = 0
        """Packets the network refused, or after which the receiver said that nobody listens."""
        self._host, self._port = parse_address(address)
        self._sealer = sealer
        self._socket: socket.socket | None = None

    def __enter__(self) -> Self:
        try:
            self._socket = self._connected()
        except OSError as error:
            raise SettingError(f"cannot send to {self.address}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()

    def send(self, packet: MultiBssid) -> str | None:
        """Send one packet; returns why the network refused it, if it did."""
        datagram = encode(packet)
        if self._sealer is not None:
            datagram = self._sealer.seal(datagram)
        try:
            if self._socket is None:
                self._socket = self._connected()
            self._socket.send(datagram)
        except OSError as error:  # networks come and go with a laptop; the next packet looks for a new way
            self._disconnect()
            self.failed += 1
            return error.strerror or type(error).__name__
        self.sent += 1
        return None

    def _connected(self) -> socket.socket:
        """Return a socket that is told when nobody listens there.

        Raises:
            OSError: the name does not resolve, or no network leads there.
        """
        family, kind, protocol, _, target = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_DGRAM)[0]
        found = socket.socket(family, kind, protocol)
        try:
            found.connect(target)
        except OSError:
            found.close()
            raise
        return found

    def _disconnect(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
