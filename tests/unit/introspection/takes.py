"""Simulated takes: a walk or a door after a quiet stretch, as clips."""

from __future__ import annotations

import numpy as np
from csi_introspection import reference
from csi_introspection.capture import Cut, Take, cut_take
from csi_introspection.clip import Clip
from csi_introspection.features import amplitudes

QUIET_S = 3.0
DURATION_S = 2.0
_FRAMES = round(DURATION_S * reference.RATE_HZ)
_QUIET = round(QUIET_S * reference.RATE_HZ)


def clip(what: str, seed: int, *, late_s: float = 0.0, start_ns: int = 5 * 10**9) -> Clip:
    """3 s of quiet, then a ``walk``, a ``door`` or ``nothing`` for 2 s and half a second on, at 30 frames/s."""
    frames = _FRAMES + 15
    late = round(late_s * reference.RATE_HZ)
    if what == "nothing":
        channel = reference.channel(None, 0.0, _QUIET + late + frames)
    else:
        motion, strength = (reference.walk, 0.5) if what == "walk" else (reference.door, 0.6)
        path = motion(frames)
        channel = reference.channel(
            np.concatenate([np.repeat(path[:1], _QUIET + late, axis=0), path]), strength, _QUIET + late + frames
        )
    iq = reference.sample(channel, np.random.default_rng(seed))
    t_ns = start_ns + np.rint(np.arange(len(iq)) * 1e9 / reference.RATE_HZ).astype(np.int64)
    return Clip(np.stack([amplitudes(row) for row in iq]), t_ns, 1)


def cut_of(made: Clip, *, reaction_s: float = 0.0) -> Cut:
    """Where the take is in a clip of ``clip``."""
    start = int(made.t_ns[0])
    return Cut(start, start + round(QUIET_S * 1e9), DURATION_S, reaction_s)


def take(what: str, seed: int) -> Take:
    """Return a take of ``clip``."""
    made = clip(what, seed)
    return cut_take(made, cut_of(made), "amplitude_l2_per_subcarrier")
