"""What is made of one frame when it arrives, so that little is left to do when its window closes.

Amplitudes and their mean over antennas, the amplitudes without gain and their means in groups (as
:mod:`csi_events.normalise` makes them of a whole window), the newest change (as :mod:`csi_events.change` does), and
products of the window's frames with one another, of which level shifts are made (:mod:`csi_events.levels`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

ODD = 25.0
"""A frame is odd when it is farther from both its neighbours than so many times their squared distance from one
another, and than so many times that of noise ..."""
ROUGH = 0.5
"""... and neighbouring sub-carriers share less than this of how it differs: a body changes neighbours alike. Without it
people who move in jerks at 10 frames/s lose as many frames as bad ones are found."""

_AMPLITUDE = "void({0}[:,:,::1], float32[:,::1], float64[::1])"


@kernel(_AMPLITUDE.format("int8"), _AMPLITUDE.format("int16"))
def frame_amplitude(iq: NDArray[np.integer], amplitude: NDArray[np.float32], profile: NDArray[np.float64]) -> None:
    """Write amplitudes sqrt(I^2 + Q^2) of I/Q (antennas, sub-carriers, 2), and add them to ``profile``.

    Args:
        iq: (antennas, sub-carriers, 2).
        amplitude: (antennas, sub-carriers), written.
        profile: (sub-carriers,), to which all antennas are added.
    """
    antennas, subcarriers, _ = iq.shape
    for a in range(antennas):
        for s in range(subcarriers):
            i, q = np.float32(iq[a, s, 0]), np.float32(iq[a, s, 1])
            amplitude[a, s] = np.sqrt(i * i + q * q)
            profile[s] += amplitude[a, s]


@kernel("boolean(float32[:,::1], boolean[:,::1], int64[::1], float32[::1], float32[::1])")
def normalised_frame(
    amplitude: NDArray[np.float32],
    live: NDArray[np.bool_],
    edges: NDArray[np.int64],
    x: NDArray[np.float32],
    grouped: NDArray[np.float32],
) -> bool:
    """Divide every antenna of one frame by its own norm, see :func:`csi_events.normalise.gain_normalised`.

    Args:
        amplitude: (antennas, sub-carriers).
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
        power, count, first = 0.0, 0, column
        for s in range(subcarriers):
            if live[a, s]:
                x[column] = amplitude[a, s]
                power += np.float64(amplitude[a, s]) ** 2
                count += 1
                column += 1
        if count == 0:
            continue
        if power <= 0.0:
            return False
        scale = np.sqrt(count / power)
        for c in range(first, column):
            x[c] = x[c] * scale
    for g in range(len(grouped)):
        mean = np.float32(0.0)
        for c in range(edges[g], edges[g + 1]):
            mean += x[c]
        grouped[g] = mean / np.float32(edges[g + 1] - edges[g])
    return column > 0


@kernel("boolean(float32[:,::1], int64, float32[::1])")
def mend(rows: NDArray[np.float32], number: int, inverse_noise: NDArray[np.float32]) -> bool:
    """Put the mean of its neighbours in place of row ``number`` if it is like neither, and like nothing that moves.

    See ``ODD`` and ``ROUGH``. A bad frame would else be in every mean over the next frames: 1.6 s of motion at 10 of
    them a second.

    Args:
        rows: (more than ``number + 1``, columns), earlier frames first.
        number: of the row, at least 1.
        inverse_noise: (columns,): in units of which rows are compared.

    Returns:
        Whether it was changed.
    """
    before, after, apart = 0.0, 0.0, 0.0
    size, shared, last = 0.0, 0.0, 0.0
    columns = rows.shape[1]
    for c in range(columns):
        scale = inverse_noise[c]
        early, middle, late = rows[number - 1, c] * scale, rows[number, c] * scale, rows[number + 1, c] * scale
        odd = np.float64(middle - np.float32(0.5) * (early + late))
        size += odd**2
        shared += odd * last
        last = odd
        before += np.float64(middle - early) ** 2
        after += np.float64(middle - late) ** 2
        apart += np.float64(late - early) ** 2
    if min(before, after) <= ODD * max(apart, 2.0 * columns) or shared > ROUGH * size:
        return False
    for c in range(columns):
        rows[number, c] = np.float32(0.5) * (rows[number - 1, c] + rows[number + 1, c])
    return True


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
    mean(sqrt|d|) and 4 log of that reads as a log energy in which a few loud sub-carriers count less. The directions of
    gain are taken out of the differences of means instead of out of every frame: it is the same, as both are linear.

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
    difference = np.zeros((known, columns))
    near = np.zeros(columns)
    for w in range(known):  # near holds the newest widths[w] rows; the same number before them is taken off again
        for f in range(widths[w - 1] if w else 0, widths[w]):
            for c in range(columns):
                near[c] += rows[count - 1 - f, c]
        for c in range(columns):
            difference[w, c] = near[c]
        for f in range(widths[w], 2 * widths[w]):
            for c in range(columns):
                difference[w, c] -= rows[count - 1 - f, c]
    excess = 0.0
    for w in range(known):
        for d in range(len(read)):
            along = 0.0
            for c in range(columns):
                along += difference[w, c] * read[d, c]
            for c in range(columns):
                difference[w, c] -= along * write[d, c]
        size = 0.0
        for c in range(columns):
            size += np.sqrt(abs(difference[w, c] * inverse_noise[c]))
        excess += 4.0 * np.log(size / columns / (2.0 * widths[w]) ** 0.25 + 1e-6) - level[w]
    return excess / known


@kernel("void(float32[:,::1], int64, float32[::1], float64[:,::1])")
def add_products(
    x: NDArray[np.float32], newest: int, inverse_noise: NDArray[np.float32], products: NDArray[np.float64]
) -> None:
    """Write the products of row ``newest`` of ``x`` (frames, columns) with the rows up to it, in units of noise."""
    columns = x.shape[1]
    for f in range(newest + 1):
        total = 0.0
        for c in range(columns):
            total += np.float64(x[f, c] * inverse_noise[c]) * np.float64(x[newest, c] * inverse_noise[c])
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
