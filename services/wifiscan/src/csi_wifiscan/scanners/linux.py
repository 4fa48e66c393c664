"""Linux: the kernel's scan results by netlink, else iw, else nmcli, else the one access point it is connected to."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.parsers import parse_iw, parse_nmcli
from csi_wifiscan.parsers.connected import parse_connected
from csi_wifiscan.parsers.nmcli import FIELDS
from csi_wifiscan.scanners.command import CommandScanner, require_program, run
from csi_wifiscan.scanners.port import COMMAND_INTERVAL_S

if TYPE_CHECKING:
    from csi_wifiscan.access_point import AccessPoint

TRIGGER_INTERVAL_S = 5.0
"""A scan of all channels takes the radio away from its own for 1-4 s in all; more often would disturb traffic."""
_INTERFACES = Path("/sys/class/net")
_WIRELESS = Path("/proc/net/wireless")
_SBIN = ("/usr/sbin", "/sbin")
_STATUS = Path("/proc/self/status")
_NM_OFFSET = 120
_CAP_NET_ADMIN = 12


def wireless_interfaces() -> list[str]:
    """Names of the interfaces that are Wi-Fi.

    Raises:
        UnavailableError: there is none.
    """
    found = sorted(path.parent.name for path in _INTERFACES.glob("*/phy80211"))
    if not found:
        raise UnavailableError("this host has no Wi-Fi interface (no /sys/class/net/*/phy80211)")
    return found


def iw_scanner() -> CommandScanner:
    """Scanner on ``iw dev ... scan dump``, which needs no rights, and ``scan trigger``, which does.

    Raises:
        UnavailableError: there is no interface, or no iw.
    """
    interface = wireless_interfaces()[0]
    program = require_program("iw", *(f"{folder}/iw" for folder in _SBIN))
    device = (program, "dev", interface, "scan")
    return CommandScanner(
        "iw",
        (*device, "dump"),
        parse_iw,
        trigger_command=(*device, "trigger"),
        trigger_interval_s=TRIGGER_INTERVAL_S,
    )


def network_manager_dbm(percent: int) -> float:
    """Signal strength of NetworkManager's percent since 1.0: one percent a dB, 30 % at -90 dBm, 100 % at -20 dBm."""
    return float(percent - _NM_OFFSET)


def nmcli_scanner() -> CommandScanner:
    """Scanner on nmcli.

    Raises:
        UnavailableError: there is no nmcli, or NetworkManager has no Wi-Fi device.
    """
    program = require_program("nmcli")
    try:
        kinds = run((program, "--terse", "--fields", "TYPE", "device")).split()
    except ScanError as error:
        raise UnavailableError(str(error)) from None
    if "wifi" not in kinds:
        raise UnavailableError("NetworkManager has no Wi-Fi device")
    listing = (program, "--terse", "--escape", "yes", "--fields", ",".join(FIELDS).upper(), "device", "wifi", "list")
    return CommandScanner(
        "nmcli",
        (*listing, "--rescan", "no"),
        lambda text: parse_nmcli(text, network_manager_dbm),
        trigger_command=(program, "device", "wifi", "rescan"),
        trigger_interval_s=2 * TRIGGER_INTERVAL_S,  # NetworkManager refuses more often
    )


class ConnectedScanner:
    """Signal of the access point the host is connected to: one path, and no others."""

    name = "connected"
    native = False
    interval_s = COMMAND_INTERVAL_S
    trigger_interval_s: float | None = None

    def __init__(self, path: Path = _WIRELESS) -> None:
        """Check that the kernel has the file.

        Raises:
            UnavailableError: it has not.
        """
        if not path.exists():
            raise UnavailableError(f"the kernel has no {path}")
        self._path = path

    def scan(self) -> list[AccessPoint]:
        """Read the file.

        Raises:
            ScanError: it cannot be read, or the host is not connected.
        """
        try:
            found = parse_connected(self._path.read_text())
        except OSError as error:
            raise ScanError(f"cannot read {self._path}: {error.strerror}") from None
        if not found:
            raise ScanError("this host is not connected to an access point")
        return found

    def trigger(self) -> None:
        """There is nothing to ask for."""

    def close(self) -> None:
        """Nothing is held."""


def may_trigger(status: Path = _STATUS) -> bool:
    """Whether this process has CAP_NET_ADMIN, which asking the radio for a scan needs."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", status.read_text(), re.MULTILINE) if status.exists() else None
    return match is not None and bool(int(match[1], 16) >> _CAP_NET_ADMIN & 1)
