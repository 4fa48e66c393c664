"""Random search of constants: draws over wide ranges, then draws near the best so far, the best of all averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Constants = dict[str, float]
Tried = tuple[float, Constants]
"""A cost, and the constants that came to it."""


@dataclass(frozen=True, slots=True)
class Ranges:
    """Constants that are chosen, and where they are looked for."""

    bounds: Mapping[str, tuple[float, float]]
    """Lowest and highest of each."""
    logarithmic: frozenset[str]
    """Those of which ratios count, not differences."""
    spread: float
    """Standard deviation of a draw near another, as a share of the range."""
    moved: float
    """Probability of each constant to be drawn anew near another's; else it stays."""
    best: int
    """How many of the best are drawn near, and averaged in the end."""

    def draw(self, rng: np.random.Generator) -> Constants:
        """Draw every constant from all of its range."""
        return {name: self._out(name, rng.uniform(*self._range(name))) for name in self.bounds}

    def near_best(self, rng: np.random.Generator, tried: Sequence[Tried]) -> Constants:
        """Draw near one of the best that were tried."""
        near = self._best(tried)[int(rng.integers(self.best))]
        return {name: self._near(rng, name, near[name]) if rng.random() < self.moved else near[name] for name in near}

    def mean_of_best(self, tried: Sequence[Tried]) -> Constants:
        """Average the best that were tried."""
        return self.mean(self._best(tried))

    def mean(self, choices: Sequence[Constants]) -> Constants:
        """Average constants, geometrically where ratios count."""
        return {
            name: self._out(name, float(np.mean([self._in(name, chosen[name]) for chosen in choices])))
            for name in self.bounds
        }

    def _best(self, tried: Sequence[Tried]) -> list[Constants]:
        return [constants for _, constants in sorted(tried, key=lambda each: each[0])[: self.best]]

    def _near(self, rng: np.random.Generator, name: str, value: float) -> float:
        low, high = self._range(name)
        return self._out(name, np.clip(self._in(name, value) + rng.normal(0.0, self.spread * (high - low)), low, high))

    def _range(self, name: str) -> tuple[float, float]:
        low, high = self.bounds[name]
        return self._in(name, low), self._in(name, high)

    def _in(self, name: str, value: float) -> float:
        return float(np.log(value)) if name in self.logarithmic else value

    def _out(self, name: str, value: float) -> float:
        return float(np.exp(value)) if name in self.logarithmic else float(value)
