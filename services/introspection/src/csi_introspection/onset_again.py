"""Onset inside what goes on already: somebody who sits and breathes gets up.

Breath on a short link is motion by every threshold of an empty room, for as long as somebody sits there. What steadily
goes on is therefore a reference of its own: the greatest evidence of two whole stretches. What exceeds that by ``RISE``
is a motion that begins, though ``moving`` never ended.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Record

STRETCH_S = 10.0
"""A stretch: the slowest breath that is looked for, 6 a minute, so that each holds a breath's greatest evidence."""
RISE = 1.0
"""By how much evidence must exceed that of two stretches, natural logarithm of energy: an e-fold."""


@kernel
def rises_again(state: Record, excess: float, dt_s: float) -> bool:
    """Hold a frame's evidence against that of the stretches before its own, and follow these.

    Args:
        state: See ``onset.STATE``: ``onset``, ``moving``, ``resting``, ``caution``, ``stretch_s`` and the next three.
        excess: Greatest evidence above its threshold.
        dt_s: Seconds since the frame before, not negative.

    Returns:
        Whether a motion begins inside the one that goes on. The two stretches are collected anew after every onset, and
        go on in a rest (``onset_rest``), whose height they are.
    """
    if state.moving == 0 and state.resting == 0:
        return False
    usual = max(state.stretch_1, state.stretch_2)
    rises = bool(state.onset == 0 and state.moving == 1 and excess > max(state.caution, usual + RISE))
    if rises or state.onset == 1:
        state.stretch_s, state.stretch, state.stretch_1, state.stretch_2 = 0.0, -np.inf, np.inf, np.inf
        return rises
    state.stretch = max(state.stretch, excess)
    state.stretch_s += dt_s
    if state.stretch_s >= STRETCH_S:
        state.stretch_2, state.stretch_1 = state.stretch_1, state.stretch
        state.stretch_s, state.stretch = 0.0, -np.inf
    return False
