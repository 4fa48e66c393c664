"""Texts of the platforms' programs as access points: pure functions of the text.

Each raises :class:`~csi_wifiscan.errors.ParseError` rather than return a row it is not sure of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from csi_wifiscan.parsers.airport import parse_airport
from csi_wifiscan.parsers.iw import parse_iw
from csi_wifiscan.parsers.netsh import parse_netsh
from csi_wifiscan.parsers.nmcli import parse_nmcli

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_wifiscan.access_point import AccessPoint

__all__ = ["PARSERS", "parse_airport", "parse_iw", "parse_netsh", "parse_nmcli"]

PARSERS: dict[str, Callable[[str], list[AccessPoint]]] = {
    "netsh": parse_netsh,
    "iw": parse_iw,
    "nmcli": parse_nmcli,
    "airport": parse_airport,
}
