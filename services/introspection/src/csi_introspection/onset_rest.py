"""Rest beside breath: somebody sat down, and only their breath goes on.

Breath near a link is motion by every threshold of an empty room, for as long as somebody sits there. It is told from
what they did before by two things: it is weaker than that was, and it is steady, while a walk leads past the link and
away from it. Either may be so for some seconds of a walk, so that how far the evidence fell counts together with how
long it has stayed there, above a threshold all the while, as in a cumulative sum. What it stayed at is then the height
of a **rest**: ``moving`` ends, an onset is what exceeds that height (``onset_again``), and none of it is learnt as the
quiet of the room.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Record
from csi_introspection.onset_again import RISE
from csi_introspection.onset_evidence import RING

SLOT_S, SLOT_FRAMES = 5.0, float(RING)
"""Evidence is looked at by its greatest in so long, at least so many frames: half of the slowest breath, 6 a minute, as
the chest moves in both halves, in and out; and as far back as evidence looks, so that none is of the motion before."""
STEADY = RISE
"""Slots are of one stretch while the greatest of each are so near one another: in more, an onset would lie."""
FALLEN = 8.0
"""How far the greatest of a stretch must be below that of the motion, natural logarithm, times its slots: e^4 for the
two of one breath, e^2 for four."""
FORGET_S = 10.0
"""A rest is over when nothing moved by the thresholds of the empty room for so long: a breath."""


@kernel
def rest_height(state: Record) -> float:
    """Return what evidence must exceed to be an onset beside the breath; minus infinity for a stream without any."""
    return float(max(state.stretch_1, state.stretch_2) + RISE) if state.resting == 1 else -np.inf


@kernel
def close_slot(state: Record) -> bool:
    """Add the slot that ends to those before it that are like it, or begin with it; True when they show a rest."""
    peak = state.slot
    high, low = max(state.slot_high, peak), min(state.slot_low, peak)
    several = state.slots > 0 and high - low <= STEADY
    if several:
        state.slots += 1
        state.slot_high, state.slot_low = high, low
    else:
        state.slots, state.slot_high, state.slot_low = 1, peak, peak
    fallen = state.slots * (state.strongest - state.slot_high) >= FALLEN
    back = max(state.slot_1, peak) <= state.known
    state.slot_s, state.slot, state.slot_1 = 0.0, -np.inf, peak
    return bool(several and (fallen or back) and state.slot_low > 0.0)


@kernel
def comes_to_rest(state: Record, excess: float, dt_s: float) -> bool:
    """Follow what goes on from its onset until nothing is left of it.

    Args:
        state: See ``onset.STATE``: ``onset``, ``going``, ``interval_s``, ``resting`` and the next nine, and the
            stretches of ``onset_again``, which from its beginning on hold the height of a rest.
        excess: Greatest evidence above its threshold.
        dt_s: Seconds since the frame before, not negative.

    Returns:
        Whether the motion ends here, though breath goes on. What comes back below the height of the rest before is
        one after two slots, however little it fell. An onset while the room is empty but for the last one's breath
        goes on with the last one's strength: breath about the threshold comes and goes.
    """
    if state.onset == 1 and (state.resting == 1 or state.strongest == -np.inf):
        state.resting, state.strongest, state.idle_s = 0, excess, 0.0
        state.slots, state.slot_s, state.slot = 0, 0.0, -np.inf
    if state.strongest == -np.inf:
        return False
    state.idle_s = 0.0 if state.going == 1 else state.idle_s + dt_s
    if state.idle_s > FORGET_S:
        forget_rest(state)
        return False
    state.strongest = max(state.strongest, excess)
    if state.resting == 1:
        return False
    state.slot = max(state.slot, excess)
    state.slot_s += dt_s
    if state.slot_s < max(SLOT_S, SLOT_FRAMES * state.interval_s) or not close_slot(state):
        return False
    state.resting = 1
    state.stretch_s, state.stretch, state.stretch_1, state.stretch_2 = 0.0, -np.inf, state.slot_high, state.slot_high
    return True


@kernel
def forget_rest(state: Record) -> None:
    """Hold the stream against the empty room alone."""
    state.resting, state.strongest, state.known, state.idle_s = 0, -np.inf, -np.inf, 0.0
