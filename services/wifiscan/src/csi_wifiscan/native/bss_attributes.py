"""NL80211_ATTR_BSS, one access point of the kernel's scan results (linux/nl80211.h): attributes in attributes.

Each is u16 length (its own 4 bytes included), u16 type, then the value, padded to 4 bytes; host byte order.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from csi_schemas.access_points import Band

from csi_wifiscan.access_point import AccessPoint, band_of_frequency, channel_of_frequency, text_of
from csi_wifiscan.errors import ScanError
from csi_wifiscan.native.elements import name_and_radio

if TYPE_CHECKING:
    from collections.abc import Iterator

BSSID, FREQUENCY, ELEMENTS, SIGNAL_MBM, SIGNAL_UNSPECIFIED, SEEN_MS_AGO, BEACON_ELEMENTS = 1, 2, 6, 7, 8, 10, 11
LAST_SEEN_BOOTTIME = 15
_HEAD = struct.Struct("=HH")
_U32 = struct.Struct("=I")
_I32 = struct.Struct("=i")
_U64 = struct.Struct("=Q")
_TYPE_BITS = 0x3FFF
"""The upper two bits say nested and network byte order."""
_BSSID_BYTES = 6
_NS_PER_MS = 1_000_000


def parse_bss_attributes(image: bytes, boot_time_ns: int) -> AccessPoint | None:
    """One access point; ``None`` when the kernel has no signal strength of it.

    Args:
        image: value of the attribute.
        boot_time_ns: CLOCK_BOOTTIME now, to tell how long ago it was heard.

    Raises:
        ScanError: the image is damaged.
    """
    values = dict(_attributes(image))
    try:
        bssid = values[BSSID]
        (mhz,) = _U32.unpack(values[FREQUENCY])
        if SIGNAL_MBM in values:
            rssi, percent = _I32.unpack(values[SIGNAL_MBM])[0] / 100, None
        elif SIGNAL_UNSPECIFIED in values:
            percent = values[SIGNAL_UNSPECIFIED][0]
            rssi = percent / 2 - 100
        else:
            return None
        age_ms = _age_ms(values, boot_time_ns)
    except (KeyError, struct.error, IndexError):
        raise ScanError("the kernel described an access point without its address or frequency") from None
    if len(bssid) != _BSSID_BYTES:
        raise ScanError(f"the kernel gave an address of {len(bssid)} bytes")
    band = band_of_frequency(mhz)
    name, radio = name_and_radio(values.get(ELEMENTS) or values.get(BEACON_ELEMENTS, b""), band)
    channel = channel_of_frequency(mhz) if band is not Band.UNKNOWN else 0
    return AccessPoint(bssid.hex(":"), rssi, text_of(name), percent, channel, band, radio, age_ms)


def _age_ms(values: dict[int, bytes], boot_time_ns: int) -> int | None:
    if LAST_SEEN_BOOTTIME in values:  # exact; the other one is rounded to the kernel's tick
        return max(0, boot_time_ns - int(_U64.unpack(values[LAST_SEEN_BOOTTIME])[0])) // _NS_PER_MS
    if SEEN_MS_AGO in values:
        return int(_U32.unpack(values[SEEN_MS_AGO])[0])
    return None


def _attributes(image: bytes) -> Iterator[tuple[int, bytes]]:
    position = 0
    while position + _HEAD.size <= len(image):
        length, kind = _HEAD.unpack_from(image, position)
        if length < _HEAD.size or position + length > len(image):
            raise ScanError("the kernel's description of an access point is damaged")
        yield kind & _TYPE_BITS, image[position + _HEAD.size : position + length]
        position += (length + 3) & ~3
