"""Every kind of known series gets its regime, on parameters and seeds that nothing was chosen on."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.known_series import NOISES, ROWS, Draw, Row
from csi_introspection.regime_table import answers
from hypothesis import given
from hypothesis import strategies as st

SEEDS = range(50_000, 50_100)


@pytest.mark.parametrize("decibels", NOISES)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_regime(row: Row, decibels: int) -> None:
    """At least 95 of 100 held-out series of each kind are told, at any scale and offset."""
    found = answers(row, decibels, SEEDS, held_out=True)
    assert found[row.expected] >= 95, dict(found)


@given(st.integers(0, 2**32 - 1), st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_held_out_parameters_are_disjoint(seed: int, low: float, span: float) -> None:
    """The two halves of a parameter's range have no value in common, and both are within it."""
    slices = []
    for held_out in (False, True):
        value = Draw(np.random.default_rng(seed), held_out).uniform(low, low + span)
        assert low <= value <= low + span * (1 + 1e-9)
        slices.append(int(16 * (value - low) / span * (1 - 1e-9) + 1e-7) % 2)
    assert slices == [0, 1]
