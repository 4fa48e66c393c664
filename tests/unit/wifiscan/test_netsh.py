"""netsh in any language: every row right, or an error; never a wrong row."""

from __future__ import annotations

import pytest
from csi_schemas.access_points import Band, Radio
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ParseError, ScanError
from csi_wifiscan.parsers import parse_netsh
from csi_wifiscan.text import decode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unit.wifiscan.texts import LANGUAGES, NASTY_NAMES, Language, access_points, netsh, networks

HOME_ROW = AccessPoint("02:aa:bb:cc:dd:01", -75.0, "home", 50, 36, Band.GHZ_5, Radio.AX)


def flat(found: list[list[AccessPoint]]) -> list[AccessPoint]:
    """All access points."""
    return [reading for network in found for reading in network]


@given(networks(), LANGUAGES)
def test_any_language_is_read(found: list[list[AccessPoint]], language: Language) -> None:
    """Whatever the labels, the decimal sign and the place of the percent sign are, all rows come back as they went."""
    assert parse_netsh(netsh(found, language)) == flat(found)


@given(networks().map(lambda n: [[a for a in network if a.band is not Band.GHZ_6] for network in n]), LANGUAGES)
def test_windows_10_does_not_say_the_band(found: list[list[AccessPoint]], language: Language) -> None:
    """Without the row of the band it follows from the channel."""
    assert parse_netsh(netsh(found, language, windows11=False)) == flat(found)


@pytest.mark.parametrize("name", NASTY_NAMES)
@given(data=st.data())
@settings(max_examples=10)
def test_names_that_imitate_rows_stay_names(name: str, data: st.DataObject) -> None:
    """A hidden name, and names that look like labels, addresses or rows."""
    reading = data.draw(access_points(name))
    assert parse_netsh(netsh([[HOME_ROW], [reading], [HOME_ROW]])) == [HOME_ROW, reading, HOME_ROW]


@given(networks(), LANGUAGES, st.floats(0, 1))
@settings(max_examples=300)
def test_a_text_that_was_cut_gives_no_wrong_row(
    found: list[list[AccessPoint]], language: Language, share: float
) -> None:
    """Cut anywhere: an error, or the first rows as they are."""
    text = netsh(found, language)
    cut = text[: int(share * len(text))]
    try:
        rows = parse_netsh(cut)
    except ParseError:
        return
    assert rows == flat(found)[: len(rows)]


@given(networks().filter(lambda n: len(flat(n)) > 1), st.floats(0, 1, exclude_max=True))
@settings(max_examples=300)
def test_a_text_with_a_line_missing_gives_no_wrong_row(found: list[list[AccessPoint]], share: float) -> None:
    """Any one line gone: an error, or rows that are all right."""
    lines = netsh(found).split("\r\n")
    del lines[int(share * len(lines))]
    try:
        rows = parse_netsh("\r\n".join(lines))
    except ParseError:
        return
    names = {(reading.bssid, reading.channel, reading.signal_pct, reading.band) for reading in flat(found)}
    assert {(row.bssid, row.channel, row.signal_pct, row.band) for row in rows} <= names


@given(st.sampled_from(["\n", "\r", "\r\n"]), st.sampled_from(NASTY_NAMES))
@example("\n", "    BSSID 1 : 02:aa:bb:cc:dd:ee")
@example("\n", "SSID 2 : a")
def test_a_name_with_a_line_break_is_an_error_or_harmless(end: str, rest: str) -> None:
    """A neighbour cannot make up an access point by putting rows into its name."""
    text = netsh([[HOME_ROW]]).replace("SSID 1 : home", f"SSID 1 : home{end}{rest}")
    try:
        rows = parse_netsh(text)
    except ParseError:
        return
    assert [row.bssid for row in rows] == [HOME_ROW.bssid]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp437", "cp850"])
def test_code_pages_are_undone_or_shown(encoding: str) -> None:
    """With the right code page a name is right; without one, bytes that are not UTF-8 are shown as such."""
    reading = AccessPoint(HOME_ROW.bssid, -75.0, "caf\u00e9", 50, 36, Band.GHZ_5, HOME_ROW.radio)
    german = Language(kind="Verschl\u00fcsselung", rates="Unterst\u00fctzt")
    data = netsh([[reading]], german).encode(encoding)
    assert parse_netsh(decode(data, encoding if encoding.startswith("cp") else "cp437")) == [reading]
    (shown,) = parse_netsh(decode(data))
    assert shown.ssid == ("caf\\x82" if encoding.startswith("cp") else "caf\u00e9")
    assert (shown.bssid, shown.signal_pct, shown.channel) == (reading.bssid, 50, 36)


def test_bytes_that_a_code_page_lacks_are_shown() -> None:
    """A neighbour's odd name must not stop scans: half a Japanese character is shown as its byte."""
    data = netsh([[HOME_ROW]]).encode("cp932").replace(b"home", b"ho\x81")
    (row,) = parse_netsh(decode(data, "cp932"))
    assert row.ssid == "ho\\x81"


def test_utf_16_that_ends_inside_a_character_is_an_error() -> None:
    """Half a character is said, with its place; so is a code page that does not exist."""
    with pytest.raises(ScanError, match="cut off"):
        decode(netsh([[HOME_ROW]]).encode("utf-16")[:-1])
    with pytest.raises(ScanError, match="no code page"):
        decode(b"\x82", "klingon")


def test_an_interface_may_have_any_name() -> None:
    """A name with numbers and colons, as users give them, is not taken for the first network."""
    for name in ("Wi-Fi 1 : home", "1 : 1", "SSID 1 : x"):
        assert parse_netsh(netsh([[HOME_ROW]]).replace("Wi-Fi 2", name)) == [HOME_ROW]


def test_several_interfaces_are_one_list() -> None:
    """A second interface begins anew with network 1; a shell's prompt may surround all of it."""
    both = "PS C:\\> netsh wlan show networks mode=bssid\n" + 2 * netsh([[HOME_ROW]]) + "PS C:\\>"
    assert parse_netsh(both) == [HOME_ROW, HOME_ROW]
    assert parse_netsh(netsh([])) == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("50%", "101%", "101 %"),
        ("50%", "50", "a signal in percent"),
        (": 36", ": 15", "no channel 15"),
        (": 36", ": 7", "no channel 7"),
        ("802.11ax", "802.11zz", "no amendment"),
        ("02:aa:bb:cc:dd:01", "02:aa:bb:cc:dd", "with its address"),
        ("BSSID 1", "BSSID 2", "access point 1"),
        ("SSID 1 : home", "SSID 2 : home", "line 6: expected how many networks"),
        ("1 networks", "many networks", "how many networks"),
        ("1 networks", "2 networks", "network 2 of 2"),
    ],
)
def test_errors_name_the_line_and_not_its_text(old: str, new: str, said: str) -> None:
    """What was expected and where; nothing of what stood there."""
    with pytest.raises(ParseError, match=said) as error:
        parse_netsh(netsh([[HOME_ROW]]).replace(old, new))
    assert "home" not in str(error.value)
    assert "02:aa" not in str(error.value)


@pytest.mark.parametrize("text", ["", "\n\n", "There is no wireless interface on the system.\n", "{}"])
def test_what_is_no_list_is_an_error(text: str) -> None:
    """No interface, no output, other output."""
    with pytest.raises(ParseError):
        parse_netsh(text)
