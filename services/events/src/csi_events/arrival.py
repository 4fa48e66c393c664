"""What is made of one frame when it arrives, so that little is left to do when its window closes.

The amplitudes without gain and their means in groups (as :mod:`csi_events.normalise` makes them of a whole window), the
newest change (as :mod:`csi_events.change` does), and products of the window's frames with one another, of which level
shifts are made (:mod:`csi_events.levels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOUD = 1.5
"""A sub-carrier's change, the root of its size, counts as no more than so many times the mean over sub-carriers ..."""
LOUD_ROUNDS = 2
"""... of changes cut so many times: what few do on their own is no body. In white noise a seventh is cut."""

BLOCK = 256
"""Columns of which sums are made at a time."""


_NORMALISED = "boolean({0}[:,::1], boolean, boolean[:,::1], int64[::1], float32[::1], float32[::1])"


@kernel(_NORMALISED.format("float32"), _NORMALISED.format("uint16"))
def normalised_frame(  # noqa: C901, PLR0912, PLR0917 - a branch for what is usual, which is vectorised
    amplitude: NDArray[np.float32] | NDArray[np.uint16],
    squared: bool,  # noqa: FBT001 - a kernel takes no keywords
    live: NDArray[np.bool_],
    edges: NDArray[np.int64],
    x: NDArray[np.float32],
    grouped: NDArray[np.float32],
) -> bool:
    """Divide every antenna of one frame by its own norm, see :func:`csi_events.normalise.gain_normalised`.

    Args:
        amplitude: (antennas, sub-carriers).
        squared: these are the squares of amplitudes.
        live: (antennas, sub-carriers).
        edges: first column of each group, see :func:`csi_events.normalise.group_edges`.
        x: (live sub-carriers,), written.
        grouped: (groups,), written: means of the groups.

    Returns:
        Whether every antenna was heard; otherwise the frame says nothing.
    """
    antennas, subcarriers = amplitude.shape
    column = 0
    for a in range(antennas):
        heard, looked_at = amplitude[a], live[a]
        count = 0
        for s in range(subcarriers):
            count += looked_at[s]
        if count == 0:
            continue
        row = x[column : column + count]
        if count == subcarriers:  # as is usual: nothing to pick, and the loop is vectorised
            for s in range(subcarriers):
                row[s] = np.float32(heard[s])
        else:
            c = 0
            for s in range(subcarriers):
                if looked_at[s]:
                    row[c] = np.float32(heard[s])
                    c += 1
        if squared:
            for c in range(count):
                row[c] = np.sqrt(row[c])
        power = 0.0
        for c in range(count):
            power += np.float64(row[c]) ** 2
        if power <= 0.0:
            return False
        scale = np.sqrt(count / power)
        for c in range(count):
            row[c] = row[c] * scale
        column += count
    for g in range(len(grouped)):
        group = x[edges[g] : edges[g + 1]]
        mean = np.float32(0.0)
        for c in range(len(group)):
            mean += group[c]
        grouped[g] = mean / np.float32(len(group))
    return column > 0


@kernel("void(float32[:,::1], int64, int64)")
def move_up(rows: NDArray[np.float32], first: int, count: int) -> None:
    """Move ``count`` rows from ``first`` on to the beginning, in place: numpy copies rows that overlap twice."""
    for f in range(count):
        to, row = rows[f], rows[first + f]
        for c in range(rows.shape[1]):
            to[c] = row[c]


@kernel("void(float32[:,::1], int64, int64, int64, float64[::1])")
def _add_rows(rows: NDArray[np.float32], first: int, stop: int, left: int, sums: NDArray[np.float64]) -> None:
    """Add ``rows[first:stop]``, from column ``left`` on, to ``sums``: four at a time, which loads the sums less often.

    Single-precision amplitudes above 1e-6 add up without an error.
    """
    size = len(sums)
    f = first
    while f + 4 <= stop:
        a, b = rows[f, left : left + size], rows[f + 1, left : left + size]
        d, e = rows[f + 2, left : left + size], rows[f + 3, left : left + size]
        for c in range(size):
            sums[c] += (np.float64(a[c]) + np.float64(b[c])) + (np.float64(d[c]) + np.float64(e[c]))
        f += 4
    while f < stop:
        a = rows[f, left : left + size]
        for c in range(size):
            sums[c] += a[c]
        f += 1


@kernel("float64(float32[:,::1], int64, float32[:,::1], float32[:,::1], float32[::1], int64[::1], float64[::1])")
def newest_score(  # noqa: C901, PLR0912, PLR0917 - numba takes arrays, not the calibration that holds them
    rows: NDArray[np.float32],
    count: int,
    read: NDArray[np.float32],
    write: NDArray[np.float32],
    inverse_noise: NDArray[np.float32],
    widths: NDArray[np.int64],
    level: NDArray[np.float64],
) -> float:
    """Log of how much the newest of the first ``count`` rows change, over the quiet.

    0 is quiet, 1.1 three times its energy, motion 2-4: the mean over the scales that have enough frames of the log
    energy less the quiet's. For half-width m the Haar pair is (mean of the newest m rows - mean of the m before them)
    times sqrt(m / 2): white noise of unit variance gives unit variance at every m. Its size is averaged over columns as
    mean(sqrt|d|), the loud ones cut (``LOUD``), and 4 log of that reads as a log energy that few sub-carriers raise
    little. The directions of gain are taken out of the differences of means instead of out of every frame: it is the
    same, as both are linear.

    Args:
        rows: (at least ``count``, columns) normalised amplitudes, earlier frames first.
        count: rows that hold frames.
        read: (directions, columns).
        write: (directions, columns).
        inverse_noise: (columns,): 1 / frame-to-frame noise of what is left.
        widths: ascending half-widths, frames.
        level: (widths,).

    Returns:
        NaN where the frames do not suffice for the shortest width.
    """
    columns = rows.shape[1]
    known = 0
    while known < len(widths) and 2 * widths[known] <= count:
        known += 1
    if known == 0:
        return np.nan
    difference = np.empty((known, columns))
    room = np.empty(BLOCK)
    for left in range(0, columns, BLOCK):  # so many columns at a time: their sums stay next to the core
        sums = room[: min(BLOCK, columns - left)]
        sums[:] = 0.0
        summed, halves, wholes = 0, 0, 0  # newest rows in the sums; widths that are half done, and done
        while wholes < known:
            more = 2 * widths[wholes]
            if halves < known:
                more = min(more, widths[halves])
            _add_rows(rows, count - more, count - summed, left, sums)
            summed = more
            if halves < known and summed == widths[halves]:
                apart = difference[halves, left : left + len(sums)]
                for c in range(len(sums)):
                    apart[c] = 2.0 * sums[c]
                halves += 1
            if summed == 2 * widths[wholes]:  # twice the sum of the newest rows less that of all
                apart = difference[wholes, left : left + len(sums)]
                for c in range(len(sums)):
                    apart[c] -= sums[c]
                wholes += 1
    excess = 0.0
    for w in range(known):
        apart = difference[w]
        for d in range(len(read)):
            reads, writes = read[d], write[d]
            along = 0.0
            for c in range(columns):
                along += apart[c] * reads[c]
            for c in range(columns):
                apart[c] -= along * writes[c]
        total = 0.0
        for c in range(columns):
            apart[c] = np.sqrt(np.float32(abs(apart[c] * inverse_noise[c])))
            total += apart[c]
        for _ in range(LOUD_ROUNDS):
            most, total = LOUD * total / columns, 0.0
            for c in range(columns):
                total += min(apart[c], most)
        excess += 4.0 * np.log(total / columns / (2.0 * widths[w]) ** 0.25 + 1e-6) - level[w]
    return excess / known


@kernel("void(float32[:,::1], int64, float32[::1], float64[:,::1])")
def add_products(
    x: NDArray[np.float32], newest: int, inverse_noise: NDArray[np.float32], products: NDArray[np.float64]
) -> None:
    """Write the products of row ``newest`` of ``x`` (frames, columns) with the rows up to it, in units of noise."""
    columns = x.shape[1]
    scaled = np.empty(columns)
    for c in range(columns):
        scaled[c] = np.float64(x[newest, c]) * np.float64(inverse_noise[c]) ** 2
    for f in range(newest + 1):
        row = x[f]
        total = 0.0
        for c in range(columns):
            total += row[c] * scaled[c]
        products[f, newest] = products[newest, f] = total


@kernel("float64(float32[:,::1], float64[::1], float64)")
def add_moments(x: NDArray[np.float32], total: NDArray[np.float64], squares: float) -> float:
    """Add rows ``x`` (frames, columns) to their ``total`` (columns,), and return ``squares`` plus all their squares."""
    for f in range(x.shape[0]):
        for c in range(x.shape[1]):
            total[c] += x[f, c]
            squares += np.float64(x[f, c]) ** 2
    return squares


@kernel("float64(float64[::1], float64, int64)")
def variance_of(total: NDArray[np.float64], squares: float, frames: int) -> float:
    """Mean over columns of the variance along ``frames`` rows, of their ``total`` (columns,) and their squares."""
    explained = 0.0
    for c in range(len(total)):
        explained += total[c] ** 2
    return max(0.0, squares - explained / frames) / float(frames * len(total))


@kernel(
    "Tuple((float64, float64))(float32[:,::1], int64, int64, boolean, float32[:,::1], float32[:,::1], float32[::1], "
    "int64[::1], float64[::1], float64[::1], float64, float64[:,::1])"
)
def compare_newest(  # noqa: PLR0917 - numba takes arrays, not the window and the calibration that hold them
    rows: NDArray[np.float32],
    before: int,
    count: int,
    mended: bool,  # noqa: FBT001 - a kernel takes no keywords
    read: NDArray[np.float32],
    write: NDArray[np.float32],
    inverse_noise: NDArray[np.float32],
    widths: NDArray[np.int64],
    level: NDArray[np.float64],
    total: NDArray[np.float64],
    squares: float,
    products: NDArray[np.float64],
) -> tuple[float, float]:
    """Take usable frame ``count`` of a window into its sums and products, and score it: one call in place of four.

    Args:
        rows: of what came before the window, and of its frames.
        before: how many came before.
        count: number of the newest frame among the usable ones.
        mended: the row before it has changed, and is multiplied anew.
        read: see :func:`newest_score`, as all up to ``level``.
        write: the same.
        inverse_noise: the same.
        widths: the same.
        level: the same.
        total: see :func:`add_moments`.
        squares: the same.
        products: see :func:`add_products`.

    Returns:
        The squares with those of the frame, and its score.
    """
    newest = before + count
    squares = add_moments(rows[newest : newest + 1], total, squares)
    if mended and count > 0:
        add_products(rows[before:], count - 1, inverse_noise, products)
    add_products(rows[before:], count, inverse_noise, products)
    return squares, newest_score(rows, newest + 1, read, write, inverse_noise, widths, level)
