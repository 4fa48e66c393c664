"""The authenticator: its layout, and that no change goes unnoticed."""

from __future__ import annotations

import hashlib
import hmac
import struct
from pathlib import Path

import pytest
from csi_schemas.codec import BssidSlot, MultiBssid, decode, encode, encode_csi
from csi_schemas.codec.authentication import (
    LENGTH,
    MAX_COUNTER,
    MAX_SESSION,
    KeyFormatError,
    Sealer,
    parse_key,
    split,
    verify,
)
from hypothesis import given
from hypothesis import strategies as st

KEY = bytes(range(32))


def test_the_layout_an_esp32_has_to_produce() -> None:
    """Mark, counter, 48-bit session, 80 bits of HMAC-SHA256 over packet and head; made here by hand."""
    packet = encode_csi(1, bytes(128), sequence=5, n_subcarriers=64)
    sealer = Sealer(KEY, 0x0102_0304_0506, 9)
    head = bytes.fromhex("7ea011c5 09000000 060504030201")
    tag = hmac.new(KEY, packet + head, hashlib.sha256).digest()[:10]
    assert sealer.seal(packet) == packet + head + tag
    assert sealer.counter == 10
    assert "00010203" not in repr(sealer)


def test_the_example_in_the_documentation() -> None:
    """What docs/agent.md tells implementers to check against."""
    page = (Path(__file__).parents[3] / "docs" / "agent.md").read_text()
    sealed = Sealer(KEY, 1).seal(bytes([1, 2, 3, 4])).hex()
    assert sealed == "010203047ea011c500000000010000000000f8ee58f8d66b24001fe5"
    assert f"`{sealed[:8]} {sealed[8:16]} {sealed[16:24]} {sealed[24:36]} {sealed[36:]}`" in page


@given(st.binary(max_size=200), st.integers(0, MAX_SESSION), st.integers(0, MAX_COUNTER))
def test_what_was_sealed_is_split_and_verified(packet: bytes, session: int, counter: int) -> None:
    """Any packet, session and counter; with another key it does not fit."""
    body, authenticator = split(Sealer(KEY, session, counter).seal(packet))
    assert authenticator is not None
    assert (body, authenticator.session, authenticator.counter) == (packet, session, counter)
    assert verify(KEY, body, authenticator)
    assert not verify(KEY[:-1], body, authenticator)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_every_changed_bit_is_noticed(packet: bytes, data: st.DataObject) -> None:
    """In the packet, the counter, the session or the tag; a changed mark is no authenticator."""
    sealed = bytearray(Sealer(KEY, 77).seal(packet))
    bit = data.draw(st.integers(0, 8 * len(sealed) - 1))
    sealed[bit // 8] ^= 1 << bit % 8
    body, authenticator = split(bytes(sealed))
    assert authenticator is None or not verify(KEY, body, authenticator)


@pytest.mark.parametrize("n_slots", range(33))
def test_lengths_stay_apart_from_vitals(n_slots: int) -> None:
    """With or without an authenticator a scan is a multiple of 12 bytes, vitals are 32 or 56."""
    slots = tuple(BssidSlot(slot=n, rssi_dbm=-60.0, age_ms=0) for n in range(n_slots))
    packet = encode(MultiBssid(host="00c0ffee00c0ffee", sequence=1, uptime_ms=1, slots=slots))
    sealed = Sealer(KEY, 1).seal(packet)
    assert len(packet) % 12 == len(sealed) % 12 == 0
    assert 32 % 12 != 0 != (32 + LENGTH) % 12
    assert decode(split(sealed)[0]) == decode(packet)


def test_short_datagrams_have_none() -> None:
    """Fewer bytes than an authenticator are all packet."""
    mark = struct.pack("<I", 0xC511A07E)
    for length in range(LENGTH):
        assert split((mark * 6)[:length]) == ((mark * 6)[:length], None)


def test_a_counter_that_ends_begins_a_session() -> None:
    """After 2^32 datagrams the session goes up by itself; sessions beyond 48 bits are refused."""
    sealer = Sealer(KEY, 5, MAX_COUNTER)
    sealer.seal(b"")
    _, authenticator = split(sealer.seal(b""))
    assert authenticator is not None
    assert (authenticator.session, authenticator.counter) == (6, 0)
    with pytest.raises(ValueError, match="48 bits"):
        Sealer(KEY, MAX_SESSION + 1)


@pytest.mark.parametrize("text", ["", "00", "0" * 31, "secret" * 6, "0x" + "00" * 16])
def test_a_bad_key_is_refused_without_being_quoted(text: str) -> None:
    """The message says what a key looks like and not what was given."""
    with pytest.raises(KeyFormatError) as error:
        parse_key(text)
    assert not text or text not in str(error.value).replace("00", "")
    assert parse_key(f" {KEY.hex().upper()}\n") == KEY
