"""Sends datagrams to an ingest over UDP, as fast as asked and no faster than the receiver can take.

UDP has no back-pressure. A receiver on this machine has a kernel queue that can be looked at (Linux, /proc/net/udp), so
the sender waits while that queue is long. Where no queue can be seen, the rate is capped.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from csi_ingest.listener import AddressError, format_address, parse_address

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

BLIND_CAP_PER_SECOND = 5_000.0
"""Datagrams per second to a receiver whose queue cannot be seen: 50 ms of them fit Linux's smallest usual buffer."""
BURST = 32
"""Datagrams sent before looking at the receiver's queue again."""
QUEUE_LIMIT_BYTES = 96 * 1024
"""Kernel memory that datagrams may take in the receiver's queue before the sender waits: under half of Linux's smallest
usual receive buffer (208 KiB), a small datagram taking 0.8 KiB."""
PATIENCE_SECONDS = 30.0
"""How long a receiver may leave its queue that long."""

_LOOK_AGAIN_SECONDS = 0.0005
_UNCONNECTED = "07"


Address = str | tuple[str, int]
"""``HOST:PORT``, or the two as a tuple."""


class SendError(RuntimeError):
    """Datagrams could not be sent; the message says where to and why."""


class UdpSender:
    """A connected UDP socket with pacing; an async context manager.

    Raises:
        SendError: on entering, when the address cannot be used.
    """

    def __init__(self, address: Address) -> None:
        self.address = address if isinstance(address, str) else format_address(address)
        self.sent = 0
        """Datagrams sent."""
        self._since_look = 0
        self._credit_from = 0.0

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        try:
            host, port = parse_address(self.address)
            family, kind, protocol, _, target = (await loop.getaddrinfo(host, port, type=socket.SOCK_DGRAM))[0]
            self._socket = socket.socket(family, kind, protocol)
        except (AddressError, OSError) as error:
            raise SendError(f"cannot send to {self.address}: {error}") from error
        try:
            self._socket.setblocking(False)
            self._socket.connect(target)
        except OSError as error:
            self._socket.close()
            raise SendError(f"cannot send to {self.address}: {error}") from error
        local = self._socket.getsockname()[0] == target[0]
        self._queue = ReceiverQueue(family, port) if local and sys.platform == "linux" else None
        self._loop = loop
        self._credit_from = loop.time()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def send(self, datagram: bytes) -> None:
        """Send one datagram, first waiting for the receiver if need be.

        Raises:
            SendError: nobody listens there (known on this machine, or from an ICMP answer), or the datagram cannot go.
        """
        if self._since_look >= BURST:
            await self._wait_for_receiver()
        while True:
            try:
                self._socket.send(datagram)
            except BlockingIOError:
                await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            except ConnectionRefusedError as error:
                raise SendError(
                    f"nobody listens on {self.address} (after {self.sent} datagrams); is ingest running there?"
                ) from error
            except OSError as error:
                detail = f"{len(datagram)} bytes, after {self.sent} datagrams"
                raise SendError(f"cannot send to {self.address}: {error} ({detail})") from error
            else:
                self.sent += 1
                self._since_look += 1
                return

    async def _wait_for_receiver(self) -> None:
        await asyncio.sleep(0)
        give_up = self._loop.time() + PATIENCE_SECONDS
        while (waiting := self._queue.bytes_waiting() if self._queue else None) is not None:
            if waiting <= QUEUE_LIMIT_BYTES:
                break
            if self._loop.time() > give_up:
                raise SendError(
                    f"the receiver on {self.address} has not read for {PATIENCE_SECONDS:g} s "
                    f"(after {self.sent} datagrams); is ingest hung, or its Kafka too slow?"
                )
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
        else:
            due = self._credit_from + self._since_look / BLIND_CAP_PER_SECOND
            await asyncio.sleep(max(0.0, due - self._loop.time()))
        self._since_look = 0
        self._credit_from = self._loop.time()


class ReceiverQueue:
    """The kernel's queue of the socket that listens on a UDP port of this machine."""

    def __init__(self, family: socket.AddressFamily, port: int) -> None:
        # a socket bound to [::] also takes IPv4 datagrams, and is listed in udp6 only
        names = ("udp", "udp6") if family == socket.AF_INET else ("udp6",)
        self._tables = tuple(Path("/proc/net", name) for name in names)
        self._port = f":{port:04X}"

    def bytes_waiting(self) -> int | None:
        """Kernel memory its waiting datagrams take; ``None`` when no socket of this machine listens there.

        That is so for a port which the kernel forwards to a container.
        """
        waiting: int | None = None
        for table in self._tables:
            try:
                lines = table.read_text().splitlines()
            except FileNotFoundError:  # no IPv6 in this kernel
                continue
            for line in lines[1:]:
                _, local, _, state, queues, *_ = line.split()
                if local.endswith(self._port) and state == _UNCONNECTED:
                    waiting = max(waiting or 0, int(queues.partition(":")[2], 16))
        return waiting
