"""``max_hz``: at most so many messages a second of each stream, the newest value wins."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Coalescer(Generic[T]):
    """Spaces the messages of each key by at least ``1 / max_hz`` seconds.

    The first message of a key passes at once. One that comes too early waits, and is replaced by any newer one of its
    key; what waits is due when the interval is over, so the last value before a silence is never lost.
    """

    def __init__(self, max_hz: float) -> None:
        self._interval = 1.0 / max_hz
        self._open_at: dict[Hashable, float] = {}
        self._waiting: dict[Hashable, T] = {}
        self.replaced = 0
        """Messages that a newer one replaced."""

    def offer(self, key: Hashable, item: T, now: float) -> T | None:
        """Return ``item`` if it may pass at ``now`` (seconds, monotonic), else keep it waiting."""
        if now >= self._open_at.get(key, now):
            self._open_at[key] = now + self._interval
            if self._waiting.pop(key, None) is not None:
                self.replaced += 1
            return item
        if key in self._waiting:
            self.replaced += 1
        self._waiting[key] = item
        return None

    def next_due(self) -> float | None:
        """When the first waiting message is due, if any waits."""
        return min((self._open_at[key] for key in self._waiting), default=None)

    def due(self, now: float) -> list[T]:
        """Take the waiting messages that may pass at ``now``."""
        ready = [key for key in self._waiting if self._open_at[key] <= now]
        for key in ready:
            self._open_at[key] = now + self._interval
        return [self._waiting.pop(key) for key in ready]
