"""Gain states: the few directions along which quiet amplitudes jump though nothing moves.

A radio that switches its gain, its filter or its antenna from packet to packet shows two or more profiles of one and
the same room. The differences between them lie in few directions, while noise spreads over all of them and a person
over many; and which profile a packet has does not depend on the packets before it, while a person moves smoothly. What
lies in these directions is left out of the change scores.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_events.change import KNOCK, noise_scale, shortened_differences

JUMP = 10.0
"""First differences longer than this times the median one are shortened to it: jumps count, one bad frame does not."""
OUTLIER = 4.0
"""A direction is one of gain when it holds this many times the variance that white noise could put into one."""
MOST = 3
"""Directions left out at most; a person's motion has more."""
LAG = 4
"""Frames over which a direction is asked whether it remembers."""
FORGETS = 0.75
"""A direction is one of gain when the mean square difference of neighbours along it is at least this share of that of
frames ``LAG`` apart: 1 for a radio that switches at random, little for what moves smoothly. Measured: 0.83-1.2 in quiet
stretches of eight radios, 0.15-0.7 in motion at 10 to 140 frames/s, and in a calibration that holds some."""


class GainStates(NamedTuple):
    """Directions to leave out: ``x - (x @ read.T) @ write`` is blind to them."""

    read: NDArray[np.float32]
    """(directions, columns)."""
    write: NDArray[np.float32]
    """(directions, columns)."""

    def removed(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``x`` (frames, columns) without these directions."""
        return np.asarray(x - (x @ self.read.T) @ self.write, dtype=np.float32)


def gain_states(x: NDArray[np.float32]) -> GainStates:
    """Find the directions of gain in a stretch ``x`` (frames, columns) of at least 4 frames.

    Differences of consecutive frames are divided by each column's noise. White noise in n differences of D columns
    puts at most the share (1 + sqrt(D / n))^2 / D of its variance in one direction (the edge of Marchenko and Pastur,
    1967); a direction with ``OUTLIER`` times that is not noise.
    """
    noise = noise_scale(x)
    plain = shortened_differences(x, KNOCK) / noise
    jumps = shortened_differences(x, JUMP) / noise
    count, columns = plain.shape
    _, singular, directions = np.linalg.svd(jumps, full_matrices=False)
    share = singular**2 / max(float(np.sum(plain**2)), 1e-12)
    edge = (1.0 + np.sqrt(columns / count)) ** 2 / columns
    outliers = directions[: min(int(np.sum(share > OUTLIER * edge)), columns - 1)]
    found = outliers[_forgets((x / noise) @ outliers.T)][:MOST]
    return GainStates((found / noise).astype(np.float32), (found * noise).astype(np.float32))


def _forgets(along: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of which columns of ``along`` (frames, directions) a frame says nothing about the next."""
    lag = min(LAG, len(along) - 1)
    near, far = (np.mean((along[m:] - along[:-m]) ** 2, axis=0) for m in (1, lag))
    return np.asarray(near >= FORGETS * far)
