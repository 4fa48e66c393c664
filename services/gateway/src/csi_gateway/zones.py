"""The newest fused snapshot of every zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from csi_gateway.heads import ClusterHead


class FusedValue(msgspec.Struct, frozen=True):
    """The newest message of one zone."""

    zone: str
    at_ns: int
    nodes: int
    """How many take part."""
    value: bytes
    """As it was published."""

    def age_s(self, now_ns: int) -> float:
        """Age in seconds; 0 for a time stamp ahead of the gateway's clock."""
        return max(0, now_ns - self.at_ns) / 1e9


class Zones:
    """State of all zones; messages may come in any order, older ones change nothing."""

    def __init__(self, stale_after_s: float) -> None:
        self._stale_after_ns = round(stale_after_s * 1e9)
        self._latest: dict[str, FusedValue] = {}

    def take(self, head: ClusterHead, value: bytes) -> None:
        """Take note of a ``cluster_snapshot``."""
        known = self._latest.get(head.zone)
        if known is None or head.timestamp_ns >= known.at_ns:
            self._latest[head.zone] = FusedValue(head.zone, head.timestamp_ns, len(head.members), value)

    def latest(self, zones: frozenset[str] | None = None) -> list[FusedValue]:
        """Newest snapshot of every zone, by name."""
        return [self._latest[zone] for zone in sorted(self._latest) if zones is None or zone in zones]

    def is_stale(self, value: FusedValue, now_ns: int) -> bool:
        """Whether a snapshot says nothing about now: nobody takes part in it, or it is old."""
        return value.nodes == 0 or now_ns - value.at_ns > self._stale_after_ns
