"""UDP sockets: a large receive buffer, kernel receive time stamps, and the kernel's own count of what it dropped."""

from __future__ import annotations

import socket
import struct
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from csi_runtime.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_schemas.common import Provenance

log = structlog.get_logger(__name__)

DRAIN_LIMIT = 256
"""Datagrams read in one wake-up, so that a flood on one socket cannot keep the loop from its other work."""

_MAX_DATAGRAM = 65535
_LINUX = sys.platform == "linux"
# Linux's numbers (asm-generic/socket.h); Python has no names for them. SCM_TIMESTAMPNS has its option's number.
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SO_MEMINFO = 55
_MEMINFO_WORDS = 9
_MEMINFO_DROPS = 8
_TIMESPEC = struct.Struct("@qq")
_CONTROL_BYTES = socket.CMSG_SPACE(_TIMESPEC.size)


class AddressError(ConfigurationError):
    """A listening address cannot be used."""


def parse_address(text: str) -> tuple[str, int]:
    """Split ``HOST:PORT`` (``[HOST]:PORT`` for IPv6).

    Raises:
        AddressError: it is not of that form.
    """
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535 or not host.strip("[]"):
        raise AddressError(f"{text!r} is not an address; write HOST:PORT, e.g. 127.0.0.1:5006 or [::1]:5006")
    return host.strip("[]"), int(port)


def format_address(address: tuple[Any, ...]) -> str:
    """Write a socket address as ``HOST:PORT``, IPv6 hosts in brackets."""
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(slots=True)
class Listener:
    """One UDP socket; which socket a datagram came in on decides its provenance."""

    provenance: Provenance
    socket: socket.socket
    kernel_timestamps: bool
    counts_drops: bool
    """Whether the kernel says how many datagrams it dropped on this socket."""

    @property
    def address(self) -> str:
        """The bound ``HOST:PORT``."""
        return format_address(self.socket.getsockname())

    def drain(self, take: Callable[[bytes, int, tuple[Any, ...], Provenance], None], limit: int = DRAIN_LIMIT) -> int:
        """Hand at most ``limit`` waiting datagrams to ``take(datagram, received_ns, source, provenance)``.

        Returns how many there were.
        """
        receive = self.socket.recvmsg
        provenance = self.provenance
        for count in range(limit):
            try:
                datagram, control, _, source = receive(_MAX_DATAGRAM, _CONTROL_BYTES)
            except BlockingIOError:
                return count
            if control:
                seconds, nanoseconds = _TIMESPEC.unpack(control[0][2])
                take(datagram, seconds * 1_000_000_000 + nanoseconds, source, provenance)
            else:
                take(datagram, time.time_ns(), source, provenance)
        return limit

    def kernel_drops(self) -> int | None:
        """Datagrams the kernel dropped on this socket because its buffer was full; ``None`` where it does not say."""
        return _kernel_drops(self.socket) if self.counts_drops else None

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def open_listener(provenance: Provenance, address: str, receive_buffer_bytes: int) -> Listener:
    """Bind a non-blocking UDP socket and log what it got.

    Raises:
        AddressError: ``address`` is malformed or cannot be bound.
    """
    host, port = parse_address(address)
    try:
        family, kind, protocol, _, bound = socket.getaddrinfo(
            host, port, type=socket.SOCK_DGRAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
    except OSError as error:
        raise AddressError(f"cannot listen for {provenance} datagrams on {address}: {error}") from error
    try:
        listening.setblocking(False)
        kernel_timestamps = _enable_timestamps(listening)
        counts_drops = _can_count_drops(listening)
        granted = _enlarge_receive_buffer(listening, receive_buffer_bytes)
        listening.bind(bound)
    except OSError as error:
        listening.close()
        raise AddressError(
            f"cannot listen for {provenance} datagrams on {address}: {error}. Is another ingest running? "
            f"CSIFLOW_INGEST_{provenance.upper()} sets another address, empty turns it off"
        ) from error
    listener = Listener(provenance, listening, kernel_timestamps, counts_drops)
    log.info(
        "listening",
        provenance=provenance,
        address=listener.address,
        receive_buffer_bytes=granted,
        kernel_timestamps=kernel_timestamps,
    )
    if granted < receive_buffer_bytes:
        log.warning(
            "the kernel granted a smaller receive buffer than asked for; bursts may be lost",
            provenance=provenance,
            remedy=f"sysctl -w net.core.rmem_max={receive_buffer_bytes}",
            granted=granted,
            asked=receive_buffer_bytes,
        )
    return listener


def _enable_timestamps(listening: socket.socket) -> bool:
    if not _LINUX:
        return False
    try:
        listening.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    except OSError as error:
        log.warning("no kernel receive time stamps; the time of reading is used", error=str(error))
        return False
    return True


def _kernel_drops(listening: socket.socket) -> int:
    words = listening.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * _MEMINFO_WORDS)
    return int(struct.unpack_from("@I", words, 4 * _MEMINFO_DROPS)[0])


def _can_count_drops(listening: socket.socket) -> bool:
    if not _LINUX:
        return False
    try:
        _kernel_drops(listening)
    except (OSError, struct.error) as error:  # before Linux 4.12, or a sandbox that imitates it
        log.warning("the kernel does not say what it drops", error=str(error))
        return False
    return True


def _enlarge_receive_buffer(listening: socket.socket, wanted: int) -> int:
    """Ask for ``wanted`` bytes and return what was granted, in the same measure."""
    if _LINUX:
        try:
            listening.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted)
        except PermissionError:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
        # Linux doubles the figure for its own bookkeeping and reports the doubled one
        return listening.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // 2
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, wanted)
    except OSError as error:
        log.warning("the receive buffer could not be enlarged", asked=wanted, error=str(error))
    return listening.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
