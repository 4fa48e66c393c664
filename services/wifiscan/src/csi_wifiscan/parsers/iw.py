r"""``iw dev INTERFACE scan`` and ``scan dump``.

A line ``BSS <address>(on <interface>)`` begins an access point; its own rows are indented once, what is inside them
further. iw escapes SSIDs (``\xNN``), so a name cannot imitate a row. Some texts of WPS it prints as they come: whoever
can should let the netlink scanner read the same data instead.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_schemas.access_points import Band, Radio

from csi_wifiscan.access_point import (
    MAC,
    AccessPoint,
    band_of_frequency,
    channel_of_frequency,
    normal_bssid,
    text_of,
    unescaped,
)
from csi_wifiscan.errors import ParseError
from csi_wifiscan.text import lines_of

if TYPE_CHECKING:
    from collections.abc import Iterator

_BSS = re.compile(rf"BSS ({MAC}) ?\(on [^)]+\)(?: -- .*)?\s*")
_FREQUENCY = re.compile(r"(\d{4,5})(?:\.(\d+))?\s*")
_SIGNAL = re.compile(r"(-?\d+\.\d+) dBm\s*")
_UNSPECIFIED = re.compile(r"(\d{1,3})/100\s*")
_SEEN = re.compile(r"(\d+) ms ago\s*")
_OFDM_RATES = {"6.0", "6.0*", "9.0", "12.0", "12.0*", "24.0", "24.0*", "54.0"}
_GENERATIONS = (
    ("EHT capabilities", Radio.BE),
    ("HE capabilities", Radio.AX),
    ("VHT capabilities", Radio.AC),
    ("HT capabilities", Radio.N),
)
_RATES = ("Supported rates", "Extended supported rates")


@dataclass(slots=True)
class _Block:
    """The rows of one access point by their names, the first of each."""

    line: int
    bssid: str
    rows: dict[str, tuple[int, str]] = field(default_factory=dict)


def parse_iw(text: str) -> list[AccessPoint]:
    """Access points in the order of the text.

    Raises:
        ParseError: the text is not of that form, or is cut off.
    """
    lines = lines_of(text)
    blocks: list[_Block] = []
    indent: str | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        if not line[0].isspace():
            match = _BSS.fullmatch(line)
            if match is None:
                raise ParseError(number, "expected BSS, an address and an interface; the text is damaged or not of iw")
            blocks.append(_Block(number, normal_bssid(match[1])))
            continue
        if not blocks:
            raise ParseError(number, "expected BSS and an address before any details")
        own = line[: len(line) - len(line.lstrip())]
        indent = indent or own
        if own != indent:
            continue  # inside a row
        name, colon, value = line.strip(" \t").partition(":")
        if colon:
            blocks[-1].rows.setdefault(name, (number, value.strip(" \t")))
    if not blocks and text.strip():
        raise ParseError(1, "expected BSS and an address")
    cut = len(lines) if lines[-1].strip() else None  # the last line has no end: its value may go on
    return [_access_point(block, cut) for block in blocks]


def _access_point(block: _Block, cut: int | None) -> AccessPoint:
    def row(name: str, *patterns: re.Pattern[str]) -> re.Match[str]:
        number, value = block.rows.get(name, (block.line, ""))
        for pattern in patterns:
            if (match := pattern.fullmatch(value)) and (number != cut or pattern is _SIGNAL):
                return match
        raise ParseError(number, f"expected the {name} of an access point; the text is damaged or cut off")

    frequency_match = row("freq", _FREQUENCY)
    frequency = float(frequency_match[0])
    band, channel = band_of_frequency(frequency), channel_of_frequency(frequency)
    if band is Band.UNKNOWN:
        raise ParseError(block.rows["freq"][0], "a frequency that is in no Wi-Fi band")
    signal = row("signal", _SIGNAL, _UNSPECIFIED)
    percent = int(signal[1]) if signal.re is _UNSPECIFIED else None
    if percent is not None and percent > 100:
        raise ParseError(block.rows["signal"][0], "a signal above 100/100")
    ssid_line, ssid = block.rows.get("SSID", (0, ""))
    if ssid_line == cut:
        raise ParseError(ssid_line, "the text ends inside the name of a network")
    seen = _SEEN.fullmatch(block.rows.get("last seen", (0, ""))[1])
    return AccessPoint(
        block.bssid,
        float(signal[1]) if percent is None else percent / 2 - 100,
        text_of(unescaped(ssid)),
        percent,
        channel,
        band,
        _radio(block, band),
        int(seen[1]) if seen else None,
    )


def _radio(block: _Block, band: Band) -> Radio:
    for name, radio in _GENERATIONS:
        if name in block.rows:
            return radio
    if band is not Band.GHZ_2_4:
        return Radio.A
    rates = set(_rates(block))
    if not rates:
        return Radio.UNKNOWN
    return Radio.G if rates & _OFDM_RATES else Radio.B


def _rates(block: _Block) -> Iterator[str]:
    for name in _RATES:
        if name in block.rows:
            yield from block.rows[name][1].split()
