"""Calibration and change scores as they are defined: over all frames at once, with numpy, for kernels to be held to."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from csi_events.arrival import LOUD, LOUD_ROUNDS
from csi_events.band_gain import APART, band_parts
from csi_events.change import KNOCK, lags
from csi_events.gain_states import JUMP, MOST, OUTLIER, GainStates, few_values, forgets
from csi_events.normalise import LIVE_SHARE, gain_normalised
from csi_events.quiet import Quiet, frame_rate
from numpy.typing import NDArray


def live_subcarriers(amplitude: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Which sub-carriers carry signal, (antennas, sub-carriers)."""
    norm = np.sqrt(np.sum(amplitude.astype(np.float64) ** 2, axis=(1, 2)))
    heard = norm > 0
    if not heard.any():
        return np.zeros(amplitude.shape[1:], dtype=bool)
    median = np.median(amplitude[heard] / norm[heard, None, None], axis=0)
    alive = median[median > 0]
    return np.asarray(median > LIVE_SHARE * (np.median(alive) if alive.size else np.inf))


def group_means(x: NDArray[np.floating], edges: NDArray[np.int64]) -> NDArray[np.floating]:
    """Means of the columns from each edge up to the next."""
    parts = np.split(x, edges[1:-1], axis=1)
    return np.column_stack([part.mean(axis=1) for part in parts])


def levelled(x: NDArray[np.floating], profile: NDArray[np.floating], live: NDArray[np.bool_]) -> NDArray[np.floating]:
    """``x`` (frames, columns), every antenna divided by a fit of the profile in which parts far from most are cut."""
    left = x.astype(np.float64)
    for edges in band_parts(live):
        parts = [slice(*pair) for pair in pairwise(edges.tolist()) if pair[0] < pair[1]]
        own = np.array([np.sum(profile[part].astype(float) ** 2) for part in parts])
        along = np.array([left[:, part] @ profile[part].astype(float) for part in parts]).reshape(len(parts), -1)
        ratio = along[own > 0] / own[own > 0, None]
        middle = np.median(ratio, axis=0)
        most = APART * np.median(np.abs(ratio - middle), axis=0)
        gain = middle + np.average(np.clip(ratio - middle, -most, most), axis=0, weights=own[own > 0])
        left[:, edges[0] : edges[-1]] /= np.where(gain > 0, gain, 1.0)[:, None]
    return left.astype(x.dtype)


def shortened_differences(x: NDArray[np.floating], longest: float) -> NDArray[np.float64]:
    """First differences over sqrt(2), none longer than ``longest`` times the median one."""
    difference = np.diff(x.astype(np.float64), axis=0) / np.sqrt(2)
    length = np.linalg.norm(difference, axis=1)
    shortened: NDArray[np.float64] = (
        difference * np.minimum(1.0, longest * np.median(length) / np.maximum(length, 1e-9))[:, None]
    )
    return shortened


def noise_scale(x: NDArray[np.floating]) -> NDArray[np.float64]:
    """Frame-to-frame noise of every column."""
    scale = np.sqrt(np.mean(shortened_differences(x, KNOCK) ** 2, axis=0))
    return np.asarray(np.maximum(scale, 0.3 * np.median(scale) + 1e-6))


def removed(gain: GainStates, x: NDArray[np.floating]) -> NDArray[np.floating]:
    """``x`` (frames, columns) without the directions of gain."""
    left = x
    for read, write in zip(gain.read, gain.write, strict=True):
        left = left - np.outer(left @ read, write)
    return left


def gain_states(x: NDArray[np.floating], *, switches_only: bool = False) -> GainStates:
    """Directions of gain, from a singular value decomposition of the differences."""
    noise = noise_scale(x)
    plain = shortened_differences(x, KNOCK) / noise
    _, singular, directions = np.linalg.svd(shortened_differences(x, JUMP) / noise, full_matrices=False)
    share = singular**2 / max(float(np.sum(plain**2)), 1e-12)
    edge = (1.0 + np.sqrt(plain.shape[1] / plain.shape[0])) ** 2 / plain.shape[1]
    outliers = directions[: min(int(np.sum(share > OUTLIER * edge)), plain.shape[1] - 1)]
    along = (x / noise) @ outliers.T
    chosen = forgets(along) & few_values(along) if switches_only else forgets(along)
    found = outliers[chosen][:MOST]
    return GainStates((found / noise).astype(np.float32), (found * noise).astype(np.float32))


def log_energy(y: NDArray[np.float64], m: int, i: int) -> float:
    """Log energy of the change at frame ``i`` and half-width ``m``; NaN without 2 m frames."""
    if i + 1 < 2 * m:
        return float("nan")
    change = (y[i + 1 - m : i + 1].mean(axis=0) - y[i + 1 - 2 * m : i + 1 - m].mean(axis=0)) * np.sqrt(m / 2)
    root = np.sqrt(np.abs(change))
    size = np.mean(root)
    for _ in range(LOUD_ROUNDS):
        size = np.mean(np.minimum(root, LOUD * size))
    return float(4 * np.log(size + 1e-6))


def log_energies(y: NDArray[np.float64], widths: NDArray[np.int64], first: int = 0) -> NDArray[np.float64]:
    """(widths, frames) of them, from frame ``first`` on."""
    return np.array([[log_energy(y, int(m), i) for i in range(first, len(y))] for m in widths]).reshape(len(widths), -1)


def change_scores(x: NDArray[np.floating], quiet: Quiet, first: int = 0) -> NDArray[np.float64]:
    """Mean over the known scales of the log energy less the quiet's, from frame ``first`` on; NaN where none is."""
    y = (removed(quiet.gain, x) * quiet.inverse_noise).astype(np.float64)
    energy = log_energies(y, quiet.widths, first)
    known = ~np.isnan(energy)
    excess = np.where(known, energy - quiet.level[:, None], 0.0).sum(axis=0)
    return np.where(known.any(axis=0), excess / np.maximum(known.sum(axis=0), 1), np.nan)


def calibrate(amplitude: NDArray[np.float32], t_s: NDArray[np.float64]) -> Quiet | None:
    """The quiet of a stretch."""
    live = live_subcarriers(amplitude)
    x, usable = gain_normalised(np.ascontiguousarray(amplitude), live)
    frames = len(x)
    if frames < 4:
        return None
    rate_hz = frame_rate(t_s[usable])
    widths = np.array(lags(rate_hz, frames), dtype=np.int64)
    steady = levelled(x, x.mean(axis=0), live)
    gain = gain_states(steady)
    steady = removed(gain, steady)
    noise = noise_scale(steady)
    return Quiet(
        live=live,
        gain=gain,
        inverse_noise=(1.0 / noise).astype(np.float32),
        widths=widths,
        level=np.asarray(np.nanmedian(log_energies(steady / noise, widths), axis=1)),
        profile=x.mean(axis=0),
        spread=np.maximum(x.std(axis=0), noise).astype(np.float32),
        rate_hz=rate_hz,
        seconds=float(t_s[-1] - t_s[0]),
        frames=frames,
    )


def with_unseen_gain(quiet: Quiet, amplitude: NDArray[np.float32]) -> Quiet | None:
    """The calibration with the gain states of a stretch that it has not met."""
    x, _ = gain_normalised(np.ascontiguousarray(amplitude), quiet.live)
    if len(x) < 4:
        return None
    x = levelled(x, quiet.profile, quiet.live)
    joined = quiet.gain.joined(gain_states(removed(quiet.gain, x), switches_only=True))
    return replace(quiet, gain=joined) if len(joined.read) > len(quiet.gain.read) else None
