"""How often a breathing rate was right, by the confidence it was given."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from csiflow.evaluation.breath_trace import BreathTrace, shown
from csiflow.evaluation.statistics import rounded, wilson

RIGHT = 0.5
"""Breaths per minute within which an answer is right."""
EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def reliability(traces: Sequence[BreathTrace]) -> list[dict[str, Any]]:
    """Count right answers by confidence, lines and ridges apart; in a null every answer is wrong."""
    said = [shown(each) for each in traces]
    told = [np.isfinite(each.rate) for each in said]
    given = np.concatenate([each.confidence[own] for each, own in zip(said, told, strict=True)])
    line = np.concatenate([each.stood[own] for each, own in zip(said, told, strict=True)])
    off = [
        np.full(len(own), np.inf) if trace.truth is None else np.abs(each.rate - trace.truth)
        for trace, each, own in zip(traces, said, told, strict=True)
    ]
    good = np.concatenate([error[own] <= RIGHT for error, own in zip(off, told, strict=True)])
    table = []
    for by, of_kind in (("line", line), ("ridge", ~line)):
        for low, high in pairwise(EDGES):
            own = of_kind & (given >= low) & ((given < high) | (high == EDGES[-1]))
            seconds, count = int(own.sum()), int(good[own].sum())
            if seconds:
                mean = rounded(float(given[own].mean()), 3)
                found = {"by": by, "from": low, "to": high, "seconds": seconds, "right": count, "mean": mean}
                table.append({**found, "interval": wilson(count, seconds)})
    return table
