"""The socket to ingest: one datagram a scan, authenticated when there is a key."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, Self

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
        """Packets the network refused; ingest sees them as missing."""
        self._host, self._port = parse_address(address)
        self._sealer = sealer
        self._target: Any = None

    def __enter__(self) -> Self:
        try:
            family, kind, protocol, _, self._target = socket.getaddrinfo(
                self._host, self._port, type=socket.SOCK_DGRAM
            )[0]
            self._socket = socket.socket(family, kind, protocol)
        except OSError as error:
            raise SettingError(f"cannot send to {self.address}: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, packet: MultiBssid) -> str | None:
        """Send one packet; returns why the network refused it, if it did."""
        datagram = encode(packet)
        if self._sealer is not None:
            datagram = self._sealer.seal(datagram)
        try:
            self._socket.sendto(datagram, self._target)
        except OSError as error:  # the network comes and goes; scanning goes on
            self.failed += 1
            return error.strerror or type(error).__name__
        self.sent += 1
        return None
