"""What each version of a feature kind gives: a number that changes needs a version that does."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.arrays import Float32
from csi_introspection.features import KINDS
from csi_introspection.playback import Run, Session
from csi_introspection.shapes import columns_of_kind, rows_of_run
from csi_schemas.signature import FeatureKind

RATE_HZ = 100
KNOWN: dict[FeatureKind, tuple[int, list[float]]] = {
    "amplitude_l2_per_subcarrier": (2, [0.0497, -0.0881, -0.0049, -0.0064, 0.0443, -0.0902, 0.0202, -0.0086]),
    "lag": (2, [5.0952, 6.462, 7.6239, 8.9345, 5.9794]),
    "vec128": (2, [3.8624, 5.7385, 6.612, 6.437, 7.1745, 8.4619, 7.266, 4.875]),
}
"""By kind: version, and numbers, see ``STEPS``, of one row of the frames below."""
STEPS: dict[FeatureKind, int] = {"amplitude_l2_per_subcarrier": 4, "lag": 1, "vec128": 16}
"""Every so many numbers of a row are compared."""


def frames(count: int, swing: float, seed: int) -> Float32:
    """Two antennas of 56 sub-carriers, six null, one spurious, one frame in fifty spoilt, (T, 2, 64); no library's."""
    t = np.arange(count)[:, None, None]
    carrier = np.arange(64)[None, None, :]
    antenna = np.arange(2)[None, :, None]
    shape = 20 + 6 * np.cos(0.11 * carrier + antenna) + swing * np.sin(0.09 * t + 0.2 * carrier)
    noise = ((t * 7919 + carrier * 104729 + antenna * 1299709 + seed) % 1009) / 1009 - 0.5
    amplitude = (shape + noise) * (1 + antenna)
    amplitude[::50] *= 1 + 0.5 * (carrier % 3)
    amplitude[:, :, 0] = 150
    amplitude[:, :, 30:36] = 0
    found: Float32 = amplitude.astype(np.float32)
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_the_numbers_of_a_version_stay(kind: FeatureKind) -> None:
    """The same frames give the same row as long as the version is the same.

    If this fails: raise the version in ``features.KINDS``, say there what changed, make the reference signatures anew,
    and put the new version and numbers here.
    """
    session = Session([], [Run(frames(600, 0.0, 1), 1_000_000_000 // RATE_HZ)])
    session.pause()
    encoded = rows_of_run(session, Run(frames(100, 3.0, 2), 1_000_000_000 // RATE_HZ))
    row = encoded.displaced[-1, columns_of_kind(encoded.columns, kind)]
    version, numbers = KNOWN[kind]
    assert KINDS[kind].version == version
    np.testing.assert_allclose(row[:: STEPS[kind]], numbers, atol=2e-3)
