"""A wandering rate followed before it is sure: track-before-detect over a plane of rates and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHT = 0.1
"""Share of a second's evidence that is new: windows of 24 s under a Hann window overlap from second to second."""
MOST, LEAST = 6.0, -0.75
"""Bounds of a second's log likelihood ratio: no single second decides, and breathing that fades is not given up."""
STRONG = 20.0
"""A second's z are scaled down until the highest is no more: beside a strong line its flanks are no evidence."""
WANDER = 0.02
"""Relative change of a rate in a second, standard deviation."""
TURNOVER_S = 60.0
"""Mean time, s, after which somebody begins to breathe in view of the antennas, or ends."""
MAX_ODDS = 10.0
"""Bound of the log odds, so that breathing which ends is not believed in for long: about a minute."""
_Z = np.linspace(0.0, 200.0, 4001)


def excess(rate: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much higher than white noise coloured noise comes out over its background at each rate, per minute.

    A background that is steep is never fitted quite: measured on simulated noise of slopes 0.5 to 3
    (docs/breathing.md), the mean of z is 1.9 times that of white noise up to 10 per minute and falls to 1.2 times.
    """
    return np.asarray(np.clip(1.9 * (10.0 / rate) ** 0.55, 1.2, 1.9))


@lru_cache(maxsize=8)
def evidence(components: int) -> NDArray[np.float64]:
    """Log likelihood ratio of the highest of so many components' z, at steps of 0.05 from 0.

    Noise gives each an exponential of mean 1. Breathing raises the mean of one to 1 + s, s unknown: log-uniform, 3-100.
    """

    def density(mean: float) -> NDArray[np.float64]:
        rest, own = 1.0 - np.exp(-_Z), 1.0 - np.exp(-_Z / mean)
        among = (components - 1) * rest ** max(components - 2, 0) * np.exp(-_Z) * own
        return np.asarray(among + rest ** (components - 1) * np.exp(-_Z / mean) / mean)

    strengths = np.geomspace(3.0, 100.0, 12)
    breathing = sum(density(1.0 + s) for s in strengths) / len(strengths)
    return np.asarray(np.log(breathing + 1e-300) - np.log(density(1.0) + 1e-300))


@dataclass(slots=True, init=False)
class Ridge:
    """Chances of every rate, and of no breathing at all, given all seconds so far (a forward filter)."""

    rate: NDArray[np.float64]
    """(rates,) breaths per minute, ascending."""
    prior: NDArray[np.float64]
    """(rates,): equal chances for equal ratios of rates."""
    spread: NDArray[np.float64]
    """(rates, rates): chance of a rate, by column the one of the second before."""
    chance: NDArray[np.float64]
    """(rates,): chance of breathing at each rate."""
    none: float
    """Chance of no breathing."""

    def __init__(self, rate: NDArray[np.float64]) -> None:
        """Begin with no breathing."""
        log_rate = np.log(rate)
        share = np.gradient(log_rate)
        self.rate, self.prior = rate, share / share.sum()
        spread = np.exp(-0.5 * ((log_rate[:, None] - log_rate) / WANDER) ** 2) * share[:, None]
        self.spread = spread / spread.sum(axis=0)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.chance, self.none = np.zeros(len(self.rate)), 1.0

    def see(self, z: NDArray[np.float64], components: int) -> None:
        """Take one second: ``z`` (rates,), the highest of so many components' power over background."""
        table = evidence(components)
        z = z * min(1.0, STRONG / max(float(z.max()), 1e-9))
        ratio = table[np.minimum((z * 20.0).astype(np.int64), len(table) - 1)]
        likelihood = np.exp(WEIGHT * np.clip(ratio, LEAST, MOST))
        turnover = 1.0 / TURNOVER_S
        chance = ((1.0 - turnover) * (self.spread @ self.chance) + turnover * self.none * self.prior) * likelihood
        self._become(chance, self.none * (1.0 - turnover))

    def doubt(self, seconds: float) -> None:
        """Somebody moves: with every such second, what was seen counts for half."""
        odds = math.exp((0.5**seconds - 1.0) * max(self.log_odds, 0.0))
        self._become(self.chance * odds, self.none)

    def _become(self, chance: NDArray[np.float64], none: float) -> None:
        none = max(none, float(chance.sum()) * math.exp(-MAX_ODDS))
        total = float(chance.sum()) + none
        self.chance, self.none = chance / total, none / total

    @property
    def log_odds(self) -> float:
        """Log odds that somebody breathes at some rate."""
        return math.log(max(float(self.chance.sum()), 1e-12)) - math.log(max(self.none, 1e-12))

    @property
    def best(self) -> float:
        """Likeliest rate, breaths per minute."""
        return float(self.rate[int(self.chance.argmax())])
