"""``system_profiler SPAirPortDataType -json`` of macOS: names and signals, addresses only on older versions."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import msgspec
from csi_schemas.access_points import Band, Radio

from csi_wifiscan.access_point import RADIO_BY_NAME, AccessPoint, band_of_channel, normal_bssid
from csi_wifiscan.errors import ParseError, ScanError

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHANNEL = re.compile(r"(\d{1,3})(?: \((2|5|6)\s?GHz.*\))?")
_SIGNAL = re.compile(r"(-\d{1,3}) dBm(?: / -?\d{1,3} dBm)?")
_BANDS = {"2": Band.GHZ_2_4, "5": Band.GHZ_5, "6": Band.GHZ_6}
_WITHHELD = "<redacted>"
_PLACES = ("spairport_current_network_information", "spairport_airport_other_local_wireless_networks")


def parse_system_profiler(text: str) -> list[AccessPoint]:
    """Access points of every interface.

    Without an address an access point is known by its name and channel; those that share both are left out, as they
    could not be told apart from scan to scan.

    Raises:
        ParseError: the text is no JSON of that form.
        ScanError: macOS withholds the names.
    """
    try:
        document = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise ParseError(1, "expected JSON; the text is damaged or cut off") from None
    found = [reading for network in _networks(document) if (reading := _access_point(network)) is not None]
    if not found and _WITHHELD in text:
        raise ScanError("macOS withholds the names of networks: allow Location Services for the terminal")
    names = Counter(reading.bssid for reading in found)
    return [reading for reading in found if names[reading.bssid] == 1]


def _networks(document: Any) -> Iterator[dict[str, Any]]:
    try:
        for entry in document["SPAirPortDataType"]:
            for interface in entry.get("spairport_airport_interfaces", ()):
                for place in _PLACES:
                    networks = interface.get(place, ())
                    yield from [networks] if isinstance(networks, dict) else networks
    except (KeyError, TypeError, AttributeError):
        raise ParseError(1, "expected SPAirPortDataType with its interfaces") from None


def _access_point(network: dict[str, Any]) -> AccessPoint | None:
    name = str(network.get("_name", ""))
    channel = _CHANNEL.fullmatch(str(network.get("spairport_network_channel", "")))
    signal = _SIGNAL.fullmatch(str(network.get("spairport_signal_noise", "")))
    if channel is None or signal is None or name in ("", _WITHHELD):
        return None
    number = int(channel[1])
    band = _BANDS[channel[2]] if channel[2] else band_of_channel(number)
    address = str(network.get("spairport_network_bssid", ""))
    identity = normal_bssid(address) if address else f"{name}\0{number}"
    radio = RADIO_BY_NAME.get(str(network.get("spairport_network_phymode", "")), Radio.UNKNOWN)
    return AccessPoint(identity, float(signal[1]), name, None, number, band, radio)
