"""What the platforms' programs would print of given access points, in any language."""

from __future__ import annotations

from dataclasses import dataclass, replace

from csi_schemas.access_points import Band, Radio
from csi_wifiscan.access_point import BAND_NAMES, RADIO_NAMES, AccessPoint, quality_to_dbm
from hypothesis import strategies as st

LETTERS = st.text(
    st.characters(categories=("Lu", "Ll", "Lo"), exclude_characters="\u212a"), min_size=1, max_size=12
).map(lambda word: f"{word[: len(word) // 2 + 1]} {word}")
NASTY_NAMES = (
    "",
    "SSID 2 : home",
    "BSSID 1 : 02:aa:bb:cc:dd:ee",
    "Signal : 84%",
    "02:aa:bb:cc:dd:ee",
    "02:aa:bb:cc:dd:ee -50  6  Y  US WPA",
    " : ",
    "x" * 32,
    "a\\b:c",
    "\\x41",
    "-- (on wlan0)",
    "  spaces  ",
    "caf\u00e9 \u4f60\u597d",
)
NAMES = st.one_of(
    st.sampled_from(NASTY_NAMES), st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=8)
)
_CHANNELS = {Band.GHZ_2_4: (1, 6, 13), Band.GHZ_5: (36, 64, 100, 165), Band.GHZ_6: (1, 5, 93, 233)}


@dataclass(frozen=True)
class Language:
    """Labels of a display language."""

    interface: str = "Interface name"
    visible: str = "networks are visible"
    network: str = "SSID"
    kind: str = "Network type"
    access_point: str = "BSSID"
    signal: str = "Signal"
    radio: str = "Radio type"
    band: str = "Band"
    channel: str = "Channel"
    load: str = "Load"
    rates: str = "Basic rates"
    decimal: str = "."
    unit: str = "GHz"
    percent: str = "{}%"
    separator: str = " : "


LANGUAGES = st.builds(
    Language,
    *([LETTERS] * 11),
    decimal=st.sampled_from(".,"),
    unit=st.sampled_from(["GHz", "\u0413\u0413\u0446"]),
    percent=st.sampled_from(["{}%", "{} %", "%{}", "{}\u066a", "\u200f{}%\u200f"]),
    separator=st.sampled_from([" : ", ": ", "\u00a0: ", " \uff1a"]),
)


@st.composite
def access_points(draw: st.DrawFn, name: str | None = None, bands: tuple[Band, ...] = tuple(_CHANNELS)) -> AccessPoint:
    """One access point with a percentage."""
    band = draw(st.sampled_from(bands))
    percent = draw(st.integers(0, 100))
    return AccessPoint(
        bytes(draw(st.binary(min_size=6, max_size=6))).hex(":"),
        quality_to_dbm(percent),
        draw(NAMES) if name is None else name,
        percent,
        draw(st.sampled_from(_CHANNELS[band])),
        band,
        draw(st.sampled_from(tuple(RADIO_NAMES))),
    )


@st.composite
def networks(draw: st.DrawFn) -> list[list[AccessPoint]]:
    """Networks of 0-3 access points that share a name."""
    found = []
    for _ in range(draw(st.integers(0, 4))):
        name = draw(NAMES)
        found.append(draw(st.lists(access_points(name), max_size=3)))
    return found


def netsh(found: list[list[AccessPoint]], language: Language | None = None, *, windows11: bool = True) -> str:
    """``netsh wlan show networks mode=bssid``; the band is only said by Windows 11."""
    say = language or Language()
    colon = say.separator

    def row(indent: int, label: str, value: object) -> str:
        return f"{' ' * indent}{label}{colon}{value}"

    lines = ["", row(0, say.interface, "Wi-Fi 2"), f"{len(found)} {say.visible}.", ""]
    for number, network in enumerate(found, 1):
        lines.append(f"{say.network} {number} : {network[0].ssid if network else 'nothing'}")
        lines += [row(4, f"{say.kind}{letter}", say.kind) for letter in "abc"]
        for index, reading in enumerate(network, 1):
            lines.append(row(4, f"{say.access_point} {index}", reading.bssid))
            lines.append(row(9, say.signal, say.percent.format(reading.signal_pct)))
            lines.append(row(9, say.radio, RADIO_NAMES[reading.radio]))
            if windows11:
                band = BAND_NAMES[reading.band].split()[0].replace(".", say.decimal)
                lines.append(row(9, say.band, f"{band} {say.unit}"))
            lines.append(row(9, say.channel, reading.channel))
            if windows11:
                lines += [f"{' ' * 9}{say.load}:", row(13, say.load, 5), row(9, f"{say.load} MSCS", 0)]
            lines.append(row(9, f"{say.rates} (Mbps)", 6))
        lines.append("")
    return "\r\n".join(lines) + "\r\n"


def iw(found: list[AccessPoint], *, tab: str = "\t") -> str:
    """``iw dev wlan0 scan dump``: names escaped, details inside details."""
    blocks = []
    for reading in found:
        said = "".join(
            chr(byte) if 33 <= byte < 127 and byte != 92 else f"\\x{byte:02x}" for byte in reading.ssid.encode()
        )
        lines = [
            f"BSS {reading.bssid}(on wlan0) -- associated",
            f"{tab}TSF: 1 usec (0d, 00:00:00)",
            f"{tab}freq: {frequency(reading)}.0",
            f"{tab}signal: {reading.rssi_dbm:.2f} dBm",
            f"{tab}last seen: {reading.age_ms or 0} ms ago",
            f"{tab}SSID: {said}",
            f"{tab}Supported rates: 1.0* 2.0* 5.5* 11.0* {'6.0' if reading.radio is not Radio.B else ''}",
        ]
        generations = ((Radio.N, "HT"), (Radio.AC, "VHT"), (Radio.AX, "HE"), (Radio.BE, "EHT"))
        lines += [
            f"{tab}{name} capabilities:\n{tab}{tab}freq: 1" for radio, name in generations if reading.radio >= radio
        ]
        lines.append(f"{tab}WPS:\t * Version: 1.0\n{tab}{tab} * signal: -1.00 dBm\n{tab}{tab} * SSID: nobody")
        blocks.append("\n".join(lines))
    return "\n".join(blocks) + "\n"


def nmcli(found: list[AccessPoint]) -> str:
    """``nmcli --terse --fields SSID,BSSID,CHAN,FREQ,SIGNAL,MODE device wifi list``."""

    def escaped(text: object) -> str:
        return str(text).replace("\\", "\\\\").replace(":", "\\:")

    rows = ((a.ssid, a.bssid.upper(), a.channel, f"{frequency(a)} MHz", a.signal_pct, "Infra") for a in found)
    return "".join(":".join(escaped(value) for value in row) + "\n" for row in rows)


def airport(found: list[AccessPoint]) -> str:
    """``airport -s``."""
    head = f"{'SSID':>32} BSSID             RSSI CHANNEL HT CC SECURITY (auth/unicast/group)\n"
    return head + "".join(
        f"{a.ssid:>32} {a.bssid} {a.rssi_dbm:<4.0f} {f'{a.channel},+1':<7} Y  -- WPA2(PSK/AES/AES) \n" for a in found
    )


def frequency(reading: AccessPoint) -> int:
    """Centre frequency of its channel, MHz."""
    return {Band.GHZ_2_4: 2407, Band.GHZ_5: 5000, Band.GHZ_6: 5950}[reading.band] + 5 * reading.channel


def without(reading: AccessPoint, **fields: object) -> AccessPoint:
    """The reading as a program tells it that does not say everything."""
    return replace(reading, **fields)  # type: ignore[arg-type]
