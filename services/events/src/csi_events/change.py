"""How much the channel changes, at several time scales: energies of Haar pairs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAG_FRAMES = (4, 8)
"""Half-widths of the Haar pairs, in frames."""
LAG_SECONDS = (0.08, 0.16)
"""Half-widths in seconds, turned into frames with the stream's rate."""
MAX_LAG = 32
"""Longest half-width in frames; bounds the tail a stream keeps to ``2 * MAX_LAG - 1`` frames."""
KNOCK = 1.5
"""A first difference longer than this times the median one is shortened to it."""


def lags(rate_hz: float, frames: int) -> tuple[int, ...]:
    """Half-widths in frames for a stream of this rate, of which ``frames`` frames can hold three; (1,) if none can."""
    wanted = {*LAG_FRAMES, *(max(1, round(seconds * rate_hz)) for seconds in LAG_SECONDS)}
    return tuple(sorted(lag for lag in wanted if lag <= MAX_LAG and frames >= 3 * lag)) or (1,)


def shortened_differences(x: NDArray[np.floating], longest: float) -> NDArray[np.float64]:
    """First differences of ``x`` (frames, columns) over sqrt(2), none longer than ``longest`` times the median one.

    White noise keeps its variance; a knock in a quiet stretch does not pass for noise.
    """
    difference = np.diff(x.astype(np.float64, copy=False), axis=0) / np.sqrt(2)
    length = np.sqrt(np.einsum("fd,fd->f", difference, difference))
    difference *= np.minimum(1.0, longest * np.median(length) / np.maximum(length, 1e-9))[:, None]
    return np.asarray(difference)


def noise_scale(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Frame-to-frame noise of every column of ``x`` (frames, columns), in the unit of ``x``.

    The root mean square of the differences shortened to ``KNOCK``; a column is never below 0.3 of the median one.
    """
    scale = np.sqrt(np.mean(shortened_differences(x, KNOCK) ** 2, axis=0))
    return np.asarray(np.maximum(scale, 0.3 * np.median(scale) + 1e-6))


@kernel("float64[:,::1](float64[:,::1], int64[::1], int64)")
def haar_log_energy(y: NDArray[np.float64], widths: NDArray[np.int64], first: int) -> NDArray[np.float64]:
    """Log energy of the newest change at every frame and scale.

    For half-width m the Haar pair at frame i is (mean of the m frames up to i - mean of the m before them) * sqrt(m/2):
    white noise of unit variance gives unit variance at every m. Its size is averaged over columns as mean(sqrt|d|) and
    reported as 4 log of that, which reads as a log energy in which a few loud sub-carriers count less.

    Args:
        y: (frames, columns), each column in units of its own noise; earlier frames first.
        widths: half-widths m in frames.
        first: index of the first frame to report.

    Returns:
        (widths, frames - first); NaN where fewer than 2 m frames precede.
    """
    total, columns = y.shape
    cumulated = np.zeros((total + 1, columns))
    for f in range(total):
        for c in range(columns):
            cumulated[f + 1, c] = cumulated[f, c] + y[f, c]
    energy = np.full((len(widths), total - first), np.nan)
    for w in range(len(widths)):
        m = widths[w]
        for f in range(max(first, 2 * m - 1), total):
            size = 0.0
            for c in range(columns):
                size += np.sqrt(abs(cumulated[f + 1, c] - 2.0 * cumulated[f + 1 - m, c] + cumulated[f + 1 - 2 * m, c]))
            energy[w, f - first] = 4.0 * np.log(size / columns / (2.0 * m) ** 0.25 + 1e-6)
    return energy


@kernel("float64[:,::1](float32[:,::1], float32[:,::1], float32[:,::1], float32[::1])")
def _steady(
    x: NDArray[np.float32], read: NDArray[np.float32], write: NDArray[np.float32], inverse_noise: NDArray[np.float32]
) -> NDArray[np.float64]:
    """``x`` (frames, columns) without the directions of gain, in units of noise."""
    frames, columns = x.shape
    y = np.empty((frames, columns))
    for f in range(frames):
        for c in range(columns):
            y[f, c] = x[f, c]
        for d in range(len(read)):
            along = 0.0
            for c in range(columns):
                along += y[f, c] * read[d, c]
            for c in range(columns):
                y[f, c] -= along * write[d, c]
        for c in range(columns):
            y[f, c] *= inverse_noise[c]
    return y


@kernel("float64[::1](float32[:,::1], float32[:,::1], float32[:,::1], float32[::1], int64[::1], float64[::1], int64)")
def change_scores(  # noqa: PLR0917 - numba takes arrays, not the calibration that holds them
    x: NDArray[np.float32],
    read: NDArray[np.float32],
    write: NDArray[np.float32],
    inverse_noise: NDArray[np.float32],
    widths: NDArray[np.int64],
    level: NDArray[np.float64],
    first: int,
) -> NDArray[np.float64]:
    """Log of how much the newest frames change, over the quiet: 0 is quiet, 1.1 three times its energy, motion 2-4.

    Args:
        x: (frames, columns) normalised amplitudes, earlier frames first.
        read: (directions, columns): with ``write``, what to leave out, see :class:`csi_events.gain_states.GainStates`.
        write: (directions, columns).
        inverse_noise: (columns,): 1 / frame-to-frame noise of what is left.
        widths: half-widths in frames.
        level: (widths,): log energy of each scale in the quiet.
        first: index of the first frame to report.

    Returns:
        (frames - first,): :func:`haar_log_energy` over ``level``, mean of the scales that have enough frames; NaN where
        none has.
    """
    energy = haar_log_energy(_steady(x, read, write, inverse_noise), widths, first)
    scores = np.full(energy.shape[1], np.nan)
    for f in range(energy.shape[1]):
        excess, known = 0.0, 0
        for w in range(len(widths)):
            if not np.isnan(energy[w, f]):
                excess += energy[w, f] - level[w]
                known += 1
        if known:
            scores[f] = excess / known
    return scores
