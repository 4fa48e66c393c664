"""``netsh wlan show networks mode=bssid``, in any display language.

Labels are never looked up; they are only required to repeat. What a row means follows from where it stands and what its
value looks like::

    <interface> : ...                      not indented: preamble, whose last row says how many networks follow
    ... 2 ...
    <label> 1 : the SSID, whatever it is   not indented, numbered from 1: a network
        <label> : <text>                   three rows: network type, authentication, encryption
        <label> 1 : aa:bb:cc:dd:ee:ff      as far in as those, numbered from 1: an access point
             <label> : 84%                 further in, in this order: signal,
             <label> : 802.11ax            radio,
             <label> : 5 GHz               band (Windows 11 only),
             <label> : 36                  channel; what follows is of no use here

The numbers, the count of networks and the number of rows make a text that was cut, or that has a name with a line break
in it, an error instead of a wrong row.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from csi_schemas.access_points import Band, Radio

from csi_wifiscan.access_point import (
    MAC,
    RADIO_BY_NAME,
    AccessPoint,
    band_of_channel,
    is_channel_of,
    normal_bssid,
    quality_to_dbm,
)
from csi_wifiscan.errors import ParseError
from csi_wifiscan.text import lines_of

_SEPARATOR = r"\s*[:\uff1a]\s*"
_NETWORK = re.compile(r"([^\s:\uff1a][^:\uff1a]*?)\s+(\d+)\s*[:\uff1a] ?(.*)")
_BSSID = re.compile(rf"\s+(.*\S)\s+(\d+){_SEPARATOR}({MAC})\s*")
_PROPERTY = re.compile(rf"\s+\S[^:\uff1a]*{_SEPARATOR}\S.*")
_SIGNAL = re.compile(rf"\s+(\S.*?){_SEPARATOR}(?:(\d{{1,3}})\s?[%\uff05\u066a]|[%\uff05\u066a]\s?(\d{{1,3}}))\s*")
_RADIO = re.compile(rf"\s+(\S.*?){_SEPARATOR}802\.11([a-z]+)\s*")
_BAND = re.compile(rf"\s+(\S.*?){_SEPARATOR}(2[.,\u066b]4|5|6)\s*[^\W\d_]+\s*")
_CHANNEL = re.compile(rf"\s+([^\s(][^(]*?){_SEPARATOR}(\d{{1,3}})\s*")
_NUMBER = re.compile(r"\d+")
_PROMPT = re.compile(r"\S.*[>$#]\s*")
_INVISIBLE = dict.fromkeys([0xFEFF, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)])
"""Marks of writing direction, which netsh puts around values in right-to-left languages."""
_PROPERTIES = ("the network type", "the authentication", "the encryption")
_BANDS = {"2": Band.GHZ_2_4, "5": Band.GHZ_5, "6": Band.GHZ_6}


@dataclass(slots=True)
class _Reader:
    """The lines, the next one to read, and how each kind of row was labelled so far."""

    lines: list[str]
    at: int = 0
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def line(self) -> str | None:
        """The next line that is not blank, without marks of direction; ``None`` at the end."""
        while self.at < len(self.lines):
            line = self.lines[self.at].translate(_INVISIBLE)
            if line.strip():
                return line
            self.at += 1
        return None

    def error(self, expected: str) -> ParseError:
        return ParseError(min(self.at + 1, len(self.lines)), expected)

    def matching(self, pattern: re.Pattern[str], what: str) -> re.Match[str]:
        """Take the next line, which must be of this form and, if labelled, have the label of its like."""
        line = self.line
        match = pattern.fullmatch(line) if line is not None else None
        if match is None:
            raise self.error(f"expected {what}; the text is damaged, cut off, or not of netsh")
        self.same_label(what, match[1] if pattern.groups else "")
        if self.at == len(self.lines) - 1:  # no line break after it: the value may go on
            raise self.error(f"{what} is the last thing in the text, which may be cut off inside it")
        self.at += 1
        return match

    def same_label(self, what: str, label: str) -> None:
        if self.labels.setdefault(what, label) != label:
            raise self.error(f"expected {what}, as elsewhere in this text")


def parse_netsh(text: str) -> list[AccessPoint]:
    """Access points in the order of the text; an access point may appear more than once.

    Raises:
        ParseError: the text is not of that form, or is cut off.
    """
    reader = _Reader(lines_of(text))
    if reader.line is None:
        raise ParseError(1, "the text is empty")
    found: list[AccessPoint] = []
    lists = 0
    while reader.line is not None:
        count = _preamble(reader, first=lists == 0)
        if count is None:
            break
        lists += 1
        for number in range(1, count + 1):
            found += _network(reader, number, count)
        if count == 0:
            break
    if reader.line is not None and not _PROMPT.fullmatch(reader.line):
        raise reader.error("expected the end of the text")
    return found


def _preamble(reader: _Reader, *, first: bool) -> int | None:
    """Read up to the first network and return how many are announced; ``None`` for a prompt at the end."""
    start = reader.at
    rows: list[str] = []
    while (line := reader.line) is not None:
        match = _NETWORK.fullmatch(line)
        if match and int(match[2]) == 1 and rows and _counts(rows[-1]):
            break
        if line[0].isspace():
            raise reader.error("expected how many networks are visible and then network 1, found an indented row")
        rows.append(line)
        reader.at += 1
    if line is None and not first and len(rows) == 1 and _PROMPT.fullmatch(rows[0]):
        return None
    count = _counts(rows[-1]) if rows else None
    if count is None or (line is None and count > 0):
        reader.at = start
        raise reader.error("expected a row that says how many networks are visible, and then the networks")
    return count


def _counts(row: str) -> int | None:
    numbers = _NUMBER.findall(row)
    return int(numbers[0]) if len(numbers) == 1 else None


def _network(reader: _Reader, number: int, count: int) -> list[AccessPoint]:
    line = reader.line
    match = _NETWORK.fullmatch(line) if line is not None else None
    if match is None or int(match[2]) != number:
        raise reader.error(f"expected network {number} of {count}; the text is damaged or cut off")
    reader.same_label("a network", match[1])
    # the name as it stands in the text: direction marks may be part of it
    raw = _NETWORK.fullmatch(reader.lines[reader.at])
    ssid = (raw or match)[3]
    if reader.at == len(reader.lines) - 1:
        raise reader.error("the text ends inside the name of a network")
    reader.at += 1
    indent = _indent(reader.line)
    for what in _PROPERTIES:
        if _indent(reader.line) != indent or _BSSID.fullmatch(reader.line or ""):
            raise reader.error(f"expected {what}, indented like its neighbours")
        reader.matching(_PROPERTY, what)
    found: list[AccessPoint] = []
    while (line := reader.line) is not None and _indent(line) > 0:
        if _indent(line) > indent:
            if not found:
                raise reader.error("expected an access point before its details")
            reader.at += 1  # load, rates and whatever later versions add
            continue
        found.append(_access_point(reader, len(found) + 1, indent, ssid))
    return found


def _access_point(reader: _Reader, number: int, indent: int, ssid: str) -> AccessPoint:
    line = reader.line or ""
    match = _BSSID.fullmatch(line)
    if match is None or _indent(line) != indent or int(match[2]) != number:
        raise reader.error(f"expected access point {number} of this network with its address")
    reader.same_label("an access point", match[1])
    if reader.at == len(reader.lines) - 1:
        raise reader.error("the text ends with an address")
    reader.at += 1
    if _indent(reader.line) <= indent:
        raise reader.error("expected the signal of an access point, indented further than its address")
    signal = reader.matching(_SIGNAL, "a signal in percent")
    percent = int(signal[2] or signal[3])
    if percent > 100:
        raise ParseError(reader.at, f"a signal of {percent} %")
    radio = _radio(reader.matching(_RADIO, "a radio type 802.11..")[2], reader.at)
    band = _band(reader)
    channel = int(reader.matching(_CHANNEL, "a channel")[2])
    if band is Band.UNKNOWN:
        band = band_of_channel(channel)
    if not is_channel_of(channel, band):
        raise ParseError(reader.at, f"there is no channel {channel} in that band")
    return AccessPoint(normal_bssid(match[3]), quality_to_dbm(percent), ssid, percent, channel, band, radio)


def _band(reader: _Reader) -> Band:
    """Band of an access point; all of a text have the row, or none."""
    said = reader.line is not None and _BAND.fullmatch(reader.line) is not None
    reader.same_label("a band", "said" if said else "not said")
    return _BANDS[reader.matching(_BAND, "the band")[2][0]] if said else Band.UNKNOWN


def _radio(suffix: str, line: int) -> Radio:
    radio = RADIO_BY_NAME.get(f"802.11{suffix}")
    if radio is None:
        raise ParseError(line, "a radio type that no amendment of 802.11 has")
    return radio


def _indent(line: str | None) -> int:
    return len(line) - len(line.lstrip()) if line is not None else -1
