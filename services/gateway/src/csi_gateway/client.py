"""One websocket client: its filter, its rate limit, its ring."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import orjson
import structlog
from csi_runtime.metrics import GATEWAY_COALESCED, GATEWAY_DROPPED, GATEWAY_SENT

from csi_gateway.coalesce import Coalescer
from csi_gateway.message import Message, text_frame
from csi_gateway.ring import Losses, Ring

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)

PATIENCE_LIMIT = 0.05
"""Seconds the dispatcher waits for a client at most before it counts as slow."""
PATIENCE_PER_MESSAGE = 0.0001
"""Seconds of patience a client earns by each message it takes.

A client that takes 10,000 messages a second or more therefore never loses one to a burst, and one that takes fewer
holds the others up by at most this much for each message it takes.
"""
_WORTH_WAITING = 0.0005


class Outlet(Protocol):
    """Where a client's frames go."""

    on_room: Callable[[], None] | None

    @property
    def has_room(self) -> bool:
        """Whether it takes frames now."""

    def write_frames(self, frames: bytes) -> None:
        """Take complete websocket frames."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a client asked for when it connected."""

    nodes: frozenset[str] | None = None
    """Node ids (zones, for cluster snapshots) it wants; ``None``: all."""
    max_hz: float | None = None
    """Most messages per second of one stream."""


class Client:
    """Takes messages while its outlet has room, keeps the newest while it has not."""

    def __init__(
        self, endpoint: str, address: str, outlet: Outlet, wishes: Wishes, *, ring_size: int, warn_after: int
    ) -> None:
        self.endpoint = endpoint
        self.address = address
        self.patience = PATIENCE_LIMIT
        self.wakers: set[Callable[[], None]] = set()
        """Called when the ring has been emptied into the outlet."""
        self._outlet = outlet
        self._wishes = wishes
        self._ring: Ring[bytes] = Ring(ring_size)
        self._coalescer: Coalescer[Message] | None = Coalescer(wishes.max_hz) if wishes.max_hz is not None else None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0  # uvloop's handle of a time already past does not know its own
        self._warn_after = warn_after
        self._sent = GATEWAY_SENT.labels(endpoint)
        self._dropped = GATEWAY_DROPPED.labels(endpoint)
        self._coalesced = GATEWAY_COALESCED.labels(endpoint)
        outlet.on_room = self.flush

    @property
    def dropped(self) -> int:
        """Messages this client lost so far."""
        return self._ring.total

    def impatient_for(self, count: int) -> bool:
        """Whether ``count`` more messages would overflow the ring of a client that deserves a moment's wait."""
        return self._ring.free < count and self.patience > _WORTH_WAITING

    def offer(self, message: Message) -> None:
        """Take ``message`` if the client wants it; call :meth:`flush` afterwards."""
        nodes = self._wishes.nodes
        if nodes is not None and message.node_id not in nodes:
            return
        if self._coalescer is None or message.key is None:
            self._push(message)
            return
        replaced = self._coalescer.replaced
        now = asyncio.get_running_loop().time()
        passed = self._coalescer.offer(message.key, message, now)
        if self._coalescer.replaced != replaced:
            self._coalesced.inc()
        if passed is not None:
            self._push(passed)
        else:
            self._set_timer()

    def send_now(self, payload: bytes) -> None:
        """Put one text for this client alone into the ring and flush."""
        self._count(self._ring.push(text_frame(payload)))
        self.flush()

    def flush(self) -> None:
        """Empty the ring into the outlet, if that has room."""
        if not self._ring or not self._outlet.has_room:
            return
        losses, frames = self._ring.drain()
        self._sent.inc(len(frames))
        self.patience = min(PATIENCE_LIMIT, self.patience + PATIENCE_PER_MESSAGE * len(frames))
        if losses is not None:
            frames.insert(0, _notice(losses))
        self._outlet.write_frames(b"".join(frames))
        for wake in self.wakers:
            wake()

    def close(self) -> None:
        """Forget the client's timer and outlet."""
        self._outlet.on_room = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _push(self, message: Message) -> None:
        self._count(self._ring.push(message.wire()))

    def _count(self, dropped: bool) -> None:  # noqa: FBT001  # what Ring.push returned
        if not dropped:
            return
        self._dropped.inc()
        if self._ring.run == self._warn_after:
            log.warning(
                "a websocket client is too slow and loses messages",
                endpoint=self.endpoint,
                client=self.address,
                dropped_in_a_row=self._ring.run,
                dropped_total=self._ring.total,
            )

    def _set_timer(self) -> None:
        assert self._coalescer is not None  # noqa: S101  # only called with one
        due = self._coalescer.next_due()
        if due is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due, self._release)
        self._timer_at = due

    def _release(self) -> None:
        self._timer = None
        assert self._coalescer is not None  # noqa: S101  # the timer exists only with one
        for message in self._coalescer.due(asyncio.get_running_loop().time()):
            self._push(message)
        self.flush()
        self._set_timer()


def _notice(losses: Losses) -> bytes:
    return text_frame(orjson.dumps({"type": "dropped", "dropped": losses.dropped, "total": losses.total}))
