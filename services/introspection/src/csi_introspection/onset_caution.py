"""Caution: what a stream's own false starts add to every onset threshold.

A flag keeps its block out of the tail that thresholds are fitted to, so that a threshold which is a little low would
stay so: a person who is told to lie still fidgets every half a minute, and nothing else is ever learnt. What is over
soon, stays weak and stands alone is therefore taken for a false start, and thresholds follow the counted rate of those,
as the level of adaptive conformal inference follows the counted errors (Gibbs and Candes 2021,
https://arxiv.org/abs/2106.00170): each raises them by ``STEP``, and so much leaks away in the time in which one is
wanted. What exceeds its threshold by ``MOST`` is never one, and is flagged whatever was learnt; what goes on for longer
than a false start is flagged then.
"""

from __future__ import annotations

from csi_introspection._compile import kernel
from csi_introspection.arrays import Record

BRIEF_S = 10.0
"""A false start lasts no longer than this ..."""
APART_S = 10.0
"""... and nothing moves for this long after it. What begins again sooner belongs to it."""
STEP = 2.0
"""Added to every threshold by a false start, natural logarithm of energy."""
MOST = 3.0
"""Most that is ever added; evidence this far above a threshold is that of a motion."""


@kernel
def count_false_starts(state: Record, excess: float, dt_s: float) -> None:
    """Follow what is going on, and raise the caution once it is known to have been a false start.

    Args:
        state: See ``onset.STATE``: ``moving``, ``caution``, ``stirring`` and the next three.
        excess: Greatest evidence above its threshold.
        dt_s: Seconds since the frame before, not negative.
    """
    state.caution = max(0.0, state.caution - STEP * dt_s * state.false_per_hour / 3600.0)
    if state.stirring == 1:
        state.stirred_s += dt_s
    elif state.moving == 1:
        state.stirring, state.stirred_s, state.excess = 1, 0.0, excess
    if state.moving == 1:
        state.excess = max(state.excess, excess)
        state.still_s = 0.0
    elif state.stirring == 1:
        state.still_s += dt_s
        if state.still_s > APART_S:
            state.stirring = 0
            if state.stirred_s - state.still_s <= BRIEF_S and state.excess <= MOST:
                state.caution = min(state.caution + STEP, MOST)
