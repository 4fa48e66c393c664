"""Motion onset, frame by frame: a flag on the frame on which a motion is seen to begin, a state while it lasts.

Evidence on four scales and of three kinds, and of two frames where frames are slow (``onset_evidence``,
``onset_channels``), is held against thresholds from the tail of the stream's own quiet (``onset_tail``), raised by its
false starts (``onset_caution``); while something goes on, against that (``onset_again``), of which in the end only
breath may be left (``onset_rest``). Nothing is told to it: the first ``WARM_UP`` frames after the start calibrate,
after them noise and level (``onset_noise``) and tail are learnt from every frame that is not suspect. Scores are
computed before they are learnt from, so the tail is one of unseen frames. docs/onset.md has the measurements.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import exp, log, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.onset_again import rises_again
from csi_introspection.onset_caution import BRIEF_S, count_false_starts
from csi_introspection.onset_channels import CHANNELS, PAIR, compare, weigh_frame
from csi_introspection.onset_evidence import DISPLACED, RING, SCALES
from csi_introspection.onset_frames import INVERSE, average_groups, group_size, is_gap, keep_frame, keep_rest
from csi_introspection.onset_noise import COUNT, ENERGY, LEVEL, learn_levels, learn_noise, refresh_scales
from csi_introspection.onset_rest import comes_to_rest, forget_rest, rest_height
from csi_introspection.onset_tail import (
    BINS,
    BLOCK,
    DELAY,
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

INDEPENDENT = 3.0
"""Channels that share the wanted rate of false onsets: they rise together."""
FALSE_PER_HOUR = 1.0
"""Wanted rate of false onsets."""
WARM_UP = 48
"""Frames that calibrate and cannot be an onset."""
SETTLE = 16
"""Frames from which the first noise deviations come."""
ONE_FRAME = 3.0
"""No threshold is lower than one frame of white noise reaches, mean and so many deviations of its energy. A minimum
over three frames may be rare far below that, but not when two of them are bad."""
HOLD_S, HOLD_FRAMES = 0.3, 3.0
"""Motion ends when nothing was above that for this time, at least this many frames."""
LEAST_PAIR = 1.0
"""No threshold of two frames is lower."""
CALMER, RELEARN = 0.25, 128.0
"""A block with less than this share of the quiet's energy shows that it was not quiet; it is then learnt anew, as if
only this many frames were behind it."""
LEAK_S = 600.0
"""While something moves the level grows e-fold in this time: a room gone noisy for good is quiet in the end."""

STATE = np.dtype(
    [
        ("onset", "i8"),  # 1 on the frame on which motion is seen to begin, be it inside another
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
        ("rested", "i8"),  # the place of rest before the last gap is known
        ("going", "i8"),  # something moves by the thresholds as they are; ``moving`` by those and the caution
        ("gone_s", "f8"),  # since that began
        ("caution", "f8"),  # added to every threshold
        ("stirring", "i8"),  # something moved, and what is to follow has not yet shown whether it was a false start
        ("stirred_s", "f8"),  # since that began
        ("still_s", "f8"),  # since its last motion
        ("excess", "f8"),  # greatest evidence above its threshold meanwhile
        ("stretch_s", "f8"),  # of the running stretch of what goes on, see ``onset_again``
        ("stretch", "f8"),  # its greatest evidence above a threshold
        ("stretch_1", "f8"),  # that of the stretch before; infinite while there was none
        ("stretch_2", "f8"),  # and of the one before that
        ("resting", "i8"),  # only breath is left of what began, see ``onset_rest``; those two are its height then
        ("strongest", "f8"),  # greatest evidence above a threshold since it began; minus infinity while nothing goes on
        ("known", "f8"),  # height of the rest out of which it began, else minus infinity
        ("idle_s", "f8"),  # since something was ``going``
        ("slot_s", "f8"),  # of the running slot
        ("slot", "f8"),  # its greatest evidence
        ("slot_1", "f8"),  # that of the slot before
        ("slots", "i8"),  # number of the newest whole slots that are alike
        ("slot_high", "f8"),  # the greatest of them
        ("slot_low", "f8"),  # and the least
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
    """(4, G) see ``onset_frames.ORIGIN``."""
    levels: Float64
    """(scales, 3) see ``onset_noise.COUNT``."""
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
    state["group"] = group = group_size(width)
    state["strongest"] = state["known"] = -np.inf
    groups = width // group
    channels = np.full((CHANNELS, PENDING + DELAY), LOWEST - 1.0)
    channels[:, THRESHOLD] = np.inf
    least = log(1.0 + ONE_FRAME * sqrt(2.0 / groups))
    for c in range(CHANNELS):
        channels[c, PRIOR_FLOOR], channels[c, PRIOR_EXCESS] = priors[DISPLACED if c == PAIR else c % KINDS]
        channels[c, LEAST_THRESHOLD] = max(least, LEAST_PAIR) if c == PAIR else least
    noise = np.zeros((4, groups))
    noise[INVERSE] = 1.0
    return OnsetArrays(
        state,
        np.zeros((2, RING, groups)),
        np.zeros((9, groups), np.float32),
        noise,
        np.zeros((len(SCALES), 3)),
        channels,
        np.zeros((CHANNELS, BINS)),
    )


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
def begin_anew(state: Record, sums: Float64, noise: Float64, channels: Float64) -> None:
    """End what was going on before a silence, and void the frames before it."""
    keep_rest(state, sums, noise)
    state.frames, state.block, state.disturbed, state.moving, state.going, state.stirring = 0, 0, 0, 0, 0, 0
    state.energy = 0.0
    forget_rest(state)
    for c in range(CHANNELS):
        forget_pending(channels[c])


@kernel
def judge(state: Record, channels: Float64, dt_s: float) -> bool:
    """Turn the channels into ``onset``, ``moving`` and ``score``; returns whether the frame may be learnt from."""
    excess, lasting, suspect = compare(channels)
    if state.seen <= WARM_UP:
        return True
    dt_s = max(dt_s, 0.0)
    if excess > 0.0:
        state.since_s = 0.0
        if state.going == 0:
            state.going, state.gone_s = 1, 0.0
    elif state.going == 1:
        state.since_s = 0.0 if lasting else state.since_s + dt_s
        if state.since_s > max(HOLD_S, HOLD_FRAMES * state.interval_s):
            state.going, state.moving = 0, 0
    state.gone_s += dt_s
    height = rest_height(state)
    outlasts = state.resting == 0 and state.gone_s > BRIEF_S
    if state.going == 1 and state.moving == 0 and (excess > max(state.caution, height) or outlasts):
        state.onset, state.moving = 1, 1
        state.known = height if state.resting == 1 else state.known
    if rises_again(state, excess, dt_s):
        state.onset = 1
        forget_rest(state)  # what went before is no measure of it
    if comes_to_rest(state, excess, dt_s):
        state.moving = 0
    count_false_starts(state, excess, dt_s)
    state.disturbed = max(state.disturbed, state.going)
    return bool(state.going == 0 and not suspect)


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
        noise: (4, G).
        levels: (scales, 3).
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
    if is_gap(state, dt_s):
        begin_anew(state, sums, noise, channels)
    newest = state.frames % 5
    average_groups(values, state.group, recent[newest])
    step = keep_frame(state, sums, recent, noise)
    weigh_frame(state, sums, recent, noise, levels, channels)
    if judge(state, channels, dt_s):
        if state.seen > SETTLE:
            learn_levels(levels)
        if state.frames > 1:
            learn_noise(state, noise, recent[newest], recent[(newest + 4) % 5], step)
    state.energy += max(levels[0, ENERGY], 0.0)
    c = state.block
    if c < CHANNELS:  # one channel a frame: no frame costs much more than another
        blocks_per_hour = 3600.0 / (BLOCK * max(state.interval_s, 1e-4))
        exceedance = state.false_per_hour / (blocks_per_hour * INDEPENDENT)
        j = 0 if c == PAIR else c // KINDS
        fit_threshold(channels[c], tails[c], exceedance, levels[j, COUNT] / SCALES[j])
    state.block += 1
    if state.block == BLOCK:
        close_block(state, levels, channels, tails)
        refresh_scales(noise, recent[newest])
