"""Byte images of Windows' and Linux' structures, and the calls around them."""

from __future__ import annotations

import ctypes
import struct
import sys
from typing import Any

import pytest
from csi_schemas.access_points import Band, Radio
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.native.bss_attributes import parse_bss_attributes
from csi_wifiscan.native.bss_list import parse_bss_list
from csi_wifiscan.native.elements import name_and_radio
from csi_wifiscan.scanners.windows import WlanApiScanner, host_ticks, parse_interface_list
from hypothesis import given
from hypothesis import strategies as st
from unit.wifiscan.texts import access_points, frequency, without

NOW_MS = 1_000_000
HT, VHT = bytes([45, 2, 0, 0]), bytes([191, 1, 0])
HE, EHT = bytes([255, 2, 35, 0]), bytes([255, 2, 108, 0])
GENERATIONS = {
    Radio.B: b"\x01\x04\x82\x84\x8b\x96",
    Radio.A: b"\x01\x02\x8c\x12",
    Radio.G: b"\x01\x02\x82\x84\x32\x01\x0c",
    Radio.N: HT,
    Radio.AC: HT + VHT,
    Radio.AX: HT + VHT + HE,
    Radio.BE: HT + VHT + HE + EHT,
}


class BssEntry(ctypes.Structure):
    """WLAN_BSS_ENTRY as wlanapi.h has it, laid out by ctypes and not by us."""

    _fields_ = [
        ("ssid_length", ctypes.c_uint32),
        ("ssid", ctypes.c_uint8 * 32),
        ("phy_id", ctypes.c_uint32),
        ("bssid", ctypes.c_uint8 * 6),
        ("bss_type", ctypes.c_uint32),
        ("phy_type", ctypes.c_uint32),
        ("rssi", ctypes.c_int32),
        ("quality", ctypes.c_uint32),
        ("in_domain", ctypes.c_uint8),
        ("beacon_period", ctypes.c_uint16),
        ("timestamp", ctypes.c_uint64),
        ("host_timestamp", ctypes.c_uint64),
        ("capability", ctypes.c_uint16),
        ("frequency_khz", ctypes.c_uint32),
        ("n_rates", ctypes.c_uint32),
        ("rates", ctypes.c_uint16 * 126),
        ("elements_offset", ctypes.c_uint32),
        ("elements_size", ctypes.c_uint32),
    ]


def elements(reading: AccessPoint) -> bytes:
    """A beacon's elements."""
    name = reading.ssid.encode()[:32]
    return bytes([0, len(name)]) + name + GENERATIONS[reading.radio]


def bss_list(found: list[AccessPoint]) -> bytes:
    """Image of a WLAN_BSS_LIST; the elements follow the entries."""
    entries, tail = b"", b""
    size = ctypes.sizeof(BssEntry)
    for index, reading in enumerate(found):
        ours = elements(reading)
        name = reading.ssid.encode()[:32]
        entry = BssEntry(
            ssid_length=len(name),
            bssid=(ctypes.c_uint8 * 6)(*bytes.fromhex(reading.bssid.replace(":", ""))),
            ssid=(ctypes.c_uint8 * 32)(*name),
            rssi=int(reading.rssi_dbm),
            quality=reading.signal_pct,
            host_timestamp=host_ticks(NOW_MS * 10**6) - (reading.age_ms or 0) * 10_000,
            frequency_khz=frequency(reading) * 1000,
            elements_offset=(len(found) - index) * size + len(tail),
            elements_size=len(ours),
        )
        entries += bytes(entry)
        tail += ours
    return struct.pack("<II", 8 + len(entries) + len(tail), len(found)) + entries + tail


def bss_attributes(reading: AccessPoint) -> bytes:
    """Image of an NL80211_ATTR_BSS."""

    def attribute(kind: int, value: bytes) -> bytes:
        return struct.pack("=HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)

    return b"".join(
        attribute(kind, value)
        for kind, value in (
            (1, bytes.fromhex(reading.bssid.replace(":", ""))),
            (2, struct.pack("=I", frequency(reading))),
            (6 | 0x8000, elements(reading)),
            (7, struct.pack("=i", round(reading.rssi_dbm * 100))),
            (10, struct.pack("=I", 77)),
            (15, struct.pack("=Q", (NOW_MS - (reading.age_ms or 0)) * 10**6)),
        )
    )


def heard(reading: AccessPoint, **fields: object) -> AccessPoint:
    """The reading as a beacon tells it: legacy radios by band."""
    radio = reading.radio
    if radio < Radio.N:
        legacy = Radio.B if radio is Radio.B else Radio.G
        radio = legacy if reading.band is Band.GHZ_2_4 else Radio.A
    return without(reading, radio=radio, **fields)


READINGS = access_points("net").map(lambda a: without(a, age_ms=40))


@given(st.lists(READINGS, max_size=5))
def test_a_bss_list_of_ctypes_own_layout_is_read(found: list[AccessPoint]) -> None:
    """Address, name, dBm, quality, frequency, generation and age of each entry."""
    assert parse_bss_list(bss_list(found), host_ticks(NOW_MS * 10**6)) == [
        heard(a, rssi_dbm=int(a.rssi_dbm)) for a in found
    ]


@given(READINGS)
def test_bss_attributes_are_read(reading: AccessPoint) -> None:
    """The exact age is taken before the rounded one."""
    assert parse_bss_attributes(bss_attributes(reading), NOW_MS * 10**6) == heard(reading, signal_pct=None)


@given(st.lists(READINGS, min_size=1, max_size=2), st.data())
def test_a_damaged_image_is_an_error_or_harmless(found: list[AccessPoint], data: st.DataObject) -> None:
    """Any byte changed or cut off: a ScanError or readings, never another exception or a read outside."""
    for image, parse in (
        (bss_list(found), lambda image: parse_bss_list(image, 0)),
        (bss_attributes(found[0]), lambda image: [parse_bss_attributes(image, 0)]),
    ):
        changed = bytearray(image)
        changed[data.draw(st.integers(0, len(image) - 1))] = data.draw(st.integers(0, 255))
        damaged = bytes(changed)[: data.draw(st.integers(0, len(image)))]
        try:
            parse(damaged)
        except ScanError:
            continue


@given(st.binary(max_size=80), st.sampled_from(list(Band)))
def test_elements_from_the_air_may_lie(raw: bytes, band: Band) -> None:
    """Whatever bytes a neighbour sends, a name of at most 32 bytes comes out."""
    name, radio = name_and_radio(raw, band)
    assert len(name) <= 32
    assert radio in Radio


def test_a_signal_of_unspecified_units_and_none_at_all() -> None:
    """Hundredths become a percentage; an access point without a signal is left out."""
    base = struct.pack("=HH6s2xHHI", 10, 1, b"\x02\0\0\0\0\1", 8, 2, 2412)
    assert parse_bss_attributes(base, 0) is None
    reading = parse_bss_attributes(base + struct.pack("=HHB3x", 5, 8, 60), 0)
    assert reading is not None
    assert (reading.signal_pct, reading.rssi_dbm, reading.age_ms) == (60, -70.0, None)


class FakeWlanApi:
    """wlanapi.dll: the same calls with the same arguments, on memory of ours."""

    def __init__(self, image: bytes, interfaces: int = 1, code: int = 0) -> None:
        self.code = code
        self.calls: list[str] = []
        self.freed = 0
        entries = b"".join(struct.pack("<16s512sI", bytes([n] * 16), b"card", 1) for n in range(interfaces))
        self.interfaces = ctypes.create_string_buffer(struct.pack("<II", interfaces, 0) + entries)
        self.image = ctypes.create_string_buffer(image, len(image))

    def WlanOpenHandle(self, *_: Any) -> int:  # noqa: N802 - Windows' names
        """Open."""
        return self.code

    def WlanCloseHandle(self, *_: Any) -> int:  # noqa: N802
        """Close."""
        self.calls.append("close")
        return 0

    def WlanEnumInterfaces(self, _handle: Any, _reserved: Any, out: Any) -> int:  # noqa: N802
        """List interfaces."""
        out._obj.value = ctypes.addressof(self.interfaces)
        return 0

    def WlanGetNetworkBssList(self, _handle: Any, guid: Any, *rest: Any) -> int:  # noqa: N802
        """List access points of the first interface, of any type."""
        assert bytes(guid._obj) == bytes(16)
        assert rest[:4] == (None, 3, 0, None)
        rest[4]._obj.value = ctypes.addressof(self.image)
        return self.code

    def WlanScan(self, *_: Any) -> int:  # noqa: N802
        """Scan."""
        self.calls.append("scan")
        return self.code

    def WlanFreeMemory(self, _: Any) -> None:  # noqa: N802
        """Free."""
        self.freed += 1


def test_wlanapi_is_called_as_documented() -> None:
    """Handle, first interface, list, scan; every list is given back."""
    reading = AccessPoint("02:00:00:00:00:01", -50.0, "net", 100, 36, Band.GHZ_5, Radio.AX)
    library = FakeWlanApi(bss_list([reading]), interfaces=2)
    scanner = WlanApiScanner(library)
    assert [(a.bssid, a.rssi_dbm, a.radio) for a in scanner.scan()] == [(reading.bssid, -50.0, Radio.AX)]
    scanner.trigger()
    scanner.close()
    assert (library.calls, library.freed) == (["scan", "close"], 2)
    library.code = 5
    with pytest.raises(ScanError, match="WlanGetNetworkBssList failed with 5: Windows wants location access"):
        scanner.scan()
    with pytest.raises(ScanError, match="WlanScan failed with 5"):
        scanner.trigger()


def test_wlanapi_without_a_radio_or_a_service_says_so() -> None:
    """No interface, and WlanSvc not running, are reasons and not failures."""
    with pytest.raises(UnavailableError, match="no Wi-Fi interface"):
        WlanApiScanner(FakeWlanApi(b"", interfaces=0))
    with pytest.raises(UnavailableError, match="WlanSvc does not run"):
        WlanApiScanner(FakeWlanApi(b"", code=1062))
    with pytest.raises(ScanError, match="as long as it says"):
        parse_interface_list(struct.pack("<II", 2, 0) + bytes(532))


@pytest.mark.skipif(sys.platform != "linux", reason="netlink is Linux's")
def test_netlink_messages_have_the_kernels_layout() -> None:
    """A request carries command and interface; an answer's access point comes out as the bytes the kernel put in."""
    from csi_wifiscan.scanners.netlink import ScanMessage, open_netlink, scan_request  # noqa: PLC0415 - Linux only

    request = scan_request(32, 7)
    request.encode()
    assert bytes(request.data[16:]) == struct.pack("=BBHHHI", 32, 1, 0, 8, 3, 7)
    bss = bss_attributes(AccessPoint("02:00:00:00:00:01", -50.0, "net", 100, 36, Band.GHZ_5, Radio.AX))
    body = struct.pack("=BBHHHIHH", 34, 1, 0, 8, 3, 7, 4 + len(bss), 47 | 0x8000) + bss
    answer = ScanMessage(struct.pack("=IHHII", 16 + len(body), 28, 0, 1, 1) + body)
    answer.decode()
    assert answer.get_attr("NL80211_ATTR_BSS") == bss
    with pytest.raises(UnavailableError, match="does not answer for no-such-family"):
        open_netlink("no-such-family")
