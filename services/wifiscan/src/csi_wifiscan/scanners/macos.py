"""macOS: CoreWLAN where pyobjc is installed, else airport (removed in macOS 14.4), else system_profiler."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from csi_schemas.access_points import Band

from csi_wifiscan.access_point import AccessPoint, normal_bssid
from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.parsers import parse_airport
from csi_wifiscan.parsers.system_profiler import parse_system_profiler
from csi_wifiscan.scanners.command import CommandScanner, require_program

if TYPE_CHECKING:
    from collections.abc import Iterable

_AIRPORT = "/System/Library/PrivateFrameworks/Apple80211.framework/Versions/Current/Resources/airport"
_CORE_WLAN_INTERVAL_S = 0.25
_TRIGGER_INTERVAL_S = 5.0
_BANDS = {1: Band.GHZ_2_4, 2: Band.GHZ_5, 3: Band.GHZ_6}
"""CWChannelBand."""


class CoreWlanScanner:
    """Apple's framework through pyobjc: scans when triggered, else gives what the last scan found."""

    name = "corewlan"
    native = True
    interval_s = _CORE_WLAN_INTERVAL_S
    trigger_interval_s: float | None = _TRIGGER_INTERVAL_S

    def __init__(self, framework: Any = None) -> None:
        """Find the interface.

        Args:
            framework: the module CoreWLAN; imported when not given.

        Raises:
            UnavailableError: this is not macOS, pyobjc is not installed, or there is no Wi-Fi interface.
        """
        core = framework if framework is not None else _load()
        self._interface = core.CWWiFiClient.sharedWiFiClient().interface()
        if self._interface is None:
            raise UnavailableError("this host has no Wi-Fi interface (CoreWLAN knows none)")

    def scan(self) -> list[AccessPoint]:
        """Return what the last scan found.

        Raises:
            ScanError: macOS withholds the addresses.
        """
        return readings(self._interface.cachedScanResults() or ())

    def trigger(self) -> None:
        """Scan; takes seconds.

        Raises:
            ScanError: macOS refused.
        """
        _, error = self._interface.scanForNetworksWithName_error_(None, None)
        if error is not None:
            raise ScanError(f"CoreWLAN refused to scan, error {error.code()}")

    def close(self) -> None:
        """Nothing is held."""


def readings(networks: Iterable[Any]) -> list[AccessPoint]:
    """Access points of CWNetwork objects.

    Raises:
        ScanError: there are some, and none has an address.
    """
    found: list[AccessPoint] = []
    withheld = 0
    for network in networks:
        bssid, channel = network.bssid(), network.wlanChannel()
        if bssid is None:
            withheld += 1
            continue
        number = int(channel.channelNumber()) if channel is not None else 0
        band = _BANDS.get(int(channel.channelBand()), Band.UNKNOWN) if channel is not None else Band.UNKNOWN
        name = network.ssid() or ""
        found.append(AccessPoint(normal_bssid(bssid), float(network.rssiValue()), name, None, number, band))
    if withheld and not found:
        raise ScanError("macOS withholds addresses: allow Location Services for this Python")
    return found


def airport_scanner() -> CommandScanner:
    """Scanner on airport.

    Raises:
        UnavailableError: it is not installed.
    """
    _require_macos()
    return CommandScanner("airport", (require_program("airport", _AIRPORT), "-s"), parse_airport)


def system_profiler_scanner() -> CommandScanner:
    """Scanner on system_profiler, which takes seconds.

    Raises:
        UnavailableError: it is not installed.
    """
    _require_macos()
    program = require_program("system_profiler", "/usr/sbin/system_profiler")
    return CommandScanner("system_profiler", (program, "SPAirPortDataType", "-json"), parse_system_profiler)


def _require_macos() -> None:
    if sys.platform != "darwin":
        raise UnavailableError("it is a program of macOS")


def _load() -> Any:
    if sys.platform != "darwin":
        raise UnavailableError("CoreWLAN is a framework of macOS")
    try:
        import CoreWLAN  # noqa: PLC0415 - only macOS has it
    except ImportError:
        raise UnavailableError("pyobjc's CoreWLAN is not installed: pip install 'csi-wifiscan[corewlan]'") from None
    return CoreWLAN
