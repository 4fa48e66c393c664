"""Every limit the codec enforces, in one table; a value outside one is ``out_of_range``, NaN and Inf ``non_finite``.

Limits are what no working radio or body exceeds, so that they catch damaged and hostile packets, not odd rooms.
"""

from __future__ import annotations

from math import inf, isfinite
from typing import NamedTuple

from csi_schemas.codec.errors import PacketError, RejectReason

MAX_SUBCARRIERS = 512
"""Per antenna, ADR-018."""
MAX_ANTENNAS = 16
"""Antenna streams in one frame: an ESP32 sends 1, a 3x3 research card 9, a 4x4 one 16."""
MAX_IQ_BYTES = 2 * MAX_ANTENNAS * MAX_SUBCARRIERS
"""I/Q bytes of the largest frame."""
MAX_WASM_EVENTS = 16
"""Numbers in one WebAssembly output packet, ADR-040."""
MAX_BSSID_SLOTS = 32
"""Access points one host tracks, ADR-022."""


class Limit(NamedTuple):
    """Closed interval of a field."""

    low: float
    high: float
    unit: str


LIMITS: dict[str, Limit] = {
    "frequency_mhz": Limit(0, 75_000, "MHz"),  # 802.11ay ends at 71 GHz; 0: the node does not say
    "rssi_dbm": Limit(-128, 20, "dBm"),  # no receiver survives more
    "breathing_rate_bpm": Limit(0, 120, "breaths/min"),  # 0: none; twice a newborn's
    "heart_rate_bpm": Limit(0, 300, "beats/min"),  # 0: none
    "motion_energy": Limit(0, inf, "firmware unit"),
    "energy_score": Limit(0, inf, "firmware unit"),  # vitals' presence score is an energy, not a probability
    "probability": Limit(0, 1, ""),
    "percent": Limit(0, 100, "%"),
    "distance_cm": Limit(0, 100_000, "cm"),
    "variance_db2": Limit(0, inf, "dB^2"),
    "any_number": Limit(-inf, inf, ""),
    "channel": Limit(0, 255, ""),
    "slot": Limit(0, MAX_BSSID_SLOTS - 1, ""),
    "band": Limit(0, 3, ""),
    "radio": Limit(0, 7, ""),
}


def check(quantity: str, value: float, field: str | None = None) -> None:
    """Raise ``PacketError`` when ``value`` is not finite or outside ``LIMITS[quantity]``; ``field`` names it."""
    limit = LIMITS[quantity]
    if limit.low <= value <= limit.high and isfinite(value):
        return
    name = field or quantity
    if not isfinite(value):
        raise PacketError(RejectReason.NON_FINITE, f"{name} is {value}")
    unit = f" {limit.unit}" if limit.unit else ""
    raise PacketError(RejectReason.OUT_OF_RANGE, f"{name} is {value:g}{unit}; allowed {limit.low:g} to {limit.high:g}")
