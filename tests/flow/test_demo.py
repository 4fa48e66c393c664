"""``csiflow demo`` as a user runs it: the counts of the three wire recordings, end to end."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.timeout(300)

STREAMS = {"1x64@6", "1x128@6", "1x192@6"}


async def demo(recording: Path, state: Path, speed: str = "12") -> dict[str, Any]:
    """Run the demo on its own embedded broker; its last line of stdout."""
    environment = {name: value for name, value in os.environ.items() if name != "CSIFLOW_KAFKA"}
    arguments = ("demo", "--recording", str(recording), "--speed", speed, "--json", "--no-browser")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csiflow",
        *arguments,
        env={**environment, "CSIFLOW_STATE_DIR": str(state)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    assert process.returncode == 0, said.decode()[-4000:]
    result: dict[str, Any] = json.loads(out.splitlines()[-1])
    return result


async def test_a_clean_recording_comes_out_whole(csiflow_data: Path, tmp_path: Path) -> None:
    """Recording a: every datagram published, a snapshot of each on the websocket, streams never mixed."""
    result = await demo(csiflow_data / "wire" / "a_two_node_60s.pcap", tmp_path)
    assert result["frames"]["received"] == result["frames"]["published"] == 2669
    assert result["snapshots"] == result["websocket"]["introspection"] == 2669
    assert (result["lost"], result["duplicated"]) == (0, 0)
    assert result["websocket"]["sensing"] == result["sensing_updates"] == sum(result["motion_levels"].values()) > 0
    streams = {node: found["streams"] for node, found in result["nodes"].items()}
    assert streams == {
        "1": {"1x64@6": 1066, "1x128@6": 257, "1x192@6": 11},
        "2": {"1x64@6": 1006, "1x128@6": 317, "1x192@6": 12},
    }
    assert all(found["provenance"] == ["replay"] for found in result["nodes"].values())
    assert 0 < result["latency_ms"]["introspection"]["p50"] <= result["latency_ms"]["introspection"]["p99"]


async def test_ctrl_c_ends_a_demo_with_its_figures(csiflow_data: Path, tmp_path: Path) -> None:
    """What a person stopped is counted all the same, and nothing of it is missing."""
    recording = csiflow_data / "wire" / "a_two_node_60s.pcap"
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "csiflow", "demo", "--recording", str(recording), "--speed", "12", "--no-browser", "--port", "0"),
        env={
            **{name: value for name, value in os.environ.items() if name != "CSIFLOW_KAFKA"},
            "CSIFLOW_STATE_DIR": str(tmp_path),
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C ends the demo" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    process.send_signal(signal.SIGINT)
    table = (await process.stdout.read()).decode()
    assert await process.wait() == 0, said + table
    assert "2669, 2669 on the websocket" in " ".join(table.split())
    assert "lost, duplicated" in table


async def test_loss_duplicates_and_reordering_are_accounted(csiflow_data: Path, tmp_path: Path) -> None:
    """Recording b: 27 second copies recognised, 27 losses and 53 late arrivals counted, the 2642 distinct published."""
    result = await demo(csiflow_data / "wire" / "b_two_node_60s_loss_dup_reorder.pcap", tmp_path)
    assert (result["frames"]["published"], result["frames"]["duplicates"]) == (2642, 27)
    assert (result["snapshots"], result["lost"], result["duplicated"]) == (2642, 0, 0)
    nodes = result["nodes"].values()
    assert [sum(node[what] for node in nodes) for what in ("missing", "reordered", "duplicates")] == [27, 53, 27]


async def test_hostile_packets_cost_nothing_else(csiflow_data: Path, tmp_path: Path) -> None:
    """Recording c: each kind's count as in its manifest, every valid frame delivered, nothing crashed."""
    manifest = json.loads((csiflow_data / "wire" / "manifest.json").read_text())
    counts = next(entry["counts"] for entry in manifest if entry["file"] == "c_hostile.pcap")
    valid = sum(count for kind, count in counts.items() if kind.startswith(("csi:", "edge:")))
    result = await demo(csiflow_data / "wire" / "c_hostile.pcap", tmp_path)
    frames = result["frames"]
    assert frames["received"] == sum(counts.values()) == 1031
    assert frames["published"] == result["snapshots"] == result["websocket"]["introspection"] == valid == 917
    assert frames["telemetry_by_kind"] == {
        "vitals": counts["0xC5110002 vitals (32 B)"],
        "features": counts["0xC5110003 feature (48 B)"],
        "fused_vitals": counts["0xC5110004 fused (48 B)"],
        "wasm_output": counts["0xC5110004 wasm (8+5n B, n 0/1/3/7/16)"]
        + counts["0xC5110004 wasm, n 8 (48 B, same length as fused)"],
        "compressed_csi": counts["0xC5110005 compressed"],
        "feature_state": counts["0xC5110006 feature state (60 B, CRC good)"],
    }
    rejected = 1031 - valid - sum(frames["telemetry_by_kind"].values())
    assert frames["rejected"] == sum(frames["rejected_by_reason"].values()) == rejected
    assert frames["dropped"] == 0


async def test_events_are_printed_as_they_come(tmp_path: Path) -> None:
    """Who runs the demo without a browser sees who comes and goes: every event of the table has had its line."""
    environment = {name: value for name, value in os.environ.items() if name != "CSIFLOW_KAFKA"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "csiflow", "demo", "--source", "synthetic", "--no-browser", "--port", "0"),
        env={**environment, "CSIFLOW_STATE_DIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    said = ""
    while "PresenceStarted" not in said:
        line = await process.stdout.readline()
        assert line, said
        said += line.decode()
    process.send_signal(signal.SIGINT)
    said += (await process.stdout.read()).decode()
    assert await process.wait() == 0, said
    printed = Counter(re.findall(r"^  \d\d:\d\d:\d\d node \w+: (\w+)", said, re.MULTILINE))
    counted = {name: int(count) for name, count in re.findall(r"│   ([A-Z]\w+) +│ (\d+) +│", said)}
    assert counted == printed
    assert printed["PresenceStarted"] >= 1
