"""Magic 0xC5110004 of 8 + 5n bytes: output of a WebAssembly module (ADR-040).

0 u32 magic | 4 u8 node | 5 u8 module | 6 u16 n, at most 16 | then n times u8 type, f32 value.
"""

from __future__ import annotations

import struct

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import MAX_WASM_EVENTS, check
from csi_schemas.telemetry import WasmEvent, WasmOutput

MAGIC = 0xC5110004
HEADER = struct.Struct("<IBBH")
_EVENT = struct.Struct("<Bf")


def length_of(n_events: int) -> int:
    """Bytes of a packet of ``n_events``."""
    return HEADER.size + n_events * _EVENT.size


def decode_wasm(datagram: bytes | memoryview) -> WasmOutput:
    """Decode a packet whose length is ``length_of`` its own n.

    Raises:
        PacketError: ``over_limit`` or ``non_finite``.
    """
    view = memoryview(datagram)
    _, node, module, n_events = HEADER.unpack_from(view)
    if n_events > MAX_WASM_EVENTS:
        raise PacketError(RejectReason.OVER_LIMIT, f"{n_events} events; at most {MAX_WASM_EVENTS}")
    events = tuple(WasmEvent(kind, value) for kind, value in _EVENT.iter_unpack(view[HEADER.size :]))
    packet = WasmOutput(node=node, module=module, events=events)
    _check(packet)
    return packet


def encode_wasm(packet: WasmOutput) -> bytes:
    """Encode 8 + 5n bytes.

    Raises:
        PacketError: ``over_limit`` or ``non_finite``.
    """
    if len(packet.events) > MAX_WASM_EVENTS:
        raise PacketError(RejectReason.OVER_LIMIT, f"{len(packet.events)} events; at most {MAX_WASM_EVENTS}")
    _check(packet)
    header = HEADER.pack(MAGIC, packet.node, packet.module, len(packet.events))
    return header + b"".join(_EVENT.pack(event.type, event.value) for event in packet.events)


def _check(packet: WasmOutput) -> None:
    for index, event in enumerate(packet.events):
        check("any_number", event.value, f"events[{index}].value")
