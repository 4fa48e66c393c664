"""Every recorded text: all access points, equal to what its source expects of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ParseError
from csi_wifiscan.parsers import PARSERS
from csi_wifiscan.text import decode


def parsed(folder: Path, name: str) -> tuple[list[AccessPoint], str, Any]:
    """A recorded text's access points, the text, and what is expected, if anything."""
    path = folder / "scan" / name
    text = decode(path.read_bytes())
    expected = path.with_suffix("").with_suffix(".expected.json")
    return PARSERS[path.parent.name](text), text, json.loads(expected.read_text()) if expected.exists() else None


def number(wanted: dict[str, Any], *names: str) -> float:
    """The number of a field, which jc may have put below the last row of the access point before it."""
    for name in names:
        for key, value in wanted.items():
            if key == name or key.endswith(f"_{name}"):
                return float(re.findall(r"-?[\d.]+", str(value))[0])
    raise KeyError(names)


@pytest.mark.parametrize("name", ["iw/iw-scan0.txt", "iw/iw-scan1.txt"])
def test_iw(csiflow_data: Path, name: str) -> None:
    """Address, name, frequency, signal and age of each, as jc reads them; generations as the text says."""
    found, text, expected = parsed(csiflow_data, name)
    assert len(found) == len(expected) == len(re.findall("^BSS ", text, re.MULTILINE))
    for reading, wanted in zip(found, expected, strict=True):
        assert reading.bssid == wanted["bssid"]
        assert reading.rssi_dbm == number(wanted, "signal_dbm", "signal")
        assert reading.age_ms == number(wanted, "last_seen_ms", "last_seen")
        assert reading.channel == number(wanted, "ds_parameter_set_channel", "ds_parameter_set") or reading.channel > 14
        base = 2407 if reading.band == 1 else 5000
        assert base + 5 * reading.channel == number(wanted, "freq")
        names = {value for key, value in wanted.items() if key == "ssid" or key.endswith("_ssid")}
        assert {reading.ssid} == {"" if set(name) <= set("\\x0") else name for name in names}
    blocks = re.split("^BSS ", text, flags=re.MULTILINE)[1:]
    for reading, block in zip(found, blocks, strict=True):
        assert ("VHT capabilities" in block) == (reading.radio == 5)


def test_nmcli(csiflow_data: Path) -> None:
    """Address, name, channel, frequency, percent and the usual dBm of each."""
    found, _, expected = parsed(csiflow_data, "nmcli/nmcli_terse.txt")
    assert [(a.bssid.upper(), a.ssid, a.channel, a.signal_pct, a.rssi_dbm) for a in found] == [
        (w["bssid"], w["ssid"], w["channel"], w["quality"], w["signal_level"]) for w in expected
    ]
    assert [a.band for a in found] == [1 if w["frequency"] < 3000 else 2 for w in expected]


def test_airport(csiflow_data: Path) -> None:
    """Address, name, signal and primary channel of each."""
    found, _, expected = parsed(csiflow_data, "airport/airport-s.txt")
    assert [(a.bssid, a.ssid, a.rssi_dbm, a.channel) for a in found] == [
        (w["bssid"], w["ssid"], w["rssi"], int(w["channel"].split(",")[0])) for w in expected
    ]


@pytest.mark.parametrize("language", ["en", "de"])
def test_netsh_of_windows_10(csiflow_data: Path, language: str) -> None:
    """86 access points, some twice, some hidden; the entries that the source checks."""
    found, text, expected = parsed(csiflow_data, f"netsh/networks_complex_{language}.txt")
    assert len(found) == expected["count"] == 86
    for wanted in expected["checks"]:
        reading = found[wanted["index"]]
        assert (reading.bssid, reading.ssid, reading.rssi_dbm, reading.channel) == (
            wanted["mac"],
            wanted["ssid"],
            wanted["rssi"],
            wanted["channel"],
        )
    assert [a.bssid for a in found] == re.findall(r": ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})", text)
    assert [a.signal_pct for a in found] == [int(n) for n in re.findall(r"(\d+)%", text)]


def test_netsh_says_the_same_in_both_languages(csiflow_data: Path) -> None:
    """The German text is the English one, translated."""
    english, _, _ = parsed(csiflow_data, "netsh/networks_complex_en.txt")
    german, _, _ = parsed(csiflow_data, "netsh/networks_complex_de.txt")
    assert english == german


@pytest.mark.parametrize(("language", "count"), [("en", 8), ("de", 9)])
def test_netsh_of_windows_11(csiflow_data: Path, language: str, count: int) -> None:
    """Load and QoS rows are passed over; signal, radio, band and channel follow the text's own order."""
    found, text, _ = parsed(csiflow_data, f"netsh/networks_win11_{language}.txt")
    assert len(found) == count
    for number, reading in enumerate(found, 1):
        assert reading.bssid == f"fe:dc:ba:09:87:{number:02x}"
    assert [str(a.as_json()["radio"]) for a in found] == re.findall(r"802\.11\w+", text)
    assert [a.as_json()["band"] for a in found] == [b.replace(",", ".") for b in re.findall(r"[\d.,]+ GHz", text)]
    assert [a.channel for a in found] == [int(n) for n in re.findall(r"(?:Channel|Kanal) +: (\d+)", text)]


NETSH = [f"netsh/networks_{kind}_{language}.txt" for kind in ("complex", "win11") for language in ("en", "de")]
ALL = [*NETSH, "iw/iw-scan0.txt", "iw/iw-scan1.txt", "nmcli/nmcli_terse.txt", "airport/airport-s.txt"]


def test_no_recorded_text_is_left_out(csiflow_data: Path) -> None:
    """Every text of the folder is among those read here, or is the one that is another report."""
    texts = {str(path.relative_to(csiflow_data / "scan")) for path in (csiflow_data / "scan").rglob("*.txt")}
    assert texts == {*ALL, "netsh/interfaces_en.txt"}


def identified(found: list[AccessPoint]) -> list[tuple[object, ...]]:
    """All of a reading but its name."""
    return [(a.bssid, a.rssi_dbm, a.signal_pct, a.channel, a.band, a.radio) for a in found]


@pytest.mark.parametrize("name", NETSH)
def test_recorded_netsh_in_a_language_never_seen(csiflow_data: Path, name: str) -> None:
    """Every letter of a label, and of lines that are no row, becomes one of another script."""
    found, text, _ = parsed(csiflow_data, name)
    strange = {letter: 0x10D0 + letter % 33 for letter in range(ord("A"), 0x180)}

    def translated(line: str) -> str:
        if line.startswith("PS "):
            return line
        label, colon, value = line.partition(":")
        return label.translate(strange) + colon + value

    said = "\n".join(map(translated, text.splitlines()))
    assert "Signal" not in said
    assert PARSERS["netsh"](said) == found


@pytest.mark.parametrize("encoding", ["cp437", "cp850", "cp1252", "utf-16"])
@pytest.mark.parametrize("name", NETSH)
def test_recorded_netsh_in_another_code_page(csiflow_data: Path, name: str, encoding: str) -> None:
    """Taken for the right code page, for a wrong one or for UTF-8: every reading is right, whatever labels became."""
    found, text, _ = parsed(csiflow_data, name)
    data = text.encode(encoding, "replace")
    for taken_for in (encoding, "cp866", None):
        if encoding == "utf-16" and taken_for == "cp866":
            continue  # a byte order mark is never mistaken
        page = taken_for if taken_for != "utf-16" else None
        assert identified(PARSERS["netsh"](decode(data, page) if page else decode(data))) == identified(found)


@pytest.mark.parametrize("name", ALL)
def test_a_recorded_text_that_was_cut_gives_no_wrong_row(csiflow_data: Path, name: str) -> None:
    """Cut at any of many places: an error, or the first rows (a radio of iw's last row may be known less well)."""
    found, text, _ = parsed(csiflow_data, name)
    errors = 0
    for cut in range(1, len(text), max(1, len(text) // 400)):
        try:
            rows = PARSERS[name.split("/", maxsplit=1)[0]](text[:cut])
        except ParseError:
            errors += 1
            continue
        identified = [(a.bssid, a.rssi_dbm, a.signal_pct, a.channel, a.band) for a in found]
        assert [(a.bssid, a.rssi_dbm, a.signal_pct, a.channel, a.band) for a in rows] == identified[: len(rows)]
    assert errors > 0


def test_another_report_of_netsh_is_an_error(csiflow_data: Path) -> None:
    """``show interfaces`` is no list of networks, and is not read as one."""
    with pytest.raises(ParseError, match="expected"):
        parsed(csiflow_data, "netsh/interfaces_en.txt")
