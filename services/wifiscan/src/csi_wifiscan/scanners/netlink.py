"""nl80211 by generic netlink, through pyroute2: reading scan results needs no rights, asking for a scan does."""

from __future__ import annotations

import errno
import logging
import socket
import time
from typing import TYPE_CHECKING, Any

from pyroute2.netlink import NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, genlmsg
from pyroute2.netlink.exceptions import NetlinkError
from pyroute2.netlink.generic import GenericNetlinkSocket

from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.native.bss_attributes import parse_bss_attributes
from csi_wifiscan.scanners.linux import TRIGGER_INTERVAL_S, wireless_interfaces
from csi_wifiscan.scanners.port import NATIVE_INTERVAL_S

if TYPE_CHECKING:
    from csi_wifiscan.access_point import AccessPoint

_GET_SCAN = 32
_TRIGGER_SCAN = 33
_RIGHTS = (errno.EPERM, errno.EACCES)


class ScanMessage(genlmsg):  # type: ignore[misc] # pyroute2 has no types
    """The attributes of nl80211 that scanning needs; access points stay bytes, as their elements come from the air."""

    prefix = "NL80211_ATTR_"
    nla_map = (
        (3, "NL80211_ATTR_IFINDEX", "uint32"),
        (47, "NL80211_ATTR_BSS", "cdata"),
    )


class NetlinkScanner:
    """Reads the kernel's scan results; each has the time when it was heard, so that old ones are not taken for new."""

    name = "nl80211"
    native = True
    interval_s = NATIVE_INTERVAL_S
    trigger_interval_s: float | None = TRIGGER_INTERVAL_S

    def __init__(self) -> None:
        """Open the socket.

        Raises:
            UnavailableError: there is no Wi-Fi interface, or no nl80211 in this kernel or container.
        """
        self._index = socket.if_nametoindex(wireless_interfaces()[0])
        self._netlink = open_netlink("nl80211")

    def scan(self) -> list[AccessPoint]:
        """Dump the scan results.

        Raises:
            ScanError: the kernel refused, or its answer is damaged.
        """
        images = [message.get_attr("NL80211_ATTR_BSS") for message in self._request(_GET_SCAN, NLM_F_DUMP)]
        now = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        found = [parse_bss_attributes(bytes(image), now) for image in images if image is not None]
        return [reading for reading in found if reading is not None]

    def trigger(self) -> None:
        """Ask for a scan of all channels.

        Raises:
            ScanError: the kernel refused.
        """
        self._request(_TRIGGER_SCAN, NLM_F_ACK)

    def close(self) -> None:
        """Close the socket."""
        self._netlink.close()

    def _request(self, command: int, flags: int) -> list[Any]:
        message = scan_request(command, self._index)
        try:
            return list(
                self._netlink.nlm_request(message, msg_type=self._netlink.prid, msg_flags=NLM_F_REQUEST | flags)
            )
        except NetlinkError as error:
            if error.code in _RIGHTS:
                raise ScanError("the kernel wants the capability CAP_NET_ADMIN (root) for this") from None
            if error.code == errno.EBUSY:
                raise ScanError("the radio is busy with another scan") from None
            raise ScanError(f"the kernel refused, error {error.code}") from None
        except OSError as error:
            raise ScanError(f"netlink failed, error {error.errno}") from None


def open_netlink(family: str) -> Any:
    """Generic netlink socket of a family.

    Raises:
        UnavailableError: the kernel or container does not have it.
    """
    logging.getLogger("pyroute2").setLevel(logging.CRITICAL)  # what it would say, the exception says too
    netlink = None
    try:
        netlink = GenericNetlinkSocket()
        netlink.bind(family, ScanMessage)
    except (NetlinkError, OSError) as error:
        if netlink is not None:
            netlink.close()
        number = error.code if isinstance(error, NetlinkError) else error.errno
        raise UnavailableError(f"the kernel does not answer for {family} (error {number})") from None
    return netlink


def scan_request(command: int, interface_index: int) -> ScanMessage:
    """Request about one interface."""
    message = ScanMessage()
    message["cmd"] = command
    message["version"] = 1
    message["attrs"] = [("NL80211_ATTR_IFINDEX", interface_index)]
    return message
