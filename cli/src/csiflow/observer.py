"""What comes out at the end: tallies of the result topics and of the gateway's websockets."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable

import msgspec
import numpy as np
from aiokafka import AIOKafkaConsumer
from csi_schemas.common import Origin
from csi_schemas.topics import EVENTS, INTROSPECTION, SENSING
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from csiflow.following import following


class _Window(msgspec.Struct):
    end_ns: int
    closed_by: str


class _Classification(msgspec.Struct):
    motion_level: str
    confidence: float

    @property
    def concluded(self) -> str:
        """The level; a window that could not say keeps the last one with confidence 0, which is no conclusion."""
        return self.motion_level if self.confidence > 0.0 else "undecided"


class Derived(msgspec.Struct):
    """The fields of a derived message that tallies need; msgspec skips the others without building them."""

    type: str = ""
    event: str = ""
    node_id: str = ""
    breathing_rate_bpm: float | None = None
    confidence: float | None = None
    timestamp_ns: int = 0
    origin: Origin | None = None
    window: _Window | None = None
    classification: _Classification | None = None
    dropped: int = 0


_decode = msgspec.json.Decoder(Derived).decode


class KafkaTally:
    """Counts the records of the result topics from the moment it was started."""

    def __init__(self, bootstrap: str, on_event: Callable[[Derived], None] | None = None) -> None:
        """Count at ``bootstrap``, and hand every event to ``on_event`` as it comes."""
        self.origins: Counter[tuple[int, int]] = Counter()
        """Snapshots by (partition, offset) of their frame."""
        self.sensing_origins: Counter[tuple[int, int]] = Counter()
        self.motion_levels: Counter[str] = Counter()
        """Distinct sensing updates by what they conclude; ``undecided`` when they could not say."""
        self.events: Counter[str] = Counter()
        self._bootstrap = bootstrap
        self._on_event = on_event

    @property
    def snapshots(self) -> int:
        """Distinct snapshots so far."""
        return len(self.origins)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count while the context is open; records from before it do not count.

        Raises:
            csi_runtime.errors.KafkaSetupError: as in ``following``.
        """
        async with following(self._bootstrap, INTROSPECTION, SENSING, EVENTS) as consumer:
            task = asyncio.create_task(self._run(consumer), name="kafka-tally")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def _run(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            for partition, records in (await consumer.getmany(timeout_ms=200)).items():
                for record in records:
                    message = _decode(record.value)
                    if partition.topic == EVENTS.name:
                        self.events[message.event] += 1
                        if self._on_event is not None:
                            self._on_event(message)
                    elif message.origin is not None:
                        origins = self.origins if partition.topic == INTROSPECTION.name else self.sensing_origins
                        origin = (message.origin.partition, message.origin.offset)
                        origins[origin] += 1
                        if message.classification is not None and origins[origin] == 1:
                            self.motion_levels[message.classification.concluded] += 1


class WebsocketTally:
    """Counts the messages of one websocket endpoint and how old their frames were on arrival."""

    def __init__(self, url: str, token: str) -> None:
        self.origins: Counter[tuple[int, int]] = Counter()
        self.latencies_ms: list[float] = []
        """Receive time of the deciding frame to arrival here, ms."""
        self.dropped = 0
        """Messages the gateway says it dropped because this client was slow."""
        self._url = url
        self._token = token

    @property
    def received(self) -> int:
        """Distinct messages so far."""
        return len(self.origins)

    def percentiles_ms(self) -> dict[str, float | None]:
        """Median and 99th percentile of the latencies, ms; null without any."""
        if not self.latencies_ms:
            return {"p50": None, "p99": None}
        p50, p99 = np.percentile(self.latencies_ms, [50, 99])
        return {"p50": round(float(p50), 3), "p99": round(float(p99), 3)}

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count while the context is open."""
        headers = {"Authorization": f"Bearer {self._token}"}
        async with connect(self._url, additional_headers=headers, compression=None, max_queue=None) as websocket:
            task = asyncio.create_task(self._run(websocket), name="websocket-tally")
            try:
                yield
            finally:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionClosed):
                    await task

    async def _run(self, websocket: ClientConnection) -> None:
        while True:
            text = await websocket.recv(decode=False)
            now = time.time_ns()
            message = _decode(text)
            if message.type == "dropped":
                self.dropped += message.dropped
            elif message.origin is not None:
                self.origins[message.origin.partition, message.origin.offset] += 1
                if message.window is None:
                    self.latencies_ms.append((now - message.timestamp_ns) / 1e6)
                elif message.window.closed_by == "frames":
                    # A window that time closed was waiting, not working: its age says nothing about the flow.
                    self.latencies_ms.append((now - message.window.end_ns) / 1e6)
