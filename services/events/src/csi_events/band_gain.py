"""An antenna's gain as most of its band has it: what few sub-carriers do moves their norm, but not most parts.

P. J. Huber, "Robust estimation of a location parameter", 1964, for a scale: one step from the median.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

PARTS = 12
"""Parts of a band whose strengths are compared: what disturbs three neighbours of 30 is in two or three of them."""
APART = 5.0
"""How much stronger or weaker than the middle part of the band a part counts as at most, in median distances from it:
3.4 standard deviations of what is normally distributed, so that noise is hardly ever cut."""


def band_parts(live: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Split each antenna's live sub-carriers into ``PARTS`` neighbouring parts of nearly equal size.

    Returns:
        (antennas with live sub-carriers, ``PARTS`` + 1): first column of every part among the live columns, and the end
        of the last. An antenna of fewer sub-carriers has empty parts.
    """
    counts = live.sum(axis=1)
    counts = counts[counts > 0]
    first = np.cumsum(counts) - counts
    edges = first[:, None] + counts[:, None] * np.arange(PARTS + 1) // PARTS
    return np.ascontiguousarray(edges, dtype=np.int64)


@kernel("float64(float64[::1], int64, float64[::1])")
def _middle(values: NDArray[np.float64], count: int, ordered: NDArray[np.float64]) -> float:
    """Return the median of the first ``count`` values, at least one; ``ordered`` has as much room."""
    for g in range(count):
        place = g
        while place > 0 and ordered[place - 1] > values[g]:
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = values[g]
    return np.float64(0.5 * (ordered[(count - 1) // 2] + ordered[count // 2]))


@kernel("float64(float32[::1], float32[::1], int64[::1], float64[:,::1])")
def _gain(
    row: NDArray[np.float32], profile: NDArray[np.float32], edges: NDArray[np.int64], room: NDArray[np.float64]
) -> float:
    """Return the gain of one antenna, whose parts have these ``edges``; see :func:`level_out`. 1 where it has none.

    ``room`` (4, parts) is written to.
    """
    ratio, weight, away, ordered = room[0], room[1], room[2], room[3]
    count, total = 0, 0.0
    for g in range(len(edges) - 1):
        heard, quiet = row[edges[g] : edges[g + 1]], profile[edges[g] : edges[g + 1]]
        along, own = 0.0, 0.0
        for c in range(len(heard)):
            along += heard[c] * quiet[c]
            own += quiet[c] * quiet[c]
        if own > 0.0:
            ratio[count], weight[count] = along / own, own
            total += own
            count += 1
    if count == 0:
        return 1.0
    middle = _middle(ratio, count, ordered)
    for g in range(count):
        away[g] = abs(ratio[g] - middle)
    most = APART * _middle(away, count, ordered)
    gain = middle
    for g in range(count):
        gain += weight[g] / total * min(max(ratio[g] - middle, -most), most)
    return gain if gain > 0.0 else 1.0


@kernel("void(float32[::1], float32[::1], int64[:,::1])")
def level_out(row: NDArray[np.float32], profile: NDArray[np.float32], parts: NDArray[np.int64]) -> None:
    """Divide every antenna of one row by its gain over the quiet, as most parts of its band have it.

    An interferer on few sub-carriers moves the norm by which all of them were divided. The gain is a least-squares fit
    of the quiet's profile in which parts of the band that are far from the middle one (``APART``) are cut: Huber's
    estimate of a scale, one step from the median. Where none is far it is 1, but for the shape's own change.

    Args:
        row: (columns,) normalised amplitudes, changed in place.
        profile: (columns,) their mean in the quiet.
        parts: see :func:`band_parts`.
    """
    room = np.empty((4, parts.shape[1]))
    for a in range(parts.shape[0]):
        gain = _gain(row, profile, parts[a], room)
        scale = np.float32(1.0 / gain)
        for c in range(parts[a, 0], parts[a, -1]):
            row[c] *= scale


@kernel("void(float32[:,::1], int64, int64, float32[::1], int64[:,::1])")
def level_rows(
    x: NDArray[np.float32], first: int, stop: int, profile: NDArray[np.float32], parts: NDArray[np.int64]
) -> None:
    """Do :func:`level_out` to rows ``first`` to ``stop`` (not included) of ``x`` (frames, columns)."""
    for f in range(first, stop):
        level_out(x[f], profile, parts)


@kernel("void(float32[:,::1], float32[::1], int64[:,::1], float64[:,::1])")
def write_gains(
    x: NDArray[np.float32], profile: NDArray[np.float32], parts: NDArray[np.int64], gains: NDArray[np.float64]
) -> None:
    """Write by what :func:`level_out` divides each antenna of rows ``x``: (rows, antennas with live sub-carriers)."""
    room = np.empty((4, parts.shape[1]))
    for f in range(len(x)):
        for a in range(parts.shape[0]):
            gains[f, a] = _gain(x[f], profile, parts[a], room)
