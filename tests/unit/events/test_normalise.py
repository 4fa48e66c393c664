"""Gain normalisation against obvious twins, and what it must not depend on."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csi_events.normalise import (
    binned_profile,
    gain_normalised,
    group_edges,
    live_in_steps,
    window_amplitude,
)
from csi_events.steps import at_once
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

SHAPES = array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=7)


def naive_normalised(amplitude: NDArray[np.float32], live: NDArray[np.bool_]) -> tuple[list[list[float]], list[bool]]:
    """Frame by frame and antenna by antenna."""
    rows, usable = [], []
    for frame in amplitude:
        row: list[float] = []
        heard = bool(live.any())
        for values, mask in zip(frame, live, strict=True):
            used = values[mask].astype(float)
            if used.size:
                size = np.sqrt(np.mean(used**2))
                heard &= bool(size > 0)
                row += list(used / size if size > 0 else used)
        usable.append(heard)
        if heard:
            rows.append(row)
    return rows, usable


@pytest.mark.parametrize("dtype", [np.int8, np.int16])
@given(data=st.data())
def test_amplitude_is_the_length_of_iq(dtype: type[np.integer], data: st.DataObject) -> None:
    """Every amplitude is sqrt(I^2 + Q^2), the extremes of the type included."""
    shape = data.draw(array_shapes(min_dims=3, max_dims=3, max_side=5))
    iq = data.draw(arrays(dtype, (*shape, 2)))
    expected = np.hypot(iq[..., 0].astype(float), iq[..., 1].astype(float))
    np.testing.assert_allclose(window_amplitude(iq), expected, rtol=1e-6)


@given(st.data())
def test_normalisation_is_the_naive_one(data: st.DataObject) -> None:
    """The kernel equals a loop over frames and antennas: values, order of columns, and which frames are usable."""
    shape = data.draw(SHAPES)
    amplitude = data.draw(arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.0, 1.0, 3.5, 180.0])))
    live = data.draw(arrays(np.bool_, shape[1:]))
    x, usable = gain_normalised(amplitude, live)
    rows, expected = naive_normalised(amplitude, live)
    assert usable.tolist() == expected
    np.testing.assert_allclose(x, np.array(rows).reshape(len(rows), int(live.sum())), rtol=1e-5)


@given(st.integers(0, 2**32 - 1))
def test_gain_changes_nothing(seed: int) -> None:
    """Scaling every frame by its own random gain (80 dB apart) changes neither the live mask nor the amplitudes."""
    rng = np.random.default_rng(seed)
    amplitude = rng.uniform(0, 100, (20, 2, 16)).astype(np.float32)
    amplitude[:, :, ::5] = 0
    gain = (10 ** rng.uniform(-2, 2, (20, 1, 1))).astype(np.float32)
    live = at_once(live_in_steps(amplitude))
    np.testing.assert_array_equal(at_once(live_in_steps(amplitude * gain)), live)
    np.testing.assert_allclose(
        gain_normalised(amplitude * gain, live)[0], gain_normalised(amplitude, live)[0], rtol=1e-4
    )


@given(st.integers(0, 2**32 - 1), st.integers(0, 100))
def test_null_subcarriers_do_not_matter(seed: int, nulls: int) -> None:
    """Any number of null sub-carriers, put anywhere, leaves the normalised amplitudes of the others as they are."""
    rng = np.random.default_rng(seed)
    amplitude = rng.uniform(20, 100, (12, 1, 20)).astype(np.float32)
    at = rng.integers(0, 21, nulls)
    padded = np.insert(amplitude, at, 0, axis=2)
    live = at_once(live_in_steps(padded))
    assert live.sum() == 20
    expected, _ = gain_normalised(amplitude, np.ones((1, 20), dtype=bool))
    np.testing.assert_allclose(gain_normalised(padded, live)[0], expected, rtol=1e-6)


def test_a_silent_frame_is_not_usable_and_silence_has_nothing_live() -> None:
    """A frame of zeros is left out, not divided by zero; a stream of zeros has no live sub-carrier."""
    amplitude = np.ones((3, 1, 4), np.float32)
    amplitude[1] = 0
    x, usable = gain_normalised(amplitude, np.ones((1, 4), dtype=bool))
    assert usable.tolist() == [True, False, True]
    np.testing.assert_array_equal(x, np.ones((2, 4)))
    assert not at_once(live_in_steps(np.zeros((3, 1, 4), np.float32))).any()


def test_other_types_are_refused_instead_of_compiled() -> None:
    """A call with a type nobody compiled for raises at once: nothing is ever compiled in the hot path."""
    with pytest.raises(TypeError, match="No matching definition"):
        window_amplitude(np.zeros((1, 1, 1, 2), np.float64))


@given(st.data())
def test_groups_are_means_of_neighbours_within_an_antenna(data: st.DataObject) -> None:
    """Group means equal the means of each antenna's live sub-carriers, split evenly, never across antennas."""
    live = data.draw(arrays(np.bool_, data.draw(array_shapes(min_dims=2, max_dims=2, max_side=20))))
    groups = data.draw(st.integers(1, 9))
    x = np.random.default_rng(0).random((3, int(live.sum()))).astype(np.float32)
    parts = []
    first = 0
    for count in live.sum(axis=1):
        bounds = [first + g * int(count) // min(groups, int(count)) for g in range(min(groups, int(count)))]
        parts += np.split(x[:, first : first + count], [b - first for b in bounds[1:]], axis=1) if count else []
        first += count
    expected = [part.mean(axis=1) for part in parts]
    edges = group_edges(live, groups)
    assert len(edges) == len(expected) + 1
    for (first, stop), mean in zip(pairwise(edges), expected, strict=True):
        np.testing.assert_array_equal(x[:, first:stop].mean(axis=1), mean)


@pytest.mark.parametrize("subcarriers", [30, 56, 57, 64, 128, 192, 511])
def test_profile_has_at_most_its_bins(subcarriers: int) -> None:
    """At most 56 bins, as they are where they fit, each the mean of its sub-carriers to three decimals."""
    amplitude = 100 * np.random.default_rng(1).random((4, 2, subcarriers))
    mean = amplitude.mean(axis=(0, 1))
    profile = binned_profile(amplitude.sum(axis=(0, 1)), 8, 56) / 1000
    assert len(profile) == min(subcarriers, 56)
    edges = np.arange(len(profile) + 1) * subcarriers // len(profile)
    expected = [mean[first:stop].mean() for first, stop in pairwise(edges)]
    np.testing.assert_array_equal(profile, np.round(expected, 3))
