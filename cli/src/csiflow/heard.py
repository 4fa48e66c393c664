"""Frames of one stream, for commands that use them: from the running stack or from a recording."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

import msgspec
from aiokafka import AIOKafkaConsumer
from csi_ingest.recordings import open_recording
from csi_schemas.codec import CsiPacket, PacketError, decode
from csi_schemas.common import Provenance
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import FRAMES

from csiflow.following import following

Message = TypeVar("Message")
_decode_frame = msgspec.json.Decoder(CsiFrame).decode
BUSIEST_SHARE = 0.9
"""A stream with this share of the busiest one's frames is as busy; the first by name is taken."""


class HeardError(ValueError):
    """The wanted stream was not heard; the message says which were."""


class StreamName(NamedTuple):
    """What tells streams apart for people."""

    node_id: str
    stream: str
    provenance: Provenance

    def __str__(self) -> str:
        return f"{self.stream} of node {self.node_id} ({self.provenance})"


def name_of(frame: CsiFrame) -> StreamName:
    """Return the name of a frame's stream."""
    return StreamName(frame.node_id, frame.stream.label, frame.provenance)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which streams a command takes; ``None`` is any."""

    node: str | None = None
    stream: str | None = None

    def fits(self, name: StreamName) -> bool:
        """Whether this stream is wanted."""
        return self.node in {None, name.node_id} and self.stream in {None, name.stream}

    def __str__(self) -> str:
        stream = "no stream" if self.stream is None else f"no stream {self.stream}"
        return stream if self.node is None else f"{stream} of node {self.node}"


@dataclass(slots=True)
class Choice:
    """Frames counted by stream, and the one to use."""

    wanted: Wanted
    frames: Counter[StreamName] = field(default_factory=Counter)

    def pick(self, where: str) -> tuple[StreamName, list[str]]:
        """Return the busiest wanted stream, the first by name among equals, and every other in words.

        Raises:
            HeardError: none was heard; the message says ``where``, and what was.
        """
        fitting = {name: count for name, count in self.frames.items() if self.wanted.fits(name)}
        if not fitting:
            if not self.frames:
                raise HeardError(f"no CSI frame {where}: is a node sending? csiflow nodes lists them")
            raise HeardError(
                f"{self.wanted} {where}; heard: {'; '.join(self._in_words(name) for name in sorted(self.frames))}"
            )
        most = max(fitting.values())
        chosen = min(name for name, count in fitting.items() if count >= BUSIEST_SHARE * most)
        return chosen, [self._in_words(name) for name in sorted(self.frames) if name != chosen]

    def _in_words(self, name: StreamName) -> str:
        return f"{name}, {self.frames[name]} frames"


async def listening(
    take: Callable[[float], Awaitable[Iterable[Message]]],
    fits: Callable[[Message], bool],
    wait_s: float,
    enough_s: float,
) -> AsyncIterator[Message]:
    """Yield all that is heard until ``enough_s`` after the first that ``fits``, or ``wait_s`` when none does.

    Args:
        take: waits at most so many seconds for messages.
        fits: whether a message is of what is looked for.
        wait_s: how long to wait for a first one.
        enough_s: how long to listen on after that, to hear what else there is.
    """
    loop = asyncio.get_running_loop()
    deadline, found = loop.time() + wait_s, False
    while (left := deadline - loop.time()) > 0:
        for message in await take(min(left, 0.1)):
            if not found and fits(message):
                deadline, found = loop.time() + enough_s, True
            yield message


class LiveFrames:
    """CSI frames as they come on csi.frames.v1, from now on."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer

    @classmethod
    @contextlib.asynccontextmanager
    async def running(cls, bootstrap: str) -> AsyncIterator[Self]:
        """Read while the context is open.

        Raises:
            KafkaSetupError: as in ``following``.
        """
        async with following(bootstrap, FRAMES) as consumer:
            yield cls(consumer)

    async def listen(self, seconds: float, wanted: Wanted, enough_s: float) -> tuple[StreamName, list[str]]:
        """Choose a stream, and name the others.

        Args:
            seconds: How long to wait for the first wanted frame.
            wanted: Which streams will do.
            enough_s: How long to listen on after that.

        Raises:
            HeardError: see ``Choice.pick``.
        """
        choice = Choice(wanted)
        async for frame in listening(self._take, lambda frame: wanted.fits(name_of(frame)), seconds, enough_s):
            choice.frames[name_of(frame)] += 1
        return choice.pick(f"was heard on {FRAMES.name} within {seconds:g} s")

    async def frames(self, name: StreamName, silence_s: float) -> AsyncIterator[CsiFrame]:
        """Yield the frames of one stream, for ever.

        Raises:
            HeardError: none came for ``silence_s``.
        """
        loop = asyncio.get_running_loop()
        last = loop.time()
        while True:
            for frame in await self._take(0.05):
                if name_of(frame) == name:
                    last = loop.time()
                    yield frame
            if loop.time() - last > silence_s:
                raise HeardError(f"stream {name} fell silent: no frame for {silence_s:g} s; is the node still sending?")

    async def _take(self, seconds: float) -> list[CsiFrame]:
        return list(_csi_frames(await self.values(seconds)))

    async def values(self, seconds: float) -> list[bytes | None]:
        """Wait this long at most for records, and return what they hold."""
        batches = await self._consumer.getmany(timeout_ms=max(1, int(seconds * 1000)))
        return [record.value for records in batches.values() for record in records]


def _csi_frames(values: Iterable[bytes | None]) -> Iterator[CsiFrame]:
    """Yield what is a CSI frame; other kinds, and what the services count and skip, are passed over here too."""
    for value in values:
        try:
            frame = _decode_frame(value or b"")
        except msgspec.DecodeError:
            continue
        if frame.iq and len(frame.iq) == 2 * frame.n_antennas * frame.n_subcarriers:
            yield frame


def recorded_frames(path: Path, wanted: Wanted) -> tuple[StreamName, list[CsiFrame], list[str]]:
    """Return the chosen stream of a recording, its frames in order of time, and the other streams in it.

    Raises:
        csi_ingest.recordings.RecordingError: it cannot be read.
        HeardError: it does not hold the wanted stream.
    """
    choice = Choice(wanted)
    found: dict[StreamName, dict[int, CsiFrame]] = {}
    for t_ns, datagram in open_recording(path):
        try:
            packet = decode(datagram)
        except PacketError:
            continue  # ingest rejects it as well, and says why
        if isinstance(packet, CsiPacket):
            frame = _frame_of(packet, t_ns)
            choice.frames[name_of(frame)] += 1
            found.setdefault(name_of(frame), {}).setdefault(t_ns, frame)
    name, others = choice.pick(f"is in {path}")
    return name, [frame for _, frame in sorted(found[name].items())], others


def _frame_of(packet: CsiPacket, t_ns: int) -> CsiFrame:
    return CsiFrame(
        node_id=packet.node_id,
        timestamp_ns=t_ns,
        sequence=packet.sequence,
        provenance="replay",
        source="esp32",
        n_antennas=packet.n_antennas,
        n_subcarriers=packet.n_subcarriers,
        frequency_mhz=packet.frequency_mhz,
        rssi_dbm=packet.rssi_dbm,
        noise_floor_dbm=packet.noise_floor_dbm,
        iq=bytes(packet.iq),
    )
