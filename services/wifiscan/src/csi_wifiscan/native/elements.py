"""Information elements of beacons (IEEE 802.11, 9.4.2): the name of the network and the generation of its radio.

They come from the air: whoever sends them may lie about every length.
"""

from __future__ import annotations

from csi_schemas.access_points import Band, Radio

_SSID, _RATES, _EXTENDED_RATES = 0, 1, 50
_HT, _VHT, _EXTENSION = 45, 191, 255
_HE, _EHT = 35, 108
_MAX_SSID = 32
_OFDM_500KBPS = frozenset({12, 18, 24, 36, 48, 72, 96, 108})
"""Rates of 802.11a/g in units of 500 kbit/s."""
_BASIC_RATE = 0x80


def name_and_radio(elements: bytes, band: Band) -> tuple[bytes, Radio]:
    """Name (empty when hidden or absent) and newest amendment announced; elements past a false length are ignored."""
    name: bytes | None = None
    radio = Radio.UNKNOWN
    rates: set[int] = set()
    position = 0
    while position + 2 <= len(elements):
        kind, length = elements[position], elements[position + 1]
        body = elements[position + 2 : position + 2 + length]
        if len(body) < length:
            break
        position += 2 + length
        if kind == _SSID and name is None and length <= _MAX_SSID:
            name = body
        elif kind in (_RATES, _EXTENDED_RATES):
            rates.update(rate & ~_BASIC_RATE for rate in body)
        elif kind == _HT:
            radio = max(radio, Radio.N)
        elif kind == _VHT:
            radio = max(radio, Radio.AC)
        elif kind == _EXTENSION and body[:1] == bytes([_HE]):
            radio = max(radio, Radio.AX)
        elif kind == _EXTENSION and body[:1] == bytes([_EHT]):
            radio = max(radio, Radio.BE)
    if radio is Radio.UNKNOWN and rates:
        legacy = Radio.G if rates & _OFDM_500KBPS else Radio.B
        radio = legacy if band is Band.GHZ_2_4 else Radio.A
    return name or b"", radio
