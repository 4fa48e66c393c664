"""Magic 0xC5110002 of 24 + 12n bytes: signal strengths of the access points one host hears (ADR-022).

Header: 0 u32 magic | 4 u8 version, 2 | 5 u8 flags, bit 0 native | 6 u8 slots, at most 32 | 7 u8 epoch | 8 u64 host |
16 u32 sequence | 20 u32 ms. Slot: 0 u8 slot | 1 u8 channel | 2 u8 band in bits 0-1, radio in bits 2-4 |
3 u8 generation | 4 i16 rssi in 0.01 dBm | 6 u16 age ms | 8 f32 variance dB^2. Version 1 had no generations and was
never sent.

ESP32 vitals have the same magic and 32 bytes. Every multi-BSSID length is a multiple of 12 and 32 is not, so the length
tells them apart. What a sender appends (``csi_schemas.codec.authentication``: 24 bytes) is a multiple of 12 too: an
8-byte tag on a frame without slots would be 32.
"""

from __future__ import annotations

import struct

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import MAX_BSSID_SLOTS, check
from csi_schemas.telemetry import BssidSlot, MultiBssid

MAGIC = 0xC5110002
VERSION = 2
_NATIVE = 0b1
_RADIO_SHIFT = 2
_BAND_BITS = 0b11
_HEADER = struct.Struct("<IBBBBQII")
_SLOT = struct.Struct("<BBBBhHf")


def length_of(n_slots: int) -> int:
    """Bytes of a frame of ``n_slots``: 24 + 12 n."""
    return _HEADER.size + n_slots * _SLOT.size


def decode_multi_bssid(datagram: bytes | memoryview) -> MultiBssid:
    """Decode a frame that is not 32 bytes long.

    Raises:
        PacketError: ``bad_length``, ``unsupported_version``, ``over_limit``, ``out_of_range``, ``non_finite`` or
            ``duplicate_slot``.
    """
    view = memoryview(datagram)
    if len(view) < _HEADER.size or (len(view) - _HEADER.size) % _SLOT.size:
        detail = f"{len(view)} bytes; vitals have 32, a multi-BSSID frame of n slots 24 + 12 n"
        raise PacketError(RejectReason.BAD_LENGTH, detail)
    _, version, flags, n_slots, epoch, host, sequence, uptime = _HEADER.unpack_from(view)
    if version != VERSION or flags & ~_NATIVE:
        detail = f"version {version}, flags {flags:#04x}; known is version {VERSION} with flag {_NATIVE:#04x}"
        raise PacketError(RejectReason.UNSUPPORTED_VERSION, detail)
    if n_slots > MAX_BSSID_SLOTS:
        raise PacketError(RejectReason.OVER_LIMIT, f"{n_slots} slots; at most {MAX_BSSID_SLOTS}")
    if len(view) != length_of(n_slots):
        raise PacketError(RejectReason.BAD_LENGTH, f"{len(view)} bytes; {n_slots} slots make {length_of(n_slots)}")
    slots = tuple(
        BssidSlot(
            slot=slot,
            channel=channel,
            band=kind & _BAND_BITS,
            radio=kind >> _RADIO_SHIFT,
            rssi_dbm=rssi / 100,
            age_ms=age,
            rssi_variance_db2=variance,
            generation=generation,
        )
        for slot, channel, kind, generation, rssi, age, variance in _SLOT.iter_unpack(view[_HEADER.size :])
    )
    packet = MultiBssid(
        host=f"{host:016x}",
        sequence=sequence,
        uptime_ms=uptime,
        slots=slots,
        epoch=epoch,
        native=bool(flags & _NATIVE),
    )
    _check(packet)
    return packet


def encode_multi_bssid(packet: MultiBssid) -> bytes:
    """Encode 24 + 12 n bytes.

    Raises:
        PacketError: ``over_limit``, ``out_of_range``, ``non_finite`` or ``duplicate_slot``.
    """
    if len(packet.slots) > MAX_BSSID_SLOTS:
        raise PacketError(RejectReason.OVER_LIMIT, f"{len(packet.slots)} slots; at most {MAX_BSSID_SLOTS}")
    _check(packet)
    header = _HEADER.pack(
        MAGIC,
        VERSION,
        _NATIVE if packet.native else 0,
        len(packet.slots),
        packet.epoch,
        _host_number(packet.host),
        packet.sequence,
        packet.uptime_ms,
    )
    return header + b"".join(
        _SLOT.pack(
            slot.slot,
            slot.channel,
            slot.band | slot.radio << _RADIO_SHIFT,
            slot.generation,
            round(slot.rssi_dbm * 100),
            slot.age_ms,
            slot.rssi_variance_db2,
        )
        for slot in packet.slots
    )


def _host_number(host: str) -> int:
    try:
        number = int(host, 16)
    except ValueError:
        number = -1  # refused below, with every other spelling
    if number < 0 or f"{number:016x}" != host:
        raise PacketError(RejectReason.OUT_OF_RANGE, f"host is {host!r}; expected 16 lower-case hexadecimal digits")
    return number


def _check(packet: MultiBssid) -> None:
    seen: set[int] = set()
    for reading in packet.slots:
        check("slot", reading.slot)
        check("channel", reading.channel)
        check("band", reading.band)
        check("radio", reading.radio)
        check("rssi_dbm", reading.rssi_dbm)
        check("variance_db2", reading.rssi_variance_db2, "rssi_variance_db2")
        if reading.slot in seen:
            raise PacketError(RejectReason.DUPLICATE_SLOT, f"slot {reading.slot} appears twice")
        seen.add(reading.slot)
