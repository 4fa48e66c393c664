"""Signals for the events tests, made here: a static multipath channel, noise, a moving scatterer, breathing."""

from __future__ import annotations

import numpy as np
from csi_schemas.frame import CsiFrame
from numpy.typing import NDArray

EPOCH_NS = 1_700_000_000_000_000_000


def channel(
    frames: int,
    *,
    antennas: int = 1,
    subcarriers: int = 64,
    rate_hz: float = 50.0,
    noise: float = 0.5,
    moving: NDArray[np.bool_] | None = None,
    breathing_bpm: float | None = None,
    seed: int = 0,
) -> NDArray[np.complex128]:
    """Channel (frames, antennas, sub-carriers), amplitude about 30, with white noise of this standard deviation.

    ``moving`` frames see a path whose length changes by walking; breathing is a path of 5 mm swing.
    """
    rng = np.random.default_rng(seed)
    k = np.arange(subcarriers)
    h = np.zeros((frames, antennas, subcarriers), complex)
    for delay, gain in ((0.0, 30.0), (0.06, 9.0), (0.13, 5.0)):
        phase = rng.uniform(0, 2 * np.pi, (1, antennas, 1))
        h += gain * np.exp(1j * (2 * np.pi * delay * k + phase))
    t = np.arange(frames) / rate_hz
    if moving is not None:
        travelled = np.cumsum(moving) / rate_hz * 8.0  # 1 m/s at a wavelength of 12.5 cm
        phase = 2 * np.pi * travelled[:, None, None] + rng.uniform(0, 6, (1, antennas, 1)) + 0.1 * k
        h += np.where(moving, 7.0, 0.0)[:, None, None] * np.exp(1j * phase)
    if breathing_bpm is not None:
        swing = 0.5 * np.sin(2 * np.pi * breathing_bpm / 60 * t)
        phase = swing[:, None, None] + rng.uniform(0, 6, (1, antennas, 1)) + 0.1 * k
        h += 6.0 * np.exp(1j * phase)
    return np.asarray(h + noise * (rng.standard_normal(h.shape) + 1j * rng.standard_normal(h.shape)) / np.sqrt(2))


def quantised(h: NDArray[np.complex128]) -> NDArray[np.int8]:
    """I/Q (..., 2) as the radio's int8."""
    parts = np.stack((h.real, h.imag), axis=-1)
    return np.clip(np.rint(parts), -128, 127).astype(np.int8)


def times(frames: int, rate_hz: float, *, jitter: float = 0.0, seed: int = 0) -> NDArray[np.int64]:
    """Receive times, ns, ascending, each late by up to ``jitter`` of an interval."""
    late = np.random.default_rng(seed).uniform(0, jitter, frames) if jitter else np.zeros(frames)
    return EPOCH_NS + np.rint((np.arange(frames) + late) / rate_hz * 1e9).astype(np.int64)


def frames_of(
    iq: NDArray[np.int8], t_ns: NDArray[np.int64], *, node: str = "1", frequency_mhz: int = 2437
) -> list[CsiFrame]:
    """Frames as ingest publishes them."""
    return [
        CsiFrame(
            node_id=node,
            timestamp_ns=int(t),
            sequence=i,
            provenance="synthetic",
            source="synthetic",
            n_antennas=iq.shape[1],
            n_subcarriers=iq.shape[2],
            frequency_mhz=frequency_mhz,
            rssi_dbm=-50,
            noise_floor_dbm=-90,
            iq=values.tobytes(),
        )
        for i, (values, t) in enumerate(zip(iq, t_ns, strict=True))
    ]
