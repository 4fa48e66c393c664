"""Magic 0xC5110002 of 32 bytes, vitals (ADR-039), and 0xC5110004 of 48 bytes, fused vitals (ADR-063).

Both begin alike: 0 u32 magic | 4 u8 node | 5 u8 flags | 6 u16 breaths/min x 100 | 8 u32 beats/min x 10000 |
12 i8 rssi dBm | 13 u8 persons | 14, 15 reserved, or in the fused one radar type and fusion confidence in percent |
16 f32 motion | 20 f32 presence | 24 u32 ms. Vitals end with a reserved u32; the fused one goes on with
28 f32 radar beats/min | 32 f32 radar breaths/min | 36 f32 distance cm | 40 u8 targets | 41 u8 confidence | 6 reserved.
"""

from __future__ import annotations

import struct

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import check
from csi_schemas.telemetry import FusedVitals, Vitals

VITALS_MAGIC = 0xC5110002
FUSED_MAGIC = 0xC5110004

_VITALS = struct.Struct("<IBBHIbBHffII")
_FUSED = struct.Struct("<IBBHIbBBBffIfffBB6s")
VITALS_LENGTH = _VITALS.size
FUSED_LENGTH = _FUSED.size
FUSED_CANNOT_BREATHE = 8
"""u16 at offset 6 that a fused packet never has: with it, 48 bytes are the WebAssembly output of 8 events."""


def decode_vitals(datagram: bytes | memoryview) -> Vitals:
    """Decode a 32-byte vitals packet.

    Raises:
        PacketError: ``non_finite`` or ``out_of_range``.
    """
    fields = _VITALS.unpack(datagram)
    _, node, flags, breathing, heart, rssi, persons, reserved, motion, presence, uptime, reserved_tail = fields
    packet = Vitals(
        node=node,
        presence=bool(flags & 1),
        fall=bool(flags & 2),
        motion=bool(flags & 4),
        other_flags=flags & 0xF8,
        breathing_rate_bpm=breathing / 100,
        heart_rate_bpm=heart / 10_000,
        rssi_dbm=rssi,
        n_persons=persons,
        motion_energy=motion,
        presence_score=presence,
        uptime_ms=uptime,
        reserved=reserved,
        reserved_tail=reserved_tail,
    )
    _check_common(packet)
    return packet


def encode_vitals(packet: Vitals) -> bytes:
    """Encode 32 bytes.

    Raises:
        PacketError: ``non_finite`` or ``out_of_range``.
    """
    _check_common(packet)
    return _VITALS.pack(
        VITALS_MAGIC,
        packet.node,
        packet.presence | packet.fall << 1 | packet.motion << 2 | packet.other_flags & 0xF8,
        round(packet.breathing_rate_bpm * 100),
        round(packet.heart_rate_bpm * 10_000),
        packet.rssi_dbm,
        packet.n_persons,
        packet.reserved,
        packet.motion_energy,
        packet.presence_score,
        packet.uptime_ms,
        packet.reserved_tail,
    )


def decode_fused(datagram: bytes | memoryview) -> FusedVitals:
    """Decode a 48-byte fused vitals packet.

    Raises:
        PacketError: ``non_finite`` or ``out_of_range``.
    """
    fields = _FUSED.unpack(datagram)
    _, node, flags, breathing, heart, rssi, persons, radar, confidence, motion, presence, uptime = fields[:12]
    radar_heart, radar_breathing, distance, targets, radar_confidence, reserved = fields[12:]
    packet = FusedVitals(
        node=node,
        presence=bool(flags & 1),
        fall=bool(flags & 2),
        motion=bool(flags & 4),
        mmwave=bool(flags & 8),
        other_flags=flags & 0xF0,
        breathing_rate_bpm=breathing / 100,
        heart_rate_bpm=heart / 10_000,
        rssi_dbm=rssi,
        n_persons=persons,
        mmwave_type=radar,
        fusion_confidence=confidence,
        motion_energy=motion,
        presence_score=presence,
        uptime_ms=uptime,
        mmwave_heart_rate_bpm=radar_heart,
        mmwave_breathing_rate_bpm=radar_breathing,
        mmwave_distance_cm=distance,
        mmwave_targets=targets,
        mmwave_confidence=radar_confidence,
        reserved=int.from_bytes(reserved, "little"),
    )
    _check_fused(packet)
    return packet


def encode_fused(packet: FusedVitals) -> bytes:
    """Encode 48 bytes.

    Raises:
        PacketError: ``non_finite`` or ``out_of_range``; also for 0.08 breaths per minute, which on the wire would be
            WebAssembly output.
    """
    _check_fused(packet)
    breathing = round(packet.breathing_rate_bpm * 100)
    if breathing == FUSED_CANNOT_BREATHE:
        detail = "breathing_rate_bpm 0.08 cannot be sent: its packet reads as WebAssembly output of 8 events"
        raise PacketError(RejectReason.OUT_OF_RANGE, detail)
    return _FUSED.pack(
        FUSED_MAGIC,
        packet.node,
        packet.presence | packet.fall << 1 | packet.motion << 2 | packet.mmwave << 3 | packet.other_flags & 0xF0,
        breathing,
        round(packet.heart_rate_bpm * 10_000),
        packet.rssi_dbm,
        packet.n_persons,
        packet.mmwave_type,
        packet.fusion_confidence,
        packet.motion_energy,
        packet.presence_score,
        packet.uptime_ms,
        packet.mmwave_heart_rate_bpm,
        packet.mmwave_breathing_rate_bpm,
        packet.mmwave_distance_cm,
        packet.mmwave_targets,
        packet.mmwave_confidence,
        packet.reserved.to_bytes(6, "little"),
    )


def _check_common(packet: Vitals | FusedVitals) -> None:
    check("breathing_rate_bpm", packet.breathing_rate_bpm)
    check("heart_rate_bpm", packet.heart_rate_bpm)
    check("rssi_dbm", packet.rssi_dbm)
    check("motion_energy", packet.motion_energy)
    check("energy_score", packet.presence_score, "presence_score")


def _check_fused(packet: FusedVitals) -> None:
    _check_common(packet)
    check("percent", packet.fusion_confidence, "fusion_confidence")
    check("heart_rate_bpm", packet.mmwave_heart_rate_bpm, "mmwave_heart_rate_bpm")
    check("breathing_rate_bpm", packet.mmwave_breathing_rate_bpm, "mmwave_breathing_rate_bpm")
    check("distance_cm", packet.mmwave_distance_cm, "mmwave_distance_cm")
    check("percent", packet.mmwave_confidence, "mmwave_confidence")
