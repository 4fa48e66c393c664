"""Ingest as users run it: recordings over real UDP into a child process, and what is on the topics afterwards."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from csi_ingest.recordings import Recording, open_recording
from csi_ingest.replay import send
from csi_ingest.sources import choose_source
from csi_ingest.synthetic import run_synthetic
from csi_schemas.codec import CsiPacket, PacketError, RejectReason, decode
from csi_schemas.events import AnyEvent, NodeBack, NodeStale
from csi_schemas.frame import AnyFrame, MultiBssidFrame
from csi_schemas.telemetry import TelemetryRecord
from csi_schemas.topics import EVENTS, FRAMES, REJECTED, TELEMETRY
from support.kafka import consume
from support.services import running
from support.waiting import wait_for
from unit.ingest.flow import ANY_PORT, COUNTS, Ingest, frames_of, ingest


def wire(folder: Path, name: str) -> tuple[Recording, dict[str, Any]]:
    """A capture and its entry of the manifest."""
    manifest = json.loads((folder / "wire" / "manifest.json").read_text())
    return open_recording(folder / "wire" / name), next(entry for entry in manifest if entry["file"] == name)


async def test_a_clean_recording_arrives_complete_and_in_order(topics: str, csiflow_data: Path) -> None:
    """Recording a: every packet is one frame with its own fields, in its node's order; nothing else happens."""
    recording, expected = wire(csiflow_data, "a_two_node_60s.pcap")
    async with ingest(topics) as started:
        await send(recording, started.listeners["replay"], None)
        stats = await started.settled(len(recording))
        assert stats["published"] == expected["packets"] == 2669
        assert [stats[name] for name in COUNTS[1:]] == [0] * 5
        assert stats["kernel_drops"] == 0
        for node in ("1", "2"):
            shapes = {f"1x{n}@6": expected["by_node_and_length"][f"node {node} n_sub {n}"] for n in (64, 128, 192)}
            assert stats["nodes"][node]["streams"] == shapes
            assert stats["nodes"][node]["missing"] == 0
    frames = await frames_of(topics, 2669)
    sent = [decode(datagram) for _, datagram in recording]
    for node, published in frames.items():
        packets = [packet for packet in sent if isinstance(packet, CsiPacket) and packet.node_id == node]
        assert [(f.sequence, f.n_subcarriers, f.rssi_dbm, f.frequency_mhz, f.iq) for f in published] == [
            (p.sequence, p.n_subcarriers, p.rssi_dbm, p.frequency_mhz, bytes(p.iq)) for p in packets
        ]
        assert [f.sequence_status for f in published] == ["first", *["in_order"] * (len(packets) - 1)]
        assert {(f.provenance, f.source) for f in published} == {("replay", "esp32")}
        times = [f.timestamp_ns for f in published]
        assert times == sorted(times)


async def test_loss_duplicates_and_reordering_are_accounted_for(topics: str, csiflow_data: Path) -> None:
    """Recording b: second copies are not published, and the accounting finds what the manifest says was done to it.

    The manifest counts 67 packets below their node's maximum: the 53 reordered ones, and those of the 27 second copies
    that come three packets late; a copy is a duplicate and not reordered.
    """
    recording, expected = wire(csiflow_data, "b_two_node_60s_loss_dup_reorder.pcap")
    async with ingest(topics) as started:
        await send(recording, started.listeners["replay"], None)
        stats = await started.settled(len(recording))
    assert stats["received"] == expected["packets"] == 2669
    assert stats["published"] == expected["distinct"] == 2642
    assert stats["duplicates"] == expected["duplicated"] == 27
    frames = await frames_of(topics, 2642)
    late_copies = 0
    highest: dict[int, int] = {}
    seen: set[tuple[int, int]] = set()
    for _, datagram in recording:
        packet = decode(datagram)
        assert isinstance(packet, CsiPacket)
        late_copies += (packet.node, packet.sequence) in seen and packet.sequence < highest[packet.node]
        seen.add((packet.node, packet.sequence))
        highest[packet.node] = max(highest.get(packet.node, 0), packet.sequence)
    assert expected["packets_seen_with_seq_below_the_node_maximum"] == expected["reordered"] + late_copies
    for node, published in frames.items():
        numbers = [frame.sequence for frame in published]
        assert len(set(numbers)) == len(numbers)
        lost = set(range(min(numbers), max(numbers) + 1)) - set(numbers)
        assert sorted(lost) == expected["lost_seq"][node]
        counts = stats["nodes"][node]
        assert counts["missing"] == len(expected["lost_seq"][node])
        assert counts["duplicates"] == len(expected["duplicated_seq"][node])
        late = [frame.sequence for frame in published if frame.sequence_status == "reordered"]
        assert sorted(late) == expected["reordered_seq"][node]
        assert counts["reordered"] == len(late)
        assert counts["restarts"] == 0
        gaps = sum(frame.missing_before for frame in published)
        assert gaps - len(late) == counts["missing"]


HOSTILE: dict[str, tuple[str, dict[str, int]]] = {
    "csi: valid": ("frame", {"csi": 906}),
    "edge: all-zero I/Q": ("frame", {"csi": 4}),
    "edge: freq 0 / 2484 / 5180": ("frame", {"csi": 3}),
    "edge: node id 0 / 255": ("frame", {"csi": 2}),
    "edge: noise floor 0, rssi 0": ("frame", {"csi": 1}),
    "edge: rssi -128": ("frame", {"csi": 1}),
    "0xC5110002 vitals (32 B)": ("telemetry", {"vitals": 12}),
    "0xC5110003 feature (48 B)": ("telemetry", {"features": 12}),
    "0xC5110004 fused (48 B)": ("telemetry", {"fused_vitals": 6}),
    "0xC5110004 wasm (8+5n B, n 0/1/3/7/16)": ("telemetry", {"wasm_output": 5}),
    "0xC5110004 wasm, n 8 (48 B, same length as fused)": ("telemetry", {"wasm_output": 1}),
    "0xC5110005 compressed": ("telemetry", {"compressed_csi": 5}),
    "0xC5110006 feature state (60 B, CRC good)": ("telemetry", {"feature_state": 6}),
    "0xC5110002 vitals truncated (31 B)": ("rejected", {"bad_length": 1}),
    "0xC5110002 vitals with NaN / Inf / negative energy": ("rejected", {"non_finite": 2, "out_of_range": 1}),
    "0xC5110004 wasm, n 17 (over the limit)": ("rejected", {"over_limit": 1}),
    "0xC5110005 compressed, comp_len too big": ("rejected", {"truncated_body": 1}),
    "0xC5110006 feature state (60 B, CRC wrong)": ("rejected", {"bad_checksum": 4}),
    "0xC5110006 feature state truncated (59 B)": ("rejected", {"bad_length": 1}),
    "0xC5110007 (no layout known, 24 B)": ("rejected", {"unknown_magic": 1}),
    "0xC5118100 mesh": ("rejected", {"unknown_magic": 1}),
    "bad: longer than the header says": ("rejected", {"trailing_bytes": 3}),
    "bad: n_ant 0": ("rejected", {"no_antennas": 4}),
    "bad: n_sub 0, body present": ("rejected", {"no_subcarriers": 5}),
    "bad: n_sub 0, no body": ("rejected", {"no_subcarriers": 2}),
    "bad: n_sub 65535": ("rejected", {"too_many_subcarriers": 5}),
    "bad: n_sub 65535 x n_ant 255": ("rejected", {"too_many_subcarriers": 2}),
    "bad: n_sub over the 256 limit, length right": ("rejected", {"too_many_subcarriers": 3}),
    "bad: oversize datagram (20 + 60000 B)": ("rejected", {"too_many_subcarriers": 1}),
    "bad: random bytes": ("rejected", {"unknown_magic": 5}),
    "bad: truncated body": ("rejected", {"truncated_body": 8}),
    "bad: truncated header (<20 B)": ("rejected", {"truncated_header": 9, "empty": 1}),
    "bad: wrong magic": ("rejected", {"unknown_magic": 6}),
}
"""What must become of each kind of packet in recording c; one of the truncated headers has no bytes at all."""


async def test_hostile_packets_are_told_apart_and_dead_lettered(topics: str, csiflow_data: Path) -> None:
    """Recording c: each kind's count as the manifest says, valid frames all delivered, every reject with its reason."""
    recording, expected = wire(csiflow_data, "c_hostile.pcap")
    assert {kind: sum(parts.values()) for kind, (_, parts) in HOSTILE.items()} == expected["counts"]
    wanted = {
        outcome: dict(sum((Counter(parts) for kind, parts in HOSTILE.values() if kind == outcome), Counter()))
        for outcome in ("frame", "telemetry", "rejected")
    }
    async with ingest(topics) as started:
        await send(recording, started.listeners["replay"], None)
        stats = await started.settled(len(recording))
        assert started.service.alive
    assert stats["published"] == wanted["frame"]["csi"] == 917
    assert stats["telemetry_by_kind"] == wanted["telemetry"]
    assert stats["rejected_by_reason"] == wanted["rejected"]
    assert (stats["duplicates"], stats["dropped"], stats["kernel_drops"]) == (0, 0, 0)

    valid: Counter[bytes] = Counter()
    rejects: Counter[tuple[str, bytes]] = Counter()
    for _, datagram in recording:
        try:
            packet = decode(datagram)
        except PacketError as error:
            rejects[error.reason.value, datagram] += 1
        else:
            if isinstance(packet, CsiPacket):
                valid[bytes(packet.iq)] += 1
    frames = await frames_of(topics, 917)
    assert Counter(frame.iq for published in frames.values() for frame in published) == valid

    telemetry = await consume(topics, TELEMETRY.name, stats["telemetry"])
    bodies = [msgspec.json.decode(record.value, type=TelemetryRecord) for record in telemetry]
    kinds = Counter(type(body.body).__struct_config__.tag for body in bodies)
    assert kinds == wanted["telemetry"]
    assert all(record.key == body.node_id.encode() for record, body in zip(telemetry, bodies, strict=True))

    letters = await consume(topics, REJECTED.name, stats["rejected"])
    headers = [{name: value.decode() for name, value in letter.headers} for letter in letters]
    found = Counter((about["reason"], letter.value) for about, letter in zip(headers, letters, strict=True))
    assert found == rejects
    for about, letter in zip(headers, letters, strict=True):
        assert set(about) == set(REJECTED.headers)
        assert RejectReason(about["reason"])
        assert about["detail"]
        assert about["provenance"] == "replay"
        assert about["source"].rpartition(":")[0] == letter.key.decode() == "127.0.0.1"
        assert int(about["received"]) // 1_000_000 == letter.timestamp


async def test_the_port_decides_the_provenance(topics: str, csiflow_data: Path) -> None:
    """The same datagrams are live on one port and replay on the other, and no duplicates of each other."""
    recording, _ = wire(csiflow_data, "a_two_node_60s.pcap")
    datagrams = [datagram for _, datagram in recording][:20]
    async with ingest(topics) as started:
        for provenance in ("live", "replay"):
            short = Recording("first twenty", 1.0, 20, recording.packets)
            sending = asyncio.create_task(send(short, started.listeners[provenance], 10.0))
            await wait_for(partial(_received, started, provenance, 20), what=f"20 {provenance} datagrams")
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        stats = await started.settled(40)
        assert stats["duplicates"] == 0
        assert stats["sources"]["live"]["esp32"] >= 20
    frames = await frames_of(topics, stats["published"])
    first = {bytes(packet.iq) for d in datagrams if isinstance(packet := decode(d), CsiPacket)}
    for provenance in ("live", "replay"):
        labelled = {frame.iq for published in frames.values() for frame in published if frame.provenance == provenance}
        assert first <= labelled


async def _received(started: Ingest, provenance: str, count: int) -> bool:
    received: int = (await started.stats())["received_by_provenance"].get(provenance, 0)
    return received >= count


async def test_the_simulator_is_always_labelled_synthetic(topics: str) -> None:
    """Simulated frames carry provenance and source synthetic, in order; auto does not take them for real."""
    async with ingest(topics) as started:
        sent = await run_synthetic(started.listeners["synthetic"], nodes=3, rate_hz=100.0, duration_s=1.0)
        stats = await started.settled(sent)
        assert stats["published"] == sent == 300
        assert stats["sources"] == {"synthetic": {"synthetic": 300}}
        choice = await choose_source(started.stats, seconds=0.1)
        assert choice.source == "synthetic"
        assert list(choice.passed_over) == ["esp32", "wifi-enhanced", "wifi"]
    frames = await frames_of(topics, 300)
    assert set(frames) == {"1", "2", "3"}
    for published in frames.values():
        assert {(frame.provenance, frame.source) for frame in published} == {("synthetic", "synthetic")}
        assert [frame.sequence for frame in published] == list(range(100))
        assert {frame.missing_before for frame in published} == {0}


async def test_simulated_laptops_are_synthetic_nodes_too(topics: str) -> None:
    """Beside a node of CSI: their scans come out in order as multi_bssid, synthetic, each laptop a node of its own."""
    async with ingest(topics) as started:
        sent = await run_synthetic(
            started.listeners["synthetic"], nodes=1, rate_hz=50.0, duration_s=1.0, laptops=2, scan_hz=20.0
        )
        stats = await started.settled(sent)
    assert sent == stats["published"] == 50 + 2 * 20
    assert stats["sources"] == {"synthetic": {"synthetic": 90}}
    assert sorted(node["scans"] for node in stats["nodes"].values()) == [0, 20, 20]
    records = await consume(topics, FRAMES.name, 90)
    frames = [msgspec.json.decode(record.value, type=AnyFrame) for record in records]
    scans = [frame for frame in frames if isinstance(frame, MultiBssidFrame)]
    assert {(scan.provenance, scan.source, scan.native) for scan in scans} == {("synthetic", "synthetic", True)}
    assert all(len(scan.slots) >= 20 for scan in scans)
    for node_id in {scan.node_id for scan in scans}:
        assert [scan.sequence for scan in scans if scan.node_id == node_id] == list(range(20))


async def test_a_node_that_falls_silent_and_returns_is_announced(topics: str) -> None:
    """NodeStale once when a node's datagrams stop, with the time of its last one; NodeBack when it sends again."""
    async with ingest(topics, stale_after="0.6") as started:
        first = await run_synthetic(started.listeners["synthetic"], nodes=1, rate_hz=50.0, duration_s=0.2)
        await started.settled(first)
        (record,) = await consume(topics, EVENTS.name, 1)
        stale = msgspec.json.decode(record.value, type=AnyEvent)
        stats = await started.stats()
        assert stats["nodes"]["1"]["stale"]
        await run_synthetic(started.listeners["synthetic"], nodes=1, rate_hz=50.0, duration_s=0.1)
        _, record = await consume(topics, EVENTS.name, 2)
        back = msgspec.json.decode(record.value, type=AnyEvent)
    assert isinstance(stale, NodeStale)
    assert isinstance(back, NodeBack)
    assert record.key == b"1"
    assert stale.last_seen_ns == back.stale_since_ns == stats["nodes"]["1"]["last_seen_ns"]
    assert stale.timestamp_ns >= stale.last_seen_ns + 600_000_000
    assert back.timestamp_ns > stale.timestamp_ns
    assert (stale.provenance, stale.source) == ("synthetic", "synthetic")


async def test_ready_health_metrics_and_a_clean_end(topics: str) -> None:
    """Operations endpoint: healthy, ready with Kafka there, the outcome counters of Prometheus; SIGTERM ends with 0."""
    async with ingest(topics) as started:
        await run_synthetic(started.listeners["synthetic"], nodes=1, rate_hz=100.0, duration_s=0.1)
        await started.settled(10)
        assert (await started.service.get("/health"))[0] == 200

        async def counted() -> bool:
            return await started.service.metric("csiflow_ingest_outcome_total", outcome="published") == 10

        await wait_for(counted, what="the metrics follow the ledger")
        assert await started.service.metric("csiflow_ingest_received_total", provenance="synthetic") == 10
        assert await started.service.metric("csiflow_ingest_pending") == 0
    (stopped,) = started.service.events("stopped")
    assert (stopped["received"], stopped["published"], stopped["pending"]) == (10, 10, 0)


async def test_a_wrong_setting_ends_with_a_message() -> None:
    """A setting that is no number is named, with exit code 2."""
    async with running("csi_ingest", {"CSIFLOW_INGEST_STALE_AFTER": "soon"}, wait_ready=False) as service:
        assert await asyncio.wait_for(service.process.wait(), 20) == 2
    assert any("stale_after" in line.lower() for line in service.lines)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [("LIVE", "nonsense", "is not an address"), ("REPLAY", "192.0.2.1:5006", "cannot listen for replay datagrams")],
)
async def test_a_wrong_address_ends_with_a_message(variable: str, value: str, message: str) -> None:
    """Ingest that cannot listen exits with 2 and says which address and why."""
    env = {f"CSIFLOW_INGEST_{name}": ANY_PORT for name in ("LIVE", "REPLAY", "SYNTHETIC")}
    async with running("csi_ingest", {**env, f"CSIFLOW_INGEST_{variable}": value}, wait_ready=False) as service:
        assert await asyncio.wait_for(service.process.wait(), 20) == 2
    assert any(message in line for line in service.lines), service.lines
