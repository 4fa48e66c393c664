"""Magic 0xC5110001, ADR-018."""

from __future__ import annotations

import struct

import pytest
from csi_schemas.codec import CsiPacket, PacketError, RejectReason, decode, encode, encode_csi


def csi(antennas: int, subcarriers: int, body: int | None = None, **fields: int) -> bytes:
    """A CSI datagram put together by hand, right or wrong."""
    length = 2 * antennas * subcarriers if body is None else body
    values = {"frequency": 2437, "sequence": 1, "rssi": -50, "noise": -95, "reserved": 0} | fields
    return struct.pack("<IBBHIIbbH", 0xC5110001, 3, antennas, subcarriers, *values.values()) + bytes(length)


def test_every_field_has_its_place() -> None:
    """The layout of ADR-018 byte by byte: u16 sub-carriers, u32 frequency, sequence at 12, rssi at 16, noise at 17."""
    datagram = bytes.fromhex("010011c5 05 02 0300 85090000 efbeadde ce a1 0200".replace(" ", "")) + bytes(range(12))
    packet = decode(datagram)
    assert isinstance(packet, CsiPacket)
    assert packet == CsiPacket(5, 2, 3, 2437, 0xDEADBEEF, -50, -95, 2, memoryview(bytes(range(12))))
    assert packet.node_id == "5"
    assert encode(packet) == datagram


def test_iq_is_a_view_of_the_datagram() -> None:
    """Decoding copies no I/Q: the view sees what happens to the receive buffer."""
    buffer = bytearray(csi(1, 4))
    packet = decode(buffer)
    assert isinstance(packet, CsiPacket)
    buffer[20] = 42
    assert packet.iq.obj is buffer
    assert packet.iq[0] == 42
    assert packet.iq.nbytes == 8


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (csi(1, 64)[:4], RejectReason.TRUNCATED_HEADER),
        (csi(1, 64)[:19], RejectReason.TRUNCATED_HEADER),
        (csi(0, 64, 128), RejectReason.NO_ANTENNAS),
        (csi(1, 0, 128), RejectReason.NO_SUBCARRIERS),
        (csi(1, 0), RejectReason.NO_SUBCARRIERS),
        (csi(1, 513), RejectReason.TOO_MANY_SUBCARRIERS),
        (csi(255, 65535, 128), RejectReason.TOO_MANY_SUBCARRIERS),
        (csi(17, 64), RejectReason.TOO_MANY_ANTENNAS),
        (csi(1, 64, 0), RejectReason.TRUNCATED_BODY),
        (csi(1, 64, 127), RejectReason.TRUNCATED_BODY),
        (csi(1, 64, 129), RejectReason.TRAILING_BYTES),
        (csi(1, 64, 256), RejectReason.TRAILING_BYTES),
        (csi(1, 64, rssi=21), RejectReason.OUT_OF_RANGE),
        (csi(1, 64, frequency=75_001), RejectReason.OUT_OF_RANGE),
    ],
)
def test_each_fault_has_its_reason(datagram: bytes, reason: RejectReason) -> None:
    """A header or body that contradicts itself or physics is refused, and the reason is the first that applies."""
    with pytest.raises(PacketError) as refused:
        decode(datagram)
    assert refused.value.reason is reason


@pytest.mark.parametrize(
    "datagram",
    [
        csi(1, 512),
        csi(9, 64),
        csi(16, 512),
        csi(1, 1),
        csi(1, 64, frequency=0),
        csi(1, 64, frequency=2484),
        csi(1, 64, frequency=5180),
        csi(1, 64, rssi=-128, noise=0),
        csi(1, 64, rssi=20, noise=127),
        csi(1, 64, reserved=0xFFFF),
    ],
)
def test_odd_but_well_formed_frames_pass(datagram: bytes) -> None:
    """The largest shapes, unknown and rare frequencies, extreme levels and the reserved bytes are no fault."""
    assert encode(decode(datagram)) == datagram


def test_encode_csi_refuses_what_decode_would() -> None:
    """A body that does not fit the shape, a bad level and a field too large are refused when encoding too."""
    with pytest.raises(PacketError, match="truncated_body"):
        encode_csi(1, bytes(126), sequence=0, n_subcarriers=64)
    with pytest.raises(PacketError, match="no_subcarriers"):
        encode_csi(1, b"", sequence=0, n_subcarriers=0)
    with pytest.raises(PacketError, match="rssi_dbm is 30 dBm; allowed -128 to 20"):
        encode_csi(1, bytes(128), sequence=0, n_subcarriers=64, rssi_dbm=30)
    with pytest.raises(PacketError, match="header field does not fit"):
        encode_csi(256, bytes(128), sequence=0, n_subcarriers=64)
