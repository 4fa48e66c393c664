"""Streams in which nobody breathes at any rate, made of recordings or of noise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from csi_events.offline import Recording


def shuffled(recording: Recording, seed: int) -> Recording:
    """Return the same frames at the same times in another order: nothing in it is periodic."""
    order = np.random.default_rng(seed).permutation(len(recording.t_ns))
    iq = None if recording.iq is None else np.ascontiguousarray(recording.iq[order])
    return Recording(recording.t_ns, np.ascontiguousarray(recording.amplitude[order]), iq)


def white(antennas: int, seed: int, *, seconds: int = 300, rate_hz: float = 20.0) -> Recording:
    """Return a still channel and white noise at irregular times."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate_hz)
    t_ns = (np.cumsum(rng.uniform(0.5, 1.5, count)) / rate_hz * 1e9).astype(np.int64)
    still = 40.0 * rng.standard_normal((1, antennas, 56, 2))
    noisy = np.clip(np.rint(still + 10.0 * rng.standard_normal((count, antennas, 56, 2))), -127, 127)
    return Recording.from_iq(noisy.astype(np.int8), t_ns)


def joined(parts: Sequence[Recording]) -> Recording:
    """Set recordings of one shape end to end, a usual interval between them."""
    times, start = [], 0
    for part in parts:
        times.append(part.t_ns - part.t_ns[0] + start)
        start = int(times[-1][-1] + np.median(np.diff(part.t_ns)))
    iq = [part.iq for part in parts if part.iq is not None]
    return Recording(
        np.concatenate(times),
        np.concatenate([part.amplitude for part in parts]),
        np.concatenate(iq) if len(iq) == len(parts) else None,
    )


def coloured(antennas: int, slope: float, seed: int, *, seconds: int = 300, rate_hz: float = 20.0) -> Recording:
    """Return a channel that drifts in several directions at once as noise of power f^-slope does, and white noise."""
    rng = np.random.default_rng(seed)
    count = int(seconds * rate_hz)
    t_ns = (np.arange(count) / rate_hz * 1e9).astype(np.int64)
    directions = 3
    spectrum = rng.standard_normal((directions, count, 2)) @ np.array([1.0, 1.0j])
    frequency = np.abs(np.fft.fftfreq(count, 1.0 / rate_hz))
    spectrum *= np.where(frequency > 0, np.maximum(frequency, 1e-9), np.inf) ** (-slope / 2.0)
    drift = np.fft.ifft(spectrum, axis=1)
    drift *= np.array([4.0, 2.0, 1.0])[:, None] / drift.std(axis=1, keepdims=True)
    towards = rng.standard_normal((directions, antennas, 56, 2)) @ np.array([1.0, 1.0j])
    still = 40.0 * (rng.standard_normal((antennas, 56, 2)) @ np.array([1.0, 1.0j]))
    channel = still + np.einsum("dt,das->tas", drift, towards)
    channel = channel + rng.standard_normal((count, antennas, 56, 2)) @ np.array([1.0, 1.0j])
    iq = np.stack((channel.real, channel.imag), axis=-1)
    return Recording.from_iq(np.clip(np.rint(iq), -127, 127).astype(np.int8), t_ns)
