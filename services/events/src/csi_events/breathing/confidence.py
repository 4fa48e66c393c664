"""How sure a breathing estimate is, of the rate and of there being somebody.

Fitted on simulated people and drifts (docs/breathing.md), to no recording.
"""

from __future__ import annotations

import math


def of_line(z: float, weakest: float, *, slow: bool) -> float:
    """Chance that a steady line of this height is the rate: drift looks like a ``slow`` one half of the time."""
    margin = _margin(z, weakest)
    return _logistic(0.25 * margin - 0.75) if slow else _logistic(0.5 * margin + 1.5)


def of_ridge(log_odds: float) -> float:
    """Chance that a ridge of these log odds is the rate: one that wanders is soon half a breath a minute off."""
    return 0.55 * _logistic(log_odds - 3.0)


def somebody(z: float, weakest: float) -> float:
    """Chance that a steady line of this height is somebody's breath."""
    return _logistic(_margin(z, weakest))


def somebody_wandering(log_odds: float) -> float:
    """Chance that a ridge of these log odds is somebody's breath."""
    return _logistic(min(log_odds - 3.0, 4.0))


def _margin(z: float, weakest: float) -> float:
    return 0.7 + 4.74 * math.log(z / 21.0) + 1.26 * math.log(weakest)


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
