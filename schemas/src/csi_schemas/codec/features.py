"""Magic 0xC5110003, the feature vector (ADR-069), and 0xC5110006, the feature state (ADR-081).

Features, 48 bytes: 0 u32 magic | 4 u8 node | 5 u8 reserved | 6 u16 sequence | 8 i64 us | 16 f32[8].

Feature state, 60 bytes: 0 u32 magic | 4 u8 node | 5 u8 mode | 6 u16 sequence | 8 u64 us | 16 f32[9]: motion, presence,
respiration/min, its confidence, heart/min, its confidence, anomaly, environment shift, coherence | 52 u16 flags |
54 i8 rssi dBm in newer firmware, 0 when not measured | 55 u8 reserved | 56 u32 CRC-32 (IEEE) of bytes 0-55.
"""

from __future__ import annotations

import struct
from zlib import crc32

from csi_schemas.codec.errors import PacketError, RejectReason
from csi_schemas.codec.limits import check
from csi_schemas.telemetry import Features, FeatureState

FEATURES_MAGIC = 0xC5110003
STATE_MAGIC = 0xC5110006

_FEATURES = struct.Struct("<IBBHq8f")
_STATE = struct.Struct("<IBBHQ9fHbB")
_CRC = struct.Struct("<I")
FEATURES_LENGTH = _FEATURES.size
STATE_LENGTH = _STATE.size + _CRC.size

_PROBABILITIES = (
    "motion_score",
    "presence_score",
    "respiration_confidence",
    "heart_rate_confidence",
    "anomaly_score",
    "environment_shift_score",
    "coherence",
)


def decode_features(datagram: bytes | memoryview) -> Features:
    """Decode a 48-byte feature vector.

    Raises:
        PacketError: ``non_finite``.
    """
    _, node, reserved, sequence, node_time, *values = _FEATURES.unpack(datagram)
    packet = Features(node=node, reserved=reserved, sequence=sequence, node_time_us=node_time, values=tuple(values))
    _check_features(packet)
    return packet


def encode_features(packet: Features) -> bytes:
    """Encode 48 bytes.

    Raises:
        PacketError: ``non_finite``.
    """
    _check_features(packet)
    return _FEATURES.pack(
        FEATURES_MAGIC, packet.node, packet.reserved, packet.sequence, packet.node_time_us, *packet.values
    )


def decode_state(datagram: bytes | memoryview) -> FeatureState:
    """Decode a 60-byte feature state.

    Raises:
        PacketError: ``bad_checksum``, ``non_finite`` or ``out_of_range``, checked in this order.
    """
    view = memoryview(datagram)
    (announced,) = _CRC.unpack_from(view, _STATE.size)
    computed = crc32(view[: _STATE.size])
    if announced != computed:
        raise PacketError(RejectReason.BAD_CHECKSUM, f"CRC-32 is {announced:#010x}; the bytes make {computed:#010x}")
    _, node, mode, sequence, node_time, *numbers, flags, rssi, reserved = _STATE.unpack_from(view)
    motion, presence, respiration, respiration_confidence, heart, heart_confidence, anomaly, shift, coherence = numbers
    packet = FeatureState(
        node=node,
        mode=mode,
        sequence=sequence,
        node_time_us=node_time,
        motion_score=motion,
        presence_score=presence,
        respiration_bpm=respiration,
        respiration_confidence=respiration_confidence,
        heart_rate_bpm=heart,
        heart_rate_confidence=heart_confidence,
        anomaly_score=anomaly,
        environment_shift_score=shift,
        coherence=coherence,
        flags=flags,
        rssi_dbm=rssi,
        reserved=reserved,
    )
    _check_state(packet)
    return packet


def encode_state(packet: FeatureState) -> bytes:
    """Encode 60 bytes, CRC included.

    Raises:
        PacketError: ``non_finite`` or ``out_of_range``.
    """
    _check_state(packet)
    body = _STATE.pack(
        STATE_MAGIC,
        packet.node,
        packet.mode,
        packet.sequence,
        packet.node_time_us,
        packet.motion_score,
        packet.presence_score,
        packet.respiration_bpm,
        packet.respiration_confidence,
        packet.heart_rate_bpm,
        packet.heart_rate_confidence,
        packet.anomaly_score,
        packet.environment_shift_score,
        packet.coherence,
        packet.flags,
        packet.rssi_dbm,
        packet.reserved,
    )
    return body + _CRC.pack(crc32(body))


def _check_features(packet: Features) -> None:
    for index, value in enumerate(packet.values):
        check("any_number", value, f"values[{index}]")


def _check_state(packet: FeatureState) -> None:
    for name in _PROBABILITIES:
        check("probability", getattr(packet, name), name)
    check("breathing_rate_bpm", packet.respiration_bpm, "respiration_bpm")
    check("heart_rate_bpm", packet.heart_rate_bpm)
    check("rssi_dbm", packet.rssi_dbm)
