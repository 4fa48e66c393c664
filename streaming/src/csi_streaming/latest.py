"""What goes to csi.latest.v1 of one stream, and when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from csi_schemas.topics import LATEST

from csi_streaming.processor import Output


@dataclass(slots=True)
class Latest:
    """The newest result of one stream: sent at once, or when ``interval_ns`` are over since the one before."""

    key: bytes
    interval_ns: int
    sent_ns: int | None = None
    """Receive time of the result that was sent last."""
    pending: tuple[int, bytes] | None = None
    """Receive time of a result and the result, which waits for its turn."""
    since_ns: int | None = None
    """Processing time of the tick that first saw it wait."""

    @classmethod
    def of(cls, node: str, label: str, provenance: str, kind: str, interval_ns: int) -> Latest:
        """Begin for the results of this ``kind`` that a node's stream gives."""
        return cls(f"{node}/{label}/{provenance}/{kind}".encode(), interval_ns)

    def hold(self, at_ns: int, result: bytes) -> None:
        """Keep a result of this receive time, in place of one that still waits."""
        self.pending, self.since_ns = (at_ns, result), None

    def due(self) -> Iterator[Output]:
        """Send what is held if its turn has come."""
        if self.pending is not None and (
            self.sent_ns is None or not 0 <= self.pending[0] - self.sent_ns < self.interval_ns
        ):
            yield self._send(self.pending)

    def waited(self, now_ns: int) -> Iterator[Output]:
        """Send what a tick has seen wait for the interval: the last result before a silence must go there as well."""
        if self.pending is None:
            return
        if self.since_ns is None:
            self.since_ns = now_ns
        elif now_ns - self.since_ns >= self.interval_ns:
            yield self._send(self.pending)

    def _send(self, pending: tuple[int, bytes]) -> Output:
        self.sent_ns, self.pending, self.since_ns = pending[0], None, None
        return Output(LATEST.name, self.key, pending[1])
