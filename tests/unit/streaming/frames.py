"""Frames for the streaming tests."""

from __future__ import annotations

import msgspec
from csi_schemas.frame import CsiFrame


def frame(node: str, sequence: int, *, timestamp_ns: int = 0) -> CsiFrame:
    """A small frame of one node."""
    return CsiFrame(
        node_id=node,
        timestamp_ns=timestamp_ns,
        sequence=sequence,
        provenance="synthetic",
        source="synthetic",
        n_antennas=1,
        n_subcarriers=2,
        frequency_mhz=2437,
        rssi_dbm=-50,
        noise_floor_dbm=-90,
        iq=bytes(4),
    )


def encoded(node: str, sequence: int) -> bytes:
    """The same as a record value."""
    return msgspec.json.encode(frame(node, sequence))
