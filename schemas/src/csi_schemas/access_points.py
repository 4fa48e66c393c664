"""What a signal strength becomes where it is used (ADR-022), and the numbers of bands and radios on the wire.

The wire carries dBm: amplitudes span five decades and would overflow or lose resolution in a small field.
"""

from __future__ import annotations

import math
from enum import IntEnum

_CHANNELS_IN_HALF_PI = 48


class Band(IntEnum):
    """Frequency band of an access point."""

    UNKNOWN = 0
    GHZ_2_4 = 1
    GHZ_5 = 2
    GHZ_6 = 3


class Radio(IntEnum):
    """Newest 802.11 amendment an access point announces."""

    UNKNOWN = 0
    B = 1
    A = 2
    G = 3
    N = 4
    AC = 5
    AX = 6
    BE = 7


_BAND_OFFSET = {Band.GHZ_2_4: 0.0, Band.GHZ_5: math.pi, Band.GHZ_6: math.pi / 2}


def amplitude(rssi_dbm: float) -> float:
    """Linear amplitude of a signal strength: 10^((rssi + 100) / 20); 1 at -100 dBm, 10 every 20 dB (ADR-022, 4.3)."""
    return float(10.0 ** ((rssi_dbm + 100.0) / 20.0))


def rssi(linear: float) -> float:
    """Signal strength in dBm of a linear amplitude, the inverse of :func:`amplitude`; at least -300 dBm."""
    return 20.0 * math.log10(max(linear, 1e-10)) - 100.0


def pseudo_phase(channel: int, band: int) -> float | None:
    """Phase in radians that stands for a frequency group, as signal strengths have none (ADR-022, 4.4).

    Band offset (0 at 2.4 GHz, pi at 5 GHz, pi/2 at 6 GHz) plus channel / 48 * pi/2. Channels of 5 and 6 GHz go far
    beyond 48, so that the phases of the bands overlap: it groups, it does not identify. ``None`` when channel or band
    is unknown.
    """
    offset = _BAND_OFFSET.get(Band(band))
    if offset is None or channel == 0:
        return None
    return offset + channel / _CHANNELS_IN_HALF_PI * (math.pi / 2)
