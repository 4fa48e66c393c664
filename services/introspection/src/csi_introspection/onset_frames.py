"""The frames that onset evidence rests on: grouped values, their running sums, and what a silence leaves of them."""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.onset_evidence import RING

GROUP = 2
"""Adjacent values averaged into one: what a moving body does to the channel is alike on neighbouring sub-carriers, what
the receiver's noise does is not."""
LEAST_GROUPS = 16
"""Fewer values than ``GROUP`` are averaged where this many groups could not be made."""
GAP_S, GAP_FRAMES = 1.0, 10.0
"""Silence longer than both ends what was going on; frames before it are no baseline for those after it, but for
``onset_evidence.weigh_return``."""
REST_FRAMES, REST_LEAD = 16, 2
"""The place of rest before a silence is the mean of so many frames, without the last few."""

ORIGIN, VARIANCE, INVERSE, REST = range(4)
"""Rows of the noise: first frame since the last gap, noise variance, 1 / deviation, the place of rest before it."""


def group_size(width: int) -> int:
    """Return how many adjacent values of ``width`` are averaged into one."""
    return max(1, min(GROUP, width // LEAST_GROUPS))


@kernel
def average_groups(values: Float32, group: int, out: Float32) -> None:
    """Average runs of ``group`` values; the last run takes what is left over."""
    for g in range(out.size):
        begin = g * group
        end = begin + group if g + 1 < out.size else values.size
        total = np.float32(0.0)
        for d in range(begin, end):
            total += values[d]
        out[g] = total / np.float32(end - begin)


@kernel
def keep_frame(state: Record, sums: Float64, recent: Float32, noise: Float64) -> float:
    """Add the frame in the newest row to the sums; returns its squared distance from the one before, 0 at first."""
    n = state.frames
    before, after = n % RING, (n + 1) % RING
    newest, l1, l2 = recent[n % 5], recent[(n + 4) % 5], recent[(n + 3) % 5]
    l3, l4 = recent[(n + 2) % 5], recent[(n + 1) % 5]
    origin = noise[ORIGIN]
    step = 0.0
    if n == 0:
        for d in range(newest.size):
            origin[d] = newest[d]
            sums[0, before, d] = 0.0
            sums[1, before, d] = 0.0
    elif n < 4:
        for d in range(newest.size):
            change = newest[d] - l1[d]
            step += change * change
    if n < 4:
        for d in range(newest.size):
            sums[0, after, d] = sums[0, before, d] + (newest[d] - origin[d])
            sums[1, after, d] = sums[1, before, d] + (newest[d] - origin[d])
    else:
        for d in range(newest.size):
            v, w, x, y = newest[d], l1[d], l2[d], l3[d]
            change = v - w
            step += change * change
            low = max(min(v, w), min(x, y))  # the 2nd and 3rd of four lie between these; the fifth decides
            high = min(max(v, w), max(x, y))
            middle = max(min(low, high), min(max(low, high), l4[d]))
            sums[0, after, d] = sums[0, before, d] + (v - origin[d])
            sums[1, after, d] = sums[1, before, d] + (middle - origin[d])
    state.frames = n + 1
    state.seen += 1
    return float(step)


@kernel
def is_gap(state: Record, dt_s: float) -> bool:
    """Learn the usual interval; True after a silence far beyond it."""
    if state.seen > 0 and dt_s > max(GAP_S, GAP_FRAMES * state.interval_s):
        return True
    if dt_s > 0.0 and state.seen > 0:
        weight = max(0.02, 1.0 / state.seen)
        usual = state.interval_s
        state.interval_s += weight * (min(dt_s, 3.0 * usual if usual > 0.0 else dt_s) - usual)
    return False


@kernel
def keep_rest(state: Record, sums: Float64, noise: Float64) -> None:
    """Remember where the stream rested before a silence; unknown when it moved or had hardly begun."""
    known = state.frames >= REST_FRAMES + REST_LEAD + 4 and state.moving == 0  # medians of five begin with the fifth
    state.rested = 1 if known else 0
    if known:
        end, start = (state.frames - REST_LEAD) % RING, (state.frames - REST_LEAD - REST_FRAMES) % RING
        for d in range(noise.shape[1]):
            noise[REST, d] = noise[ORIGIN, d] + (sums[1, end, d] - sums[1, start, d]) / REST_FRAMES
