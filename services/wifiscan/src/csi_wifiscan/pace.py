"""How long to wait for the next scan: short while signals change, longer while they do not, longest after failures.

Pure: the caller has the clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

RELAXED = 4.0
"""Longest interval of a static room, in shortest intervals: 5 scans/s native, ten times the rate of breathing."""
_RELAXING = 1.25
"""Growth of the interval with each scan in which nothing moved."""
_MOVING_SHARE = 0.1
"""Share of the fresh slots that must stand out: fewer is the jitter of single access points."""
_SCAN_SHARE = 0.5
"""Largest part of the time that scanning may take, so that a slow command does not run without a pause."""
MAX_BACKOFF_S = 30.0
_RESERVOIR = 512


@dataclass(slots=True)
class Pace:
    """Interval between the starts of two scans.

    Raises:
        ValueError: the bounds are not 0 < shortest <= longest.
    """

    shortest_s: float
    longest_s: float
    interval_s: float = 0.0
    failures: int = 0
    """Failed scans since the last good one."""

    def __post_init__(self) -> None:
        if not 0 < self.shortest_s <= self.longest_s:
            raise ValueError(f"intervals of {self.shortest_s} to {self.longest_s} s; write 0 < shortest <= longest")
        self.interval_s = self.shortest_s

    def scanned(self, fresh: int, moved: int, took_s: float) -> float:
        """Note a good scan; returns the seconds from its start to the start of the next one."""
        self.failures = 0
        if moved and moved >= _MOVING_SHARE * fresh:
            self.interval_s = self.shortest_s
        else:
            self.interval_s = min(self.interval_s * _RELAXING, self.longest_s)
        return max(self.interval_s, took_s / _SCAN_SHARE)

    def failed(self) -> float:
        """Note a failed scan; returns the seconds to wait, doubled with each failure in a row, at most 30."""
        self.failures += 1
        return min(self.shortest_s * 2.0 ** min(self.failures, 30), MAX_BACKOFF_S)


class Percentiles(NamedTuple):
    """Milliseconds."""

    p50: float
    p95: float
    max: float


@dataclass(slots=True)
class Jitter:
    """How late scans started against their plan: the newest 512 and the worst ever."""

    _late_ms: list[float] = field(default_factory=list)
    _count: int = 0
    _worst_ms: float = 0.0

    def add(self, late_s: float) -> None:
        """Note one scan that started ``late_s`` seconds after it was due."""
        late_ms = max(0.0, late_s) * 1000
        if len(self._late_ms) < _RESERVOIR:
            self._late_ms.append(late_ms)
        else:
            self._late_ms[self._count % _RESERVOIR] = late_ms
        self._count += 1
        self._worst_ms = max(self._worst_ms, late_ms)

    def percentiles(self) -> Percentiles | None:
        """Nearest-rank percentiles; ``None`` before the first scan."""
        if not self._late_ms:
            return None
        ranked = sorted(self._late_ms)

        def rank(share: float) -> float:
            return round(ranked[min(len(ranked) - 1, int(share * len(ranked)))], 3)

        return Percentiles(rank(0.5), rank(0.95), round(self._worst_ms, 3))
