"""docs/packets.md says what the codec does: its sender, its sizes, its limits and its reasons."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from csi_schemas import examples
from csi_schemas.codec import (
    LIMITS,
    MAX_ANTENNAS,
    MAX_BSSID_SLOTS,
    MAX_SUBCARRIERS,
    MAX_WASM_EVENTS,
    CsiPacket,
    RejectReason,
    compressed,
    csi,
    decode,
    encode,
    features,
    multi_bssid,
    vitals,
    wasm,
)
from csi_schemas.codec.limits import MAX_IQ_BYTES
from csi_schemas.telemetry import TelemetryBody

PAGE = (Path(__file__).parents[2] / "docs" / "packets.md").read_text()


def test_the_sender_on_the_page_sends_valid_frames() -> None:
    """Run as it stands, but to a port of ours: ten frames of node 7 that the codec takes, each with its own number."""
    (snippet,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(30)
        assert snippet.count("5005") == 1
        code = snippet.replace("5005", str(receiver.getsockname()[1]))
        subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
        packets = [decode(receiver.recv(65535)) for _ in range(10)]
    for sequence, packet in enumerate(packets):
        assert isinstance(packet, CsiPacket)
        assert (packet.node, packet.n_antennas, packet.n_subcarriers) == (7, 1, 64)
        assert (packet.frequency_mhz, packet.sequence, packet.rssi_dbm, packet.noise_floor_dbm) == (
            2437,
            sequence,
            -50,
            -95,
        )
        assert len(set(packet.iq)) > 10


def test_every_reason_is_on_the_page_and_no_other() -> None:
    """The table of reasons is the closed list."""
    table = PAGE.partition("## What is rejected")[2].partition("| --- |")[2]
    said = [reason for row in table.splitlines() for reason in re.findall(r"`(\w+)`", row.partition(" | ")[0])]
    assert sorted(said) == sorted(RejectReason)


@pytest.mark.parametrize("body", examples.TELEMETRY_BODIES, ids=lambda body: type(body).__name__)
def test_every_kind_is_on_the_page_with_its_length(body: TelemetryBody) -> None:
    """Some row has the magic of the encoded example and a length that gives that of its bytes."""
    datagram = encode(body)
    magic = f"0x{int.from_bytes(datagram[:4], 'little'):08X}"
    lengths = re.findall(rf"^\| {magic} \| ([\d nm+]+) \|", PAGE, re.MULTILINE)
    assert lengths
    fits = []
    for length in lengths:
        first, _, step = length.partition(" + ")
        if step in {"", "m"}:
            fits.append(len(datagram) == int(first) or (step == "m" and len(datagram) >= int(first)))
        else:
            fits.append((len(datagram) - int(first)) % int(step.removesuffix(" n")) == 0)
    assert any(fits)


def test_sizes_and_limits_are_the_codecs() -> None:
    """The numbers on the page are those the code enforces."""
    magics = {csi.MAGIC, vitals.VITALS_MAGIC, multi_bssid.MAGIC, features.FEATURES_MAGIC, vitals.FUSED_MAGIC}
    magics |= {wasm.MAGIC, compressed.MAGIC, features.STATE_MAGIC}
    assert set(re.findall(r"0xC51100\w\w", PAGE)) == {f"0x{magic:08X}" for magic in magics}
    assert f"antenna streams A | 1-{MAX_ANTENNAS} |" in PAGE
    assert f"sub-carriers S of each antenna | 1-{MAX_SUBCARRIERS} |" in PAGE
    assert f"0: not said | 0-{LIMITS['frequency_mhz'].high:g} |" in PAGE
    assert f"-128 to {LIMITS['rssi_dbm'].high:g} |" in PAGE
    assert f"n up to {MAX_BSSID_SLOTS}, 7 u8 epoch" in PAGE
    assert f"n up to {MAX_WASM_EVENTS}; n times" in PAGE
    assert f"(even, 2-{MAX_IQ_BYTES})" in PAGE
    assert f"breaths 0-{LIMITS['breathing_rate_bpm'].high:g}/min" in PAGE
    assert f"beats 0-{LIMITS['heart_rate_bpm'].high:g}/min" in PAGE
    assert f"distance 0-{LIMITS['distance_cm'].high:,.0f} cm" in PAGE
