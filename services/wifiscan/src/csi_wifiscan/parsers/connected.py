"""The one access point a host is connected to, from /proc/net/wireless: all there is where nothing else works."""

from __future__ import annotations

import re

from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ParseError
from csi_wifiscan.text import lines_of

_ROW = re.compile(r"\s*(\S+):\s+[0-9a-f]+\s+\d+\.?\s+(-?\d+)\.?\s+-?\d+\.?\s+.*")
_TITLES = 2
_UNSIGNED = 256
"""Old drivers give dBm as an unsigned byte."""
_NO_SIGNAL = -100


def parse_connected(text: str) -> list[AccessPoint]:
    """One reading for each wireless interface that is connected; known by the interface, as no address is given.

    Raises:
        ParseError: the text is not of that form.
    """
    found = []
    for number, line in enumerate(lines_of(text), 1):
        if number <= _TITLES or not line.strip():
            continue
        match = _ROW.fullmatch(line)
        if match is None:
            raise ParseError(number, "expected an interface, its status and three figures of quality")
        level = int(match[2])
        if level > 0:
            level -= _UNSIGNED
        if level > _NO_SIGNAL:
            found.append(AccessPoint(f"connected\0{match[1]}", float(level)))
    return found
