"""Channels: every kind of onset evidence on every scale, each with a threshold of its own."""

from __future__ import annotations

from math import log

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.onset_evidence import LEAST, SCALES, weigh_return, weigh_scale
from csi_introspection.onset_frames import INVERSE, REST
from csi_introspection.onset_noise import ENERGY, LEVEL
from csi_introspection.onset_tail import EVIDENCE, FLOOR, KINDS, LOWEST, PEAK, THRESHOLD

PAIR = KINDS * len(SCALES)
"""Channel of the evidence of two frames, after those of kinds times scales."""
CHANNELS = PAIR + 1
"""At most ``BLOCK``, as one channel is fitted a frame."""
SLOW_S = 0.04
"""Frames that come no faster than this may be an onset on the second. Frames nearer in time are spoilt together, by one
burst of interference; further apart, only by chance."""
BACK_FRAMES = 16
"""Frames after a silence that are also compared with the place of rest before it."""
LASTING = 0.3
"""Motion lasts while evidence is above floor + this share of the way to the threshold."""


@kernel
def weigh_frame(
    state: Record, sums: Float64, recent: Float32, noise: Float64, levels: Float64, channels: Float64
) -> None:
    """Compute every scale's energy and the evidence of every channel; scales that need more frames have none."""
    state.score = log(LEAST)
    slow = state.interval_s >= SLOW_S
    channels[PAIR, EVIDENCE] = LOWEST - 1.0
    for j in range(len(SCALES)):
        levels[j, ENERGY] = -1.0
        evidence = channels[KINDS * j : KINDS * (j + 1), EVIDENCE]
        if state.frames >= 4 * SCALES[j]:
            levels[j, ENERGY], strength, pair = weigh_scale(
                sums, recent[5:], noise[INVERSE], state.frames, SCALES[j], levels[j, LEVEL], evidence
            )
            state.score = max(state.score, strength)
            if j == 0 and slow:
                channels[PAIR, EVIDENCE] = pair
        else:
            evidence[:] = LOWEST - 1.0
    if slow and state.rested == 1 and 2 <= state.frames <= BACK_FRAMES:
        newest, before = recent[(state.frames + 4) % 5], recent[(state.frames + 3) % 5]
        back = weigh_return(newest, before, noise[REST], noise[INVERSE], levels[0, LEVEL])
        channels[PAIR, EVIDENCE] = max(channels[PAIR, EVIDENCE], back)


@kernel
def compare(channels: Float64) -> tuple[float, bool, bool]:
    """Hold every channel's evidence against its threshold.

    Returns:
        Greatest evidence above its threshold, caution not counted; some is enough for motion to last; some is more
        than quiet frames mostly have.
    """
    excess, lasting, suspect = -np.inf, False, False
    for c in range(CHANNELS):
        channel = channels[c]
        evidence = channel[EVIDENCE]
        channel[PEAK] = max(channel[PEAK], evidence)
        if evidence > channel[FLOOR]:
            suspect = True
            excess = max(excess, evidence - channel[THRESHOLD])
            lasting = lasting or evidence > channel[FLOOR] + LASTING * (channel[THRESHOLD] - channel[FLOOR])
    return excess, lasting, suspect
