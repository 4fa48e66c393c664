"""How sure the windowed path is of what it concludes."""

from __future__ import annotations

import math

MOVING_LOGIT = (-0.39, 1.13)
"""P(moves | excess) = logistic(a + b * excess) of labelled windows above the threshold at which motion begins.

Fitted by ``bench/fit_confidence.py``, each source and answer weighted alike. Among the windows that pass a threshold
the quiet ones are the loudest there are, so a fit to all windows would be too sure of them. Leaving one source out
moves a between -1.4 and 0.6 and b between 0.8 and 1.6.
"""
QUIET_LOGIT = (-4.23, 2.79)
"""The same of all labelled windows: what is said where none passed the threshold."""
SURE = 0.97
"""Highest confidence: of the windows that the fit, made without their source, holds for at least this likely, at least
this share was right."""
ABSENT_CAP = 0.7
"""Highest confidence of ``absent``: a motionless person beyond the breathing test's reach looks the same."""
HELD = 0.5
"""Highest confidence of ``present_still`` on the strength of motion gone by: nothing speaks for it or against it."""


def of_moving(excess: float) -> float:
    """Chance that somebody moves in a window said to move, whose score exceeds the quiet's level by this much."""
    return min(_chance(MOVING_LOGIT, excess), SURE)


def of_absent(excess: float) -> float:
    """Confidence that nobody is there, when nothing moves and nothing breathes."""
    return min(1.0 - _chance(QUIET_LOGIT, excess), ABSENT_CAP)


def of_held(share: float) -> float:
    """Confidence in a presence that only the hold supports, of which this share is left."""
    return HELD * share


def _chance(logit: tuple[float, float], excess: float) -> float:
    a, b = logit
    return 1.0 / (1.0 + math.exp(-min(max(a + b * excess, -20.0), 20.0)))
