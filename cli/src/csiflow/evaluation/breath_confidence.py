"""How often a breathing rate was right, by the confidence it was given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from csiflow.evaluation.breath_trace import BreathTrace, Shown, shown
from csiflow.evaluation.statistics import rounded, wilson

RIGHT = 1.0
"""Breaths per minute within which an answer is right."""
SLOW = 6.5
"""Rates under it are those of slow lines, which drift looks like."""
EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def reliability(traces: Sequence[BreathTrace]) -> list[dict[str, Any]]:
    """Count right answers by confidence, lines, slow lines and ridges apart; in a null every answer is wrong."""
    return counted([(shown(trace), trace.truth) for trace in traces])


def counted(said: Sequence[tuple[Shown, NDArray[np.float64] | None]]) -> list[dict[str, Any]]:
    """Count right answers by confidence in what was shown, each beside the truth; ``None`` is that of a null."""
    told = [np.isfinite(each.rate) for each, _ in said]
    rate, given, line = (
        np.concatenate([column[own] for column, own in zip(columns, told, strict=True)])
        for columns in (
            [each.rate for each, _ in said],
            [each.confidence for each, _ in said],
            [each.stood for each, _ in said],
        )
    )
    truth = np.concatenate(
        [np.full(own.sum(), np.nan) if true is None else true[own] for (_, true), own in zip(said, told, strict=True)]
    )
    good = np.abs(rate - truth) <= RIGHT
    slow = rate < SLOW
    table = []
    for by, of_kind in (("line", line & ~slow), ("slow line", line & slow), ("ridge", ~line)):
        for low, high in pairwise(EDGES):
            own = of_kind & (given >= low) & ((given < high) | (high == EDGES[-1]))
            seconds, count = int(own.sum()), int(good[own].sum())
            if seconds:
                mean = rounded(float(given[own].mean()), 3)
                found = {"by": by, "from": low, "to": high, "seconds": seconds, "right": count, "mean": mean}
                table.append({**found, "interval": wilson(count, seconds)})
    return table
