"""The codec on the shared recordings of real and hostile datagrams."""

from __future__ import annotations

import json
import struct
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from csi_schemas.codec import CompressedCsi, CsiPacket, FusedVitals, PacketError, WasmOutput, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def wire(csiflow_data: Path) -> Path:
    """Folder of the recorded datagrams."""
    return csiflow_data / "wire"


def payloads(wire: Path, name: str) -> Iterator[bytes]:
    """UDP payloads of a little-endian pcap of Ethernet frames with IPv4."""
    content = (wire / name).read_bytes()
    at = 24
    while at < len(content):
        captured = struct.unpack_from("<I", content, at + 8)[0]
        frame = content[at + 16 : at + 16 + captured]
        udp = 14 + 4 * (frame[14] & 0x0F)
        length = struct.unpack_from(">H", frame, udp + 4)[0]
        yield frame[udp + 8 : udp + length]
        at += 16 + captured


def counts(wire: Path, name: str) -> dict[str, int]:
    """What the manifest says is in a recording."""
    manifest = json.loads((wire / "manifest.json").read_text())
    (entry,) = [entry for entry in manifest if entry["file"] == name]
    result: dict[str, int] = entry["counts"]
    return result


@pytest.mark.parametrize("name", ["a_two_node_60s.pcap", "b_two_node_60s_loss_dup_reorder.pcap"])
def test_every_recorded_frame_is_decoded(wire: Path, name: str) -> None:
    """All frames of the two-node recordings decode, to what the manifest counts, and encode back to themselves."""
    shapes: Counter[str] = Counter()
    for datagram in payloads(wire, name):
        packet = decode(datagram)
        assert isinstance(packet, CsiPacket)
        assert encode(packet) == datagram
        shapes[f"node {packet.node} n_sub {packet.n_subcarriers}"] += 1
    assert shapes.total() == counts(wire, name)["csi: valid"]
    manifest = json.loads((wire / "manifest.json").read_text())
    assert dict(shapes) == next(entry["by_node_and_length"] for entry in manifest if entry["file"] == name)


def test_the_hostile_recording_gives_what_its_manifest_says(wire: Path) -> None:
    """Each kind is decoded as often as it is in there well formed; every other datagram is refused with its reason."""
    decoded: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    for datagram in payloads(wire, "c_hostile.pcap"):
        try:
            packet = decode(datagram)
        except PacketError as error:
            refused[error.reason] += 1
        else:
            decoded[type(packet).__name__] += 1
            assert encode(packet) == datagram
    kinds = counts(wire, "c_hostile.pcap")
    edge = sum(number for kind, number in kinds.items() if kind.startswith("edge:"))
    assert decoded == {
        "CsiPacket": kinds["csi: valid"] + edge,
        "Vitals": kinds["0xC5110002 vitals (32 B)"],
        "Features": kinds["0xC5110003 feature (48 B)"],
        "FusedVitals": kinds["0xC5110004 fused (48 B)"],
        "WasmOutput": kinds["0xC5110004 wasm (8+5n B, n 0/1/3/7/16)"]
        + kinds["0xC5110004 wasm, n 8 (48 B, same length as fused)"],
        "CompressedCsi": kinds["0xC5110005 compressed"],
        "FeatureState": kinds["0xC5110006 feature state (60 B, CRC good)"],
    }
    assert refused == {
        "empty": 1,
        "truncated_header": kinds["bad: truncated header (<20 B)"] - 1,
        "unknown_magic": kinds["bad: wrong magic"]
        + kinds["bad: random bytes"]
        + kinds["0xC5118100 mesh"]
        + kinds["0xC5110007 (no layout known, 24 B)"],
        "no_antennas": kinds["bad: n_ant 0"],
        "no_subcarriers": kinds["bad: n_sub 0, body present"] + kinds["bad: n_sub 0, no body"],
        "too_many_subcarriers": kinds["bad: n_sub 65535"]
        + kinds["bad: n_sub 65535 x n_ant 255"]
        + kinds["bad: n_sub over the 256 limit, length right"]
        + kinds["bad: oversize datagram (20 + 60000 B)"],
        "truncated_body": kinds["bad: truncated body"] + kinds["0xC5110005 compressed, comp_len too big"],
        "trailing_bytes": kinds["bad: longer than the header says"],
        "bad_length": kinds["0xC5110002 vitals truncated (31 B)"] + kinds["0xC5110006 feature state truncated (59 B)"],
        "non_finite": 2,
        "out_of_range": 1,
        "over_limit": kinds["0xC5110004 wasm, n 17 (over the limit)"],
        "bad_checksum": kinds["0xC5110006 feature state (60 B, CRC wrong)"],
    }
    assert (
        refused["non_finite"] + refused["out_of_range"] == kinds["0xC5110002 vitals with NaN / Inf / negative energy"]
    )
    assert decoded.total() + refused.total() == sum(kinds.values())


def test_forty_eight_bytes_are_fused_or_wasm_by_their_count(wire: Path) -> None:
    """Of the seven recorded 48-byte packets of magic 0xC5110004 the one with n = 8 is output, six are vitals."""
    kinds = [
        type(decode(datagram))
        for datagram in payloads(wire, "c_hostile.pcap")
        if len(datagram) == 48 and datagram[:4] == b"\x04\x00\x11\xc5"
    ]
    assert kinds.count(FusedVitals) == 6
    assert kinds.count(WasmOutput) == 1


def test_recorded_compressed_frames_expand(wire: Path) -> None:
    """The run lengths of real compressed packets add up to the 128 bytes of a 64 sub-carrier frame."""
    compressed = [decode(d) for d in payloads(wire, "c_hostile.pcap") if d[:4] == b"\x05\x00\x11\xc5" and len(d) > 30]
    assert len(compressed) == 5
    assert all(isinstance(packet, CompressedCsi) and packet.iq_length == 128 for packet in compressed)
