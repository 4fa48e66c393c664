"""The authenticator that any sender, agent or ESP32, may append to any of its datagrams.

24 bytes after the packet: 0 u32 mark 0xC511A07E | 4 u32 counter | 8 u48 session | 14 ten bytes of HMAC-SHA256.
The HMAC (RFC 2104, truncated to 80 bits) is over the packet and the first 14 bytes of the authenticator, so neither
can be changed. A session is one start of the sender and must be higher than all its earlier ones: milliseconds since
the Unix epoch, or a boot counter kept in flash. The counter goes up by one with every datagram of a session.

24 is a multiple of 12, so that the lengths of multi-BSSID frames stay apart from the 32 bytes of vitals. All layouts
say their own length, so a packet that merely contains the mark (one in 2^32) is rejected, never misread.
"""

from __future__ import annotations

import hmac
import struct
from dataclasses import dataclass, field
from typing import NamedTuple

MARK = 0xC511A07E
LENGTH = 24
"""Bytes of an authenticator."""
MIN_KEY_BYTES = 16
MAX_COUNTER = (1 << 32) - 1
MAX_SESSION = (1 << 48) - 1

_HEAD = struct.Struct("<IIIH")
_TAG_BYTES = LENGTH - _HEAD.size
_MARK = struct.pack("<I", MARK)


class KeyFormatError(ValueError):
    """A text is no key. The message never contains the text."""


class Authenticator(NamedTuple):
    """What follows a packet."""

    session: int
    counter: int
    tag: bytes


def parse_key(text: str) -> bytes:
    """Key of its hexadecimal digits, at least 32 of them; white space around them is ignored.

    Raises:
        KeyFormatError: it is none.
    """
    digits = text.strip()
    try:
        key = bytes.fromhex(digits)
    except ValueError:
        raise KeyFormatError(
            f"the key is not hexadecimal; write {2 * MIN_KEY_BYTES} or more hexadecimal digits, "
            "for example what openssl rand -hex 32 prints"
        ) from None
    if len(key) < MIN_KEY_BYTES:
        raise KeyFormatError(f"the key has {len(key)} bytes; at least {MIN_KEY_BYTES} are needed")
    return key


def split(datagram: bytes) -> tuple[bytes, Authenticator | None]:
    """Take the authenticator off a datagram, if it has one; nothing is verified."""
    if datagram[-LENGTH : -LENGTH + len(_MARK)] != _MARK or len(datagram) < LENGTH:
        return datagram, None
    _, counter, low, high = _HEAD.unpack_from(datagram, len(datagram) - LENGTH)
    return datagram[:-LENGTH], Authenticator(low | high << 32, counter, datagram[-_TAG_BYTES:])


def verify(key: bytes, packet: bytes, authenticator: Authenticator) -> bool:
    """Whether the authenticator was made for these bytes with this key; takes the same time whichever byte differs."""
    expected = _tag(key, packet, _head(authenticator.session, authenticator.counter))
    return hmac.compare_digest(expected, authenticator.tag)


@dataclass(slots=True)
class Sealer:
    """Appends authenticators; one for each start of a sender.

    Raises:
        ValueError: the session does not fit 48 bits.
    """

    key: bytes = field(repr=False)
    session: int
    counter: int = 0
    """Of the next datagram."""

    def __post_init__(self) -> None:
        if not 0 <= self.session <= MAX_SESSION:
            raise ValueError(f"session {self.session} does not fit 48 bits")

    def seal(self, packet: bytes) -> bytes:
        """Return the packet with its authenticator."""
        if self.counter > MAX_COUNTER:
            self.session, self.counter = self.session + 1, 0
        head = _head(self.session, self.counter)
        self.counter += 1
        return packet + head + _tag(self.key, packet, head)


def _head(session: int, counter: int) -> bytes:
    return _HEAD.pack(MARK, counter, session & 0xFFFFFFFF, session >> 32)


def _tag(key: bytes, packet: bytes, head: bytes) -> bytes:
    return hmac.digest(key, packet + head, "sha256")[:_TAG_BYTES]
