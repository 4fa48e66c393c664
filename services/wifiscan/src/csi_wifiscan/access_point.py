"""One access point as one scan heard it. Stays on the host: what is sent is made from :mod:`csi_wifiscan.registry`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from csi_schemas.access_points import Band, Radio
from csi_schemas.common import channel_of

BAND_NAMES = {Band.GHZ_2_4: "2.4 GHz", Band.GHZ_5: "5 GHz", Band.GHZ_6: "6 GHz"}
RADIO_NAMES = {
    Radio.B: "802.11b",
    Radio.A: "802.11a",
    Radio.G: "802.11g",
    Radio.N: "802.11n",
    Radio.AC: "802.11ac",
    Radio.AX: "802.11ax",
    Radio.BE: "802.11be",
}
RADIO_BY_NAME = {name: radio for radio, name in RADIO_NAMES.items()}
MAC = r"[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}"
_CHANNELS = {
    Band.GHZ_2_4: frozenset(range(1, 15)),
    Band.GHZ_5: frozenset(range(32, 178)),
    Band.GHZ_6: frozenset((*range(1, 234, 4), 2)),
}


@dataclass(frozen=True, slots=True)
class AccessPoint:
    """One reading of one access point."""

    bssid: str
    """Lower case with colons. Where a platform withholds it, another text that identifies the access point here."""
    rssi_dbm: float
    ssid: str = ""
    """Empty when hidden; bytes that are no text are shown as ``\\xNN``."""
    signal_pct: int | None = None
    """Percent, where the program says percent."""
    channel: int = 0
    """0 when unknown."""
    band: Band = Band.UNKNOWN
    radio: Radio = Radio.UNKNOWN
    age_ms: int | None = None
    """Time since the radio heard it, ms; ``None`` when the source does not say."""

    def as_json(self) -> dict[str, Any]:
        """The reading for ``csiflow agent parse``; unknown values are null."""
        return {
            "bssid": self.bssid,
            "ssid": self.ssid,
            "rssi_dbm": self.rssi_dbm,
            "signal_pct": self.signal_pct,
            "channel": self.channel or None,
            "band": BAND_NAMES.get(self.band),
            "radio": RADIO_NAMES.get(self.radio),
        }


def normal_bssid(text: str) -> str:
    """Lower case with colons, of either spelling."""
    return text.lower().replace("-", ":")


def quality_to_dbm(percent: int) -> float:
    """Signal strength of a link quality, as Windows defines it: 0 % is -100 dBm, 100 % is -50 dBm, linear between."""
    return percent / 2 - 100


def band_of_frequency(mhz: float) -> Band:
    """Band of a centre frequency in MHz."""
    for band, low, high in ((Band.GHZ_2_4, 2400, 2500), (Band.GHZ_5, 5150, 5925), (Band.GHZ_6, 5925, 7125)):
        if low <= mhz < high:
            return band
    return Band.UNKNOWN


def channel_of_frequency(mhz: float) -> int:
    """IEEE 802.11 channel of a centre frequency in MHz; 0 when it is on none."""
    return channel_of(round(mhz)) or 0


def band_of_channel(channel: int) -> Band:
    """Band of a channel where the program does not say: such programs are older than 6 GHz."""
    for band in (Band.GHZ_2_4, Band.GHZ_5):
        if channel in _CHANNELS[band]:
            return band
    return Band.UNKNOWN


def is_channel_of(channel: int, band: Band) -> bool:
    """Whether a band has such a channel."""
    return channel in _CHANNELS.get(band, ())


_BYTE = re.compile(rb"\\x([0-9a-f]{2})|([^\\]+|\\)")


def text_of(raw: bytes) -> str:
    r"""SSID bytes as text: UTF-8, other bytes and control characters as ``\xNN``; only zeros are a hidden name."""
    if not raw.strip(b"\0"):
        return ""
    text = raw.decode("utf-8", errors="backslashreplace")
    return "".join(c if c.isprintable() else "".join(f"\\x{byte:02x}" for byte in c.encode()) for c in text)


def unescaped(text: str) -> bytes:
    r"""Bytes of a text in which ``\xNN`` stands for a byte, as iw prints SSIDs."""
    raw = text.encode()
    return b"".join(bytes.fromhex(m[1].decode()) if m[1] else m[2] for m in _BYTE.finditer(raw))
