"""Breathing with constants chosen without the source that is judged: leave one source out.

The windowed path runs once over every stream (``breath_trace``). The decision is then replayed with other constants:
for each source they are searched for on all the others and on simulated noise and people, and the source is judged
with what was found. The search begins from nothing but the ranges below and draws from a seeded generator.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from csi_events.breathing.rules import RULES, Rules

from csiflow.evaluation.breath_trace import BreathTrace, shown
from csiflow.evaluation.breaths import Streamed
from csiflow.evaluation.nulls import coloured, white
from csiflow.evaluation.random_search import Constants, Ranges
from csiflow.evaluation.statistics import rounded, wilson

if TYPE_CHECKING:
    from collections.abc import Iterator

RANGES: dict[str, tuple[float, float]] = {
    "min_odds": (3.0, 9.0),
    "weight": (0.04, 0.25),
    "most": (3.0, 10.0),
    "least": (-1.5, -0.3),
    "strong": (10.0, 50.0),
    "wander": (0.008, 0.05),
    "turnover_s": (20.0, 200.0),
    "max_odds": (7.0, 14.0),
    "min_z": (10.0, 40.0),
    "min_z_slow": (8.0, 40.0),
    "min_coherence": (0.5, 0.95),
    "min_weakest": (0.15, 0.7),
    "ease": (0.5, 1.0),
    "min_lasting": (0.05, 0.6),
}
"""The constants that are chosen, and where they are looked for."""
LOGARITHMIC = frozenset({"weight", "strong", "wander", "turnover_s", "min_z", "min_z_slow"})
SEARCHED = Ranges(RANGES, LOGARITHMIC, spread=0.12, moved=0.4, best=15)
DRAWS, REFINED = 200, 200
"""Draws over the ranges, and draws near the best so far."""
SEARCHES = 3
"""Searches, each from its own seed, that are averaged, as motion's are: one ends anywhere where the cost is flat."""
ERROR_COST, FALSE_COST = 20.0, 10.0
"""What is made small: the mean over sources of the % of seconds not answered where somebody breathes, this per breath a
minute of mean error, and this per % of seconds answered where nobody does."""
SLOPES = (0.5, 1.0, 1.5, 2.0, 2.5, 3.0)


def noise(seed: int) -> Iterator[Streamed]:
    """Yield simulated streams in which nobody breathes, of one antenna and of three."""
    for antennas in (1, 3):
        name = f"white noise, {antennas} antennas, seed {seed}"
        yield Streamed(name, "simulated white noise", white(antennas, seed), None, "", null=True)
        for slope in SLOPES:
            name = f"noise of slope {slope}, {antennas} antennas, seed {seed}"
            stream = coloured(antennas, slope, seed)
            yield Streamed(name, "simulated coloured noise", stream, None, "", null=True)


@dataclass(slots=True)
class Count:
    """Seconds of one or more streams."""

    resting: int = 0
    """In which somebody breathes."""
    answered: int = 0
    """Of them."""
    errors: list[float] = field(default_factory=list)
    """Of the answers of which the truth is known, breaths per minute."""
    null: int = 0
    """In which nobody does, or not undisturbed."""
    false: int = 0
    """Of them, answered."""

    def add(self, other: Count) -> None:
        """Pool with another's."""
        self.resting += other.resting
        self.answered += other.answered
        self.errors += other.errors
        self.null += other.null
        self.false += other.false

    @property
    def cost(self) -> float:
        """What the search makes small."""
        missed = 100 * (1 - self.answered / self.resting) if self.resting else 0.0
        error = float(np.mean(self.errors)) if self.errors else 0.0
        false = 100 * self.false / self.null if self.null else 0.0
        return missed + ERROR_COST * error + FALSE_COST * false

    def figures(self) -> dict[str, Any]:
        """Return shares and errors."""
        told, seconds = self.answered + self.false, self.resting + self.null
        return {
            "seconds": seconds,
            "answered": rounded(told / seconds) if seconds else None,
            "answered_interval": wilson(told, seconds),
            "error": rounded(float(np.mean(self.errors)), 3) if self.errors else None,
            "error_max": rounded(max(self.errors), 3) if self.errors else None,
        }


def count(traces: Sequence[BreathTrace], rules: Rules) -> Count:
    """Judge streams by these rules."""
    total = Count()
    for each in traces:
        rate = shown(each, rules).rate
        told = np.isfinite(rate)
        if each.null:
            total.add(Count(null=len(rate), false=int(told.sum())))
        else:
            errors = [] if each.truth is None else np.abs(rate - each.truth)[told].tolist()
            total.add(Count(len(rate), int(told.sum()), errors))
    return total


class Search:
    """One seed's searches for every choice of sources, sharing what the first draws gave in each."""

    def __init__(self, traces: Sequence[BreathTrace], seed: int = 0) -> None:
        """Take every stream; those of no source are simulated and belong to every choice."""
        self._seed = seed
        self._traces = {
            name: [each for each in traces if each.source == name] for name in sorted({t.source for t in traces})
        }
        rng = np.random.default_rng(seed)
        self._drawn = [SEARCHED.draw(rng) for _ in range(DRAWS)]
        self._costs: dict[tuple[str, int], float] = {}

    @property
    def sources(self) -> list[str]:
        """Sources, without the simulated."""
        return [name for name in self._traces if name]

    def without(self, source: str | None) -> Constants:
        """Choose constants on all sources but one, or on all; every source weighs alike."""
        chosen = [name for name in self._traces if name != source]
        tried = [(self._first(number, chosen), drawn) for number, drawn in enumerate(self._drawn)]
        rng = np.random.default_rng((self._seed, 1))
        for _ in range(REFINED):
            drawn = SEARCHED.near_best(rng, tried)
            rules = RULES._replace(**drawn)
            tried.append((float(np.mean([count(self._traces[name], rules).cost for name in chosen])), drawn))
        return SEARCHED.mean_of_best(tried)

    def _first(self, number: int, chosen: Sequence[str]) -> float:
        rules = RULES._replace(**self._drawn[number])
        for name in chosen:
            if (name, number) not in self._costs:
                self._costs[name, number] = count(self._traces[name], rules).cost
        return float(np.mean([self._costs[name, number] for name in chosen]))


@dataclass(frozen=True, slots=True)
class Row:
    """One group of streams: by the product's constants, by those searched with and without its source."""

    group: str
    source: str
    """Empty for simulated noise."""
    null: bool
    own: Count
    searched: Count
    left_out: Count
    """Of simulated noise, which nothing is searched without, the worst of all choices."""

    def figures(self) -> dict[str, Any]:
        """Return the three judgements."""
        sides = {"in_sample": self.own, "searched_with_all": self.searched, "left_out": self.left_out}
        return {"source": self.source, "null": self.null, **{name: side.figures() for name, side in sides.items()}}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Every row, and the constants behind them."""

    rows: list[Row]
    constants: dict[str, Rules]
    """Found without each source; ``all``: with every one."""


def leave_out(
    searched_on: Sequence[BreathTrace], judged: Sequence[BreathTrace], done: Callable[[], None] = lambda: None
) -> LeftOut:
    """Leave out every source once.

    Args:
        searched_on: streams to search on, simulated ones among them.
        judged: streams to judge; their simulated ones are others than those.
        done: called after each search.
    """
    searches = [Search(searched_on, seed) for seed in range(SEARCHES)]
    sources = searches[0].sources
    constants: dict[str, Rules] = {}
    for source in (None, *sources):
        mean = SEARCHED.mean([search.without(source) for search in searches])
        constants["all" if source is None else source] = RULES._replace(**mean)
        done()
    found = []
    for source, group, null in dict.fromkeys((each.source, each.group, each.null) for each in judged):
        own = [each for each in judged if (each.source, each.group, each.null) == (source, group, null)]
        choices = [constants[source]] if source else [constants[name] for name in sources]
        worst = max((count(own, rules) for rules in choices), key=lambda each: each.cost)
        found.append(Row(group, source, null, count(own, RULES), count(own, constants["all"]), worst))
    return LeftOut(found, constants)
