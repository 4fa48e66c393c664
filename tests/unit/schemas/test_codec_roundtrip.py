"""The codec as a whole: any bytes, any packet."""

from __future__ import annotations

import struct

import pytest
from csi_schemas.codec import (
    BssidSlot,
    CompressedCsi,
    CsiPacket,
    Features,
    FeatureState,
    FusedVitals,
    MultiBssid,
    Packet,
    PacketError,
    RejectReason,
    Vitals,
    WasmEvent,
    WasmOutput,
    decode,
    encode,
    encode_csi,
)
from csi_schemas.codec.compressed import compress
from hypothesis import given
from hypothesis import strategies as st

u8 = st.integers(0, 0xFF)
u16 = st.integers(0, 0xFFFF)
u32 = st.integers(0, 0xFFFFFFFF)
rssi = st.integers(-128, 20)
finite = st.floats(width=32, allow_nan=False, allow_infinity=False)
energy = st.floats(min_value=0, width=32, allow_nan=False, allow_infinity=False)
probability = st.floats(0, 1, width=32)
breaths = st.floats(0, 120, width=32)
beats = st.floats(0, 300, width=32)


@st.composite
def csi_packets(draw: st.DrawFn) -> Packet:
    """CSI of every shape, small ones mostly."""
    antennas = draw(st.integers(1, 16))
    subcarriers = draw(st.one_of(st.integers(1, 8), st.integers(1, 512)))
    seed = draw(st.binary(min_size=1, max_size=64))
    length = 2 * antennas * subcarriers
    return CsiPacket(
        draw(u8),
        antennas,
        subcarriers,
        draw(st.integers(0, 75_000)),
        draw(u32),
        draw(rssi),
        draw(st.integers(-128, 127)),
        draw(u16),
        memoryview((seed * length)[:length]),
    )


@st.composite
def compressed_packets(draw: st.DrawFn) -> Packet:
    """Differences of two frames of one length."""
    length = 2 * draw(st.integers(1, 200))
    frame = draw(st.binary(min_size=length, max_size=length))
    return CompressedCsi(node=draw(u8), channel=draw(u8), iq_length=length, compressed=compress(frame, bytes(length)))


common = {
    "node": u8,
    "presence": st.booleans(),
    "fall": st.booleans(),
    "motion": st.booleans(),
    "breathing_rate_bpm": st.integers(0, 12_000).filter(lambda n: n != 8).map(lambda n: n / 100),
    "heart_rate_bpm": st.integers(0, 3_000_000).map(lambda n: n / 10_000),
    "rssi_dbm": rssi,
    "n_persons": u8,
    "motion_energy": energy,
    "presence_score": energy,
    "uptime_ms": u32,
}
packets: st.SearchStrategy[Packet] = st.one_of(
    csi_packets(),
    compressed_packets(),
    st.builds(Vitals, **common, other_flags=st.integers(0, 31).map(lambda n: n << 3), reserved=u16, reserved_tail=u32),
    st.builds(
        FusedVitals,
        **common,
        mmwave=st.booleans(),
        mmwave_type=u8,
        fusion_confidence=st.integers(0, 100),
        mmwave_heart_rate_bpm=beats,
        mmwave_breathing_rate_bpm=breaths,
        mmwave_distance_cm=st.floats(0, 100_000, width=32),
        mmwave_targets=u8,
        mmwave_confidence=st.integers(0, 100),
        other_flags=st.integers(0, 15).map(lambda n: n << 4),
        reserved=st.integers(0, 2**48 - 1),
    ),
    st.builds(
        Features,
        node=u8,
        sequence=u16,
        node_time_us=st.integers(-(2**63), 2**63 - 1),
        values=st.tuples(*[finite] * 8),
        reserved=u8,
    ),
    st.builds(
        FeatureState,
        node=u8,
        mode=u8,
        sequence=u16,
        node_time_us=st.integers(0, 2**64 - 1),
        motion_score=probability,
        presence_score=probability,
        respiration_bpm=breaths,
        respiration_confidence=probability,
        heart_rate_bpm=beats,
        heart_rate_confidence=probability,
        anomaly_score=probability,
        environment_shift_score=probability,
        coherence=probability,
        flags=u16,
        rssi_dbm=rssi,
        reserved=u8,
    ),
    st.builds(
        WasmOutput, node=u8, module=u8, events=st.lists(st.builds(WasmEvent, u8, finite), max_size=16).map(tuple)
    ),
    st.builds(
        MultiBssid,
        host=st.integers(0, 2**64 - 1).map(lambda n: f"{n:016x}"),
        sequence=u32,
        uptime_ms=u32,
        slots=st.lists(
            st.builds(
                BssidSlot,
                slot=st.integers(0, 31),
                rssi_dbm=st.integers(-12_800, 2_000).map(lambda n: n / 100),
                age_ms=u16,
                channel=u8,
                band=st.integers(0, 3),
                radio=st.integers(0, 7),
                rssi_variance_db2=energy,
                generation=u8,
            ),
            max_size=32,
            unique_by=lambda slot: slot.slot,
        ).map(tuple),
        epoch=u8,
        native=st.booleans(),
    ),
)


@given(packets)
def test_a_packet_survives_the_wire(packet: Packet) -> None:
    """decode(encode(p)) == p for every packet of every kind: no bit and no kind is confused with another."""
    datagram = encode(packet)
    assert decode(datagram) == packet
    assert encode(decode(datagram)) == datagram


@given(packets, st.data())
def test_a_damaged_packet_is_refused_or_reads_back_the_same(packet: Packet, data: st.DataObject) -> None:
    """A changed, cut or lengthened datagram raises PacketError, or is another valid packet that encodes to itself."""
    damaged = bytearray(encode(packet))
    for _ in range(data.draw(st.integers(1, 4))):
        position = data.draw(st.integers(0, len(damaged) - 1))
        damaged[position] = data.draw(u8)
    cut = data.draw(st.integers(0, len(damaged)))
    variant = data.draw(st.sampled_from([damaged, damaged[:cut], damaged + bytes(cut)]))
    try:
        again = decode(variant)
    except PacketError:
        return
    assert encode(again) == variant


@given(st.one_of(st.binary(), st.tuples(st.integers(0, 9), st.binary(max_size=120))))
def test_any_bytes_raise_packet_error_or_nothing(noise: bytes | tuple[int, bytes]) -> None:
    """Whatever arrives, decode returns a packet that encodes back to it, or raises PacketError and nothing else."""
    datagram = noise if isinstance(noise, bytes) else struct.pack("<I", 0xC5110000 + noise[0]) + noise[1]
    try:
        packet = decode(datagram)
    except PacketError:
        return
    assert encode(packet) == datagram


@pytest.mark.parametrize("buffer", [bytes, bytearray, memoryview])
def test_any_buffer_is_decoded(buffer: type) -> None:
    """bytes, bytearray and memoryview mean the same datagram."""
    datagram = encode_csi(7, bytes(range(128)), sequence=1, n_subcarriers=64)
    assert decode(buffer(datagram)) == decode(datagram)


@pytest.mark.parametrize(
    ("datagram", "reason"),
    [
        (b"", RejectReason.EMPTY),
        (b"\x01", RejectReason.TRUNCATED_HEADER),
        (b"\x01\x00\x11", RejectReason.TRUNCATED_HEADER),
        (bytes.fromhex("00000000"), RejectReason.UNKNOWN_MAGIC),
        (bytes.fromhex("c5110001") + bytes(144), RejectReason.UNKNOWN_MAGIC),  # big-endian
        (bytes.fromhex("070011c5") + bytes(20), RejectReason.UNKNOWN_MAGIC),
        (bytes.fromhex("008111c5") + bytes(24), RejectReason.UNKNOWN_MAGIC),  # mesh
    ],
)
def test_what_is_no_packet_kind_says_so(datagram: bytes, reason: RejectReason) -> None:
    """Nothing, too little for a magic, and a foreign magic have a reason each."""
    with pytest.raises(PacketError) as refused:
        decode(datagram)
    assert refused.value.reason is reason


def test_a_field_that_does_not_fit_is_a_packet_error() -> None:
    """Encoding an impossible value is refused with the field's packet named, not with struct's own exception."""
    events = (WasmEvent(256, 1.0),)
    with pytest.raises(PacketError, match="WasmOutput") as refused:
        encode(WasmOutput(node=1, module=0, events=events))
    assert refused.value.reason is RejectReason.OUT_OF_RANGE
    with pytest.raises(PacketError, match="out_of_range"):
        encode(WasmOutput(node=1, module=0, events=(WasmEvent(1, 1e39),)))
