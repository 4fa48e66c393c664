"""Gain normalisation: amplitudes that automatic gain control cannot change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.steps import Steps

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIVE_SHARE = 0.05
"""A sub-carrier is live when its median amplitude exceeds this share of the stream's typical one."""
STEP_VALUES = 1_500
"""Amplitudes of which medians are taken in one step."""
COLUMN_US, VALUE_US, LAST_US = 0.4, 0.018, 90.0
"""What such a step takes for a median and for a value, about, and the one that judges all medians."""


@kernel("float32[:,:,::1](int8[:,:,:,::1])", "float32[:,:,::1](int16[:,:,:,::1])")
def window_amplitude(iq: NDArray[np.integer]) -> NDArray[np.float32]:
    """Amplitude sqrt(I^2 + Q^2) of shape (frames, antennas, sub-carriers) from int8 or int16 I/Q (..., 2)."""
    frames, antennas, subcarriers, _ = iq.shape
    amplitude = np.empty((frames, antennas, subcarriers), np.float32)
    for f in range(frames):
        for a in range(antennas):
            for s in range(subcarriers):
                i, q = np.float32(iq[f, a, s, 0]), np.float32(iq[f, a, s, 1])
                amplitude[f, a, s] = np.sqrt(i * i + q * q)
    return amplitude


@kernel("void(int8[:,:,::1], uint16[:,::1], float64[::1])")
def frame_squares(iq: NDArray[np.int8], squares: NDArray[np.uint16], profile: NDArray[np.float64]) -> None:
    """Write I^2 + Q^2 of I/Q of 8 bits, whole numbers of two bytes each, and add their roots to ``profile``.

    Args:
        iq: (antennas, sub-carriers, 2).
        squares: (antennas, sub-carriers), written.
        profile: (sub-carriers,), to which all antennas are added.
    """
    antennas, subcarriers, _ = iq.shape
    for a in range(antennas):
        received, row = iq[a], squares[a]
        for s in range(subcarriers):
            i, q = np.int32(received[s, 0]), np.int32(received[s, 1])
            row[s] = np.uint16(i * i + q * q)
        for s in range(subcarriers):  # apart, so that both loops are vectorised
            profile[s] += np.sqrt(np.float32(row[s]))


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
        received, row = iq[a], amplitude[a]
        for s in range(subcarriers):
            i, q = np.float32(received[s, 0]), np.float32(received[s, 1])
            row[s] = np.sqrt(i * i + q * q)
        for s in range(subcarriers):  # apart, so that both loops are vectorised
            profile[s] += row[s]


_MEDIANS = "void({0}[:,:,::1], boolean, float64[::1], int64, int64, float64[:,::1])"


@kernel(_MEDIANS.format("float32"), _MEDIANS.format("uint16"))
def add_medians(  # noqa: PLR0917 - a kernel takes no structs
    amplitude: NDArray[np.float32] | NDArray[np.uint16],
    squared: bool,  # noqa: FBT001 - as above
    norm: NDArray[np.float64],
    first: int,
    stop: int,
    median: NDArray[np.float64],
) -> None:
    """Write the medians over frames of sub-carriers ``first`` to ``stop`` (not included), antenna-major.

    Args:
        amplitude: (frames, antennas, sub-carriers).
        squared: these are the squares of amplitudes.
        norm: (frames,): what a frame is divided by; frames of 0 are left out.
        first: number of a sub-carrier, all antennas counted on.
        stop: the same.
        median: (antennas, sub-carriers), written.
    """
    frames, _, subcarriers = amplitude.shape
    values = np.empty(frames)
    for number in range(first, stop):
        a, s = number // subcarriers, number % subcarriers
        count = 0
        for f in range(frames):
            if norm[f] > 0.0:
                value = np.float32(amplitude[f, a, s])
                values[count] = (np.sqrt(value) if squared else value) / norm[f]
                count += 1
        median[a, s] = np.median(values[:count]) if count else 0.0


@kernel("float64(float64[:,::1])")
def typical(median: NDArray[np.float64]) -> float:
    """Median of what is above 0; infinite where nothing is. numpy's takes 0.1 ms whatever the size."""
    values = np.empty(median.size)
    count = 0
    for a in range(median.shape[0]):
        for s in range(median.shape[1]):
            if median[a, s] > 0.0:
                values[count] = median[a, s]
                count += 1
    middle: float = np.median(values[:count]) if count else np.inf
    return middle


def live_in_steps(amplitude: NDArray[np.float32] | NDArray[np.uint16]) -> Steps[NDArray[np.bool_]]:
    """Say which sub-carriers of (frames, antennas, sub-carriers) carry signal, (antennas, sub-carriers); in steps.

    Judged on frames divided by their own norm, so a change of gain does not decide; "typical" is the median over the
    sub-carriers that are not dead, so any number of null sub-carriers leaves the answer alone. Whole numbers are
    squares of amplitudes.
    """
    frames, antennas, subcarriers = amplitude.shape
    squared = amplitude.dtype == np.uint16
    if squared:
        norm = np.sqrt(amplitude.sum(axis=(1, 2), dtype=np.float64))
    else:
        norm = np.sqrt(np.einsum("fas,fas->f", amplitude, amplitude, dtype=np.float64))
    median = np.zeros((antennas, subcarriers))
    step = max(1, STEP_VALUES // max(1, frames))
    for first in range(0, median.size, step):
        yield step * (COLUMN_US + VALUE_US * frames)
        add_medians(amplitude, squared, norm, first, min(first + step, median.size), median)
    yield LAST_US
    return np.asarray(median > LIVE_SHARE * typical(median))


@kernel("Tuple((float32[:,::1], boolean[::1]))(float32[:,:,::1], boolean[:,::1])")
def gain_normalised(
    amplitude: NDArray[np.float32], live: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Divide every antenna of every frame by its own L2 norm over the live sub-carriers.

    Args:
        amplitude: (frames, antennas, sub-carriers), any unit.
        live: (antennas, sub-carriers); an antenna without live sub-carriers is left out.

    Returns:
        Normalised amplitudes (usable frames, live sub-carriers), antenna-major, of root mean square 1 per antenna; and
        which frames were usable: one with a silent antenna says nothing and is left out.
    """
    frames, antennas, subcarriers = amplitude.shape
    columns = 0
    for a in range(antennas):
        for s in range(subcarriers):
            columns += live[a, s]
    x = np.empty((frames, columns), np.float32)
    usable = np.zeros(frames, np.bool_)
    row = 0
    for f in range(frames):
        column = 0
        heard = columns > 0
        for a in range(antennas):
            power, count = 0.0, 0
            for s in range(subcarriers):
                if live[a, s]:
                    power += float(amplitude[f, a, s]) ** 2
                    count += 1
            if count == 0:
                continue
            heard = heard and power > 0.0
            scale = np.sqrt(count / power) if power > 0.0 else 0.0
            for s in range(subcarriers):
                if live[a, s]:
                    x[row, column] = amplitude[f, a, s] * scale
                    column += 1
        usable[f] = heard
        row += heard
    return x[:row].copy(), usable


def group_edges(live: NDArray[np.bool_], groups: int) -> NDArray[np.int64]:
    """Split each antenna's live sub-carriers into at most ``groups`` neighbouring groups of nearly equal size.

    Returns:
        First column of every group among the live columns, antenna-major; the number of columns comes last.
    """
    edges: list[int] = []
    first = 0
    for count in live.sum(axis=1).tolist():
        number = min(groups, count)
        edges += [first + g * count // number for g in range(number)]
        first += count
    return np.array([*edges, first], dtype=np.int64)


@kernel("int64[::1](float64[::1], int64, int64)")
def binned_profile(total: NDArray[np.float64], summands: int, bins: int) -> NDArray[np.int64]:
    """Average a sum of amplitudes (sub-carriers,) into at most ``bins`` neighbouring groups.

    Args:
        total: (sub-carriers,).
        summands: how many amplitudes of each sub-carrier were added up.
        bins: groups at most.

    Returns:
        Mean amplitudes of the groups, in thousandths.
    """
    count = len(total)
    groups = min(bins, count)
    binned = np.zeros(groups, np.int64)
    for g in range(groups):
        first, stop = g * count // groups, (g + 1) * count // groups
        mean = 0.0
        for s in range(first, stop):
            mean += total[s]
        binned[g] = np.int64(np.rint(mean / (summands * (stop - first)) * 1000.0))
    return binned
