"""Replays a recording: its datagrams, at its own pace or another, through real UDP."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from csi_ingest.sender import UdpSender

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_ingest.recordings import Recording
    from csi_ingest.sender import Address

_PROGRESS_SECONDS = 0.1


class ReplayReport(NamedTuple):
    """What a replay did."""

    sent: int
    """Datagrams."""
    duration_s: float
    """Seconds from the first to the last."""
    rate: float
    """Datagrams per second over that time; 0 for a single datagram."""


async def send(
    recording: Recording,
    address: Address,
    speed: float | None = 1.0,
    progress: Callable[[int], None] | None = None,
) -> ReplayReport:
    """Send every datagram of a recording, in the file's order.

    Each has an absolute deadline, the start plus its recorded time divided by ``speed``, so that late wake-ups do not
    add up. Ahead of a receiver that cannot keep up the sender waits, whatever the speed; see ``sender``.

    Args:
        recording: what to send.
        address: an ingest's replay port.
        speed: 1 is the recorded pace, 2 twice that; ``None`` as fast as the receiver takes it.
        progress: called with the number sent about ten times a second and at the end.

    Raises:
        SendError: the address cannot be used, or nobody listens there.
        ValueError: ``speed`` is not above 0.
    """
    if speed is not None and not speed > 0:
        raise ValueError(f"speed is {speed}; it must be above 0, or None for as fast as possible")
    loop = asyncio.get_running_loop()
    async with UdpSender(address) as sender:
        start = first = last = reported = loop.time()
        for t_ns, datagram in recording:
            if speed is not None:
                due = start + t_ns / 1e9 / speed
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
            await sender.send(datagram)
            last = loop.time()
            if sender.sent == 1:
                first = last
            if progress is not None and last - reported >= _PROGRESS_SECONDS:
                reported = last
                progress(sender.sent)
        if progress is not None:
            progress(sender.sent)
        duration = last - first
        return ReplayReport(sender.sent, duration, (sender.sent - 1) / duration if duration > 0 else 0.0)
