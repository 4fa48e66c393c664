"""How often every kind of known series gets its regime."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from csi_introspection import regime
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Int64
from csi_introspection.attractor import advance_attractor, new_attractor
from csi_introspection.known_series import NOISES, Draw, Row, make_case


@kernel
def follow_series(
    state: NDArray[np.void], x: Float64, names: Int64, changed: Int64, invariants: Float64, ages: Int64
) -> None:
    """Take a whole series; write what each frame published.

    Args:
        state: (1) ``attractor.STATE``.
        x: (T).
        names: (T) receives the regimes.
        changed: (T) receives 1 where the regime changed.
        invariants: (T, 4) receives exponent, its confidence, dimension, its confidence.
        ages: (T) receives the age of the invariants.
    """
    record = state[0]
    for t in range(x.size):
        advance_attractor(record, x[t])
        names[t] = record.regime
        changed[t] = record.changed
        ages[t] = record.age
        for i in range(4):
            invariants[t, i] = record.invariants[i]


def final_regime(x: Float64, floor: float) -> str:
    """Regime published after the last frame of a series."""
    count = x.size
    names = np.zeros(count, np.int64)
    scratch = np.zeros(count, np.int64)
    follow_series(new_attractor(floor), x, names, scratch, np.zeros((count, 4)), scratch)
    return regime.NAMES[int(names[-1])]


def answers(row: Row, decibels: int, seeds: Iterable[int], *, held_out: bool) -> Counter[str]:
    """Count the regimes that series of one kind got.

    Args:
        row: The kind.
        decibels: Signal to noise, one of ``NOISES``.
        seeds: One series each.
        held_out: Parameters from the half that nothing was chosen on.
    """
    found: Counter[str] = Counter()
    for seed in seeds:
        draw = Draw(np.random.default_rng([seed, decibels, int(held_out)]), held_out)
        found[final_regime(*make_case(row, NOISES[decibels], draw))] += 1
    return found
