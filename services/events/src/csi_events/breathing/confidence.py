"""How sure a breathing estimate is, of the rate and of there being somebody.

Logistics fitted on simulated people of every manner and on simulated drift (docs/breathing.md), to no recording.
"""

from __future__ import annotations

import math
from typing import NamedTuple


class Sure(NamedTuple):
    """Two chances of one estimate, 0-1."""

    rate: float
    """That the rate is right: within a breath per minute of its mean over the last half minute."""
    somebody: float
    """That somebody breathes, at whatever rate."""


def of_line(z: float, coherence: float, weakest: float) -> Sure:
    """Return the chances of a steady line: ``z`` over the background, its thirds' ``coherence``, the ``weakest``."""
    rate = -0.66 + 1.07 * math.log(z / 21.0) - 1.05 * _out_of_step(coherence) + 1.08 * _log(weakest)
    return Sure(_logistic(rate), _logistic(0.7 + 4.74 * math.log(z / 21.0) + 1.26 * _log(weakest)))


def of_slow_line(z: float, coherence: float, weakest: float, height: float) -> Sure:
    """Return the chances of a slow line, which drift looks like: ``height`` is power times likeness."""
    rate = -6.95 + 1.29 * math.log(z / 21.0) - 2.31 * _out_of_step(coherence) + 2.43 * _log(weakest)
    return Sure(_logistic(rate), _logistic(1.35 * math.log(height / 13.1)))


def of_ridge(log_odds: float, near: float) -> Sure:
    """Return the chances of a ridge of these log odds, of which a share ``near`` is for the rate that is answered."""
    return Sure(_logistic(0.14 * log_odds + 5.82 * near - 2.98), _logistic(min(log_odds - 3.0, 4.0)))


def _out_of_step(coherence: float) -> float:
    return math.log(1.02 - min(coherence, 1.0))


def _log(share: float) -> float:
    return math.log(max(share, 1e-3))


def _logistic(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))
