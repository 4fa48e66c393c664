"""Motion with constants chosen without the source that is judged: leave one source out.

The windowed path runs once over every recording and its scores are kept. The decision (``csi_events.decision``) is then
replayed with other constants: for each source they are searched for on all the others, and the source is judged with
what was found. Recordings are searched on as they are and perturbed (``COPIES``), and judged only as they are. The
search is the same for every source, begins from nothing but the ranges below, and draws from a seeded generator, so a
row does not depend on its own source, nor on a copy of it, in any way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from csi_events.decision import RULES, Rules

from csiflow.evaluation.motion_trace import PLAIN, Counted, Trace, count
from csiflow.evaluation.pool import parallel
from csiflow.evaluation.random_search import Constants, Ranges, Tried
from csiflow.evaluation.statistics import wilson

RANGES: dict[str, tuple[float, float]] = {
    "begin_margin": (0.2, 0.9),
    "begin_tails": (0.5, 3.0),
    "begin_evidence": (0.1, 0.4),
    "last_margin": (0.0, 0.8),
    "last_tails": (0.3, 2.0),
    "end_evidence": (0.02, 0.2),
    "tail_memory_s": (20.0, 300.0),
    "tail_prior_s": (5.0, 60.0),
    "last_share": (0.0, 0.6),
}
"""The constants that are chosen, and where they are looked for."""
LOGARITHMIC = frozenset({"begin_evidence", "end_evidence", "tail_memory_s", "tail_prior_s"})
BEST = 150
"""Of all draws so many are averaged. The cost is flat near its least, and few of the best lie at the edges of that
flat, where a source left out may fall off."""
SEARCHED = Ranges(RANGES, LOGARITHMIC, spread=0.1, moved=0.5, best=BEST)
DRAWS, REFINED = 200, 500
"""Draws over the ranges, and draws near the best so far."""
SEARCHES = 3
"""Searches, each from its own seed, that are averaged: the cost is flat near its least, and one search alone ends
anywhere on that flat."""
COPIES = ("interference on 3", "lower half band", "lost 30 %", "rate / 4", "1 % bad frames", "10 % die")
"""Perturbations under which recordings are searched on as well; see ``perturbations``."""
FALSE_POSITIVE_COST, FALSE_START_COST = 0.3, 0.25
"""What is made small: the mean over sources of 100 - F1, this per % of false positives, and this per false start. A
source's is the mean of two: of its recordings as they are, and the mean over the perturbations of its copies."""


def cost_of(counted: Counted) -> float:
    """What the search makes small, of some recordings."""
    found = counted.motion.figures()
    f1 = 0.0 if found["f1"] is None else 100 * (1 - found["f1"])
    false = 0.0 if found["false_positive_rate"] is None else 100 * found["false_positive_rate"]
    return f1 + FALSE_POSITIVE_COST * false + FALSE_START_COST * counted.false_starts


def cost(traces: Sequence[Trace], rules: Rules) -> float:
    """What the search makes small; every source weighs alike, and its copies together as much as it as it is."""
    versions: dict[str, dict[str, list[Trace]]] = {}
    for each in traces:
        versions.setdefault(each.source, {}).setdefault(each.perturbation, []).append(each)
    total = 0.0
    for own in versions.values():
        costs = {name: cost_of(count(members, rules)) for name, members in own.items()}
        plain = [costs.pop(PLAIN)] if PLAIN in costs else []
        parts = [*plain, *([sum(costs.values()) / len(costs)] if costs else [])]
        total += sum(parts) / len(parts)
    return total / len(versions)


def averaged(found: Sequence[Constants]) -> Rules:
    """Return the product's rules with the mean of what several searches found."""
    return RULES._replace(**SEARCHED.mean(list(found)))


def search_once(traces: Sequence[Trace], seed: int) -> Constants:
    """Choose constants once, with a generator of this seed."""
    rng = np.random.default_rng(seed)
    tried: list[Tried] = []
    for number in range(DRAWS + REFINED):
        drawn = SEARCHED.draw(rng) if number < DRAWS else SEARCHED.near_best(rng, tried)
        tried.append((cost(traces, RULES._replace(**drawn)), drawn))
    return SEARCHED.mean_of_best(tried)


@dataclass(frozen=True, slots=True)
class Row:
    """One group of recordings, judged by the product's constants and by those chosen without its source."""

    group: str
    source: str
    own: Counted
    left_out: Counted
    rules: Rules

    def figures(self) -> dict[str, Any]:
        """Return both judgements and the constants."""
        sides = {"in_sample": self.own, "left_out": self.left_out}
        return {
            "source": self.source,
            **{
                name: {**side.motion.figures(), "false_starts": side.false_starts, "quiet_s": round(side.quiet_s, 1)}
                for name, side in sides.items()
            },
            "constants": constants(self.rules),
        }


Item = tuple[str | None, int]
"""What is left out, or nothing, and the seed."""


def _search_item(item: Item, traces: Sequence[Trace]) -> Constants:
    without, seed = item
    return search_once(without_source(traces, without), seed)


def without_source(traces: Sequence[Trace], source: str | None) -> list[Trace]:
    """Return what is searched on: neither the source nor any copy of it."""
    return [each for each in traces if each.source != source]


def searches(
    traces: Sequence[Trace], jobs: int = 1, done: Callable[[], None] = lambda: None
) -> dict[str | None, Rules]:
    """Search without every source, and with all of them (``None``); ``done`` is called ``SEARCHES`` times for each.

    Raises:
        RuntimeError: a process died.
    """
    sources: list[str | None] = [None, *sorted({each.source for each in traces})]
    found: dict[Item, Constants] = {}
    items = [(source, seed) for source in sources for seed in range(SEARCHES)]
    for item, constants in parallel(partial(_search_item, traces=traces), items, jobs):
        if constants is None:
            raise RuntimeError(f"the process that searched without {item[0]} died; try fewer --jobs")
        found[item] = constants
        done()
    return {source: averaged([found[source, seed] for seed in range(SEARCHES)]) for source in sources}


def rows(traces: Sequence[Trace], rules: Mapping[str | None, Rules] | None = None) -> list[Row]:
    """Judge every group as it is, by the product's constants and by those found without its source.

    Args:
        traces: recordings, and copies to search on.
        rules: what was found without each source, searched for here if not given.
    """
    rules = searches(traces) if rules is None else rules
    found: list[Row] = []
    plain = [each for each in traces if each.perturbation == PLAIN]
    for source, group in sorted({(each.source, each.group) for each in plain}):
        members = [each for each in plain if (each.source, each.group) == (source, group)]
        found.append(Row(group, source, count(members, RULES), count(members, rules[source]), rules[source]))
    return found


def constants(rules: Rules) -> dict[str, float]:
    """Return the constants that are searched for."""
    return {name: round(getattr(rules, name), 4) for name in RANGES}


def all_sources(traces: Sequence[Trace], found: Rules) -> dict[str, Any]:
    """Return the constants found with no source left out beside the product's, with the cost of each."""
    return {
        name: {"constants": constants(rules), "cost": round(cost(traces, rules), 3)}
        for name, rules in (("found", found), ("product", RULES))
    }


CONFIDENCE_EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def reliability(traces: Sequence[Trace]) -> list[dict[str, Any]]:
    """How often MotionStarted was right, by the confidence it was given."""
    said = [pair for each in traces for pair in each.said]
    table: list[dict[str, Any]] = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        own = [right for confidence, right in said if low <= confidence < high or confidence == high == 1.0]
        row = {"from": low, "to": high, "events": len(own), "right": sum(own), "interval": wilson(sum(own), len(own))}
        table.append(row)
    return table
