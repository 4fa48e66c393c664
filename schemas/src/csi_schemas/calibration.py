"""``csi.calibration.v1``: what the windowed path has learnt of each stream's quiet, and requests to learn it anew.

The newest record of a key is what holds, so a calibration survives restarts and follows its node to another worker.
Key of a calibration: node id/stream label/provenance. A request has ``/request`` after that, so that it never displaces
the calibration it wants to see replaced; an empty value under its key withdraws it.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.common import Origin, Provenance

CalibrationCause = Literal["start", "quieter", "request", "gain"]
CalibrationState = Literal["calibrating", "ok", "suspect"]
REQUEST_SUFFIX = "/request"


class StreamCalibration(msgspec.Struct, tag_field="type", tag="calibration", kw_only=True):
    """The quiet of one stream. Arrays are over the live sub-carriers, antenna by antenna."""

    node_id: str
    stream: str
    """Stream label, see ``StreamKey.label``."""
    provenance: Provenance
    cause: CalibrationCause
    """Why it was learnt: the stream began, something quieter came, somebody asked, or a gain state was met."""
    origin: Origin
    """The last frame it was learnt from."""
    first_ns: int
    """Receive time of the first frame it was learnt from, ns since the Unix epoch."""
    last_ns: int
    """Receive time of the last."""
    frames: int
    """Usable frames it was learnt from."""
    rate_hz: float
    live: list[list[int]]
    """For each antenna the sub-carriers that carry signal."""
    subcarriers: int
    """Sub-carriers of an antenna, dead ones too."""
    gain_read: list[list[float]]
    """Directions of gain states: what to read along."""
    gain_write: list[list[float]]
    """And what to take away for each unit read."""
    inverse_noise: list[float]
    """1 / frame-to-frame noise without those directions."""
    widths: list[int]
    """Half-widths of the Haar pairs, frames."""
    level: list[float]
    """Median log energy of each of them."""
    profile: list[float]
    """Mean normalised amplitude."""
    spread: list[float]
    """Its standard deviation."""
    quiet_level: float = 0.0
    """Level of the change score in the quiet since then, log energy over ``level``."""
    quiet_tail: float = 0.0
    """Mean excess over that level."""
    request: str | None = None
    """The request that it answers."""


class CalibrationRequest(msgspec.Struct, tag_field="type", tag="request", kw_only=True):
    """Somebody promises quiet and asks for a calibration."""

    id: str
    node_id: str
    stream: str
    provenance: Provenance
    requested_ns: int
    """Wall clock, ns since the Unix epoch."""
    duration_s: float
    """Event time to learn from, s."""


AnyCalibration = StreamCalibration | CalibrationRequest


def calibration_key(node_id: str, stream: str, provenance: Provenance) -> str:
    """Return the record key of a stream's calibration."""
    return f"{node_id}/{stream}/{provenance}"
