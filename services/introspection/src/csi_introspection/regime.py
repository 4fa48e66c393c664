"""The five regimes: what each needs, and how long an answer must hold before it is published.

Evidence comes as Bayesian information criteria in nats (lower is better) of a constant, of a few straight pieces
(``segments``), of one or two tones (``tones``) and of a cubic predictor (``nonlinearity``), and relative to the noise
floor, never to an absolute amplitude.
"""

from __future__ import annotations

from typing import get_args

import numpy as np
from csi_schemas.introspection import Regime

from csi_introspection._compile import kernel
from csi_introspection.arrays import Record

IDLE, PERIODIC, TRANSIENT, CHAOTIC, UNKNOWN = range(5)
NAMES: tuple[Regime, ...] = get_args(Regime)
"""Regime by code."""
HOLD = np.array([8, 4, 2, 6, 8])
"""Frames a new answer must hold before it is published, by code: a start is told at once, an end is made sure of."""

LOUD = 2.0
"""A tail rests when its variance is below this many floors."""
CLEAR = 10.0
"""Nats by which a description must beat the constant."""
TIE = 6.0
"""Nats by which pieces must beat the other descriptions to be a transient."""
MOSTLY_CALM, PARTLY_CALM = 0.6, 0.4
"""Share of the tail at the floor that makes the rest of it a transient: outright, or if pieces also beat the cubic."""
TONAL = 0.15
"""Largest share of the excess variance two tones may leave."""
NONLINEAR = 22.0 / 128
"""Log error ratio of a cubic over a linear predictor that 128 samples of linear noise exceed once in 400 (chi-squared,
seven degrees of freedom)."""


@kernel
def is_idle(variance: float, constant: float, pieces: float) -> bool:
    """Neither louder than the floor, of which ``variance`` is a multiple, nor clearly structured."""
    return variance < LOUD and constant - pieces < CLEAR


@kernel
def classify(
    constant: float,
    pieces: float,
    told: float,
    calm: float,
    tones: float,
    tones_left: float,
    cubic: float,
    gain: float,
) -> int:
    """Return the regime of a loud tail from the price of each description; ``told`` is the pieces' among others'."""
    if (
        constant - pieces > CLEAR
        and told < tones - TIE
        and (calm > MOSTLY_CALM or (calm > PARTLY_CALM and told < cubic - TIE))
    ):
        return TRANSIENT
    if tones_left < TONAL and constant - tones > CLEAR:
        return PERIODIC
    if gain > NONLINEAR:
        return CHAOTIC
    return UNKNOWN


@kernel
def hold(state: Record, candidate: int) -> None:
    """Publish ``candidate`` in ``state`` once it has held long enough; sets ``changed`` on that frame."""
    if candidate == state.regime:
        state.run = 0
    else:
        state.run = state.run + 1 if candidate == state.candidate else 1
        if state.run >= HOLD[candidate]:
            state.regime = candidate
            state.run = 0
            state.changed = 1
    state.candidate = candidate
