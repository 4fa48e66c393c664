"""Magic 0xC5110005: compressed CSI (ADR-039), and the state it takes to read a run of it.

0 u32 magic | 4 u8 node | 5 u8 channel | 6 u16 I/Q length | 8 u16 compressed length | 10... (u8 value, u8 count) pairs:
run lengths of the XOR of this frame's I/Q bytes with those of the node's previous frame.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import MAX_IQ_BYTES
from csi_schemas.telemetry import CompressedCsi

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

MAGIC = 0xC5110005
_HEADER = struct.Struct("<IBBHH")


class MissingReferenceError(Exception):
    """A compressed frame whose predecessor is not known, so that nothing can be got out of it."""


@dataclass(slots=True)
class CompressedCsiDecoder:
    """The I/Q of one node's previous frame, which the next compressed frame is a difference to.

    The packet alone is not enough. There are no key frames: the first reference comes from an ADR-018 packet of the
    same node (``set_reference``). There is no sequence number either: a lost packet cannot be noticed here and spoils
    every later frame until the next reference; and the firmware sends nothing for a frame that would not shrink, which
    has the same effect. So a result is as good as the transport since ``set_reference``; ``deltas`` counts how far away
    that was, and whoever knows of a loss calls ``lose``.
    """

    reference: bytes | None = None
    """I/Q bytes of the previous frame."""
    deltas: int = field(default=0)
    """Differences applied since the last true reference; 0 when ``reference`` is one."""

    def set_reference(self, iq: ReadableBuffer) -> None:
        """Take the I/Q bytes of an uncompressed frame as the previous frame."""
        self.reference = memoryview(iq).tobytes()
        self.deltas = 0

    def lose(self) -> None:
        """Forget the previous frame: a packet is known to be lost."""
        self.reference = None
        self.deltas = 0

    def decode(self, packet: CompressedCsi) -> bytes:
        """Return the I/Q bytes of ``packet``, ``packet.iq_length`` of them, and make them the previous frame.

        Raises:
            MissingReferenceError: There is no previous frame, or it had another length (the firmware only sends
                differences between frames of one length).
            PacketError: ``bad_run_length``.
        """
        difference = expand(packet.compressed, packet.iq_length)
        if self.reference is None:
            raise MissingReferenceError(f"no previous frame of node {packet.node}: an ADR-018 packet has to come first")
        if len(self.reference) != packet.iq_length:
            detail = (
                f"node {packet.node}: {packet.iq_length} bytes of I/Q, the previous frame has {len(self.reference)}"
            )
            raise MissingReferenceError(detail)
        self.reference = _xor(difference, self.reference)
        self.deltas += 1
        return self.reference


def compress(iq: bytes, previous: bytes) -> bytes:
    """Return the (value, count) pairs of ``iq`` XOR ``previous``; both of one length.

    Raises:
        PacketError: ``out_of_range`` when the lengths differ.
    """
    if len(iq) != len(previous):
        raise PacketError(
            RejectReason.OUT_OF_RANGE, f"frames of {len(iq)} and {len(previous)} bytes have no difference"
        )
    pairs = bytearray()
    for value in _xor(iq, previous):
        if pairs and pairs[-2] == value and pairs[-1] < 255:
            pairs[-1] += 1
        else:
            pairs += bytes((value, 1))
    return bytes(pairs)


def expand(pairs: bytes, length: int) -> bytes:
    """Expand (value, count) pairs to ``length`` bytes.

    Raises:
        PacketError: ``bad_run_length`` when they are no pairs, a count is 0, or the counts do not add up to ``length``.
    """
    counts = pairs[1::2]
    if len(pairs) % 2 or 0 in counts or sum(counts) != length:
        detail = f"{len(pairs)} bytes of (value, count) pairs expand to {sum(counts)} bytes; the header says {length}"
        raise PacketError(RejectReason.BAD_RUN_LENGTH, detail)
    return b"".join(pairs[i : i + 1] * pairs[i + 1] for i in range(0, len(pairs), 2))


def decode_compressed(datagram: bytes | memoryview) -> CompressedCsi:
    """Decode the packet; ``CompressedCsiDecoder`` gets the I/Q out of it.

    Raises:
        PacketError: ``truncated_header``, ``truncated_body``, ``trailing_bytes``, ``out_of_range`` or
            ``bad_run_length``, checked in this order.
    """
    view = memoryview(datagram)
    if len(view) < _HEADER.size:
        detail = f"{len(view)} bytes; a compressed CSI header has {_HEADER.size}"
        raise PacketError(RejectReason.TRUNCATED_HEADER, detail)
    _, node, channel, iq_length, compressed_length = _HEADER.unpack_from(view)
    expected = _HEADER.size + compressed_length
    if len(view) != expected:
        reason = RejectReason.TRUNCATED_BODY if len(view) < expected else RejectReason.TRAILING_BYTES
        raise PacketError(reason, f"{len(view)} bytes; the header says {expected}")
    packet = CompressedCsi(node=node, channel=channel, iq_length=iq_length, compressed=view[_HEADER.size :].tobytes())
    _check(packet)
    return packet


def encode_compressed(packet: CompressedCsi) -> bytes:
    """Encode 10 bytes and the pairs.

    Raises:
        PacketError: ``out_of_range`` or ``bad_run_length``.
    """
    _check(packet)
    header = _HEADER.pack(MAGIC, packet.node, packet.channel, packet.iq_length, len(packet.compressed))
    return header + packet.compressed


def _check(packet: CompressedCsi) -> None:
    if not 2 <= packet.iq_length <= MAX_IQ_BYTES or packet.iq_length % 2:
        detail = f"iq_length is {packet.iq_length}; allowed are even numbers from 2 to {MAX_IQ_BYTES}"
        raise PacketError(RejectReason.OUT_OF_RANGE, detail)
    expand(packet.compressed, packet.iq_length)


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one) ^ int.from_bytes(other)).to_bytes(len(one))
