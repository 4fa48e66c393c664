"""A waterfall row against plain loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from csi_gateway.amplitude import BINS, amplitude_bins
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 3), st.integers(1, 512), st.integers(0, 2**32 - 1))
def test_means_over_antennas_and_neighbours(n_antennas: int, n_subcarriers: int, seed: int) -> None:
    """Every sub-carrier is in exactly one bin, bins are runs of neighbours of nearly equal length."""
    iq = np.random.default_rng(seed).integers(-128, 128, (n_antennas, n_subcarriers, 2)).astype(np.int8)
    mean = [
        sum(math.hypot(*map(int, iq[antenna, sub])) for antenna in range(n_antennas)) / n_antennas
        for sub in range(n_subcarriers)
    ]
    bins = min(BINS, n_subcarriers)
    edges = [i * n_subcarriers // bins for i in range(bins + 1)]
    lengths = {end - start for start, end in itertools.pairwise(edges)}
    assert max(lengths) - min(lengths) <= 1
    naive = [sum(mean[start:end]) / (end - start) for start, end in itertools.pairwise(edges)]
    row = amplitude_bins(iq.tobytes(), n_antennas, n_subcarriers)
    assert row.shape == (bins,)
    assert row.dtype == np.float32
    np.testing.assert_allclose(row, naive, rtol=1e-5, atol=1e-4)


def test_three_four_five() -> None:
    """I = 3, Q = 4 on every sub-carrier is 5 in every bin."""
    assert amplitude_bins(bytes((3, 4)) * 192, 1, 192).tolist() == [5.0] * 56
    assert amplitude_bins(bytes((3, 4)) * 30, 1, 30).tolist() == [5.0] * 30


def test_wrong_length() -> None:
    """I/Q that do not fit the shape are refused."""
    with pytest.raises(ValueError, match="reshape"):
        amplitude_bins(bytes(10), 1, 64)
