"""From datagram to packet and back: which layout a magic and a length mean."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from csi_schemas.codec import compressed, csi, features, multi_bssid, vitals, wasm
from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.telemetry import (
    CompressedCsi,
    Features,
    FeatureState,
    FusedVitals,
    MultiBssid,
    TelemetryBody,
    Vitals,
    WasmOutput,
)

if TYPE_CHECKING:
    from collections.abc import Callable

Packet = csi.CsiPacket | TelemetryBody

_MAGIC = struct.Struct("<I")


def decode(datagram: bytes | bytearray | memoryview) -> Packet:
    """Decode one datagram; the I/Q of a ``CsiPacket`` stays a view of it.

    Raises:
        PacketError: and nothing else, whatever the bytes are.
    """
    if len(datagram) < _MAGIC.size:
        if len(datagram) == 0:
            raise PacketError(RejectReason.EMPTY, "no bytes")
        raise PacketError(RejectReason.TRUNCATED_HEADER, f"{len(datagram)} bytes; the magic alone has {_MAGIC.size}")
    (magic,) = _MAGIC.unpack_from(datagram)
    if magic == csi.MAGIC:
        return csi.decode_csi(datagram)
    decoder = _DECODERS.get(magic)
    if decoder is None:
        raise PacketError(RejectReason.UNKNOWN_MAGIC, f"magic {magic:#010x} in {len(datagram)} bytes")
    return decoder(memoryview(datagram))


def encode(packet: Packet) -> bytes:
    """Encode one packet; ``encode(decode(x)) == x`` for every valid ``x``.

    Raises:
        PacketError: No datagram can carry these values.
    """
    try:
        return _ENCODERS[type(packet)](packet)
    except (struct.error, OverflowError) as error:
        detail = f"a field of {type(packet).__name__} does not fit its place: {error}"
        raise PacketError(RejectReason.OUT_OF_RANGE, detail) from error


def _exact(view: memoryview, length: int, name: str) -> memoryview:
    if len(view) != length:
        raise PacketError(RejectReason.BAD_LENGTH, f"{len(view)} bytes; {name} has {length}")
    return view


def _decode_features(view: memoryview) -> Features:
    return features.decode_features(_exact(view, features.FEATURES_LENGTH, "a feature vector"))


def _decode_state(view: memoryview) -> FeatureState:
    return features.decode_state(_exact(view, features.STATE_LENGTH, "a feature state"))


def _decode_0002(view: memoryview) -> Vitals | MultiBssid:
    """ESP32 vitals are 32 bytes, which no multi-BSSID frame can be."""
    if len(view) == vitals.VITALS_LENGTH:
        return vitals.decode_vitals(view)
    return multi_bssid.decode_multi_bssid(view)


def _decode_0004(view: memoryview) -> FusedVitals | WasmOutput:
    """Fused vitals are 48 bytes, and so is WebAssembly output of 8 events.

    Both have a u16 at offset 6: the number of events, or a breathing rate in 0.01 breaths/min. 8 is an event count,
    because nobody breathes 0.08 times a minute.
    """
    if len(view) < wasm.HEADER.size:
        detail = f"{len(view)} bytes; fused vitals have {vitals.FUSED_LENGTH}, WebAssembly output at least 8"
        raise PacketError(RejectReason.TRUNCATED_HEADER, detail)
    n_events = wasm.HEADER.unpack_from(view)[3]
    if len(view) == wasm.length_of(n_events):
        return wasm.decode_wasm(view)
    if len(view) == vitals.FUSED_LENGTH:
        return vitals.decode_fused(view)
    detail = f"{len(view)} bytes; fused vitals have {vitals.FUSED_LENGTH}, {n_events} events {wasm.length_of(n_events)}"
    raise PacketError(RejectReason.BAD_LENGTH, detail)


_DECODERS: dict[int, Callable[[memoryview], TelemetryBody]] = {
    vitals.VITALS_MAGIC: _decode_0002,
    features.FEATURES_MAGIC: _decode_features,
    vitals.FUSED_MAGIC: _decode_0004,
    compressed.MAGIC: compressed.decode_compressed,
    features.STATE_MAGIC: _decode_state,
}

_ENCODERS: dict[type, Callable[..., bytes]] = {
    csi.CsiPacket: csi.encode_packet,
    Vitals: vitals.encode_vitals,
    MultiBssid: multi_bssid.encode_multi_bssid,
    Features: features.encode_features,
    FusedVitals: vitals.encode_fused,
    WasmOutput: wasm.encode_wasm,
    CompressedCsi: compressed.encode_compressed,
    FeatureState: features.encode_state,
}
