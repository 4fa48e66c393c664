"""Which ways to scan this host has, best first, and why the others do not work."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.privacy import anonymous
from csi_wifiscan.scanners import linux, macos, windows

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from csi_wifiscan.scanners.port import Scanner


@dataclass(frozen=True, slots=True)
class Option:
    """One way to scan."""

    name: str
    platform: str
    """As ``sys.platform`` says it."""
    what: str
    """What it gives, in words."""
    usable: bool
    found: str
    """How many access points a scan just now gave, or why it does not work."""


@dataclass(frozen=True, slots=True)
class _Way:
    name: str
    platform: str
    what: str
    open: Callable[[], Scanner]


def _netlink() -> Scanner:
    linux.wireless_interfaces()  # before pyroute2 is loaded for nothing
    from csi_wifiscan.scanners.netlink import NetlinkScanner  # noqa: PLC0415 - only Linux has it, and it loads slowly

    return NetlinkScanner()


WAYS: tuple[_Way, ...] = (
    _Way("nl80211", "linux", "every access point, up to 20 reads/s", _netlink),
    _Way("iw", "linux", "every access point, 2 reads/s", linux.iw_scanner),
    _Way("nmcli", "linux", "every access point, 2 reads/s, whole percent", linux.nmcli_scanner),
    _Way("wlanapi", "win32", "every access point, up to 20 reads/s", windows.WlanApiScanner),
    _Way("netsh", "win32", "every access point, 2 reads/s, whole percent", windows.netsh_scanner),
    _Way("corewlan", "darwin", "every access point, 4 reads/s", macos.CoreWlanScanner),
    _Way("airport", "darwin", "every access point, as fast as it scans", macos.airport_scanner),
    _Way("system_profiler", "darwin", "access points with a name of their own, slowly", macos.system_profiler_scanner),
    _Way("connected", "linux", "the one access point this host is connected to", linux.ConnectedScanner),
)
"""In the order they are tried."""


_NEED_RIGHTS = ("nl80211", "iw")


def options() -> list[Option]:
    """Try every way of this platform by one scan, and name those of the others."""
    found = []
    for way in WAYS:
        if not sys.platform.startswith(way.platform):
            found.append(Option(way.name, way.platform, way.what, usable=False, found=f"for {way.platform} only"))
            continue
        scanner, _, said = _open(way)
        if scanner is not None:
            scanner.close()
            if way.name in _NEED_RIGHTS and not linux.may_trigger():
                said += "; reads what others' scans find, as asking for fresh ones needs root or CAP_NET_ADMIN"
        found.append(Option(way.name, way.platform, way.what, scanner is not None, said))
    return found


def choose(name: str | None = None) -> tuple[Scanner | None, Mapping[str, str]]:
    """Open the best way that hears something, or the named one; and why the ones tried before it were passed over.

    When none hears anything, the best that works at all: access points may come.
    """
    reasons: dict[str, str] = {}
    silent: Scanner | None = None
    for way in WAYS:
        if name not in (None, way.name) or not sys.platform.startswith(way.platform):
            continue
        scanner, heard, said = _open(way)
        if scanner is not None and heard:
            if silent is not None:
                silent.close()
            return scanner, reasons
        reasons[way.name] = said
        if silent is None:
            silent = scanner
        elif scanner is not None:
            scanner.close()
    if silent is not None:
        reasons.pop(silent.name, None)
    return silent, reasons


def _open(way: _Way) -> tuple[Scanner | None, int, str]:
    """Open a scanner and try it; ``None`` and the reason when it does not work."""
    try:
        scanner = way.open()
    except UnavailableError as error:
        return None, 0, str(error)
    except Exception as error:  # noqa: BLE001 - a platform's surprise is a reason too, said without quoting it
        return None, 0, str(anonymous(error))
    try:
        heard = len(scanner.scan())
    except Exception as error:  # noqa: BLE001 - as above
        scanner.close()
        return None, 0, str(anonymous(error))
    if heard == 0 and scanner.trigger_interval_s is not None:
        try:
            scanner.trigger()
        except ScanError as error:
            return scanner, heard, f"hears nothing; {error}"
    return scanner, heard, f"hears {heard} access points"
