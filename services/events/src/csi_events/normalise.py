"""Gain normalisation: amplitudes that automatic gain control cannot change."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIVE_SHARE = 0.05
"""A sub-carrier is live when its median amplitude exceeds this share of the stream's typical one."""


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


def live_subcarriers(amplitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Say which sub-carriers of (frames, antennas, sub-carriers) carry signal; shape (antennas, sub-carriers).

    Judged on frames divided by their own norm, so a change of gain does not decide; "typical" is the median over the
    sub-carriers that are not dead, so any number of null sub-carriers leaves the answer alone.
    """
    norm = np.sqrt(np.einsum("fas,fas->f", amplitude, amplitude, dtype=np.float64))
    heard = norm > 0
    if not heard.any():
        return np.zeros(amplitude.shape[1:], dtype=bool)
    median = np.median(amplitude[heard] / norm[heard, None, None], axis=0)
    alive = median[median > 0]
    if not alive.size:
        return np.zeros(amplitude.shape[1:], dtype=bool)
    return np.asarray(median > LIVE_SHARE * np.median(alive))


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


@kernel("float32[:,::1](float32[:,::1], int64[::1])")
def group_means(x: NDArray[np.float32], edges: NDArray[np.int64]) -> NDArray[np.float32]:
    """Average the columns of ``x`` (frames, columns) from each edge up to the next; (frames, edges - 1)."""
    frames, groups = x.shape[0], len(edges) - 1
    means = np.zeros((frames, groups), np.float32)
    for f in range(frames):
        for g in range(groups):
            for column in range(edges[g], edges[g + 1]):
                means[f, g] += x[f, column]
            means[f, g] /= np.float32(edges[g + 1] - edges[g])
    return means


def binned_profile(amplitude: NDArray[np.floating], bins: int) -> NDArray[np.float64]:
    """Mean amplitude per sub-carrier over frames and antennas, averaged into at most ``bins`` neighbouring groups."""
    profile = amplitude.mean(axis=(0, 1), dtype=np.float64)
    if len(profile) <= bins:
        return np.asarray(profile)
    edges = np.arange(bins + 1) * len(profile) // bins
    return np.asarray(np.add.reduceat(profile, edges[:-1]) / np.diff(edges))
