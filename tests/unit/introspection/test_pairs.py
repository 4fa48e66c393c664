"""Pairs kept up to date frame by frame, against a fresh look at all pairs of the tail."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection import embedding, pairs
from csi_introspection.arrays import Float64
from csi_introspection.tones import TAIL
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import naive

BLUR = 1e-6
LOWEST = -20 * embedding.OCTAVE
WALKS = st.sampled_from(["walk", "noise"])


def put(ring: Float64, time: int, value: float) -> None:
    """Write a sample to both its places."""
    ring[time % TAIL] = ring[time % TAIL + TAIL] = value


def matrix_of(x: Float64, delay: int) -> Float64:
    """Stored log distances between all delay vectors of ``x``."""
    count = len(x) - 2 * delay
    matrix = np.full((count, count), np.inf)
    row, scratch = np.zeros(count, np.int16), np.zeros(count, np.float32)
    for i in range(count):
        embedding.distance_row(x, i + 2 * delay, delay, i + 1, BLUR, scratch, row)
        matrix[i, : i + 1] = matrix[: i + 1, i] = row[i::-1]
    return matrix


@settings(deadline=None, max_examples=25)
@given(
    st.integers(0, 2**32 - 1),
    st.integers(1, 8),
    st.integers(TAIL, 3 * TAIL),
    st.integers(3, 40),
    WALKS,
)
def test_pairs_equal_a_fresh_look_at_the_whole_tail(seed: int, delay: int, length: int, most: int, walk: str) -> None:
    """Divergence, histogram and counts are exactly those of all pairs, however many frames have come and gone.

    Values repeat on purpose: equal distances are where two orders of looking could differ.
    """
    rng = np.random.default_rng(seed)
    x = np.round(rng.normal(size=length).cumsum() if walk == "walk" else rng.normal(size=length), 1)
    ring = np.zeros(2 * TAIL)
    state = pairs.new_pairs(delay, LOWEST)[0]
    complete = False
    for time, value in enumerate(x.tolist()):
        put(ring, time, value)
        if time >= TAIL - 1:
            complete = pairs.advance_pairs(state, ring, time + 1, BLUR, most)
    for _ in range(60):
        complete = complete or pairs.advance_pairs(state, ring, length, BLUR, most)
    assert complete
    expected = naive.scan(
        matrix_of(x[-TAIL:], delay),
        int(state["theiler"]),
        int(state["step"]),
        LOWEST,
        horizon=pairs.HORIZON,
        bins=pairs.BINS,
        width=embedding.OCTAVE // pairs.PER_OCTAVE,
    )
    assert state["neighbours"] == expected.neighbours
    assert state["pairs"] == expected.histogram.sum()
    np.testing.assert_array_equal(state["histogram"], expected.histogram)
    np.testing.assert_array_equal(state["divergence"], expected.divergence)


def test_a_series_that_paused_leaves_no_old_vector_behind() -> None:
    """When more frames passed than the tail holds, the table begins with the oldest of the tail."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=1000)
    ring = np.zeros(2 * TAIL)
    state = pairs.new_pairs(2, LOWEST)[0]
    for time, value in enumerate(x.tolist()):
        put(ring, time, value)
        if TAIL <= time < 400 or time > 970:
            pairs.advance_pairs(state, ring, time + 1, BLUR, 8)
    assert state["newest"] == 999
    assert state["oldest"] == 1000 - TAIL + 4
    matrix = matrix_of(x[-TAIL:], 2)
    expected = naive.scan(matrix, 4, 1, LOWEST, horizon=pairs.HORIZON, bins=pairs.BINS, width=64)
    np.testing.assert_array_equal(state["histogram"], expected.histogram)
    np.testing.assert_array_equal(state["divergence"], expected.divergence)


def test_another_delay_begins_anew() -> None:
    """After ``begin_pairs`` nothing of the old delay is left."""
    rng = np.random.default_rng(1)
    ring = np.zeros(2 * TAIL)
    state = pairs.new_pairs(1, LOWEST)[0]
    for time, value in enumerate(rng.normal(size=200).tolist()):
        put(ring, time, value)
        if time >= TAIL:
            pairs.advance_pairs(state, ring, time + 1, BLUR, 8)
    pairs.begin_pairs(state, 5, LOWEST)
    assert not state["histogram"].any()
    assert not state["divergence"].any()
    assert (state["pairs"], state["neighbours"], state["step"], state["theiler"]) == (0, 0, 3, 10)
    assert pairs.advance_pairs(state, ring, 200, BLUR, TAIL)
    assert state["pairs"] == pytest.approx((118 - 10) * (118 - 9) / 2)
