"""The channel a node is on: a change makes a new stream, and somebody who watched the old one should hear of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_events.health import HOLD_NS

if TYPE_CHECKING:
    from csi_schemas.common import StreamKey

Shape = tuple[str, int, int, str]
"""Node id, antennas, sub-carriers, provenance: what streams of one node that differ in channel only have in common."""


def shape_of(stream: StreamKey, provenance: str) -> Shape:
    """Return what a stream has in common with those of its node on other channels."""
    return stream.node_id, stream.n_antennas, stream.n_subcarriers, provenance


@dataclass(slots=True)
class Settled:
    """The channel of one shape of a node."""

    channel: int
    before: int | None = None
    """The one that it was on before that, if it changed."""
    newest_ns: int = 0
    """Receive time of the newest frame on it."""
    candidate: int | None = None
    """Another one, on which all frames since ``since_ns`` were."""
    since_ns: int = 0


@dataclass(slots=True)
class Channels:
    """The channels of all nodes of a partition. One on which a node is for ``HOLD_NS`` alone is its channel.

    A node that hops from channel to channel faster than that has changed nothing: it never leaves the first.
    """

    _settled: dict[Shape, Settled] = field(default_factory=dict)

    def observe(self, shape: Shape, channel: int | None, now_ns: int) -> str | None:
        """Take the receive time of a window's newest frame; returns the change, in words, when there was one."""
        if channel is None:
            return None
        settled = self._settled.get(shape)
        if settled is None:
            settled = self._settled[shape] = Settled(channel)
        if channel == settled.channel:
            settled.newest_ns = now_ns
            if now_ns > settled.since_ns:
                settled.candidate = None
        elif now_ns <= settled.newest_ns:
            pass  # a window that was closed late: the node has been back since
        elif channel != settled.candidate or now_ns < settled.since_ns:
            settled.candidate, settled.since_ns = channel, now_ns
        elif now_ns - settled.since_ns >= HOLD_NS:
            settled.before, settled.channel, settled.candidate = settled.channel, channel, None
            settled.newest_ns = now_ns
            return f"its channel changed from {settled.before} to {settled.channel}, where it calibrates anew"
        return None

    def before(self, shape: Shape, channel: int | None) -> int | None:
        """Return the channel that the node left for this one, if it did."""
        settled = self._settled.get(shape)
        return settled.before if settled is not None and settled.channel == channel else None

    def forget(self, shape: Shape, channel: int | None) -> None:
        """Forget what is known of a stream that fell silent for good."""
        settled = self._settled.get(shape)
        if settled is not None and settled.channel == channel:
            del self._settled[shape]
