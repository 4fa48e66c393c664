"""Magic 0xC5110005: run lengths, and the decoder that needs the frame before."""

from __future__ import annotations

import itertools
import struct

import pytest
from csi_schemas.codec import CompressedCsi, CompressedCsiDecoder, MissingReferenceError, PacketError, decode, encode
from csi_schemas.codec.compressed import compress, expand
from hypothesis import given
from hypothesis import strategies as st

frames = st.integers(1, 150).flatmap(
    lambda pairs: st.lists(st.binary(min_size=2 * pairs, max_size=2 * pairs), min_size=2, max_size=8)
)


def naive_expand(pairs: bytes) -> bytes:
    """One value at a time."""
    return bytes(value for value, count in zip(pairs[::2], pairs[1::2], strict=True) for _ in range(count))


def packet(iq: bytes, previous: bytes) -> CompressedCsi:
    """The difference of two frames, over the wire."""
    sent = CompressedCsi(node=1, channel=6, iq_length=len(iq), compressed=compress(iq, previous))
    received = decode(encode(sent))
    assert isinstance(received, CompressedCsi)
    return received


def test_packet_layout() -> None:
    """Channel at 5, I/Q length at 6, compressed length at 8, pairs from 10, value first."""
    datagram = struct.pack("<IBBHH", 0xC5110005, 1, 6, 4, 4) + bytes([0, 3, 0xFD, 1])
    received = decode(datagram)
    assert received == CompressedCsi(node=1, channel=6, iq_length=4, compressed=b"\x00\x03\xfd\x01")
    assert encode(received) == datagram
    assert expand(b"\x00\x03\xfd\x01", 4) == b"\x00\x00\x00\xfd"


def test_long_runs_take_several_pairs() -> None:
    """A count is a byte: 600 equal bytes are 255 + 255 + 90."""
    assert compress(bytes(600), bytes(600)) == bytes([0, 255, 0, 255, 0, 90])


@given(frames)
def test_a_run_of_frames_comes_back(run: list[bytes]) -> None:
    """From an uncompressed frame on, every later frame comes back byte for byte, and the distance is counted."""
    decoder = CompressedCsiDecoder()
    decoder.set_reference(memoryview(run[0]))
    for number, (previous, current) in enumerate(itertools.pairwise(run), start=1):
        received = packet(current, previous)
        assert expand(received.compressed, received.iq_length) == naive_expand(received.compressed)
        assert decoder.decode(received) == current
        assert decoder.deltas == number


def test_without_a_reference_it_says_so() -> None:
    """At the start, after a known loss, and when the length changes there is nothing to add a difference to."""
    decoder = CompressedCsiDecoder()
    with pytest.raises(MissingReferenceError, match="node 1"):
        decoder.decode(packet(b"\x01\x02", b"\x00\x00"))
    decoder.set_reference(b"\x00\x00")
    assert decoder.decode(packet(b"\x01\x02", b"\x00\x00")) == b"\x01\x02"
    with pytest.raises(MissingReferenceError, match="4 bytes of I/Q, the previous frame has 2"):
        decoder.decode(packet(b"\x01\x02\x03\x04", bytes(4)))
    decoder.lose()
    with pytest.raises(MissingReferenceError):
        decoder.decode(packet(b"\x01\x02", b"\x00\x00"))


def test_a_lost_packet_spoils_the_rest_until_a_reference_comes() -> None:
    """The packet has no sequence number, so the loss stays unseen; an uncompressed frame makes it right again."""
    first, second, third, fourth = b"\x01\x01", b"\x02\x02", b"\x04\x04", b"\x08\x08"
    decoder = CompressedCsiDecoder()
    decoder.set_reference(first)
    assert decoder.decode(packet(third, second)) != third
    decoder.set_reference(third)
    assert decoder.deltas == 0
    assert decoder.decode(packet(fourth, third)) == fourth


@pytest.mark.parametrize(
    ("fields", "pairs", "reason"),
    [
        ((128, 206), b"\x00\x02", "truncated_body"),
        ((2, 2), b"\x00\x02\x00", "trailing_bytes"),
        ((4, 2), b"\x00\x02", "bad_run_length"),
        ((2, 3), b"\x00\x02\x00", "bad_run_length"),
        ((2, 4), b"\x00\x02\x01\x00", "bad_run_length"),
        ((0, 0), b"", "out_of_range"),
        ((3, 2), b"\x00\x03", "out_of_range"),
        ((65534, 2), b"\x00\x02", "out_of_range"),
    ],
)
def test_each_fault_has_its_reason(fields: tuple[int, int], pairs: bytes, reason: str) -> None:
    """Lengths that contradict the datagram or the pairs are refused before anything is expanded."""
    with pytest.raises(PacketError) as refused:
        decode(struct.pack("<IBBHH", 0xC5110005, 1, 6, *fields) + pairs)
    assert refused.value.reason == reason
    with pytest.raises(PacketError) as refused:
        decode(b"\x05\x00\x11\xc5\x01\x06")
    assert refused.value.reason == "truncated_header"


def test_frames_of_two_lengths_have_no_difference() -> None:
    """Compressing against a frame of another length is refused, as the firmware does."""
    with pytest.raises(PacketError, match="no difference"):
        compress(bytes(4), bytes(2))
