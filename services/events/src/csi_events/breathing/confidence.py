"""How sure a breathing estimate is, of the rate and of there being somebody.

Fitted on simulated people and drifts (docs/breathing.md), to no recording.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Sure(NamedTuple):
    """Two chances of one estimate, 0-1."""

    rate: float
    """That the rate is right."""
    somebody: float
    """That somebody breathes, at whatever rate."""


def of_line(z: float, weakest: float) -> Sure:
    """Return the chances of a steady line: ``z`` over the background, ``weakest`` third over the mean."""
    margin = 0.7 + 4.74 * math.log(z / 21.0) + 1.26 * math.log(weakest)
    return Sure(_logistic(0.5 * margin + 1.5), _logistic(margin))


def of_slow_line(height: float) -> Sure:
    """Return the chances of a slow line, which drift looks like: ``height`` is power times likeness."""
    return Sure(_logistic(1.5 * math.log(height / 18.4)), _logistic(1.35 * math.log(height / 13.1)))


def of_ridge(log_odds: float) -> Sure:
    """Return the chances of a ridge of these log odds: a rate that wanders is soon half a breath a minute off."""
    return Sure(0.55 * _logistic(log_odds - 3.0), _logistic(min(log_odds - 3.0, 4.0)))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
