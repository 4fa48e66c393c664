"""iw, nmcli, airport, system_profiler and /proc/net/wireless: every row right, or an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from csi_schemas.access_points import Band, Radio
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ParseError, ScanError
from csi_wifiscan.parsers import parse_airport, parse_iw, parse_nmcli
from csi_wifiscan.parsers.connected import parse_connected
from csi_wifiscan.parsers.system_profiler import parse_system_profiler
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.wifiscan.texts import access_points, airport, iw, nmcli, without

if TYPE_CHECKING:
    from collections.abc import Callable

LISTS = st.lists(access_points(), max_size=4)


def radio_by_iw(reading: AccessPoint) -> Radio:
    """What iw's text tells of a radio: legacy ones by band and rates."""
    if reading.radio >= Radio.N:
        return reading.radio
    if reading.band is not Band.GHZ_2_4:
        return Radio.A
    return Radio.B if reading.radio is Radio.B else Radio.G


def as_iw(reading: AccessPoint) -> AccessPoint:
    """The reading as iw tells it."""
    name = "".join(c if c.isprintable() else "".join(f"\\x{b:02x}" for b in c.encode()) for c in reading.ssid)
    return without(reading, signal_pct=None, radio=radio_by_iw(reading), age_ms=0, ssid=name)


@given(LISTS, st.sampled_from(["\t", "    "]))
def test_iw_is_read(found: list[AccessPoint], tab: str) -> None:
    """Names escaped, details inside details, tabs or spaces: all rows come back."""
    assert parse_iw(iw(found, tab=tab) if found else "") == [as_iw(reading) for reading in found]


@given(LISTS)
def test_nmcli_is_read(found: list[AccessPoint]) -> None:
    """Colons and backslashes in names are escaped by nmcli and come back."""
    expected = [without(a, radio=Radio.UNKNOWN, ssid="" if a.ssid == "--" else a.ssid) for a in found]
    assert parse_nmcli(nmcli(found)) == expected


@given(st.lists(access_points(bands=(Band.GHZ_2_4, Band.GHZ_5)), max_size=4))
def test_airport_is_read(found: list[AccessPoint]) -> None:
    """A name is what stands before the last thing that looks like a row."""
    found = [without(reading, rssi_dbm=round(reading.rssi_dbm)) for reading in found]
    expected = [without(a, signal_pct=None, radio=Radio.UNKNOWN, ssid=a.ssid.lstrip(" ")) for a in found]
    assert parse_airport(airport(found)) == expected


@pytest.mark.parametrize(("write", "parse"), [(iw, parse_iw), (nmcli, parse_nmcli), (airport, parse_airport)])
@given(data=st.data(), share=st.floats(0, 1))
@settings(max_examples=200)
def test_a_text_that_was_cut_gives_no_wrong_row(
    write: Callable[[list[AccessPoint]], str],
    parse: Callable[[str], list[AccessPoint]],
    data: st.DataObject,
    share: float,
) -> None:
    """Cut anywhere: an error, or the first rows as they are (the radio of the last may be known less well)."""
    found = data.draw(st.lists(access_points(bands=(Band.GHZ_2_4, Band.GHZ_5)), min_size=1, max_size=3))
    text = write(found)
    whole = parse(text)
    try:
        rows = parse(text[: int(share * len(text))])
    except ParseError:
        return
    assert [without(row, radio=Radio.UNKNOWN, age_ms=None) for row in rows] == [
        without(row, radio=Radio.UNKNOWN, age_ms=None, ssid=row.ssid if index < len(rows) - 1 else rows[-1].ssid)
        for index, row in enumerate(whole[: len(rows)])
    ]
    if rows and rows[-1].ssid != whole[len(rows) - 1].ssid:
        assert rows[-1].ssid == "", "a name is whole or missing, never half"


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        (parse_iw, "wlan0: no\n", "line 1: expected BSS"),
        (parse_iw, "\tfreq: 2412\n", "before any details"),
        (parse_iw, "BSS 02:00:00:00:00:01(on w)\n\tfreq: 2412\n", "the signal"),
        (parse_iw, "BSS 02:00:00:00:00:01(on w)\n\tfreq: 9412\n\tsignal: -1.00 dBm\n", "line 2.*no Wi-Fi band"),
        (parse_iw, "BSS 02:00:00:00:00:01(on w)\n\tfreq: 2412\n\tsignal: 101/100\n", "line 3.*100/100"),
        (parse_nmcli, "a:b:c\n", "found 3"),
        (parse_nmcli, "home:02:1:2412 MHz:50:Infra\n", "address"),
        (parse_nmcli, "home:02\\:00\\:00\\:00\\:00\\:01:2:2412 MHz:50:Infra\n", "do not fit"),
        (parse_nmcli, "home:02\\:00\\:00\\:00\\:00\\:01:1:2412 MHz:500:Infra\n", "percent"),
        (parse_nmcli, "$ nmcli -f SSID,SIGNAL dev wifi list\nhome:50\n", "BSSID and SIGNAL are needed"),
        (parse_nmcli, "home\\", "backslash"),
        (parse_airport, " home 02:00:00:00:00:01 -50\n", "Location Services"),
        (parse_airport, " home 02:00:00:00:00:01 -50  199     Y  US NONE\n", "no channel 199"),
        (parse_connected, "a\nb\nwlan0: what\n", "line 3"),
        (parse_system_profiler, "{", "damaged"),
        (parse_system_profiler, "{}", "SPAirPortDataType"),
    ],
)
def test_errors_say_what_was_expected_and_where(
    parse: Callable[[str], list[AccessPoint]], text: str, said: str
) -> None:
    """One line, without anything of the text."""
    with pytest.raises(ParseError, match=said) as error:
        parse(text)
    assert "home" not in str(error.value)


def test_iw_in_unspecified_units_is_a_percentage() -> None:
    """Drivers that know no dBm give hundredths of their own."""
    (reading,) = parse_iw("BSS 02:00:00:00:00:01(on wlan0)\n\tfreq: 5955\n\tsignal: 60/100\n")
    assert (reading.signal_pct, reading.rssi_dbm, reading.band, reading.channel) == (60, -70.0, Band.GHZ_6, 1)


def test_airport_lists_ad_hoc_networks_under_columns_of_their_own() -> None:
    """The title of the second list is no row."""
    row = "  home 02:00:00:00:00:01 -50  6       Y  -- NONE\n"
    assert len(parse_airport(f"{row}\n1 IBSS network found:\n{airport([])}{row}")) == 2


def test_system_profiler_without_addresses_knows_what_it_can_tell_apart() -> None:
    """A name on one channel is one access point; two of one name and channel are none; withheld names are an error."""

    def document(*names: str) -> str:
        others = [
            {"_name": n, "spairport_network_channel": "36 (5GHz, 80MHz)", "spairport_signal_noise": "-61 dBm / -92 dBm"}
            for n in names
        ]
        interface = {
            "spairport_airport_other_local_wireless_networks": others,
            "spairport_current_network_information": {
                "_name": "mine",
                "spairport_network_channel": "6",
                "spairport_network_bssid": "02:00:00:00:00:01",
                "spairport_network_phymode": "802.11ax",
                "spairport_signal_noise": "-40 dBm / -90 dBm",
            },
        }
        return json.dumps({"SPAirPortDataType": [{"spairport_airport_interfaces": [interface]}]})

    mine, other = parse_system_profiler(document("a", "b", "b"))
    assert (mine.bssid, mine.radio, mine.channel, mine.rssi_dbm) == ("02:00:00:00:00:01", Radio.AX, 6, -40.0)
    assert (other.ssid, other.band, other.channel) == ("a", Band.GHZ_5, 36)
    withheld = document("<redacted>").replace('"mine"', '"<redacted>"')
    with pytest.raises(ScanError, match="Location Services"):
        parse_system_profiler(withheld)


def test_connected_reads_dbm_signed_or_not() -> None:
    """Old drivers give 256 + dBm; an interface that is not connected gives -256 and no reading."""
    head = "Inter-| sta-|   Quality\n face | tus | link level noise\n"
    rows = "wlan0: 0000   54.  -56.  -256        0      0\nwlan1: 0000 54. 200. 0. 0\nwlan2: 0000 0 -256 -256 0\n"
    assert [reading.rssi_dbm for reading in parse_connected(head + rows)] == [-56.0, -56.0]
