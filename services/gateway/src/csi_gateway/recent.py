"""The last events, for ``/api/v1/events``."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple


class RecentEvent(NamedTuple):
    """One event as it was published."""

    at_ns: int
    node_id: str
    value: bytes


class RecentEvents:
    """At most ``capacity`` events, by time; an older one than all kept is not taken into a full store."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._events: list[RecentEvent] = []

    def __len__(self) -> int:
        return len(self._events)

    def add(self, event: RecentEvent) -> None:
        """Keep ``event``; partitions are read in any order, so it may be older than what is kept."""
        insort(self._events, event, key=lambda kept: kept.at_ns)
        if len(self._events) > self._capacity:
            del self._events[0]

    def newest(self, limit: int, nodes: frozenset[str] | None = None, since_ns: int | None = None) -> list[RecentEvent]:
        """At most ``limit`` events, newest first, later than ``since_ns``."""
        found: list[RecentEvent] = []
        for event in reversed(self._events):
            if len(found) == limit or (since_ns is not None and event.at_ns <= since_ns):
                break
            if nodes is None or event.node_id in nodes:
                found.append(event)
        return found
