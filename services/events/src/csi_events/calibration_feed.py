"""Reads csi.calibration.v1 beside the frames: what is stored of every stream, and what is asked for.

Every worker reads all partitions of this small compacted topic in a thread of its own, so a calibration is there when a
partition moves here, and a request reaches whoever holds the stream.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from csi_schemas.calibration import REQUEST_SUFFIX, AnyCalibration, CalibrationRequest
from csi_schemas.topics import CALIBRATION

from csi_events.stored import Stored, StoredCalibrationError, read

log = structlog.get_logger(__name__)
_decode = msgspec.json.Decoder(AnyCalibration).decode
RETRY_S = 5.0


@dataclass(slots=True)
class KnownCalibrations:
    """The newest of every key; written by the feed's thread, read by the processors."""

    stored: dict[str, Stored] = field(default_factory=dict)
    """By key, see :func:`csi_schemas.calibration.calibration_key`."""
    requests: dict[str, CalibrationRequest] = field(default_factory=dict)
    """By the same key."""

    def take(self, key: str, value: bytes | None) -> None:
        """Take one record. One that cannot be read is logged and passed over: the stream calibrates by itself."""
        plain = key.removesuffix(REQUEST_SUFFIX)
        if not value:
            (self.requests if plain != key else self.stored).pop(plain, None)
            return
        try:
            message = _decode(value)
            if isinstance(message, CalibrationRequest):
                self.requests[plain] = message
            else:
                self.stored[plain] = read(message)
        except msgspec.DecodeError as error:
            log.warning("a record of csi.calibration.v1 cannot be read and is passed over", key=key, error=str(error))
        except StoredCalibrationError as error:
            self.stored.pop(plain, None)
            log.warning("a stored calibration cannot be used; the stream calibrates anew", key=key, error=str(error))


class CalibrationFeed:
    """Follows the topic from its beginning until closed."""

    def __init__(self, bootstrap: str, patience_s: float) -> None:
        """Read from these servers; ``patience_s`` is how long those who need it may be kept waiting, all together."""
        self.known = KnownCalibrations()
        self._bootstrap = bootstrap
        self._read = threading.Event()
        self._patience_s = patience_s
        self._patience_ends: float | None = None

    def wait_read(self) -> bool:
        """Wait until everything that was there has been read; false when that took too long.

        The patience is counted from the first call on, so that a worker with many partitions waits once.
        """
        now = time.monotonic()
        if self._patience_ends is None:
            self._patience_ends = now + self._patience_s
        return self._read.wait(max(0.0, self._patience_ends - now))

    @contextlib.contextmanager
    def running(self) -> Iterator[KnownCalibrations]:
        """Follow while the context is open."""
        loop = asyncio.new_event_loop()
        task = loop.create_task(self._follow())
        thread = threading.Thread(target=self._run, args=(loop, task), name="calibration-feed", daemon=True)
        thread.start()
        try:
            yield self.known
        finally:
            loop.call_soon_threadsafe(task.cancel)
            thread.join(timeout=5.0)

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop, task: asyncio.Task[None]) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(task)
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _follow(self) -> None:
        while True:
            consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, group_id=None, enable_auto_commit=False)
            try:
                await consumer.start()
                await self._consume(consumer)
            except (KafkaError, OSError) as error:
                log.warning("calibrations cannot be read; trying again", error=repr(error), after_s=RETRY_S)
                await asyncio.sleep(RETRY_S)
            finally:
                await consumer.stop()

    async def _consume(self, consumer: AIOKafkaConsumer) -> None:
        partitions = [TopicPartition(CALIBRATION.name, number) for number in range(CALIBRATION.partitions)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        while True:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                for record in records:
                    self.known.take((record.key or b"").decode(errors="replace"), record.value)
            if not self._read.is_set():
                behind = [part for part in partitions if await consumer.position(part) < ends[part]]
                if not behind:
                    self._read.set()
                    log.info("calibrations are read", streams=len(self.known.stored))
