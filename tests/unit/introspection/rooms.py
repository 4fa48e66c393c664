"""Simulated rooms as frames and arrays."""

from __future__ import annotations

import numpy as np
from csi_introspection.arrays import Int8
from csi_schemas.common import Provenance
from csi_schemas.frame import CsiFrame

EPOCH_NS = 1_800_000_000 * 10**9


def room(count: int, seed: int, *, subcarriers: int = 64, antennas: int = 1, noise: float = 1.0) -> Int8:
    """I/Q, (count, antennas x subcarriers x 2), of a static room with receiver noise; four null sub-carriers."""
    base = 30 * np.random.default_rng([seed, 1]).normal(size=(antennas, subcarriers, 2))
    rng = np.random.default_rng([seed, 2])
    iq = np.clip(np.rint(base + noise * rng.normal(size=(count, *base.shape))), -127, 127)
    iq[:, :, :4] = 0
    return iq.astype(np.int8).reshape(count, -1)


def frames_of(
    iq: Int8,
    *,
    node: str = "1",
    subcarriers: int = 64,
    antennas: int = 1,
    rate_hz: float = 20.0,
    frequency_mhz: int = 2437,
    provenance: Provenance = "synthetic",
    start_ns: int = EPOCH_NS,
) -> list[CsiFrame]:
    """Return the frames ingest would publish."""
    return [
        CsiFrame(
            node_id=node,
            timestamp_ns=start_ns + int(number / rate_hz * 1e9),
            sequence=number,
            provenance=provenance,
            source="synthetic",
            n_antennas=antennas,
            n_subcarriers=subcarriers,
            frequency_mhz=frequency_mhz,
            rssi_dbm=-50,
            noise_floor_dbm=-95,
            iq=row.tobytes(),
        )
        for number, row in enumerate(iq)
    ]
