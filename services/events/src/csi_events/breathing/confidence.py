"""How sure a breathing estimate is."""

from __future__ import annotations

import math


def of_line(z: float, weakest: float) -> float:
    """Chance that a steady line of this height is the rate: logistic in the margin over the threshold."""
    return 1.0 / (1.0 + math.exp(-(0.7 + 4.74 * math.log(z / 21.0) + 1.26 * math.log(weakest))))


def of_ridge(log_odds: float) -> float:
    """Chance that a ridge of these log odds is the rate."""
    return 1.0 / (1.0 + math.exp(-min(log_odds - 3.0, 4.0)))
