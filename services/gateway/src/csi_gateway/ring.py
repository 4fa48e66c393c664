"""The ring of one slow client: bounded, drops the oldest, keeps count."""

from __future__ import annotations

from collections import deque
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Losses(NamedTuple):
    """What a client has to be told about messages it will never see."""

    dropped: int
    """Since it was last told."""
    total: int
    """Since it connected."""


class Ring(Generic[T]):
    """At most ``capacity`` items; pushing into a full ring drops the oldest."""

    __slots__ = ("_items", "_untold", "capacity", "run", "total")

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.total = 0
        """Items dropped so far."""
        self.run = 0
        """Items dropped since the ring was last drained."""
        self._items: deque[T] = deque(maxlen=capacity)
        self._untold = 0

    def __len__(self) -> int:
        return len(self._items)

    @property
    def free(self) -> int:
        """Items that fit before one is dropped."""
        return self.capacity - len(self._items)

    def push(self, item: T) -> bool:
        """Append ``item``; returns whether the oldest item was dropped for it."""
        full = len(self._items) == self.capacity
        if full:
            self.total += 1
            self.run += 1
            self._untold += 1
        self._items.append(item)
        return full

    def drain(self) -> tuple[Losses | None, list[T]]:
        """Empty the ring: what was lost before its first item, if anything, and the items, oldest first."""
        items = list(self._items)
        self._items.clear()
        losses = Losses(self._untold, self.total) if self._untold else None
        self._untold = 0
        self.run = 0
        return losses, items
