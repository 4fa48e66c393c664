"""The noise and the usual displacement of a quiet stream, from which onset evidence has its units."""

from __future__ import annotations

from math import sqrt

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.onset_frames import INVERSE, VARIANCE

MEMORY = 4096.0
"""Frames over which noise and level are averaged."""
KNOCK = 2.25
"""Squared steps are cut at this many times the usual, so that a knock does not become noise."""
OUTLIER = 4.0
"""Squared displacements are cut at this many times the level before they are learnt."""
_EVEN, _ROUNDING = 0.3, 1e-5
"""Least noise deviation, as a share of the mean over dimensions and of the frame's root mean square."""

COUNT, LEVEL, ENERGY = range(3)
"""Columns of a scale's level: frames behind it, mean squared displacement, that of the newest frame (-1: not known)."""


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
def learn_levels(levels: Float64) -> None:
    """Take a quiet frame's squared displacements into the levels."""
    for j in range(levels.shape[0]):
        level, energy = levels[j], levels[j, ENERGY]
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
