"""The agent on a scripted scanner, over real UDP into ingest, onto csi.frames.v1, through events to a websocket."""

from __future__ import annotations

import asyncio
import math
import socket
import threading
from pathlib import Path
from typing import Any

import msgspec
import pytest
from csi_schemas.access_points import Band, Radio, amplitude
from csi_schemas.codec import encode_csi
from csi_schemas.codec.authentication import Sealer
from csi_schemas.frame import AnyFrame, CsiFrame, MultiBssidFrame
from csi_schemas.topics import FRAMES, REJECTED
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.agent import Agent
from csi_wifiscan.errors import ScanError
from csi_wifiscan.pace import Pace
from csi_wifiscan.sender import Sender
from support.gateway import receive, running_gateway
from support.kafka import consume
from support.services import running
from unit.ingest.flow import ingest
from unit.wifiscan.scripted import ScriptedScanner, Step
from unit.wifiscan.test_privacy import SECRETS, assert_private

HOST = "00c0ffee00c0ffee"
KEY = bytes(range(32))


def scans(count: int) -> list[Step]:
    """Three access points, the second of which somebody shadows in the middle third."""
    found: list[Step] = []
    for n in range(count):
        shadow = 6.0 if count // 3 <= n < 2 * count // 3 else 0.0
        found.append(
            [
                AccessPoint(SECRETS[0].bssid, -50.0, SECRETS[0].ssid, None, 1, Band.GHZ_2_4, Radio.N),
                AccessPoint(SECRETS[1].bssid, -60.5 - shadow, SECRETS[1].ssid, None, 36, Band.GHZ_5, Radio.AX),
                AccessPoint(SECRETS[2].bssid, -70.25 + 0.5 * (n % 2), SECRETS[2].ssid, 59, 5, Band.GHZ_6, Radio.BE),
            ]
        )
    return found


def run_agent(steps: list[Step], address: str, sealer: Sealer | None, epoch: int, sequence: int) -> None:
    """Run an agent until its script ends."""
    with Sender(address, sealer) as sender:
        agent = Agent(ScriptedScanner(steps), sender, Pace(0.001, 0.002), HOST, epoch=epoch, sequence=sequence)
        agent.run(threading.Event(), len(steps))


def send(address: str, *datagrams: bytes) -> None:
    """Send datagrams as they are."""
    host, _, port = address.rpartition(":")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for datagram in datagrams:
            sender.sendto(datagram, (host, int(port)))


async def test_an_agent_is_a_node(topics: str, tmp_path: Path) -> None:
    """Every scan is one frame in order, a failed scan is a scan less and no gap, a restart is one; strangers stay out.

    The agent must authenticate, ESP32 number 1 too, number 2 need not; nothing scanned is on Kafka or in ingest's log.
    """
    keys = tmp_path / "keys"
    keys.write_text(f"* {KEY.hex()}\n2 open\n")
    steps = scans(30)
    steps.insert(10, ScanError("busy"))
    async with ingest(topics, auth_key_file=str(keys)) as started:
        live = started.listeners["live"]
        await asyncio.to_thread(run_agent, steps, live, Sealer(KEY, 1), 3, 500)
        await started.settled(30)
        await asyncio.to_thread(run_agent, scans(5), live, Sealer(KEY, 2), 4, 70_000)
        csi = encode_csi(1, bytes(128), sequence=1, n_subcarriers=64)
        sealed = Sealer(KEY, 1).seal(csi)
        open_node = encode_csi(2, bytes(128), sequence=1, n_subcarriers=64)
        await asyncio.to_thread(
            send, live, csi, sealed, sealed, open_node, Sealer(bytes(32), 1).seal(csi), Sealer(KEY, 0).seal(csi)
        )
        stats = await started.settled(41)
        logged = "\n".join(started.service.lines)
    assert stats["published"] == 37
    assert stats["duplicates"] == 1
    assert stats["rejected_by_reason"] == {"unauthenticated": 1, "bad_authenticator": 1, "replayed": 1}
    node = stats["nodes"][HOST]
    assert (node["scans"], node["missing"], node["restarts"], node["source"]) == (35, 0, 1, "wifi-enhanced:3")
    assert stats["sources"]["live"] == {"wifi-enhanced:3": 35, "esp32": 2}

    records = await consume(topics, FRAMES.name, 37)
    by_key = {record.key for record in records}
    assert by_key == {HOST.encode(), b"1", b"2"}
    frames = [msgspec.json.decode(r.value, type=AnyFrame) for r in records if r.key == HOST.encode()]
    found = [frame for frame in frames if isinstance(frame, MultiBssidFrame)]
    assert len({record.partition for record in records if record.key == HOST.encode()}) == 1
    assert [f.sequence for f in found] == [*range(500, 530), *range(70_000, 70_005)]
    assert [f.sequence_status for f in found] == [
        "first", *["in_order"] * 29, "restarted", *["in_order"] * 4
    ]  # fmt: skip
    assert [f.epoch for f in found] == [3] * 30 + [4] * 5
    assert [[slot.rssi_dbm for slot in f.slots] for f in found[:30]] == [
        [-50.0, -66.5 if 10 <= n < 20 else -60.5, -70.25 + 0.5 * (n % 2)] for n in range(30)
    ]
    assert [(s.channel, s.band, s.radio) for s in found[0].slots] == [(1, 1, 4), (36, 2, 6), (5, 3, 7)]
    assert math.isclose(amplitude(found[0].slots[0].rssi_dbm), 10**2.5)
    rejected = await consume(topics, REJECTED.name, 3)
    assert_private(b"".join(r.value for r in [*records, *rejected]) + logged.encode())
    assert KEY.hex() not in logged


@pytest.mark.timeout(240)  # the first start of events compiles its kernels
async def test_a_laptop_is_sensed_like_any_node(topics: str) -> None:
    """From a scripted scanner to the websocket, between CSI frames: every scan and every frame is in an update.

    The laptop's updates have ADR-022's fields, and the list of nodes has it beside the ESP32; nothing is skipped.
    """
    settings = {"CSIFLOW_KAFKA": topics, "CSIFLOW_EVENTS_HTTP_PORT": "0"}
    updates: list[dict[str, Any]] = []

    def frames_of(node: str) -> int:
        return sum(update["window"]["frames"] for update in updates if update["node_id"] == node)

    async with ingest(topics) as started, running_gateway(topics) as gateway:
        live = started.listeners["live"]
        async with running("csi_events", settings, timeout=120) as events, gateway.connect("/ws/sensing") as websocket:
            await gateway.clients("sensing", 1)
            for burst in range(4):
                await asyncio.to_thread(run_agent, scans(10), live, None, 0, 10 * burst)
                frames = [encode_csi(1, bytes([7] * 128), sequence=16 * burst + n, n_subcarriers=64) for n in range(16)]
                await asyncio.to_thread(send, live, *frames)
                await started.settled(26 * (burst + 1))
            while frames_of(HOST) < 40 or frames_of("1") < 64:
                updates += await receive(websocket, 1)
            assert await events.metric("csiflow_stream_skipped_total", app="events") == 0
            assert events.events("record is not a frame and was skipped") == []
            _, nodes = await gateway.get("/api/v1/nodes")
    assert (frames_of(HOST), frames_of("1")) == (40, 64)
    laptop = next(update for update in reversed(updates) if update["node_id"] == HOST)
    assert (laptop["source"], laptop["provenance"], laptop["bssid_count"]) == ("wifi-enhanced:3", "live", 3)
    assert laptop["enhanced_motion"] == {"score": 0.0, "level": "None", "contributing_bssids": 0}
    assert laptop["quality_verdict"] == "Defer"
    assert len(laptop["nodes"][0]["amplitude"]) == 3
    assert {HOST, "1"} <= {node["node_id"] for node in nodes["nodes"]}
    values = [record.value for record in await consume(topics, FRAMES.name, 104)]
    kinds = [type(msgspec.json.decode(value, type=AnyFrame)) for value in values]
    assert (kinds.count(MultiBssidFrame), kinds.count(CsiFrame)) == (40, 64)
