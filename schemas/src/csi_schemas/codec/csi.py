"""Magic 0xC5110001: CSI, ADR-018.

Little-endian: 0 u32 magic | 4 u8 node | 5 u8 antennas | 6 u16 sub-carriers | 8 u32 frequency MHz | 12 u32 sequence |
16 i8 rssi dBm | 17 i8 noise floor dBm | 18 u16 reserved | 20... i8 I, i8 Q per sub-carrier, antenna-major.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import LIMITS, MAX_ANTENNAS, MAX_SUBCARRIERS, check

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAGIC = 0xC5110001
HEADER = struct.Struct("<IBBHIIbbH")
HEADER_LENGTH = HEADER.size

_MAX_FREQUENCY_MHZ = int(LIMITS["frequency_mhz"].high)
_MAX_RSSI_DBM = int(LIMITS["rssi_dbm"].high)


class CsiPacket(msgspec.Struct, frozen=True, gc=False):
    """One CSI measurement as a node sent it. There is no time stamp in it: the receiver stamps it."""

    node: int
    """The node's number, 0-255."""
    n_antennas: int
    """Antenna streams, 1-16."""
    n_subcarriers: int
    """Sub-carriers per antenna, 1-512."""
    frequency_mhz: int
    """Centre frequency; 0 when the node does not say."""
    sequence: int
    """The node's frame counter, u32, wraps."""
    rssi_dbm: int
    noise_floor_dbm: int
    reserved: int
    """Bytes 18-19: zero today, kept for firmware that uses them."""
    iq: Any
    """``memoryview`` of the datagram, ``n_antennas * n_subcarriers * 2`` bytes; ``csi_schemas.iq`` shapes it."""

    @property
    def node_id(self) -> str:
        """The node's number as text: the record key."""
        return str(self.node)


def decode_csi(datagram: ReadableBuffer) -> CsiPacket:
    """Decode one CSI datagram whose magic has been looked at already; about one microsecond, nothing is copied.

    Raises:
        PacketError: ``truncated_header``, ``no_antennas``, ``no_subcarriers``, ``too_many_subcarriers``,
            ``too_many_antennas``, ``truncated_body``, ``trailing_bytes`` or ``out_of_range``, checked in this order.
    """
    view = memoryview(datagram)
    length = len(view)
    if length < HEADER_LENGTH:
        raise PacketError(RejectReason.TRUNCATED_HEADER, f"{length} bytes; a CSI header has {HEADER_LENGTH}")
    _, node, antennas, subcarriers, frequency, sequence, rssi, noise, reserved = HEADER.unpack_from(view)
    if (
        0 < antennas <= MAX_ANTENNAS
        and 0 < subcarriers <= MAX_SUBCARRIERS
        and length == HEADER_LENGTH + 2 * antennas * subcarriers
        and frequency <= _MAX_FREQUENCY_MHZ
        and rssi <= _MAX_RSSI_DBM
    ):
        return CsiPacket(node, antennas, subcarriers, frequency, sequence, rssi, noise, reserved, view[HEADER_LENGTH:])
    raise _fault(length, antennas, subcarriers, frequency, rssi)


def encode_csi(
    node: int,
    iq: ReadableBuffer,
    *,
    sequence: int,
    n_subcarriers: int,
    n_antennas: int = 1,
    frequency_mhz: int = 2437,
    rssi_dbm: int = -50,
    noise_floor_dbm: int = -95,
    reserved: int = 0,
) -> bytes:
    """Encode one CSI datagram from ``iq``: ``n_antennas * n_subcarriers * 2`` int8, of a numpy array its ``data``.

    Raises:
        PacketError: as ``decode_csi`` would on the result, and ``out_of_range`` for a field that does not fit.
    """
    body = memoryview(iq).tobytes()
    try:
        header = HEADER.pack(
            MAGIC,
            node,
            n_antennas,
            n_subcarriers,
            frequency_mhz,
            sequence,
            rssi_dbm,
            noise_floor_dbm,
            reserved,
        )
    except struct.error as error:
        raise PacketError(RejectReason.OUT_OF_RANGE, f"a CSI header field does not fit: {error}") from error
    datagram = header + body
    decode_csi(datagram)
    return datagram


def encode_packet(packet: CsiPacket) -> bytes:
    """Encode a ``CsiPacket``; raises as ``encode_csi``."""
    return encode_csi(
        packet.node,
        packet.iq,
        sequence=packet.sequence,
        n_subcarriers=packet.n_subcarriers,
        n_antennas=packet.n_antennas,
        frequency_mhz=packet.frequency_mhz,
        rssi_dbm=packet.rssi_dbm,
        noise_floor_dbm=packet.noise_floor_dbm,
        reserved=packet.reserved,
    )


def _fault(length: int, antennas: int, subcarriers: int, frequency: int, rssi: int) -> PacketError:
    """Say what is wrong with a header that failed the one comparison of the fast path."""
    if antennas == 0:
        return PacketError(RejectReason.NO_ANTENNAS, "the header says 0 antennas")
    if subcarriers == 0:
        return PacketError(RejectReason.NO_SUBCARRIERS, "the header says 0 sub-carriers")
    if subcarriers > MAX_SUBCARRIERS:
        detail = f"{subcarriers} sub-carriers; at most {MAX_SUBCARRIERS}"
        return PacketError(RejectReason.TOO_MANY_SUBCARRIERS, detail)
    if antennas > MAX_ANTENNAS:
        return PacketError(RejectReason.TOO_MANY_ANTENNAS, f"{antennas} antennas; at most {MAX_ANTENNAS}")
    expected = HEADER_LENGTH + 2 * antennas * subcarriers
    if length != expected:
        reason = RejectReason.TRUNCATED_BODY if length < expected else RejectReason.TRAILING_BYTES
        detail = f"{length} bytes; {antennas} antennas x {subcarriers} sub-carriers make {expected}"
        return PacketError(reason, detail)
    try:
        check("frequency_mhz", frequency)
        check("rssi_dbm", rssi)
    except PacketError as error:
        return error
    raise AssertionError("the fast path refused a valid header")
