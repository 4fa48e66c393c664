"""``nmcli --terse --fields ... device wifi list``: fields between colons, colons and backslashes inside them escaped.

Which field is where follows from the command if the text begins with it, else from the number of fields. The values of
several fields are translated by nmcli; only addresses, frequencies and numbers are read.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from csi_schemas.access_points import Band

from csi_wifiscan.access_point import (
    MAC,
    AccessPoint,
    band_of_channel,
    band_of_frequency,
    channel_of_frequency,
    is_channel_of,
    normal_bssid,
    quality_to_dbm,
)
from csi_wifiscan.errors import ParseError
from csi_wifiscan.text import lines_of

if TYPE_CHECKING:
    from collections.abc import Callable

FIELDS = ("ssid", "bssid", "chan", "freq", "signal", "mode")
"""What the agent asks for: a harmless field last, so that a text that was cut shows."""
_LAYOUTS = {
    len(fields): fields
    for fields in (
        FIELDS,
        ("in-use", "bssid", "ssid", "mode", "chan", "rate", "signal", "bars", "security"),  # the default of 1.16 on
        ("active", "ssid", "bssid", "mode", "chan", "freq", "signal", "security", "wpa-flags", "rsn-flags"),
    )
}
_COMMAND = re.compile(r"[$#>]?\s*(?:\S*/)?nmcli\s.*?(?:-f|--fields)[ =](\S+).*")
_FIELD = re.compile(r"((?:[^:\\]|\\.)*)(?::|$)")
_MAC = re.compile(MAC)
_FREQUENCY = re.compile(r"(\d{4}) MHz")
_NUMBER = re.compile(r"\d{1,3}")


def parse_nmcli(text: str, dbm: Callable[[int], float] = quality_to_dbm) -> list[AccessPoint]:
    """Access points in the order of the text.

    Args:
        text: the output, the command before it or not.
        dbm: signal strength of nmcli's percent. Versions of NetworkManager differ in it; the default is the usual one
            for texts of unknown origin, the same as of netsh.

    Raises:
        ParseError: the text is not of that form, or is cut off.
    """
    lines = lines_of(text)
    fields: tuple[str, ...] | None = None
    found: list[AccessPoint] = []
    for number, line in enumerate(lines, 1):
        if not line:
            continue
        if fields is None and not found and (command := _COMMAND.fullmatch(line)):
            fields = tuple(name.lower() for name in command[1].split(","))
            continue
        values = _split(line, number)
        if fields is None:
            fields = _LAYOUTS.get(len(values))
            if fields is None:
                known = ", ".join(str(n) for n in sorted(_LAYOUTS))
                raise ParseError(
                    number,
                    f"expected what nmcli --terse prints by default, {known} fields between colons; found "
                    f"{len(values)}. If other fields were asked for, put a line with the nmcli command before it",
                )
        if len(values) != len(fields):
            raise ParseError(number, f"expected {len(fields)} fields, found {len(values)}; damaged or cut off")
        found.append(_access_point(dict(zip(fields, values, strict=True)), number, dbm))
        if number == len(lines) and fields[-1] in ("signal", "ssid", "chan", "bssid"):
            raise ParseError(number, "the text ends inside a field that matters")
    if not found and fields is None and text.strip():
        raise ParseError(1, "expected fields between colons, as nmcli --terse prints them")
    return found


def _split(line: str, number: int) -> list[str]:
    values: list[str] = []
    position = 0
    while True:
        match = _FIELD.match(line, position)
        if match is None:
            raise ParseError(number, "a backslash at the end of a field; the text is damaged or cut off")
        values.append(re.sub(r"\\(.)", r"\1", match[1]))
        position = match.end()
        if not match[0].endswith(":") or match.end(1) == len(line):
            return values


def _access_point(row: dict[str, str], number: int, dbm: Callable[[int], float]) -> AccessPoint:
    bssid, signal = row.get("bssid"), row.get("signal")
    if bssid is None or signal is None:
        raise ParseError(
            number, "the fields BSSID and SIGNAL are needed: nmcli --fields SSID,BSSID,CHAN,FREQ,SIGNAL,MODE"
        )
    if not _MAC.fullmatch(bssid):
        raise ParseError(number, "expected an address in the field BSSID")
    if not _NUMBER.fullmatch(signal) or int(signal) > 100:
        raise ParseError(number, "expected percent in the field SIGNAL")
    channel, band = _channel(row, number)
    percent = int(signal)
    ssid = row.get("ssid", "")
    return AccessPoint(normal_bssid(bssid), dbm(percent), "" if ssid == "--" else ssid, percent, channel, band)


def _channel(row: dict[str, str], number: int) -> tuple[int, Band]:
    said = row.get("chan")
    if said is not None and not _NUMBER.fullmatch(said):
        raise ParseError(number, "expected a number in the field CHAN")
    if "freq" not in row:
        channel = int(said or 0)
        return channel, band_of_channel(channel)
    match = _FREQUENCY.fullmatch(row["freq"])
    band = band_of_frequency(int(match[1])) if match else Band.UNKNOWN
    if match is None or band is Band.UNKNOWN:
        raise ParseError(number, "expected a frequency of Wi-Fi in the field FREQ")
    channel = channel_of_frequency(int(match[1]))
    if said is not None and (int(said) != channel or not is_channel_of(channel, band)):
        raise ParseError(number, "channel and frequency do not fit each other")
    return channel, band
