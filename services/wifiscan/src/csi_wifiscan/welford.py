"""Running mean and variance in constant memory (Welford 1962, doi:10.1080/00401706.1962.10490022)."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class Welford:
    """Mean and variance of all values so far."""

    count: int = 0
    mean: float = 0.0
    _squares: float = 0.0

    def add(self, value: float) -> None:
        """Take in one value."""
        self.count += 1
        delta = value - self.mean
        self.mean += delta / self.count
        self._squares += delta * (value - self.mean)

    @property
    def variance(self) -> float:
        """Sample variance; 0 before the second value."""
        return self._squares / (self.count - 1) if self.count > 1 else 0.0

    @property
    def deviation(self) -> float:
        """Standard deviation."""
        return math.sqrt(self.variance)
