"""Amplitude of one frame for the live waterfall."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.iq import amplitude

if TYPE_CHECKING:
    from numpy.typing import NDArray

BINS = 56
"""Most values a waterfall row has, as in ``sensing_update``."""


def amplitude_bins(iq: bytes, n_antennas: int, n_subcarriers: int) -> NDArray[np.float32]:
    """Mean amplitude per sub-carrier over the antennas, in at most :data:`BINS` bins.

    ``iq`` is interleaved int8 I, Q, antenna-major: ``2 * n_antennas * n_subcarriers`` bytes. The result is float32 in
    I/Q units: one value per sub-carrier up to :data:`BINS` of them, else means over runs of neighbouring sub-carriers
    whose lengths differ by at most one.

    Raises:
        ValueError: ``iq`` has another length.
    """
    mean = np.asarray(amplitude(iq, n_antennas, n_subcarriers).mean(axis=0), np.float32)
    if n_subcarriers <= BINS:
        return mean
    edges = np.arange(BINS + 1) * n_subcarriers // BINS
    return np.asarray(np.add.reduceat(mean, edges[:-1]) / np.diff(edges), np.float32)
