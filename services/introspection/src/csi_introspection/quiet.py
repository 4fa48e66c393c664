"""What a stream is like when nothing moves: mean and variance per dimension, tracked without being told.

Frames are taken in blocks. A block is judged by its change energy, the mean squared difference of vectors four frames
apart, which slow drift and a new posture leave alone and motion raises. The first block calibrates; a later one that
is clearly calmer replaces it (the first was not quiet), one as still as quiet refines it, and one that moves leaves
it alone. A whole still block away from the mean is a new resting place (somebody sat down, a door was left open).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record

BLOCK = 128
"""Frames in a block."""
LAG = 4
"""Frames between the vectors whose difference is the change."""
CALMER = 0.5
"""A block with less than this share of the quiet's change shows that it was not quiet."""
STILL = 1.5
"""A block with less than this many times the quiet's change is still."""
DISPLACED = 4.0
"""Mean squared distance, in variances, of a still block's mean from the quiet mean that makes it a new place."""
BLEND = 0.125
"""Weight of a still block in the running quiet."""
LEAK = 1.005
"""Growth of the accepted change per block that moves, so that a room gone noisy for good is accepted in the end."""
_ROUNDING = 1e-8
"""Least variance as a share of the mean square: deviations below 1e-4 of the value are rounding."""

MEAN, VARIANCE, STEP, ORIGIN, SUM, SQUARES, STEPS = range(7)
"""Rows of the moments: quiet mean, variance and mean squared step between frames; then the running block's first
vector, and its sums about that of values, squares and squared steps."""
KEPT, MOVED, AWAY, REFINED, PLACED, ADOPTED = range(6)
"""What a frame did to the quiet: nothing; its block moved, so hardly anything; the same, and it was away from the mean;
mean and scale went a little its way; a new resting place, older alignments void; all of it is new, and what was learnt
against the old one void."""

STATE = np.dtype(
    [
        ("calibrated", "i8"),
        ("frames", "i8"),  # of the running block
        ("change", "f8"),  # sum over the running block
        ("change_level", "f8"),  # the quiet's mean
        ("scalar_origin", "f8"),
        ("scalar_sum", "f8"),
        ("scalar_squares", "f8"),
        ("scalar_mean", "f8"),
        ("scalar_variance", "f8"),
        ("blocks", "i8"),  # finished
    ],
    align=True,
)


def new_quiet(width: int) -> tuple[NDArray[np.void], Float64, Float32]:
    """Return state (1,), moments (7, width) and inverse deviations (width) of a stream of which nothing was seen."""
    return np.zeros(1, STATE), np.zeros((7, width)), np.ones(width, np.float32)


@kernel
def begin_block(state: Record, moments: Float64, vector: Float32, scalar: float) -> None:
    """Start a block at this vector."""
    state.change = 0.0
    state.scalar_origin, state.scalar_sum, state.scalar_squares = scalar, 0.0, 0.0
    for d in range(vector.size):
        moments[ORIGIN, d] = vector[d]
        moments[SUM, d] = 0.0
        moments[SQUARES, d] = 0.0
        moments[STEPS, d] = 0.0


@kernel
def take_place(state: Record, moments: Float64, weight: float) -> None:
    """Move the quiet's mean towards the finished block's by ``weight``."""
    for d in range(moments.shape[1]):
        mean = moments[ORIGIN, d] + moments[SUM, d] / BLOCK
        moments[MEAN, d] += weight * (mean - moments[MEAN, d])
    mean = state.scalar_origin + state.scalar_sum / BLOCK
    state.scalar_mean += weight * (mean - state.scalar_mean)


@kernel
def take_spread(state: Record, moments: Float64, weight: float) -> None:
    """Move the quiet's variances, steps and change towards the finished block's by ``weight``."""
    for d in range(moments.shape[1]):
        shift = moments[SUM, d] / BLOCK
        mean = moments[ORIGIN, d] + shift
        variance = max(moments[SQUARES, d] / BLOCK - shift * shift, _ROUNDING * mean * mean)
        moments[VARIANCE, d] += weight * (variance - moments[VARIANCE, d])
        moments[STEP, d] += weight * (moments[STEPS, d] / BLOCK - moments[STEP, d])
    shift = state.scalar_sum / BLOCK
    variance = max(state.scalar_squares / BLOCK - shift * shift, 0.0)
    state.scalar_variance += weight * (variance - state.scalar_variance)
    state.change_level += weight * (state.change / BLOCK - state.change_level)


@kernel
def block_against_quiet(moments: Float64) -> tuple[float, float]:
    """Return the block's mean squared displacement and its variance, both in quiet variances, means over dimensions."""
    displacement, spread = 0.0, 0.0
    width = moments.shape[1]
    for d in range(width):
        shift = moments[SUM, d] / BLOCK
        away = moments[ORIGIN, d] + shift - moments[MEAN, d]
        displacement += away * away / (moments[VARIANCE, d] + 1e-300)
        spread += (moments[SQUARES, d] / BLOCK - shift * shift) / (moments[VARIANCE, d] + 1e-300)
    return displacement / width, spread / width


@kernel
def judge_block(state: Record, moments: Float64) -> int:
    """Let a finished block into the quiet, or not; returns what it did."""
    state.blocks += 1
    change = state.change / BLOCK
    if state.calibrated == 0 or change < CALMER * state.change_level:
        take_place(state, moments, 1.0)
        take_spread(state, moments, 1.0)
        state.calibrated = 1
        return ADOPTED
    displacement, spread = block_against_quiet(moments)
    if change >= STILL * state.change_level:
        state.change_level *= LEAK
        state.scalar_variance *= LEAK
        for d in range(moments.shape[1]):
            moments[VARIANCE, d] *= LEAK
            moments[STEP, d] *= LEAK
        return AWAY if displacement > DISPLACED else MOVED
    if displacement > DISPLACED:
        take_place(state, moments, 1.0)
        return PLACED
    take_place(state, moments, BLEND)
    if spread < STILL:  # a still block that swings widely is slow structure (breathing), not noise
        take_spread(state, moments, BLEND)
    return REFINED


@kernel
def advance_quiet(
    state: Record,
    moments: Float64,
    inverse_scale: Float32,
    vector: Float32,
    before: Float32,
    earlier: Float32,
    scalar: float,
) -> int:
    """Take one frame.

    Args:
        state: A record of ``STATE``.
        moments: (7, width), see ``MEAN``.
        inverse_scale: (width) 1 / quiet deviation, updated at the end of a block.
        vector: (width) this frame's feature vector.
        before: (width) the last frame's.
        earlier: (width) that of ``LAG`` frames ago; the present one where there is none.
        scalar: The attractor's scalar of this frame.

    Returns:
        ``KEPT``, ``MOVED``, ``AWAY``, ``REFINED``, ``PLACED`` or ``ADOPTED``.
    """
    if state.frames == 0:
        begin_block(state, moments, vector, scalar)
    change = 0.0
    for d in range(vector.size):
        value = vector[d] - moments[ORIGIN, d]
        step = np.float64(vector[d]) - before[d]
        moved = np.float64(vector[d]) - earlier[d]
        moments[SUM, d] += value
        moments[SQUARES, d] += value * value
        moments[STEPS, d] += step * step
        change += moved * moved
    state.change += change
    value = scalar - state.scalar_origin
    state.scalar_sum += value
    state.scalar_squares += value * value
    state.frames += 1
    if state.frames < BLOCK:
        return KEPT
    state.frames = 0
    verdict = judge_block(state, moments)
    for d in range(vector.size):
        inverse_scale[d] = np.float32(1.0 / np.sqrt(moments[VARIANCE, d] + 1e-24))
    return verdict


@kernel
def quiet_cell_cost(moments: Float64, step_weight: np.float32) -> float:
    """Mean cost of matching a quiet frame with a row at rest, in the matcher's units."""
    total = 0.0
    for d in range(moments.shape[1]):
        total += 1.0 + step_weight * moments[STEP, d] / (moments[VARIANCE, d] + 1e-24)
    return total
