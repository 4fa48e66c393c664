"""Windows: wlanapi.dll through ctypes, else netsh.

The structures are parsed from their bytes (``native.bss_list``); ctypes only calls and copies. Interface list
(wlanapi.h, WLAN_INTERFACE_INFO_LIST): 0 u32 count | 4 u32 index | 8 entries of 532 bytes: 0 GUID | 16 description,
512 bytes | 528 u32 state.
"""

from __future__ import annotations

import ctypes
import struct
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple

from csi_wifiscan.errors import ScanError, UnavailableError
from csi_wifiscan.native.bss_list import LIST_HEADER, parse_bss_list
from csi_wifiscan.parsers import parse_netsh
from csi_wifiscan.scanners.command import CommandScanner, require_program
from csi_wifiscan.scanners.port import NATIVE_INTERVAL_S

if TYPE_CHECKING:
    from csi_wifiscan.access_point import AccessPoint

TRIGGER_INTERVAL_S = 5.0
"""WlanScan takes up to 4 s; asking again before is no use (documented)."""
_CLIENT_VERSION = 2
_ANY_BSS_TYPE = 3
_MAX_LIST_BYTES = 64 * 2**20
_UNIX_EPOCH_TICKS = 116_444_736_000_000_000
"""100 ns from 1601 to 1970."""
_INTERFACES_HEADER = struct.Struct("<II")
_INTERFACE = struct.Struct("<16s512sI")
_REASONS = {
    5: "Windows wants location access for it (Settings, Privacy, Location)",
    1062: "the service WlanSvc does not run",
    1168: "the Wi-Fi interface is gone",
    0x80342002: "the Wi-Fi interface is switched off",  # ERROR_NDIS_DOT11_POWER_STATE_INVALID
}


class WlanInterface(NamedTuple):
    """One Wi-Fi interface."""

    guid: bytes
    state: int


def interface_list_length(header: bytes) -> int:
    """Bytes of an interface list, from its first 8.

    Raises:
        ScanError: an absurd count.
    """
    count, _ = _INTERFACES_HEADER.unpack_from(header)
    length = _INTERFACES_HEADER.size + count * _INTERFACE.size
    if length > _MAX_LIST_BYTES:
        raise ScanError(f"wlanapi.dll lists {count} interfaces")
    return int(length)


def parse_interface_list(image: bytes) -> list[WlanInterface]:
    """Interfaces of the byte image of a WLAN_INTERFACE_INFO_LIST.

    Raises:
        ScanError: the image is not as long as it says.
    """
    if len(image) < _INTERFACES_HEADER.size or len(image) != interface_list_length(image):
        raise ScanError("a list of interfaces that is not as long as it says")
    entries = _INTERFACE.iter_unpack(image[_INTERFACES_HEADER.size :])
    return [WlanInterface(guid, state) for guid, _, state in entries]


def host_ticks(unix_ns: int) -> int:
    """Time in 100 ns since 1601, Windows' own."""
    return unix_ns // 100 + _UNIX_EPOCH_TICKS


class WlanApiScanner:
    """``WlanGetNetworkBssList`` for scans, ``WlanScan`` to ask for fresh ones."""

    name = "wlanapi"
    native = True
    interval_s = NATIVE_INTERVAL_S
    trigger_interval_s: float | None = TRIGGER_INTERVAL_S

    def __init__(self, library: Any = None) -> None:
        """Open a handle.

        Args:
            library: wlanapi.dll; loaded when not given.

        Raises:
            UnavailableError: this is not Windows, or there is no Wi-Fi interface.
        """
        self._library = library if library is not None else _load()
        self._handle = ctypes.c_void_p()
        version = ctypes.c_uint32()
        code = self._library.WlanOpenHandle(_CLIENT_VERSION, None, ctypes.byref(version), ctypes.byref(self._handle))
        if code:
            raise UnavailableError(_refusal("WlanOpenHandle", code))
        interfaces = self._interfaces()
        if not interfaces:
            self.close()
            raise UnavailableError("this host has no Wi-Fi interface (wlanapi.dll lists none)")
        self._guid = ctypes.create_string_buffer(interfaces[0].guid, len(interfaces[0].guid))

    def scan(self) -> list[AccessPoint]:
        """Read the list of access points.

        Raises:
            ScanError: Windows refused.
        """
        pointer = ctypes.c_void_p()
        code = self._library.WlanGetNetworkBssList(
            self._handle, ctypes.byref(self._guid), None, _ANY_BSS_TYPE, 0, None, ctypes.byref(pointer)
        )
        if code:
            raise ScanError(_refusal("WlanGetNetworkBssList", code))
        try:
            total, _ = LIST_HEADER.unpack(ctypes.string_at(pointer, LIST_HEADER.size))
            if total > _MAX_LIST_BYTES:
                raise ScanError(f"a list of access points of {total} bytes")
            image = ctypes.string_at(pointer, total)
        finally:
            self._library.WlanFreeMemory(pointer)
        return parse_bss_list(image, host_ticks(time.time_ns()))

    def trigger(self) -> None:
        """Ask for a scan of all channels.

        Raises:
            ScanError: Windows refused.
        """
        code = self._library.WlanScan(self._handle, ctypes.byref(self._guid), None, None, None)
        if code:
            raise ScanError(_refusal("WlanScan", code))

    def close(self) -> None:
        """Close the handle."""
        self._library.WlanCloseHandle(self._handle, None)

    def _interfaces(self) -> list[WlanInterface]:
        pointer = ctypes.c_void_p()
        code = self._library.WlanEnumInterfaces(self._handle, None, ctypes.byref(pointer))
        if code:
            raise UnavailableError(_refusal("WlanEnumInterfaces", code))
        try:
            length = interface_list_length(ctypes.string_at(pointer, _INTERFACES_HEADER.size))
            return parse_interface_list(ctypes.string_at(pointer, length))
        finally:
            self._library.WlanFreeMemory(pointer)


def netsh_scanner() -> CommandScanner:
    """Scanner on netsh.

    Raises:
        UnavailableError: this is not Windows.
    """
    if sys.platform != "win32":
        raise UnavailableError("netsh is a program of Windows")
    program = require_program("netsh")
    kernel = ctypes.windll.kernel32
    code_page = f"cp{kernel.GetConsoleOutputCP() or kernel.GetOEMCP()}"
    return CommandScanner(
        "netsh", (program, "wlan", "show", "networks", "mode=bssid"), parse_netsh, code_page=code_page
    )


def _load() -> Any:
    if sys.platform != "win32":
        raise UnavailableError("wlanapi.dll is a library of Windows")
    try:
        library = ctypes.WinDLL("wlanapi.dll")
    except OSError as error:
        raise UnavailableError(f"wlanapi.dll cannot be loaded: {error.strerror}") from None
    pointer, number = ctypes.c_void_p, ctypes.c_uint32
    for name, arguments in {
        "WlanOpenHandle": (number, pointer, pointer, pointer),
        "WlanCloseHandle": (pointer, pointer),
        "WlanEnumInterfaces": (pointer, pointer, pointer),
        "WlanGetNetworkBssList": (pointer, pointer, pointer, number, number, pointer, pointer),
        "WlanScan": (pointer, pointer, pointer, pointer, pointer),
    }.items():
        getattr(library, name).argtypes = arguments
        getattr(library, name).restype = number
    library.WlanFreeMemory.argtypes = (pointer,)
    library.WlanFreeMemory.restype = None
    return library


def _refusal(call: str, code: int) -> str:
    reason = _REASONS.get(code & 0xFFFFFFFF)
    return f"{call} failed with {code}" + (f": {reason}" if reason else "")
