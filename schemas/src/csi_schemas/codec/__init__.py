"""The packets that nodes and agents send over UDP (ADR-018 and its successors): ``decode`` and ``encode``.

Little-endian, one packet a datagram. Needs no numpy: ``csi_schemas.iq`` shapes I/Q for those who compute with it.
"""

from __future__ import annotations

from csi_schemas.codec.compressed import CompressedCsiDecoder, MissingReferenceError
from csi_schemas.codec.csi import CsiPacket, encode_csi
from csi_schemas.codec.dispatch import Packet, decode, encode
from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import LIMITS, MAX_ANTENNAS, MAX_BSSID_SLOTS, MAX_SUBCARRIERS, MAX_WASM_EVENTS
from csi_schemas.telemetry import (
    BssidSlot,
    CompressedCsi,
    Features,
    FeatureState,
    FusedVitals,
    MultiBssid,
    TelemetryBody,
    Vitals,
    WasmEvent,
    WasmOutput,
)

__all__ = [
    "LIMITS",
    "MAX_ANTENNAS",
    "MAX_BSSID_SLOTS",
    "MAX_SUBCARRIERS",
    "MAX_WASM_EVENTS",
    "BssidSlot",
    "CompressedCsi",
    "CompressedCsiDecoder",
    "CsiPacket",
    "FeatureState",
    "Features",
    "FusedVitals",
    "MissingReferenceError",
    "MultiBssid",
    "Packet",
    "PacketError",
    "RejectReason",
    "TelemetryBody",
    "Vitals",
    "WasmEvent",
    "WasmOutput",
    "decode",
    "encode",
    "encode_csi",
]
