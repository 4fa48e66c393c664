"""Simulated rooms as frames and arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from csi_introspection import frame, reference
from csi_introspection.arrays import Float64, Int8, Int64
from csi_introspection.stream import FrameStream
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


class Match(NamedTuple):
    """One reported match."""

    name: str
    score: float
    state: int
    """See ``states.NONE``."""
    progress: float
    p_value: float


def feed(stream: FrameStream, iq: Int8, *, rate_hz: float = reference.RATE_HZ, late_s: float = 0.0) -> Float64:
    """Give a stream frames as the service does, ``late_s`` later than the frames so far say; every frame's result."""
    results = []
    for row in iq:
        samples = np.frombuffer(row.tobytes(), np.int8)
        stream.advance(samples, EPOCH_NS + round((late_s + stream.frame_count / rate_hz) * 1e9))
        results.append(stream.result.copy())
    return np.array(results)


def matches(stream: FrameStream, result: Float64) -> list[Match]:
    """Return the matches of one result, in its order."""
    first = frame.MATCHES + 1
    places = result[first : first + int(result[frame.MATCHES]) * frame.MATCH_FIELDS].reshape(-1, frame.MATCH_FIELDS)
    return [
        Match(stream.signatures[int(number)].id, score, int(state), progress, p)
        for number, score, state, progress, p in places.tolist()
    ]


def states(stream: FrameStream, results: Float64, name: str) -> Int64:
    """State of one signature on every frame; ``states.NONE`` where it is not reported."""
    return np.array([sum(m.state for m in matches(stream, result) if m.name == name) for result in results], np.int64)
