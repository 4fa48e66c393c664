"""What every form of recording becomes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class RecordingError(ValueError):
    """A recording cannot be used; the message says which, where in it, and why."""


class TimedDatagram(NamedTuple):
    """One UDP payload of a recording."""

    t_ns: int
    """Time since the recording's first datagram; not sorted where the capture was not."""
    datagram: bytes
    source_port: int | None = None
    """UDP ports of the capture; ``None`` where the form has none."""
    destination_port: int | None = None


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording; iterate over it, as often as you like, for (t_ns, datagram)."""

    name: str
    """The file's name."""
    duration: float
    """Seconds from its earliest to its latest datagram."""
    count: int
    """Datagrams."""
    packets: Callable[[], Iterator[TimedDatagram]]
    """A new iteration over the datagrams with all that is known of them, in the file's order."""
    skipped: int = 0
    """Captured packets that are no whole UDP datagram (ARP, TCP, IP fragments)."""
    gain: float = 1.0
    """What recorded I/Q or amplitude was multiplied by to become int8; 1 where nothing was changed."""

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        return ((packet.t_ns, packet.datagram) for packet in self.packets())

    def __len__(self) -> int:
        return self.count
