"""``airport -s`` of macOS: a right-aligned name, then columns.

The name is whatever stands before the last address that is followed by signal, channel, HT and country, so a name that
imitates a row is still a name. ``airport`` says whether an access point knows HT, not which generation it is of.
"""

from __future__ import annotations

import re

from csi_schemas.access_points import Band

from csi_wifiscan.access_point import MAC, AccessPoint, band_of_channel, normal_bssid
from csi_wifiscan.errors import ParseError
from csi_wifiscan.text import lines_of

_ROW = re.compile(rf"(.*) ({MAC}) (-\d{{1,3}}) +(\d{{1,3}})(?:,[+-]\d)? +[YN] +(?:[A-Z]{{2}}|--) +\S.*")
_COLUMNS = re.compile(r"\s*SSID BSSID +RSSI CHANNEL .*")
_AD_HOC = re.compile(r"\s*\d+ IBSS networks? found:\s*")


def parse_airport(text: str) -> list[AccessPoint]:
    """Access points in the order of the text; the columns' names may be missing.

    Raises:
        ParseError: the text is not of that form, is cut off, or macOS withheld the addresses.
    """
    lines = lines_of(text)
    found: list[AccessPoint] = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or _COLUMNS.fullmatch(line) or _AD_HOC.fullmatch(line):
            continue
        match = _ROW.fullmatch(line)
        if match is None:
            raise ParseError(
                number,
                "expected a name, an address, signal, channel, HT, country and security; the text is damaged or cut "
                "off, or macOS withholds addresses: allow Location Services for the terminal",
            )
        channel = int(match[4])
        band = band_of_channel(channel)
        if band is Band.UNKNOWN:
            raise ParseError(number, f"there is no channel {channel}")
        found.append(AccessPoint(normal_bssid(match[2]), float(match[3]), match[1].lstrip(" "), None, channel, band))
    if not found and text.strip() and not any(_COLUMNS.fullmatch(line) for line in lines):
        raise ParseError(1, "expected the columns of airport -s")
    return found
