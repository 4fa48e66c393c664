"""Magics 0xC5110002 to 0xC5110006: layouts, limits, and the pairs that share a magic."""

from __future__ import annotations

import math
import struct
import zlib

import msgspec
import pytest
from csi_schemas.codec import (
    BssidSlot,
    Features,
    FeatureState,
    FusedVitals,
    MultiBssid,
    PacketError,
    RejectReason,
    Vitals,
    WasmEvent,
    WasmOutput,
    decode,
    encode,
)
from csi_schemas.codec.multi_bssid import length_of as multi_bssid_length

VITALS = Vitals(
    node=2,
    presence=True,
    fall=False,
    motion=True,
    breathing_rate_bpm=15.2,
    heart_rate_bpm=70.0001,
    rssi_dbm=-40,
    n_persons=1,
    motion_energy=1.5,
    presence_score=15.25,
    uptime_ms=1000,
)
FUSED = FusedVitals(
    node=1,
    presence=True,
    fall=False,
    motion=False,
    mmwave=True,
    breathing_rate_bpm=15.2,
    heart_rate_bpm=70.0,
    rssi_dbm=-40,
    n_persons=1,
    mmwave_type=2,
    fusion_confidence=80,
    motion_energy=1.5,
    presence_score=0.5,
    uptime_ms=1000,
    mmwave_heart_rate_bpm=71.0,
    mmwave_breathing_rate_bpm=15.0,
    mmwave_distance_cm=131.5,
    mmwave_targets=1,
    mmwave_confidence=77,
)
STATE = FeatureState(
    node=1,
    mode=1,
    sequence=3,
    node_time_us=1_000_000_003,
    motion_score=0.5,
    presence_score=1.0,
    respiration_bpm=14.5,
    respiration_confidence=0.25,
    heart_rate_bpm=60.0,
    heart_rate_confidence=0.125,
    anomaly_score=0.0,
    environment_shift_score=0.75,
    coherence=1.0,
    flags=7,
    rssi_dbm=-55,
)
FEATURES = Features(node=1, sequence=9, node_time_us=-1, values=(0.0, 1.0, -2.0, 0.5, 0.25, 3.0, 4.0, 5.0))
SCAN = MultiBssid(
    host="00c0ffee00c0ffee",
    sequence=5,
    uptime_ms=77,
    slots=(BssidSlot(slot=3, rssi_dbm=-61.25, age_ms=500, channel=36, band=2, radio=6, rssi_variance_db2=0.5),),
)


def wasm(n_events: int) -> WasmOutput:
    """Output of ``n_events``."""
    return WasmOutput(node=2, module=3, events=tuple(WasmEvent(i, i + 0.5) for i in range(n_events)))


def refused(datagram: bytes) -> RejectReason:
    """The reason for which ``datagram`` is refused."""
    with pytest.raises(PacketError) as error:
        decode(datagram)
    return error.value.reason


def test_vitals_layout() -> None:
    """The 32 bytes of ADR-039, each field at its offset."""
    datagram = bytes.fromhex(
        "020011c502 05 f005 61ae0a00 d8 01 0000 0000c03f 00007441 e8030000 00000000".replace(" ", "")
    )
    assert decode(datagram) == VITALS
    assert encode(VITALS) == datagram


def test_fused_layout() -> None:
    """The 48 bytes of ADR-063, each field at its offset."""
    datagram = encode(FUSED)
    assert len(datagram) == 48
    assert struct.unpack_from("<IBBHIbBBBffI", datagram) == (
        0xC5110004, 1, 9, 1520, 700_000, -40, 1, 2, 80, 1.5, 0.5, 1000,
    )  # fmt: skip
    assert struct.unpack_from("<fffBB", datagram, 28) == (71.0, 15.0, 131.5, 1, 77)
    assert decode(datagram) == FUSED


def test_feature_layout() -> None:
    """The 48 bytes of ADR-069: sequence at 6, signed microseconds at 8, eight numbers from 16."""
    datagram = struct.pack("<IBBHq8f", 0xC5110003, 1, 0, 9, -1, *FEATURES.values)
    assert decode(datagram) == FEATURES
    assert encode(FEATURES) == datagram


def test_feature_state_layout() -> None:
    """The 60 bytes of ADR-081: nine numbers from 16, flags at 52, rssi at 54, CRC-32 of bytes 0-55 at 56."""
    numbers = (0.5, 1.0, 14.5, 0.25, 60.0, 0.125, 0.0, 0.75, 1.0)
    body = struct.pack("<IBBHQ9fHbB", 0xC5110006, 1, 1, 3, 1_000_000_003, *numbers, 7, -55, 0)
    datagram = body + struct.pack("<I", zlib.crc32(body))
    assert len(datagram) == 60
    assert decode(datagram) == STATE
    assert encode(STATE) == datagram


def test_multi_bssid_layout() -> None:
    """A 24-byte header with the host at 8, and 12-byte slots."""
    datagram = encode(SCAN)
    assert struct.unpack("<IBBBBQIIBBBBhHf", datagram) == (
        0xC5110002, 2, 0, 1, 0, 0x00C0FFEE00C0FFEE, 5, 77, 3, 36, 2 | 6 << 2, 0, -6125, 500, 0.5,
    )  # fmt: skip
    assert decode(datagram) == SCAN
    assert SCAN.node_id == "00c0ffee00c0ffee"
    slot = msgspec.structs.replace(SCAN.slots[0], generation=200, radio=7, band=3)
    marked = encode(msgspec.structs.replace(SCAN, epoch=9, native=True, slots=(slot,)))
    assert (marked[5], marked[7], marked[26], marked[27]) == (1, 9, 31, 200)
    assert decode(marked) == msgspec.structs.replace(SCAN, epoch=9, native=True, slots=(slot,))


def test_no_multi_bssid_frame_has_the_length_of_vitals() -> None:
    """One magic, two layouts: every length from 0 to 255 slots is a multiple of 12, and 32 is not.

    The same holds with any appendix of a multiple of 12 bytes, which is what a later version may add.
    """
    lengths = {multi_bssid_length(n_slots) for n_slots in range(256)}
    assert {length % 12 for length in lengths} == {0}
    assert len(encode(VITALS)) % 12 != 0


@pytest.mark.parametrize("n_slots", [0, 1, 32])
def test_multi_bssid_of_any_size_is_no_vitals(n_slots: int) -> None:
    """Nothing heard, one access point and a full registry come back as scans."""
    slots = tuple(BssidSlot(slot=slot, rssi_dbm=-60.0, age_ms=0) for slot in range(n_slots))
    scan = msgspec.structs.replace(SCAN, slots=slots)
    assert decode(encode(scan)) == scan


@pytest.mark.parametrize("n_events", range(17))
def test_wasm_and_fused_are_told_apart(n_events: int) -> None:
    """Output of 8 events has the 48 bytes of fused vitals; the event count at offset 6 tells them apart."""
    assert decode(encode(wasm(n_events))) == wasm(n_events)


def test_a_fused_packet_that_would_read_as_wasm_is_never_sent() -> None:
    """0.08 breaths a minute, the one rate whose packet is an 8-event output, is refused when encoding."""
    with pytest.raises(PacketError, match=r"0\.08"):
        encode(msgspec.structs.replace(FUSED, breathing_rate_bpm=0.08))


@pytest.mark.parametrize("packet", [VITALS, FUSED, FEATURES, STATE, SCAN, wasm(3)])
def test_a_wrong_length_is_refused(packet: Vitals | FusedVitals | Features | FeatureState | MultiBssid) -> None:
    """One byte less or more is no packet, except that nothing of it may be read as another kind."""
    datagram = encode(packet)
    assert refused(datagram[:-1]) is RejectReason.BAD_LENGTH
    assert refused(datagram + b"\0") is RejectReason.BAD_LENGTH


def test_short_wasm_and_scan_headers_are_refused() -> None:
    """A datagram too short for its own counts is refused before they are read."""
    assert refused(encode(wasm(0))[:7]) is RejectReason.TRUNCATED_HEADER
    assert refused(encode(SCAN)[:23]) is RejectReason.BAD_LENGTH


def test_counts_have_limits() -> None:
    """17 events and 33 slots are over the limit of their layouts, on both sides."""
    events = b"".join(struct.pack("<Bf", 1, 1.0) for _ in range(17))
    assert refused(struct.pack("<IBBH", 0xC5110004, 2, 3, 17) + events) is RejectReason.OVER_LIMIT
    with pytest.raises(PacketError, match="over_limit"):
        encode(wasm(17))
    slots = b"".join(struct.pack("<BBBBhHf", n % 32, 1, 1, 1, -6000, 0, 0.0) for n in range(33))
    header = struct.pack("<IBBBBQII", 0xC5110002, 2, 0, 33, 0, 1, 1, 1)
    assert refused(header + slots) is RejectReason.OVER_LIMIT
    slot = SCAN.slots[0]
    with pytest.raises(PacketError, match="over_limit"):
        encode(msgspec.structs.replace(SCAN, slots=(slot,) * 33))


def test_a_scan_header_is_checked() -> None:
    """A version or flag of the future or the past, an unknown radio, a slot twice and a false count are refused."""
    datagram = encode(SCAN)
    assert refused(datagram[:26] + b"\x20" + datagram[27:]) is RejectReason.OUT_OF_RANGE
    for offset, value in ((4, 1), (4, 3), (5, 2)):
        changed = datagram[:offset] + bytes([value]) + datagram[offset + 1 :]
        assert refused(changed) is RejectReason.UNSUPPORTED_VERSION
    twice = datagram[:6] + b"\x02" + datagram[7:] + datagram[24:]
    assert refused(twice) is RejectReason.DUPLICATE_SLOT
    assert refused(datagram[:6] + b"\x02" + datagram[7:]) is RejectReason.BAD_LENGTH


@pytest.mark.parametrize("host", ["", "1", "00C0FFEE00C0FFEE", "zz", "-000000000000001", "0" * 17])
def test_a_host_is_sixteen_hexadecimal_digits(host: str) -> None:
    """Anything else is refused: it is the record key and has one spelling."""
    with pytest.raises(PacketError, match="hexadecimal"):
        encode(msgspec.structs.replace(SCAN, host=host))


def test_a_wrong_checksum_is_refused() -> None:
    """Any changed byte of a feature state is noticed before its numbers are looked at."""
    datagram = encode(STATE)
    for offset in range(4, 60):
        changed = bytearray(datagram)
        changed[offset] ^= 0x10
        assert refused(bytes(changed)) is RejectReason.BAD_CHECKSUM


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("offset", [16, 20])
def test_numbers_in_vitals_are_finite(offset: int, value: float) -> None:
    """NaN and infinities are no energies."""
    datagram = bytearray(encode(VITALS))
    struct.pack_into("<f", datagram, offset, value)
    assert refused(bytes(datagram)) is RejectReason.NON_FINITE


@pytest.mark.parametrize(
    ("packet", "field", "value"),
    [
        (VITALS, "motion_energy", -1.0),
        (VITALS, "presence_score", -0.5),
        (VITALS, "breathing_rate_bpm", 120.01),
        (VITALS, "heart_rate_bpm", 300.5),
        (VITALS, "rssi_dbm", 21),
        (FUSED, "fusion_confidence", 101),
        (FUSED, "mmwave_confidence", 101),
        (FUSED, "mmwave_distance_cm", -1.0),
        (FUSED, "mmwave_heart_rate_bpm", 400.0),
        (FUSED, "mmwave_breathing_rate_bpm", -1.0),
        (STATE, "motion_score", 1.5),
        (STATE, "presence_score", -0.25),
        (STATE, "respiration_confidence", 2.0),
        (STATE, "heart_rate_confidence", 2.0),
        (STATE, "anomaly_score", 2.0),
        (STATE, "environment_shift_score", 2.0),
        (STATE, "coherence", 2.0),
        (STATE, "respiration_bpm", 121.0),
        (STATE, "heart_rate_bpm", 301.0),
    ],
)
def test_each_limit_holds(packet: Vitals | FusedVitals | FeatureState, field: str, value: float) -> None:
    """A value outside its limit is refused, and the message names field and limit."""
    changed = msgspec.structs.replace(packet, **{field: value})
    with pytest.raises(PacketError, match=rf"{field} is .*; allowed") as error:
        encode(changed)
    assert error.value.reason is RejectReason.OUT_OF_RANGE


def test_limits_hold_when_decoding() -> None:
    """The same limits meet what arrives: vitals of negative energy, a feature of infinity, a scan of a hot antenna."""
    vitals = bytearray(encode(VITALS))
    struct.pack_into("<f", vitals, 16, -1.0)
    assert refused(bytes(vitals)) is RejectReason.OUT_OF_RANGE
    features = bytearray(encode(FEATURES))
    struct.pack_into("<f", features, 44, math.inf)
    assert refused(bytes(features)) is RejectReason.NON_FINITE
    output = bytearray(encode(wasm(2)))
    struct.pack_into("<f", output, 9, math.nan)
    assert refused(bytes(output)) is RejectReason.NON_FINITE
    scan = bytearray(encode(SCAN))
    struct.pack_into("<h", scan, 28, 2_001)
    assert refused(bytes(scan)) is RejectReason.OUT_OF_RANGE
    for offset, value in ((24, 32), (26, 32), (26, 255)):
        scan = bytearray(encode(SCAN))
        scan[offset] = value
        assert refused(bytes(scan)) is RejectReason.OUT_OF_RANGE
