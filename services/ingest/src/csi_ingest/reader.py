"""Reads the sockets on the event loop, and stops reading while a Kafka that is there cannot keep up."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from csi_ingest.listener import DRAIN_LIMIT

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from csi_ingest.intake import Intake
    from csi_ingest.listener import Listener
    from csi_ingest.publisher import Publisher

PAUSE_AT = 0.75
"""Fill of the buffer at which reading stops when Kafka is there but slow: the kernel's buffer then takes the burst,
and what overflows it shows as kernel drops. While Kafka is away reading goes on, so that every datagram counts."""
RESUME_AT = 0.5


class Reader:
    """Feeds the intake from the listeners."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, listeners: Sequence[Listener], intake: Intake, publisher: Publisher
    ) -> None:
        self._loop = loop
        self._listeners = listeners
        self._intake = intake
        self._publisher = publisher
        self._reading = False
        self.failed: asyncio.Future[None] = loop.create_future()
        """Gets what reading raised, a defect or a broken socket; the service must not go on as if nothing were."""

    @property
    def paused(self) -> bool:
        """Whether the sockets are left alone at present."""
        return not self._reading

    def resume(self) -> None:
        """Read, unless the buffer is too full for it; cheap enough to call after every batch that left."""
        if self._reading or (self._publisher.away is None and self._intake.buffer.full(RESUME_AT)):
            return
        self._reading = True
        for listener in self._listeners:
            self._loop.add_reader(listener.socket, self._drain, listener)

    def pause(self) -> None:
        """Leave the sockets alone."""
        self._reading = False
        for listener in self._listeners:
            self._loop.remove_reader(listener.socket)

    def read_the_rest(self) -> None:
        """Take in what waits in the kernel when the service stops; a sender that goes on is cut off after a while."""
        for listener in self._listeners:
            self._intake.now = time.monotonic()
            listener.drain(self._intake.take, 16 * DRAIN_LIMIT)
        self._publisher.wake()

    def _drain(self, listener: Listener) -> None:
        try:
            self._read(listener)
        except Exception as error:  # noqa: BLE001 - the event loop would log it and go on
            self.pause()
            if not self.failed.done():
                self.failed.set_exception(error)

    def _read(self, listener: Listener) -> None:
        intake = self._intake
        buffer = intake.buffer
        limit = DRAIN_LIMIT
        if self._publisher.away is None:
            limit = max(1, min(limit, buffer.max_records - buffer.records))
        intake.now = time.monotonic()
        listener.drain(intake.take, limit)
        self._publisher.wake()
        if self._publisher.away is None and buffer.full(PAUSE_AT):
            self.pause()
