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

    def joined(self, others: GainStates) -> GainStates:
        """Return these and then ``others``, the first ``MOST`` of them."""
        both = (np.concatenate(pair)[:MOST] for pair in zip(self, others, strict=True))
        return GainStates(*(np.ascontiguousarray(part) for part in both))


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
