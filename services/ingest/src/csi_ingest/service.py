"""One running ingest: sockets, publisher and timers put together; ``app`` runs it as a process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING, Any

import structlog
from csi_schemas.topics import EVENTS, FRAMES, REJECTED, TELEMETRY

from csi_ingest.authentication import Gate, read_keys
from csi_ingest.buffer import PendingBuffer
from csi_ingest.intake import Intake
from csi_ingest.ledger import Ledger
from csi_ingest.listener import AddressError, Listener, open_listener
from csi_ingest.nodes import NodeTable
from csi_ingest.publisher import Publisher
from csi_ingest.reader import Reader
from csi_ingest.statistics import MetricsMirror, stats

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from csi_ingest.settings import IngestSettings

log = structlog.get_logger(__name__)

_TICK_SECONDS = 0.5


class Ingest:
    """The parts of a running ingest; make one with :func:`run_ingest`."""

    def __init__(self, settings: IngestSettings, listeners: list[Listener]) -> None:
        self.listeners = listeners
        self.ledger = Ledger()
        self.nodes = NodeTable(settings.stale_after)
        buffer = PendingBuffer(settings.buffer_records, settings.buffer_bytes, settings.dead_letter_share)
        self.intake = Intake(self.ledger, buffer, self.nodes, gate=gate_of(settings))
        self.publisher = Publisher(
            settings.kafka,
            (topic.name for topic in (FRAMES, TELEMETRY, REJECTED, EVENTS)),
            buffer,
            self.ledger,
            away_after=settings.away_after,
        )
        self.reader = Reader(asyncio.get_running_loop(), listeners, self.intake, self.publisher)
        self.publisher.on_progress = self.reader.resume
        self._mirror = MetricsMirror()
        self.tasks: tuple[asyncio.Task[None], ...] = ()

    def stats(self) -> dict[str, Any]:
        """Return the body of ``GET /stats``."""
        return stats(self.ledger, self.nodes, self.listeners, kafka=self.publisher.away)

    async def tick(self) -> None:
        """Do what time demands, for ever: stale nodes, the watch on Kafka, metrics."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            for event in self.nodes.sweep(time.monotonic(), time.time_ns()):
                self.intake.announce(event)
                log.warning("node is stale", node=event.node_id, provenance=event.provenance)
            self.publisher.wake()
            self.publisher.check()
            self.update_metrics()

    async def until(self, stop: asyncio.Event) -> None:
        """Wait for ``stop``, or raise what made a part of ingest fail."""
        stopping = asyncio.create_task(stop.wait(), name="stop")
        parts: set[asyncio.Future[Any]] = {self.reader.failed, *self.tasks}
        done, _ = await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        for part in done & parts:
            part.result()

    def update_metrics(self) -> None:
        """Bring the Prometheus metrics up to date."""
        self._mirror.update(self.ledger, self.nodes, self.listeners)


@contextlib.asynccontextmanager
async def run_ingest(settings: IngestSettings) -> AsyncIterator[Ingest]:
    """Receive and publish while the context is open; on leaving, publish what is held.

    The sockets are open before Kafka is looked for, so nothing sent meanwhile is lost.

    Raises:
        AddressError: an address cannot be listened on, or none is set.
        ConfigurationError: a key cannot be read.
    """
    with contextlib.ExitStack() as sockets:
        listeners = _open_listeners(settings, sockets)
        ingest = Ingest(settings, listeners)
        ingest.reader.resume()
        ingest.tasks = (
            asyncio.create_task(ingest.publisher.run(), name="publisher"),
            asyncio.create_task(ingest.tick(), name="tick"),
        )
        try:
            yield ingest
        finally:
            ingest.reader.pause()
            ingest.reader.read_the_rest()
            publishing = not ingest.tasks[0].done()
            if publishing:
                await ingest.publisher.drained(settings.shutdown_timeout)
            if ingest.ledger.pending:
                log.error("stopped with datagrams that Kafka has not taken; they are lost", lost=ingest.ledger.pending)
            ingest.update_metrics()
            await _cancel(*ingest.tasks)
            log.info("stopped", **{name: ingest.stats()[name] for name in ("received", "published", "pending")})


def gate_of(settings: IngestSettings) -> Gate | None:
    """Return what checks live datagrams, if any key is set.

    Raises:
        ConfigurationError: a key cannot be read.
    """
    key = settings.auth_key.get_secret_value() if settings.auth_key else None  # an empty one is false
    if key is None and settings.auth_key_file is None:
        return None
    keys = read_keys(key, settings.auth_key_file)
    unguarded = sorted(node for node, of_node in keys.items() if of_node is None)
    log.info("live datagrams must be authenticated", keys=len(keys) - len(unguarded), open_nodes=unguarded)
    return Gate(keys)


def _open_listeners(settings: IngestSettings, sockets: contextlib.ExitStack) -> list[Listener]:
    listeners = []
    for provenance, address in (
        ("live", settings.live),
        ("replay", settings.replay),
        ("synthetic", settings.synthetic),
    ):
        if address:
            listener = open_listener(provenance, address, settings.receive_buffer_bytes)  # type: ignore[arg-type]
            sockets.callback(listener.close)
            listeners.append(listener)
    if not listeners:
        raise AddressError("nothing to listen on: CSIFLOW_INGEST_LIVE, _REPLAY and _SYNTHETIC are all empty")
    return listeners


async def _cancel(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
