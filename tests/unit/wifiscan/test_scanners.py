"""The adapters of Linux and macOS, on folders, programs and frameworks of ours; Windows' are in test_native."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from csi_schemas.access_points import Band, Radio
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.scanners import choice, linux, macos, windows
from unit.wifiscan.test_command_line import script
from unit.wifiscan.test_native import bss_attributes, heard
from unit.wifiscan.test_other_texts import as_iw
from unit.wifiscan.texts import iw, without

HOME = AccessPoint("02:00:00:00:00:01", -50.0, "home", None, 36, Band.GHZ_5, Radio.AX, 30)
REQUEST, ACK, DUMP = 1, 4, 0x300
"""Flags of linux/netlink.h."""
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux's interfaces")


@pytest.fixture
def wlan(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder for programs, on a host whose one Wi-Fi interface is wlan7."""
    (tmp_path / "net" / "wlan7" / "phy80211").mkdir(parents=True)
    (tmp_path / "net" / "eth0").mkdir()
    monkeypatch.setattr(linux, "_INTERFACES", tmp_path / "net")
    monkeypatch.setattr(linux, "_SBIN", (str(tmp_path),))
    return tmp_path


@on_linux
def test_iw_reads_the_cache_of_the_wifi_interface_and_asks_for_scans(wlan: Path) -> None:
    """``dev wlan7 scan dump`` is parsed; ``scan trigger`` without rights is a refusal that says what is missing."""
    (wlan / "dump").write_text(iw([HOME]))
    refusal = "echo 'command failed: Operation not permitted (-1)' >&2; exit 255"
    script(wlan, "iw", f'case "$*" in "dev wlan7 scan dump") cat {wlan}/dump;; *) {refusal};; esac')
    scanner = linux.iw_scanner()
    assert scanner.scan() == [without(as_iw(HOME), age_ms=30)]
    assert scanner.trigger_interval_s == linux.TRIGGER_INTERVAL_S
    with pytest.raises(ScanError, match="iw ended with exit code 255: it needs more rights"):
        scanner.trigger()


@on_linux
def test_iw_that_is_not_installed_is_a_reason(wlan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interface without the program, and the program without an interface."""
    monkeypatch.setenv("PATH", str(wlan))
    with pytest.raises(UnavailableError, match="the program iw is not installed"):
        linux.iw_scanner()
    monkeypatch.setattr(linux, "_INTERFACES", wlan)
    with pytest.raises(UnavailableError, match="no Wi-Fi interface"):
        linux.iw_scanner()


@on_linux
def test_nmcli_counts_decibels_as_network_manager_does(wlan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One percent is one dB, 30 % at -90 dBm; a host whose NetworkManager has no Wi-Fi is a reason."""
    monkeypatch.setenv("PATH", f"{wlan}:/bin:/usr/bin")
    row = "home:02\\\\:00\\\\:00\\\\:00\\\\:00\\\\:01:36:5180 MHz:64:Infra"
    script(wlan, "nmcli", f"case \"$*\" in *TYPE*) echo wifi;; *) echo '{row}' | sed 's/\\\\\\\\/\\\\/g';; esac")
    assert [a.rssi_dbm for a in linux.nmcli_scanner().scan()] == [-56.0]
    assert (linux.network_manager_dbm(30), linux.network_manager_dbm(100)) == (-90.0, -20.0)
    script(wlan, "nmcli", "echo ethernet")
    with pytest.raises(UnavailableError, match="no Wi-Fi device"):
        linux.nmcli_scanner()


def test_the_connected_access_point_is_the_last_step(tmp_path: Path) -> None:
    """Its signal when connected, a failed scan when not, a reason where the kernel has no such file."""
    file = tmp_path / "wireless"
    with pytest.raises(UnavailableError, match="the kernel has no"):
        linux.ConnectedScanner(file)
    file.write_text("Inter-|\n face |\n wlan0: 0000   54.  -56.  -256        0      0\n")
    scanner = linux.ConnectedScanner(file)
    assert [a.rssi_dbm for a in scanner.scan()] == [-56.0]
    file.write_text("Inter-|\n face |\n")
    with pytest.raises(ScanError, match="not connected"):
        scanner.scan()


@on_linux
def test_the_list_says_why_not_more(wlan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without CAP_NET_ADMIN iw works on others' scans, and says what it lacks; with it, it does not."""
    (wlan / "dump").write_text(iw([HOME]))
    script(wlan, "iw", f"cat {wlan}/dump")
    monkeypatch.setattr(choice, "WAYS", tuple(way for way in choice.WAYS if way.name == "iw"))
    status = wlan / "status"
    monkeypatch.setattr(linux.may_trigger, "__defaults__", (status,))
    for capabilities, said in (("00000000a80425fb", "needs root or CAP_NET_ADMIN"), ("000001ffffffffff", "points")):
        status.write_text(f"Name:\tpython\nCapEff:\t{capabilities}\n")
        (option,) = choice.options()
        assert option.usable
        assert option.found.startswith("hears 1 access points")
        assert option.found.endswith(said)


@on_linux
def test_netlink_reads_scans_and_names_refusals(wlan: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dump's access points are parsed, answers without one passed over; EPERM and EBUSY are said in words."""
    from csi_wifiscan.scanners import netlink  # noqa: PLC0415 - Linux only
    from pyroute2.netlink.exceptions import NetlinkError  # noqa: PLC0415 - Linux only

    class Kernel:
        prid = 28
        refusal: int | None = None
        requests: list[tuple[int, int]] = []  # noqa: RUF012 - one test's

        def nlm_request(self, message: Any, msg_type: int, msg_flags: int) -> Any:
            assert msg_type == self.prid
            self.requests.append((message["cmd"], msg_flags))
            if self.refusal is not None:
                raise NetlinkError(self.refusal, "secret")
            for image in (bss_attributes(HOME), None):
                answer = netlink.ScanMessage()
                answer["attrs"] = [("NL80211_ATTR_BSS", image)] if image else []
                yield answer

        def close(self) -> None:
            self.prid = 0

    kernel = Kernel()
    monkeypatch.setattr(netlink, "open_netlink", lambda family: kernel if family == "nl80211" else None)
    monkeypatch.setattr("socket.if_nametoindex", {"wlan7": 7}.__getitem__)
    monkeypatch.setattr("time.clock_gettime_ns", lambda _: 10**12)
    del wlan
    scanner = netlink.NetlinkScanner()
    assert scanner.scan() == [heard(HOME)]
    scanner.trigger()
    assert kernel.requests == [(32, REQUEST | DUMP), (33, REQUEST | ACK)]
    for code, said in ((1, "CAP_NET_ADMIN"), (16, "busy with another scan"), (95, "refused, error 95")):
        kernel.refusal = code
        with pytest.raises(ScanError, match=said) as error:
            scanner.trigger()
        assert "secret" not in str(error.value)
    scanner.close()
    assert kernel.prid == 0


@on_linux
def test_netlink_speaks_with_this_kernel() -> None:
    """The request goes through pyroute2 to the real kernel and its dump comes back: the families it has."""
    from csi_wifiscan.scanners import netlink  # noqa: PLC0415 - Linux only

    control = netlink.open_netlink("nlctrl")
    try:
        request = netlink.scan_request(3, 0)  # CTRL_CMD_GETFAMILY
        request["attrs"] = []
        flags = REQUEST | DUMP
        answers = list(control.nlm_request(request, msg_type=control.prid, msg_flags=flags))
    finally:
        control.close()
    assert answers
    assert {answer["cmd"] for answer in answers} == {1}


class Network:
    """A CWNetwork, or the framework around it: every method returns what was given."""

    def __init__(self, **values: Any) -> None:
        self.values = values

    def __getattr__(self, name: str) -> Any:
        """The method of that name."""
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_: self.values[name]


def framework(networks: list[Network], error: Any = None) -> Any:
    """CoreWLAN with one interface."""
    interface = Network(cachedScanResults=networks, scanForNetworksWithName_error_=(networks, error))
    client = Network(sharedWiFiClient=Network(interface=interface))
    return type("CoreWLAN", (), {"CWWiFiClient": client})


def test_corewlan_is_read_and_its_refusals_are_said() -> None:
    """Address, signal, channel and band; withheld addresses, a refused scan and a Mac without Wi-Fi are said."""
    channel = Network(channelNumber=36, channelBand=2)
    home = Network(bssid="2:0:0:0:0:1", ssid="home", rssiValue=-50, wlanChannel=channel)
    home.values["bssid"] = "02:00:00:00:00:01"
    withheld = Network(bssid=None, ssid=None, rssiValue=-60, wlanChannel=channel)
    scanner = macos.CoreWlanScanner(framework([home, withheld]))
    assert scanner.scan() == [AccessPoint("02:00:00:00:00:01", -50.0, "home", None, 36, Band.GHZ_5)]
    scanner.trigger()
    with pytest.raises(ScanError, match="Location Services"):
        macos.CoreWlanScanner(framework([withheld])).scan()
    with pytest.raises(ScanError, match="error -3905"):
        macos.CoreWlanScanner(framework([], Network(code=-3905))).trigger()
    none = type("CoreWLAN", (), {"CWWiFiClient": Network(sharedWiFiClient=Network(interface=None))})
    with pytest.raises(UnavailableError, match="no Wi-Fi interface"):
        macos.CoreWlanScanner(none)


@on_linux
def test_other_platforms_ways_say_what_they_are() -> None:
    """Asked for by name on the wrong platform, each gives its reason."""
    for way, said in (
        (windows.WlanApiScanner, "library of Windows"),
        (windows.netsh_scanner, "program of Windows"),
        (macos.CoreWlanScanner, "framework of macOS"),
        (macos.airport_scanner, "program of macOS"),
        (macos.system_profiler_scanner, "program of macOS"),
    ):
        with pytest.raises(UnavailableError, match=said):
            way()
