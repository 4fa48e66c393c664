"""What ``csiflow calibrate`` does: ask the events service to learn a stream's quiet anew, and watch it do so."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import msgspec
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from csi_schemas.calibration import (
    REQUEST_SUFFIX,
    AnyCalibration,
    CalibrationRequest,
    StreamCalibration,
    calibration_key,
)
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import CALIBRATION, SENSING
from csi_streaming.partitions import partition_of

from csiflow.following import connected, following
from csiflow.heard import HeardError, StreamName, Wanted, listening

_decode_update = msgspec.json.Decoder(SensingUpdate).decode
_decode_calibration = msgspec.json.Decoder(AnyCalibration).decode
LISTEN_S = 2.0
"""Listening for streams goes on for this long after the first: a slow one is judged once a second."""
SILENCE_S = 15.0
"""A stream that says nothing of its calibration for this long will not finish it."""

Show = Callable[[StreamName, float], None]
"""Shows how far a stream is, 0-1."""


def _name_of(update: SensingUpdate) -> StreamName:
    return StreamName(update.node_id, update.stream, update.provenance)


@dataclass(slots=True)
class Asked:
    """One stream that was asked, and its answer."""

    request: CalibrationRequest
    answer: StreamCalibration | None = None
    heard: float = 0.0
    """When it was last heard of, s of the loop's clock."""


@dataclass(slots=True)
class Calibrating:
    """Requests under way; whatever is unanswered when it is left is withdrawn."""

    consumer: AIOKafkaConsumer
    producer: AIOKafkaProducer
    asked: dict[StreamName, Asked] = field(default_factory=dict)

    @classmethod
    @asynccontextmanager
    async def running(cls, bootstrap: str) -> AsyncIterator[Calibrating]:
        """Connect; on the way out withdraw what is unanswered and disconnect.

        Raises:
            csi_runtime.errors.KafkaSetupError: as in ``following``.
        """
        producer = AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all")
        async with following(bootstrap, SENSING, CALIBRATION) as consumer, connected(producer, bootstrap):
            self = cls(consumer, producer)
            try:
                yield self
            finally:
                await self.withdraw()

    async def streams(self, node: str | None, stream: str | None, wait_s: float) -> list[StreamName]:
        """Return the wanted streams that are judged now.

        Raises:
            HeardError: none is; the message says which are.
        """
        wanted = Wanted(node, stream)
        updates = listening(self._updates, lambda update: wanted.fits(_name_of(update)), wait_s, LISTEN_S)
        heard = {_name_of(update) async for update in updates}
        fitting = sorted(filter(wanted.fits, heard))
        if not fitting:
            others = "; ".join(map(str, sorted(heard))) or "none: is a node sending, and does csi_events run?"
            raise HeardError(f"no such stream was judged within {wait_s:g} s; heard: {others}")
        return fitting

    async def ask(self, names: list[StreamName], duration_s: float) -> None:
        """Send a request for each stream, to the partition that its node's records are in."""
        now_ns, now = time.time_ns(), asyncio.get_running_loop().time()
        for name in names:
            request = CalibrationRequest(
                id=uuid.uuid4().hex[:12],
                node_id=name.node_id,
                stream=name.stream,
                provenance=name.provenance,
                requested_ns=now_ns,
                duration_s=duration_s,
            )
            await self._send(name, msgspec.json.encode(request))
            self.asked[name] = Asked(request, heard=now)

    async def finish(self, show: Show) -> None:
        """Wait for every answer.

        Raises:
            HeardError: a stream went silent, or says nothing of the request.
        """
        loop = asyncio.get_running_loop()
        while pending := [name for name, asked in self.asked.items() if asked.answer is None]:
            for update in await self._updates(0.2):
                name = _name_of(update)
                asked, calibration = self.asked.get(name), update.calibration
                if asked is not None and calibration is not None and calibration.request == asked.request.id:
                    asked.heard = loop.time()
                    show(name, calibration.progress or 0.0)
            for name in pending:
                if self.asked[name].answer is not None:
                    show(name, 1.0)
                elif loop.time() - self.asked[name].heard > SILENCE_S:
                    raise HeardError(
                        f"stream {name} did not go on calibrating for {SILENCE_S:g} s: is the node still sending, and "
                        "does csi_events run?"
                    )

    async def withdraw(self) -> None:
        """Take back every request that is not answered."""
        for name, asked in self.asked.items():
            if asked.answer is None:
                await self._send(name, None)

    async def _send(self, name: StreamName, value: bytes | None) -> None:
        key = (calibration_key(*name) + REQUEST_SUFFIX).encode()
        partition = partition_of(name.node_id.encode(), CALIBRATION.partitions)
        await self.producer.send_and_wait(CALIBRATION.name, value, key, partition=partition)

    async def _updates(self, seconds: float) -> list[SensingUpdate]:
        """Wait this long at most for updates, and return them; note the answers among the records."""
        updates: list[SensingUpdate] = []
        for partition, records in (await self.consumer.getmany(timeout_ms=max(1, int(seconds * 1000)))).items():
            for record in records:
                if partition.topic == SENSING.name:
                    updates.append(_decode_update(record.value))
                elif record.value:
                    self._answer(_decode_calibration(record.value))
        return updates

    def _answer(self, message: StreamCalibration | CalibrationRequest) -> None:
        asked = self.asked.get(StreamName(message.node_id, message.stream, message.provenance))
        if asked is not None and isinstance(message, StreamCalibration) and message.request == asked.request.id:
            asked.answer = message
