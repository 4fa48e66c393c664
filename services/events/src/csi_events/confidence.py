"""How sure the windowed path is of what it concludes."""

from __future__ import annotations

import math

MOVING_LOGIT = (-3.94, 2.87)
"""P(moves | excess) = logistic(a + b * excess) of labelled windows, each source and answer weighted alike.

Leaving one source out moves a between -4.3 and -3.8 and b between 2.6 and 3.4.
"""
SURE = 0.99
"""Highest confidence: of the windows said to move that the fit, made without their source, holds for at least 0.99
likely, 98.1 % were right."""
ABSENT_CAP = 0.7
"""Highest confidence of ``absent``: a motionless person beyond the breathing test's reach looks the same."""
HELD = 0.5
"""Highest confidence of ``present_still`` on the strength of motion gone by: nothing speaks for it or against it."""


def of_moving(excess: float) -> float:
    """Chance that somebody moves in a window whose change score exceeds the quiet's level by this much."""
    a, b = MOVING_LOGIT
    moves = 1.0 / (1.0 + math.exp(-min(max(a + b * excess, -20.0), 20.0)))
    return min(max(moves, 1.0 - SURE), SURE)


def of_absent(excess: float) -> float:
    """Confidence that nobody is there, when nothing moves and nothing breathes."""
    return min(1.0 - of_moving(excess), ABSENT_CAP)


def of_held(share: float) -> float:
    """Confidence in a presence that only the hold supports, of which this share is left."""
    return HELD * share
