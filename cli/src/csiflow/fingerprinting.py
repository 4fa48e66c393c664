"""What ``csiflow fingerprint learn`` does: takes of a room's states, live or from a recording."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, NamedTuple, Protocol

import msgspec
from csi_events.multi_bssid.fingerprint.learn import Take
from csi_events.multi_bssid.scan import Scan, from_frame
from csi_ingest.recordings import open_recording
from csi_schemas.codec import MultiBssid, PacketError, decode
from csi_schemas.frame import MultiBssidFrame
from csi_schemas.topics import FRAMES

from csiflow.heard import HeardError, listening
from csiflow.output import console
from csiflow.takes import display

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from csi_schemas.common import Provenance

    Shower = Callable[[str, float, float], None]
    Left = Callable[[float], None]

LISTEN_S = 1.5
"""Listening for hosts goes on for this long after the first, to find the busiest."""
SILENCE_S = 10.0
"""A node without a scan for this long has ended."""
_decode = msgspec.json.Decoder(MultiBssidFrame).decode


class Host(NamedTuple):
    """The node that is learnt from."""

    node_id: str
    provenance: Provenance

    def __str__(self) -> str:
        return f"node {self.node_id} ({self.provenance})"


@dataclass(frozen=True, slots=True)
class Plan:
    """Which states are held, how often and for how long."""

    states: tuple[str, ...]
    rounds: int
    countdown_s: float
    duration_s: float

    @property
    def takes(self) -> list[str]:
        """The state of each take, in order: round by round, so that takes of a state are apart."""
        return [state for _ in range(self.rounds) for state in self.states]


class Cut(NamedTuple):
    """A take in a recording."""

    state: str
    begin_s: float


def _scans(values: Iterable[bytes | None]) -> Iterator[MultiBssidFrame]:
    """Yield what is a scan; other kinds are passed over."""
    for value in values:
        try:
            yield _decode(value or b"")
        except msgspec.DecodeError:
            continue


def choose(counts: Counter[Host], node: str | None, where: str) -> Host:
    """Return the busiest host, or the one asked for.

    Raises:
        HeardError: it is not there; the message says which are.
    """
    fitting = {host: count for host, count in counts.items() if node in {None, host.node_id}}
    if not fitting:
        if not counts:
            raise HeardError(f"no scan of access points {where}: does an agent send? csiflow agent --list")
        there = "; ".join(f"{host}, {count} scans" for host, count in sorted(counts.items()))
        raise HeardError(f"no scan of node {node} {where}; heard: {there}")
    return min(fitting, key=lambda host: (-fitting[host], host))


class Source(Protocol):
    """Where live scans come from: ``csiflow.heard.LiveFrames``."""

    async def values(self, seconds: float) -> list[bytes | None]:
        """Wait this long at most for records, and return what they hold."""


async def record(
    source: AbstractAsyncContextManager[Source], plan: Plan, node: str | None, wait_s: float
) -> tuple[Host, list[Take]]:
    """Record takes from the running stack, saying what to do; paced by the node's own scans.

    Args:
        source: where scans come from while it is open.
        plan: what is held, and for how long.
        node: the node, or ``None`` for the busiest.
        wait_s: how long to wait for its first scan.

    Raises:
        HeardError: the node is not there, or fell silent.
    """
    async with source as live:
        console.print("listening for scans of access points ...")
        host = await _listen(live, node, wait_s)
        console.print(f"learning from [bold]{host}[/]: {len(plan.takes)} takes of {plan.duration_s:g} s")
        recorder, takes = Recorder(live, host), []
        for number, state in enumerate(plan.takes, 1):
            with display(f"take {number} of {len(plan.takes)}") as show:

                def count_down(left: float, state: str = state, show: Shower = show) -> None:
                    show(f"next: {state.upper()}, in {ceil(left)}", plan.countdown_s, left)

                def hold(left: float, state: str = state, show: Shower = show) -> None:
                    show(f"{state.upper()} - keep it up", plan.duration_s, left)

                await recorder.stretch(plan.countdown_s, count_down)
                takes.append(Take(state, await recorder.stretch(plan.duration_s, hold)))
        return host, takes


async def _listen(live: Source, node: str | None, wait_s: float) -> Host:
    async def take(seconds: float) -> Iterator[MultiBssidFrame]:
        return _scans(await live.values(seconds))

    counts: Counter[Host] = Counter()
    async for frame in listening(take, lambda frame: node in {None, frame.node_id}, wait_s, LISTEN_S):
        counts[Host(frame.node_id, frame.provenance)] += 1
    return choose(counts, node, f"was heard on {FRAMES.name} within {wait_s:g} s")


class Recorder:
    """Takes one host's scans, stretch after stretch; a stretch ends when the scans' own times say so."""

    def __init__(self, live: Source, host: Host) -> None:
        self._live = live
        self._host = host
        self._waiting: deque[Scan] = deque()
        self._now_s: float | None = None

    async def stretch(self, seconds: float, show: Left) -> list[Scan]:
        """Return the scans of the next ``seconds``.

        Raises:
            HeardError: the host fell silent.
        """
        kept: list[Scan] = []
        while True:
            if not self._waiting:
                await self._wait()
            scan = self._waiting[0]
            if self._now_s is None:
                self._now_s = scan.t_s
            left = self._now_s + seconds - scan.t_s
            show(min(max(left, 0.0), seconds))
            if left <= 0:
                self._now_s += seconds
                return kept
            kept.append(self._waiting.popleft())

    async def _wait(self) -> None:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        while not self._waiting:
            for frame in _scans(await self._live.values(0.1)):
                if Host(frame.node_id, frame.provenance) == self._host:
                    self._waiting.append(from_frame(frame))
            if not self._waiting and loop.time() - begin > SILENCE_S:
                raise HeardError(f"{self._host} fell silent: no scan for {SILENCE_S:g} s; does its agent still run?")


def cut(path: Path, cuts: Sequence[Cut], duration_s: float, node: str | None) -> tuple[Host, list[Take]]:
    """Cut takes out of a recording; each begins so many seconds after the recording's first datagram.

    Raises:
        csi_ingest.recordings.RecordingError: it cannot be read.
        HeardError: it does not hold the node, or a take is not in it.
    """
    counts: Counter[Host] = Counter()
    frames: dict[Host, list[MultiBssidFrame]] = {}
    first_ns: int | None = None
    for t_ns, datagram in open_recording(path):
        first_ns = t_ns if first_ns is None else min(first_ns, t_ns)
        try:
            packet = decode(datagram)
        except PacketError:
            continue  # ingest rejects it as well, and says why
        if isinstance(packet, MultiBssid):
            host = Host(packet.node_id, "replay")
            counts[host] += 1
            frames.setdefault(host, []).append(_frame_of(packet, t_ns))
    host = choose(counts, node, f"is in {path}")
    scans = [from_frame(frame) for frame in sorted(frames[host], key=lambda frame: frame.timestamp_ns)]
    takes, start_s = [], (first_ns or 0) * 1e-9
    for state, begin_s in sorted(cuts, key=lambda one: one.begin_s):
        begin, end = start_s + begin_s, start_s + begin_s + duration_s
        if end > scans[-1].t_s + 1.0:
            raise HeardError(
                f"the take {state}@{begin_s:g}s of {duration_s:g} s does not lie in the recording, whose scans end at "
                f"{scans[-1].t_s - start_s:.1f} s: choose an earlier one or a shorter --duration"
            )
        takes.append(Take(state, [scan for scan in scans if begin <= scan.t_s < end]))
    return host, takes


def _frame_of(packet: MultiBssid, t_ns: int) -> MultiBssidFrame:
    return MultiBssidFrame(
        node_id=packet.node_id,
        timestamp_ns=t_ns,
        sequence=packet.sequence,
        provenance="replay",
        source=f"wifi-enhanced:{len(packet.slots)}",
        uptime_ms=packet.uptime_ms,
        epoch=packet.epoch,
        native=packet.native,
        slots=packet.slots,
    )
