"""Power spectra of unevenly sampled signals, in the unit of a variance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events._compile import kernel
from csi_events.steps import Steps, at_once

if TYPE_CHECKING:
    from numpy.typing import NDArray

MIN_SAMPLES = 8
"""Fewer samples than this have no spectrum worth the name."""
STEP_US = 30.0
"""What a step takes, about."""
LINE_P = 0.01
"""A strongest line is reported only if white noise shows one as strong less often than this."""


class Spectrum(NamedTuple):
    """Lines at k / span, k = 1, 2 ... up to the mean Nyquist frequency."""

    frequency_hz: NDArray[np.float64]
    """(lines,)."""
    power: NDArray[np.float64]
    """(lines,): shares of the variance; their sum is the mean over columns of the samples' variance."""


@kernel("float32[:,::1](float64[::1], float64, int64)")
def _sinusoids(t_s: NDArray[np.float64], span: float, lines: int) -> NDArray[np.float32]:
    """Cosines, then sines, of the lines k / span at the samples; (2 * lines, samples). Powers of one rotation."""
    wave = np.empty((2 * lines, len(t_s)), np.float32)
    for s in range(len(t_s)):
        phase = 2.0 * np.pi * (t_s[s] - t_s[0]) / span
        step = complex(np.cos(phase), np.sin(phase))
        turn = step
        for k in range(lines):
            wave[k, s], wave[lines + k, s] = turn.real, turn.imag
            turn *= step
    return wave


@kernel("float64(float32[:,::1])")
def _centre(x: NDArray[np.float32]) -> float:
    """Take the mean out of every column of ``x`` (samples, columns), in place; returns the sum of all squares."""
    samples, columns = x.shape
    mean = np.zeros(columns)
    for s in range(samples):
        for c in range(columns):
            mean[c] += np.float64(x[s, c]) - np.float64(x[0, c])
    for c in range(columns):
        mean[c] = mean[c] / samples + x[0, c]
    squares = 0.0
    for s in range(samples):
        for c in range(columns):
            x[s, c] -= mean[c]
            squares += np.float64(x[s, c]) ** 2
    return squares


@kernel("void(float32[:,::1], float64[::1])")
def _add_squares(amplitudes: NDArray[np.float32], power: NDArray[np.float64]) -> None:
    """Add the squares of cosines and sines (2 * lines, columns) to their lines' ``power`` (lines,)."""
    lines, columns = len(power), amplitudes.shape[1]
    for k in range(lines):
        for c in range(columns):
            power[k] += np.float64(amplitudes[k, c]) ** 2 + np.float64(amplitudes[lines + k, c]) ** 2


def spectrum(t_s: NDArray[np.float64], x: NDArray[np.float32]) -> Spectrum:
    """Classical periodogram at the samples' real times, averaged over columns and scaled to their variance.

    Lines lie at k / T with T the span plus one mean gap, up to half the mean rate; at even spacing they are orthogonal
    and the scaling is Parseval's. With uneven times lines leak into each other, yet the sum is still the variance.

    Args:
        t_s: (samples,) s, ascending.
        x: (samples, columns).

    Returns:
        No lines for fewer than ``MIN_SAMPLES`` samples or when all are at one time.
    """
    return at_once(spectrum_in_steps(t_s, iter((x.astype(np.float32),))))


def spectrum_in_steps(t_s: NDArray[np.float64], parts: Iterator[NDArray[np.float32]]) -> Steps[Spectrum]:
    """Do what :func:`spectrum` does, a part of the columns at a time; yields what the next will take, us, about.

    Args:
        t_s: (samples,) s, ascending.
        parts: (samples, some columns), one after another; they are overwritten.
    """
    samples = len(t_s)
    span = (t_s[-1] - t_s[0]) * samples / (samples - 1) if samples > 1 else 0.0
    if samples < MIN_SAMPLES or span <= 0:
        return Spectrum(np.zeros(0), np.zeros(0))
    lines = samples // 2
    frequency = np.arange(1, lines + 1) / span
    waves = _sinusoids(t_s, span, lines)
    power, squares, size = np.zeros(lines), 0.0, 0
    yield STEP_US
    for x in parts:
        squares += _add_power(waves, x, power)
        size += x.size
        yield STEP_US
    if samples % 2 == 0:
        power[-1] *= 0.5  # the Nyquist line has one degree of freedom, and is seen once, not twice
    total = float(power.sum())
    return Spectrum(frequency, power * (squares / size / total) if total > 0 else power)


def _add_power(waves: NDArray[np.float32], x: NDArray[np.float32], power: NDArray[np.float64]) -> float:
    """Add what lines explain of the columns ``x`` to ``power``; returns the columns' sum of squares."""
    squares = _centre(x)
    _add_squares(waves @ x, power)
    return squares


def band_power(lines: Spectrum, low_hz: float, high_hz: float) -> float:
    """Power of the lines in [low, high], in the unit of a variance."""
    inside = (lines.frequency_hz >= low_hz) & (lines.frequency_hz <= high_hz)
    return float(lines.power[inside].sum())


def dominant_frequency(lines: Spectrum) -> float:
    """Frequency of the strongest line, Hz; 0 when white noise shows one as strong (Fisher's g test, ``LINE_P``).

    The test takes the lines for exponentially distributed. Averaged over columns they vary less, so the test errs on
    the side of 0.
    """
    total = float(lines.power.sum())
    count = len(lines.power)
    if not count or total <= 0:
        return 0.0
    strongest = int(lines.power.argmax())
    share = float(lines.power[strongest]) / total
    chance = count * (1.0 - share) ** (count - 1)  # first term of Fisher's series: an upper bound
    return float(lines.frequency_hz[strongest]) if chance < LINE_P else 0.0
