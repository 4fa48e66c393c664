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


TWO_VALUES, THREE_VALUES = 0.1, 0.04
"""Shares of the variance along a direction that may be left about two values, or three, for it to be a switch. A sine
leaves 0.19 and 0.11, white noise 0.35 and 0.22; the sine of a phase that wanders, a hundred frames of it, 0.12 and 0.05
at least."""


class GainStates(NamedTuple):
    """Directions to leave out, one after the other: from ``x`` goes ``(x @ read) * write`` of each."""

    read: NDArray[np.float32]
    """(directions, columns)."""
    write: NDArray[np.float32]
    """(directions, columns)."""

    def removed(self, x: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return ``x`` (frames, columns) without these directions."""
        left = x
        for read, write in zip(self.read, self.write, strict=True):
            left = left - np.outer(left @ read, write).astype(np.float32)
        return left

    def joined(self, others: GainStates) -> GainStates:
        """Return these and then ``others``, the first ``MOST`` of them."""
        both = (np.concatenate(pair)[:MOST] for pair in zip(self, others, strict=True))
        return GainStates(*(np.ascontiguousarray(part) for part in both))


def gain_states(x: NDArray[np.float32], *, switches_only: bool = False) -> GainStates:
    """Find the directions of gain in a stretch ``x`` (frames, columns) of at least 4 frames.

    Differences of consecutive frames are divided by each column's noise. White noise in n differences of D columns
    puts at most the share (1 + sqrt(D / n))^2 / D of its variance in one direction (the edge of Marchenko and Pastur,
    1967); a direction with ``OUTLIER`` times that is not noise.

    Args:
        x: (frames, columns) normalised amplitudes.
        switches_only: only directions along which the frames have two or three values. A stretch in which somebody
            moves needs that: at 10 frames/s a person's motion forgets as quickly as a radio.
    """
    noise = noise_scale(x)
    plain = shortened_differences(x, KNOCK) / noise
    jumps = shortened_differences(x, JUMP) / noise
    count, columns = plain.shape
    power, directions = _principal(jumps)
    share = power / max(float(np.sum(plain**2)), 1e-12)
    edge = (1.0 + np.sqrt(columns / count)) ** 2 / columns
    outliers = directions[: min(int(np.sum(share > OUTLIER * edge)), columns - 1)]
    along = (x / noise) @ outliers.T
    chosen = forgets(along)
    if switches_only:
        chosen &= few_values(along)
    found = outliers[chosen][:MOST]
    return GainStates((found / noise).astype(np.float32), (found * noise).astype(np.float32))


def _principal(jumps: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Squared singular values, descending, and right singular vectors as rows, of those that are not zero.

    From the eigenvectors of the smaller of the two products of ``jumps`` with itself: half the time of a singular
    value decomposition, and exact enough for the few large ones.
    """
    count, columns = jumps.shape
    if columns <= count:
        power, vectors = np.linalg.eigh(jumps.T @ jumps)
        return power[::-1], vectors.T[::-1]
    power, vectors = np.linalg.eigh(jumps @ jumps.T)
    kept = power > 1e-9 * power[-1]
    power, vectors = power[kept][::-1], vectors[:, kept][:, ::-1]
    return power, (jumps.T @ vectors / np.sqrt(power)).T


def forgets(along: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of which columns of ``along`` (frames, directions) a frame says nothing about the next."""
    lag = min(LAG, len(along) - 1)
    near, far = (np.mean((along[m:] - along[:-m]) ** 2, axis=0) for m in (1, lag))
    return np.asarray(near >= FORGETS * far)


def few_values(along: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Say of which columns of ``along`` (frames, directions) two values, or three, explain nearly all of the variance.

    Three profiles of a radio are three values along each of the two directions between them. See ``TWO_VALUES``.
    """
    return np.array([_few(np.sort(column - column.mean())) for column in along.T], dtype=bool)


def _few(ordered: NDArray[np.float64]) -> bool:
    total = float(np.sum(ordered**2))
    cut, explained = _split(ordered)
    if explained >= (1.0 - TWO_VALUES) * total:
        return True
    explained += max(_split(part)[1] for part in (ordered[:cut], ordered[cut:]))
    return explained >= (1.0 - THREE_VALUES) * total


def _split(ordered: NDArray[np.float64]) -> tuple[int, float]:
    """Split sorted values in two where it explains most: size of the lower part, and the sum of squares it explains."""
    count = len(ordered)
    if count < 2:
        return count, 0.0
    below = np.cumsum(ordered - ordered.mean())[:-1]
    sizes = np.arange(1, count)
    explained = below**2 * count / (sizes * (count - sizes))
    best = int(np.argmax(explained))
    return best + 1, float(explained[best])
