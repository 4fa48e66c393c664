"""How sure the windowed path is of what it concludes."""

from __future__ import annotations

import math

MOVING_LOGIT = (-3.43, 2.94)
"""P(moves | score) = logistic(a + b * score), fitted on labelled windows of nine sources, each weighted alike."""
SURE = 0.99
"""Highest confidence: on the labelled windows 98.5 % of what the fit holds for at least 0.95 likely was right."""
ABSENT_CAP = 0.7
"""Highest confidence of ``absent``: a motionless person beyond the breathing test's reach looks the same."""
HELD = 0.5
"""Highest confidence of ``present_still`` on the strength of motion gone by: nothing speaks for it or against it."""


def of_moving(score: float) -> float:
    """Chance that somebody moves in a window of this change score."""
    a, b = MOVING_LOGIT
    moves = 1.0 / (1.0 + math.exp(-min(max(a + b * score, -20.0), 20.0)))
    return min(max(moves, 1.0 - SURE), SURE)


def of_absent(score: float) -> float:
    """Confidence that nobody is there, when nothing moves and nothing breathes."""
    return min(1.0 - of_moving(score), ABSENT_CAP)


def of_held(share: float) -> float:
    """Confidence in a presence that only the hold supports, of which this share is left."""
    return HELD * share
