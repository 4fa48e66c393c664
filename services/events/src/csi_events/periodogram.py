"""Least-squares line search against a fitted background, for breathing rates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def detrended(t: NDArray[np.float64], x: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Remove a quadratic trend from ``x`` (samples, columns) and return it with the trend's orthonormal basis."""
    basis = np.linalg.qr(np.vander(t / np.abs(t).max(), 3))[0]
    return x - basis @ (basis.T @ x), basis


def line_power(
    t: NDArray[np.float64], x: NDArray[np.float64], basis: NDArray[np.float64], frequency_hz: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum of squares that one sinusoid explains beside the trend, (frequencies, columns).

    The floating-mean Lomb-Scargle periodogram (Zechmeister & Kuerster 2009, doi:10.1051/0004-6361:200811296) with the
    quadratic trend in place of the mean. ``x`` is already free of the trend ``basis`` spans.
    """
    phase = np.multiply.outer(t, 2 * np.pi * frequency_hz)
    cosine, sine = np.cos(phase), np.sin(phase)
    cosine -= basis @ (basis.T @ cosine)
    sine -= basis @ (basis.T @ sine)
    cosine /= np.linalg.norm(cosine, axis=0) + 1e-12
    sine -= cosine * np.einsum("tf,tf->f", cosine, sine)
    sine /= np.linalg.norm(sine, axis=0) + 1e-12
    return np.asarray((cosine.T @ x) ** 2 + (sine.T @ x) ** 2)


def background(
    frequency_hz: NDArray[np.float64], power: NDArray[np.float64], iterations: int = 8
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Fit power = exp(a) * f^-b, 0 <= b <= 3, to every column of ``power`` (frequencies, columns).

    Least absolute deviations of the logarithm, by reweighting, so that single lines do not lift it. The power of noise
    is exponentially distributed: its median is ln 2 of its mean, which ``a`` allows for.

    Returns:
        a and b, each (columns,).
    """
    log_f, log_p = np.log(frequency_hz)[:, None], np.log(power + 1e-300)
    weight = np.ones_like(log_p)
    slope = np.zeros(log_p.shape[1])
    for _ in range(iterations):
        centred = log_f - (weight * log_f).sum(axis=0) / weight.sum(axis=0)
        slope = (weight * centred * log_p).sum(axis=0) / ((weight * centred**2).sum(axis=0) + 1e-12)
        slope = np.clip(-slope, 0.0, 3.0)
        residual = log_p + slope * log_f
        weight = 1.0 / np.maximum(np.abs(residual - np.median(residual, axis=0)), 0.2)
    return np.median(log_p + slope * log_f, axis=0) - math.log(math.log(2)), slope


def leading_components(x: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Scores of the ``count`` leading principal components of ``x`` (samples, columns), by subspace iteration.

    The start is fixed, so the answer is repeatable.
    """
    count = min(count, x.shape[1], x.shape[0])
    basis = np.random.default_rng(1).standard_normal((x.shape[1], min(count + 2, x.shape[1])))
    for _ in range(6):
        basis = np.linalg.qr(x.T @ (x @ basis))[0]
    scores = x @ basis
    rotation = np.linalg.eigh(scores.T @ scores)[1]
    return np.asarray(scores @ rotation[:, ::-1][:, :count])


def without_spikes(y: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace single samples that stand out from both neighbours: a bad frame, not a movement."""
    middle = np.median(np.stack((y[:-2], y[1:-1], y[2:])), axis=0)
    limit = 6 * 1.4826 * np.median(np.abs(np.diff(y, axis=0)), axis=0)
    cleaned = y.copy()
    cleaned[1:-1] = np.where(np.abs(y[1:-1] - middle) > limit, middle, y[1:-1])
    return cleaned


@dataclass(frozen=True, slots=True)
class Line:
    """The strongest line of a window."""

    frequency_hz: float
    z: float
    """Power over the fitted background; noise gives an exponential of mean 1 at one frequency."""
    coherence: float
    """0-1: agreement of the line's phase over thirds of the window."""
    weakest: float
    """Amplitude in the weakest third over the mean of the thirds."""
    burst: float
    """Largest energy of steps in 2 s over the median: what movement does."""


def strongest_line(t_s: NDArray[np.float64], x: NDArray[np.float64], low_hz: float, high_hz: float) -> Line | None:
    """Search [low, high] for the line that stands highest above the background of its principal component.

    Args:
        t_s: (samples,) s, ascending, uneven as they are.
        x: (samples, columns), any unit: every column is divided by its own fast noise first.
        low_hz: lower end of the search.
        high_hz: upper end.

    Returns:
        The line, significant or not; ``None`` if there is no local maximum in the band.
    """
    t = t_s - 0.5 * (t_s[0] + t_s[-1])
    span = float(t[-1] - t[0])
    trend_free, basis = detrended(t, x / (np.diff(x, axis=0).std(axis=0) + 1e-9))
    y, basis = detrended(t, without_spikes(leading_components(trend_free, 4)))
    step = 1.0 / (6.0 * span)
    grid = np.arange(max(low_hz - 4 * step, 0.5 / span), high_hz + 5 * step, step)
    power = line_power(t, y, basis, grid)
    inside = (grid >= low_hz) & (grid <= high_hz)
    z = power / _background_at(t, y, grid, power * inside[:, None])
    peak = np.zeros_like(z, dtype=bool)
    peak[1:-1] = (z[1:-1] >= z[:-2]) & (z[1:-1] > z[2:]) & inside[1:-1, None]
    if not peak.any():
        return None
    best, column = np.unravel_index(int(np.where(peak, z, 0.0).argmax()), z.shape)
    c = int(column)
    i = _fundamental(z[:, c], np.flatnonzero(peak[:, c]), grid, int(best), 1.2 / span)
    frequency = _peak_frequency(grid, power[:, c], i)
    coherence, weakest = _steadiness(t, y[:, c], frequency)
    return Line(frequency, float(z[i, c]), coherence, weakest, _burst(t, y))


def _background_at(
    t: NDArray[np.float64], y: NDArray[np.float64], grid: NDArray[np.float64], power: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Background power at ``grid``, from what is left once each column's strongest line and its double are fitted."""
    span = t[-1] - t[0]
    coarse = np.arange(1, int(min(1.6, 0.45 * len(t) / span) * span) + 1) / span
    rest = y.copy()
    for c in range(y.shape[1]):
        phase = 2 * np.pi * grid[int((power[:, c] * grid).argmax())] * t
        lines = np.column_stack((np.cos(phase), np.sin(phase), np.cos(2 * phase), np.sin(2 * phase)))
        q = np.linalg.qr(lines)[0]
        rest[:, c] -= q @ (q.T @ y[:, c])
    phase = np.multiply.outer(2 * np.pi * coarse, t)
    periodogram = ((np.cos(phase) @ rest) ** 2 + (np.sin(phase) @ rest) ** 2) * (2 / len(t))
    a, b = background(coarse[1:], periodogram[1:])
    return np.asarray(np.exp(a - b * np.log(grid)[:, None]))


def _fundamental(
    z: NDArray[np.float64], peaks: NDArray[np.intp], grid: NDArray[np.float64], best: int, tolerance_hz: float
) -> int:
    """A peak at half the frequency that is strong in itself is the rate, and ``best`` its second harmonic."""
    for i in peaks:
        if abs(2 * grid[i] - grid[best]) < tolerance_hz and z[i] > max(12.0, 0.15 * z[best]):
            return int(i)
    return best


def _peak_frequency(grid: NDArray[np.float64], power: NDArray[np.float64], i: int) -> float:
    """Frequency of the power's own maximum next to ``i``: over a sloping background z peaks a little beside it."""
    near = np.arange(max(i - 2, 1), min(i + 3, len(grid) - 1))
    i = int(near[power[near].argmax()])
    below, here, above = power[i - 1 : i + 2]
    bend = below - 2 * here + above
    shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
    return float(grid[i] + (grid[1] - grid[0]) * min(max(shift, -1.0), 1.0))


def _steadiness(t: NDArray[np.float64], y: NDArray[np.float64], frequency_hz: float) -> tuple[float, float]:
    """Coherence and weakest third of the line at ``frequency_hz`` in ``y`` (samples,)."""
    phase = 2 * np.pi * frequency_hz * t
    cosine, sine = np.cos(phase), np.sin(phase)
    thirds = np.minimum(((t - t[0]) / (t[-1] - t[0]) * 3).astype(int), 2)
    amplitudes = []
    for third in range(3):
        own = thirds == third
        if own.sum() < 4:
            return 0.0, 0.0
        design = np.column_stack((np.ones(int(own.sum())), cosine[own], sine[own]))
        fit = np.linalg.lstsq(design, y[own], rcond=None)[0]
        amplitudes.append(complex(fit[1], -fit[2]))
    size = np.abs(amplitudes)
    mean = float(size.mean()) + 1e-12
    return float(abs(sum(amplitudes)) / (3 * mean)), float(size.min() / mean)


def _burst(t: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Largest step energy in 2 s over the median of all 2 s, worst component."""
    energy = np.diff(y, axis=0) ** 2
    starts = np.unique(np.searchsorted(t[1:], np.arange(t[0], t[-1] - 1.9, 2.0)))
    sums = np.add.reduceat(energy, starts, axis=0)
    return float((sums.max(axis=0) / (np.median(sums, axis=0) + 1e-12)).max())
