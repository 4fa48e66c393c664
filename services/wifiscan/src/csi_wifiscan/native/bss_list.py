"""WLAN_BSS_LIST, what ``WlanGetNetworkBssList`` of wlanapi.dll fills in (wlanapi.h, natural alignment).

List: 0 u32 total bytes | 4 u32 entries | 8 the entries, 360 bytes each, then their elements. Entry: 0 u32 SSID
length | 4 SSID, 32 bytes | 36 u32 PHY id | 40 BSSID | 48 u32 BSS type | 52 u32 PHY type | 56 i32 RSSI dBm | 60 u32 link
quality % | 64 u8 in regulatory domain | 66 u16 beacon period | 72 u64 TSF | 80 u64 host time, 100 ns since 1601 |
88 u16 capability | 92 u32 centre frequency kHz | 96 u32 number of rates | 100 126 u16 rates | 352 u32 offset of the
elements from the entry | 356 u32 their size.
"""

from __future__ import annotations

import struct

from csi_schemas.access_points import Radio

from csi_wifiscan.access_point import AccessPoint, band_of_frequency, channel_of_frequency, text_of
from csi_wifiscan.errors import ScanError
from csi_wifiscan.native.elements import name_and_radio

LIST_HEADER = struct.Struct("<II")
ENTRY = struct.Struct("<I32sI6s2xIIiIBxH4xQQH2xII252sII")
_MAX_SSID = 32
_PHY_TYPES = {4: Radio.A, 5: Radio.B, 6: Radio.G, 7: Radio.N, 8: Radio.AC, 10: Radio.AX, 11: Radio.BE}
"""DOT11_PHY_TYPE: ofdm, hrdsss, erp, ht, vht, he, eht."""
_TICKS_PER_MS = 10_000
_OLDEST_MS = 3_600_000
"""Windows forgets access points after minutes; a driver that gives an older time gives another clock's."""


def parse_bss_list(image: bytes, now_ticks: int) -> list[AccessPoint]:
    """Access points of the byte image of a list.

    Args:
        image: as many bytes as the list says it has.
        now_ticks: the host's time, 100 ns since 1601, to tell how long ago each was heard.

    Raises:
        ScanError: the image contradicts itself.
    """
    if len(image) < LIST_HEADER.size:
        raise ScanError(f"a list of access points in {len(image)} bytes; its header alone has {LIST_HEADER.size}")
    total, count = LIST_HEADER.unpack_from(image)
    if total != len(image) or LIST_HEADER.size + count * ENTRY.size > total:
        raise ScanError(f"a list of {count} access points that says it has {total} bytes, in {len(image)}")
    return [_entry(image, LIST_HEADER.size + index * ENTRY.size, now_ticks) for index in range(count)]


def _entry(image: bytes, start: int, now_ticks: int) -> AccessPoint:
    fields = ENTRY.unpack_from(image, start)
    ssid_length, ssid, _, bssid, _, phy, rssi, quality, _, _, _, heard, _, frequency_khz, _, _, offset, size = fields
    if ssid_length > _MAX_SSID or start + offset + size > len(image):
        raise ScanError("an access point whose name or elements lie outside of its list")
    mhz = frequency_khz / 1000
    band = band_of_frequency(mhz)
    _, announced = name_and_radio(image[start + offset : start + offset + size], band)
    radio = announced if announced is not Radio.UNKNOWN else _PHY_TYPES.get(phy, Radio.UNKNOWN)
    age_ms = max(0, (now_ticks - heard) // _TICKS_PER_MS)
    return AccessPoint(
        bssid.hex(":"),
        float(rssi),
        text_of(ssid[:ssid_length]),
        quality if quality <= 100 else None,
        channel_of_frequency(mhz),
        band,
        radio,
        age_ms if age_ms < _OLDEST_MS else None,
    )
