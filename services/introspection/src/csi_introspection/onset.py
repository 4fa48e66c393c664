"""Motion onset, frame by frame: a flag on the frame on which a motion is seen to begin, a state while it lasts.

Evidence on four scales and of three kinds (``onset_evidence``) is held against thresholds from the tail of the
stream's own quiet (``onset_tail``). Nothing is told to it: the first ``WARM_UP`` frames after the start calibrate,
after them noise, level and tail are learnt from every frame that is not suspect. Scores are computed before they are
learnt from, so the tail is one of unseen frames. docs/onset.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.onset_evidence import LEAST, RING, SCALES, weigh_scale
from csi_introspection.onset_tail import (
    BINS,
    BLOCK,
    DELAY,
    EVIDENCE,
    FLOOR,
    KINDS,
    LEAST_THRESHOLD,
    LOWEST,
    PEAK,
    PENDING,
    PRIOR_EXCESS,
    PRIOR_FLOOR,
    PRIORS,
    THRESHOLD,
    fit_threshold,
    forget_pending,
    learn_block,
)

CHANNELS = KINDS * len(SCALES)
"""Kinds of evidence times scales; at most ``BLOCK``, as one channel is fitted a frame."""
INDEPENDENT = 3.0
"""Channels that share the wanted rate of false onsets: the twelve rise together."""
FALSE_PER_HOUR = 1.0
"""Wanted rate of false onsets."""
WARM_UP = 48
"""Frames that calibrate and cannot be an onset."""
SETTLE = 16
"""Frames from which the first noise deviations come."""
MEMORY = 4096.0
"""Frames over which noise and level are averaged."""
ONE_FRAME = 3.0
"""No threshold is lower than one frame of white noise reaches, mean and so many deviations of its energy. A minimum
over three frames may be rare far below that, but not when two of them are bad."""
LASTING = 0.3
"""Motion lasts while evidence is above floor + this share of the way to the threshold."""
HOLD_S, HOLD_FRAMES = 0.3, 3.0
"""Motion ends when nothing was above that for this time, at least this many frames."""
GAP_S, GAP_FRAMES = 1.0, 10.0
"""Silence longer than both ends what was going on; frames before it are no baseline for those after it."""
KNOCK = 2.25
"""Squared steps are cut at this many times the usual, so that a knock does not become noise."""
OUTLIER = 4.0
"""Squared displacements are cut at this many times the level before they are learnt."""
CALMER, RELEARN = 0.25, 128.0
"""A block with less than this share of the quiet's energy shows that it was not quiet; it is then learnt anew, as if
only this many frames were behind it."""
LEAK_S = 600.0
"""While something moves the level grows e-fold in this time: a room gone noisy for good is quiet in the end."""
_EVEN, _ROUNDING = 0.3, 1e-5
"""Least noise deviation, as a share of the mean over dimensions and of the frame's root mean square."""

GROUP = 2
"""Adjacent values averaged into one: what a moving body does to the channel is alike on neighbouring sub-carriers, what
the receiver's noise does is not."""
LEAST_GROUPS = 16
"""Fewer values than ``GROUP`` are averaged where this many groups could not be made."""

ORIGIN, VARIANCE, INVERSE = range(3)
"""Rows of the noise: first frame since the last gap, noise variance, 1 / deviation."""
COUNT, LEVEL = range(2)
"""Columns of a scale's level: frames behind it, mean squared displacement."""

STATE = np.dtype(
    [
        ("onset", "i8"),  # 1 on the frame on which motion is seen to begin
        ("moving", "i8"),
        ("score", "f8"),  # natural log of the newest frames' displacement energy over the quiet's
        ("frames", "i8"),  # since the last gap
        ("seen", "i8"),  # since the start
        ("interval_s", "f8"),
        ("since_s", "f8"),  # since evidence was last high enough for motion to last
        ("block", "i8"),  # frames of the running block
        ("disturbed", "i8"),  # something moved in the running block
        ("step", "f8"),  # usual squared step between frames
        ("noise_count", "f8"),
        ("energy", "f8"),  # sum over the running block, shortest scale
        ("false_per_hour", "f8"),
        ("group", "i8"),  # values averaged into one
    ],
    align=True,
)


class OnsetArrays(NamedTuple):
    """State of one stream's onset detector, G groups of values; pass the fields one by one to ``advance_onset``."""

    state: NDArray[np.void]
    """(1,) of ``STATE``; ``onset``, ``moving`` and ``score`` are the newest frame's answer."""
    sums: Float64
    """(2, RING, G) see ``onset_evidence.weigh_scale``."""
    recent: Float32
    """(9, G) the newest frames, frame i in row i % 5, and four rows of scratch."""
    noise: Float64
    """(3, G) see ``ORIGIN``."""
    levels: Float64
    """(scales, 2) see ``COUNT``."""
    channels: Float64
    """(CHANNELS, PENDING + DELAY) see ``onset_tail.EVIDENCE``."""
    tails: Float64
    """(CHANNELS, BINS) block maxima of the quiet."""


def new_onset(
    width: int, false_per_hour: float = FALSE_PER_HOUR, priors: Sequence[tuple[float, float]] = PRIORS
) -> OnsetArrays:
    """Return the state of a stream of which nothing was seen.

    Args:
        width: Values a frame, D.
        false_per_hour: Wanted rate of false onsets.
        priors: Floor and mean excess per kind of evidence, as ``onset_tail.PRIORS``.

    Raises:
        ValueError: ``width`` or ``false_per_hour`` is not positive.
    """
    if width < 1 or not false_per_hour > 0:
        raise ValueError(f"width {width} and {false_per_hour} false onsets an hour: both must be positive")
    state = np.zeros(1, STATE)
    state["false_per_hour"] = false_per_hour
    state["group"] = group = max(1, min(GROUP, width // LEAST_GROUPS))
    groups = width // group
    channels = np.full((CHANNELS, PENDING + DELAY), LOWEST - 1.0)
    channels[:, THRESHOLD] = np.inf
    least = log(1.0 + ONE_FRAME * sqrt(2.0 / groups))
    for c in range(CHANNELS):
        channels[c, PRIOR_FLOOR], channels[c, PRIOR_EXCESS] = priors[c % KINDS]
        channels[c, LEAST_THRESHOLD] = least
    noise = np.zeros((3, groups))
    noise[INVERSE] = 1.0
    return OnsetArrays(
        state,
        np.zeros((2, RING, groups)),
        np.zeros((9, groups), np.float32),
        noise,
        np.zeros((len(SCALES), 2)),
        channels,
        np.zeros((CHANNELS, BINS)),
    )


@kernel
def keep_time(state: Record, channels: Float64, dt_s: float) -> None:
    """Learn the usual interval; a silence far beyond it ends motion and voids the frames before it."""
    if state.seen > 0 and dt_s > max(GAP_S, GAP_FRAMES * state.interval_s):
        state.frames, state.block, state.disturbed, state.moving = 0, 0, 0, 0
        state.energy = 0.0
        for c in range(CHANNELS):
            forget_pending(channels[c])
    elif dt_s > 0.0 and state.seen > 0:
        weight = max(0.02, 1.0 / state.seen)
        usual = state.interval_s
        state.interval_s += weight * (min(dt_s, 3.0 * usual if usual > 0.0 else dt_s) - usual)


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
def learn_noise(state: Record, noise: Float64, newest: Float32, before: Float32, step: float) -> None:
    """Take the step between two quiet frames into the noise variance."""
    if state.step == 0.0:
        state.step = step
    cut = min(1.0, KNOCK * state.step / max(step, 1e-300))
    state.step += (min(step, OUTLIER * state.step) - state.step) / min(state.noise_count + 2.0, 64.0)
    state.noise_count += 1.0
    weight = 1.0 / min(state.noise_count, MEMORY)
    variance = noise[VARIANCE]
    for d in range(newest.size):
        change = newest[d] - before[d]
        variance[d] += weight * (0.5 * change * change * cut - variance[d])


@kernel
def learn_levels(levels: Float64, energies: Float64) -> None:
    """Take a quiet frame's squared displacements into the levels; scales that had no baseline have -1."""
    for j in range(levels.shape[0]):
        level, energy = levels[j], energies[j]
        if energy >= 0.0:
            level[COUNT] += 1.0
            if level[LEVEL] > 0.0:
                energy = min(energy, OUTLIER * level[LEVEL])
            level[LEVEL] += (energy - level[LEVEL]) / min(level[COUNT], MEMORY)


@kernel
def refresh_scales(noise: Float64, newest: Float32) -> None:
    """Recompute 1 / deviation; a dimension without noise of its own counts as having a share of the mean."""
    total, square = 0.0, 0.0
    width = newest.size
    for d in range(width):
        total += sqrt(noise[VARIANCE, d])
        square += np.float64(newest[d]) * newest[d]
    least = max(_EVEN * total / width, _ROUNDING * sqrt(square / width), 1e-30)
    for d in range(width):
        noise[INVERSE, d] = 1.0 / max(sqrt(noise[VARIANCE, d]), least)


@kernel
def close_block(state: Record, levels: Float64, channels: Float64, tails: Float64) -> None:
    """Learn from a finished block if it was quiet, let the level leak if it was not."""
    if state.disturbed == 1:
        growth = exp(BLOCK * state.interval_s / LEAK_S)
        for j in range(levels.shape[0]):
            levels[j, LEVEL] *= growth
        for c in range(CHANNELS):
            forget_pending(channels[c])
    elif state.seen >= WARM_UP:
        for c in range(CHANNELS):
            learn_block(channels[c], tails[c])
        if state.energy < CALMER * BLOCK * levels[0, LEVEL]:
            state.noise_count = min(state.noise_count, RELEARN)
            for j in range(levels.shape[0]):
                levels[j, COUNT] = min(levels[j, COUNT], RELEARN)
    for c in range(CHANNELS):
        channels[c, PEAK] = LOWEST - 1.0
    state.block, state.disturbed, state.energy = 0, 0, 0.0


@kernel
def weigh_frame(
    state: Record, sums: Float64, blocks: Float32, noise: Float64, levels: Float64, channels: Float64, energies: Float64
) -> None:
    """Compute the evidence of every channel; scales that need more frames have none."""
    state.score = log(LEAST)
    for j in range(len(SCALES)):
        energies[j] = -1.0
        evidence = channels[KINDS * j : KINDS * (j + 1), EVIDENCE]
        if state.frames >= 4 * SCALES[j]:
            energies[j], strength = weigh_scale(
                sums, blocks, noise[INVERSE], state.frames, SCALES[j], levels[j, LEVEL], evidence
            )
            state.score = max(state.score, strength)
        else:
            evidence[:] = LOWEST - 1.0


@kernel
def compare(channels: Float64) -> tuple[bool, bool, bool]:
    """Hold every channel's evidence against its threshold.

    Returns:
        Some evidence makes an onset; some is enough for motion to last; some is more than quiet frames mostly have.
    """
    above, lasting, suspect = False, False, False
    for c in range(CHANNELS):
        channel = channels[c]
        evidence = channel[EVIDENCE]
        channel[PEAK] = max(channel[PEAK], evidence)
        if evidence > channel[FLOOR]:
            suspect = True
            above = above or evidence > channel[THRESHOLD]
            lasting = lasting or evidence > channel[FLOOR] + LASTING * (channel[THRESHOLD] - channel[FLOOR])
    return above, lasting, suspect


@kernel
def judge(state: Record, channels: Float64, dt_s: float) -> bool:
    """Turn the channels into ``onset``, ``moving`` and ``score``; returns whether the frame may be learnt from."""
    above, lasting, suspect = compare(channels)
    if state.seen <= WARM_UP:
        return True
    if above:
        state.since_s = 0.0
        state.onset = 1 - state.moving
        state.moving = 1
    elif state.moving == 1:
        state.since_s = 0.0 if lasting else state.since_s + max(dt_s, 0.0)
        if state.since_s > max(HOLD_S, HOLD_FRAMES * state.interval_s):
            state.moving = 0
    state.disturbed = max(state.disturbed, state.moving)
    return bool(state.moving == 0 and not suspect)


@kernel
def advance_onset(
    state_array: NDArray[np.void],
    sums: Float64,
    recent: Float32,
    noise: Float64,
    levels: Float64,
    channels: Float64,
    tails: Float64,
    values: Float32,
    dt_s: float,
) -> None:
    """Take one frame; ``onset``, ``moving`` and ``score`` of the state say what it showed.

    Costs O(D) a frame and never allocates more than a few numbers.

    Args:
        state_array: (1,), see ``OnsetArrays``; so are the next six.
        sums: (2, RING, G).
        recent: (9, G).
        noise: (3, G).
        levels: (scales, 2).
        channels: (CHANNELS, PENDING + DELAY).
        tails: (CHANNELS, BINS).
        values: (D) the frame, free of gain. A frame with a number that is not finite is passed over.
        dt_s: Seconds since the frame before it; 0 or less where unknown or the clock went back.
    """
    state = state_array[0]
    state.onset = 0
    for d in range(values.size):
        if not np.isfinite(values[d]):
            return
    keep_time(state, channels, dt_s)
    newest = state.frames % 5
    average_groups(values, state.group, recent[newest])
    step = keep_frame(state, sums, recent, noise)
    energies = np.empty(len(SCALES))
    weigh_frame(state, sums, recent[5:], noise, levels, channels, energies)
    if judge(state, channels, dt_s):
        if state.seen > SETTLE:
            learn_levels(levels, energies)
        if state.frames > 1:
            learn_noise(state, noise, recent[newest], recent[(newest + 4) % 5], step)
    state.energy += max(energies[0], 0.0)
    c = state.block
    if c < CHANNELS:  # one channel a frame: no frame costs much more than another
        blocks_per_hour = 3600.0 / (BLOCK * max(state.interval_s, 1e-4))
        exceedance = state.false_per_hour / (blocks_per_hour * INDEPENDENT)
        fit_threshold(channels[c], tails[c], exceedance, levels[c // KINDS, COUNT] / SCALES[c // KINDS])
    state.block += 1
    if state.block == BLOCK:
        close_block(state, levels, channels, tails)
        refresh_scales(noise, recent[newest])
