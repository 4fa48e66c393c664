"""A wandering rate followed before it is sure: track-before-detect over a plane of rates and time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.breathing.rules import RULES, Rules

if TYPE_CHECKING:
    from numpy.typing import NDArray

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


@kernel(
    "Tuple((float64[::1], float64))"
    "(float64[::1], float64, float64[::1], float64[::1], float64[:,::1], float64[::1], float64[::1])"
)
def _forward(  # noqa: PLR0917 - a kernel takes no structs
    chance: NDArray[np.float64],
    none: float,
    z: NDArray[np.float64],
    table: NDArray[np.float64],
    spread: NDArray[np.float64],
    prior: NDArray[np.float64],
    constants: NDArray[np.float64],
) -> tuple[NDArray[np.float64], float]:
    """Take one step of the forward filter: rates wander, somebody begins or ends, a second's z are weighed in.

    Args:
        chance: (rates,).
        none: chance of no breathing.
        z: (rates,) power over background.
        table: log likelihood ratio at steps of 0.05 of z.
        spread: (rates, rates).
        prior: (rates,).
        constants: (6,) as in :class:`Ridge`.

    Returns:
        Chances of the rates and of no breathing; the log odds between them are bounded.
    """
    weight, most, least, strong, turnover_s, max_odds = constants
    scale = min(1.0, strong / max(z.max(), 1e-9))
    turnover = 1.0 / turnover_s
    after = np.empty_like(chance)
    for i in range(len(chance)):
        came = 0.0
        for j in range(len(chance)):
            came += spread[i, j] * chance[j]
        ratio = table[min(int(z[i] * scale * 20.0), len(table) - 1)]
        likelihood = np.exp(weight * min(max(ratio, least), most))
        after[i] = ((1.0 - turnover) * came + turnover * none * prior[i]) * likelihood
    breathes = after.sum()
    none = max(none * (1.0 - turnover), breathes * np.exp(-max_odds))
    return after / (breathes + none), none / (breathes + none)


@lru_cache(maxsize=32)
def _spread(rates: tuple[float, ...], wander: float) -> NDArray[np.float64]:
    """Return :attr:`Ridge.spread`, which is the same in all streams, once."""
    log_rate = np.log(np.array(rates))
    spread = np.exp(-0.5 * ((log_rate[:, None] - log_rate) / wander) ** 2) * np.gradient(log_rate)[:, None]
    return np.ascontiguousarray(spread / spread.sum(axis=0))


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
    rules: Rules
    constants: NDArray[np.float64]
    """Those of them that a step needs."""

    def __init__(self, rate: NDArray[np.float64], rules: Rules = RULES) -> None:
        """Begin with no breathing."""
        log_rate = np.log(rate)
        share = np.gradient(log_rate)
        self.rate, self.prior, self.rules = rate, share / share.sum(), rules
        self.constants = np.array(
            [rules.weight, rules.most, rules.least, rules.strong, rules.turnover_s, rules.max_odds]
        )
        self.spread = _spread(tuple(rate.tolist()), rules.wander)
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.chance, self.none = np.zeros(len(self.rate)), 1.0

    def see(self, z: NDArray[np.float64], components: int, share: float = 1.0) -> None:
        """Take one second: ``z`` (rates,), the highest of so many components' power over background.

        Only a ``share`` of it is counted where the rest was seen before, and doubted since.
        """
        self.constants[0] = self.rules.weight * share
        self.chance, self.none = _forward(
            self.chance, self.none, z, evidence(components), self.spread, self.prior, self.constants
        )

    def wait(self, seconds: float) -> None:
        """Nothing is seen for so many seconds: rates wander on, and who breathed may have gone."""
        self.constants[0] = 0.0
        for _ in range(round(seconds)):
            self.chance, self.none = _forward(
                self.chance, self.none, np.ones(len(self.rate)), evidence(1), self.spread, self.prior, self.constants
            )
        stayed = math.exp(-seconds / self.rules.turnover_s)
        self.chance, self.none = stayed * self.chance, self.none + (1.0 - stayed) * float(self.chance.sum())

    def doubt(self, seconds: float) -> None:
        """Somebody moves: with every such second, what was seen counts for half."""
        chance = self.chance * math.exp((0.5**seconds - 1.0) * max(self.log_odds, 0.0))
        total = float(chance.sum()) + self.none
        self.chance, self.none = chance / total, self.none / total

    @property
    def log_odds(self) -> float:
        """Log odds that somebody breathes at some rate."""
        return math.log(max(float(self.chance.sum()), 1e-12)) - math.log(max(self.none, 1e-12))

    @property
    def best(self) -> float:
        """Likeliest rate, breaths per minute."""
        return float(self.rate[int(self.chance.argmax())])

    def near(self, rate: float) -> float:
        """Share of the chances of all rates that lies within a breath per minute of ``rate``."""
        return float(self.chance[np.abs(self.rate - rate) <= 1.0].sum()) / max(float(self.chance.sum()), 1e-12)
