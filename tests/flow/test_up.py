"""``csiflow up`` and the commands that talk to it, as an operator uses them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from csiflow.runfile import RunFile
from support.waiting import wait_for

pytestmark = pytest.mark.timeout(300)


def environment(state: Path) -> dict[str, str]:
    """The environment of an operator with an own state folder and no cluster."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("CSIFLOW_")}
    return {**inherited, "CSIFLOW_STATE_DIR": str(state), "COLUMNS": "200"}


async def csiflow(state: Path, *arguments: str) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of a command."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csiflow",
        *arguments,
        env=environment(state),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, said = await process.communicate()
    return process.returncode or 0, out.decode(), said.decode()


@asynccontextmanager
async def up(state: Path, *arguments: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, RunFile]]:
    """Run ``csiflow up`` on free ports until its run file is there; whoever enters ends it."""
    log = (state / "up.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csiflow",
        "up",
        *("--udp-port", "0", "--port", "0", *arguments),
        env=environment(state),
        stdout=log,
        stderr=log,
    )
    log.close()
    path = state / "run.json"

    def running() -> bool:
        assert process.returncode is None, (state / "up.log").read_text()[-4000:]
        return path.exists()

    try:
        await wait_for(running, 200, "csiflow up is running")
        yield process, msgspec.json.decode(path.read_bytes(), type=RunFile)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_an_operators_session(csiflow_data: Path, tmp_path: Path) -> None:
    """Up, doctor, replay, nodes and tail work together; Ctrl-C stops every child and exits cleanly."""
    async with up(tmp_path, "--workers", "2", "--introspection") as (process, run):
        token = tmp_path / "gateway-token"
        assert token.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "run.json").stat().st_mode & 0o777 == 0o600

        code, out, said = await csiflow(tmp_path, "doctor", "--json")
        assert code == 0, said
        findings = {finding["check"]: finding for finding in json.loads(out)["findings"]}
        assert {name: finding["status"] for name, finding in findings.items() if finding["status"] == "failed"} == {}
        assert "events-2" in findings["services"]["said"]

        code, out, said = await csiflow(tmp_path, "topics", "create", "--json")
        assert code == 0, said
        assert json.loads(out)["created"] == []

        recording = csiflow_data / "wire" / "a_two_node_60s.pcap"
        code, out, said = await csiflow(
            tmp_path, "replay", str(recording), "--to", run.replay, "--speed", "60", "--json"
        )
        assert code == 0, said
        assert json.loads(out)["sent"] == 2669

        async def both_nodes() -> list[dict[str, Any]]:
            _, out, _ = await csiflow(tmp_path, "nodes", "--json")
            nodes: list[dict[str, Any]] = json.loads(out)["nodes"]
            return nodes if {node["node_id"] for node in nodes} == {"1", "2"} else []

        nodes = await wait_for(both_nodes, 30, "the gateway knows both nodes")
        assert {node["provenance"] for node in nodes} == {"replay"}

        tail = ("tail", "csi.introspection.v1", "--node", "1", "-n", "3", "--from-beginning")
        code, out, said = await csiflow(tmp_path, *tail)
        assert code == 0, said
        assert [json.loads(line)["node_id"] for line in out.splitlines()] == ["1", "1", "1"]

        children = psutil.Process(process.pid).children(recursive=True)
        assert len(children) >= 6
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 60) == 0, (tmp_path / "up.log").read_text()[-4000:]
        assert [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []
        assert not (tmp_path / "run.json").exists()


async def test_a_service_that_dies_is_started_again(tmp_path: Path) -> None:
    """Kill -9 of a service: it comes back ready, the others are untouched; introspection is not among them."""
    async with up(tmp_path) as (process, _):
        services = {" ".join(child.cmdline()): child for child in psutil.Process(process.pid).children()}
        assert not [line for line in services if "csi_introspection" in line], "nobody asked for it"
        ingest = next(child for line, child in services.items() if "csi_ingest" in line)
        others = [child for child in services.values() if child.pid != ingest.pid]
        ingest.kill()

        async def ready() -> bool:
            code, out, _ = await csiflow(tmp_path, "doctor", "--json")
            return code == 0 and bool(json.loads(out)["ok"])

        await wait_for(ready, 60, "ingest is ready again")
        assert all(child.is_running() for child in others)
        assert "restart in" in (tmp_path / "up.log").read_text()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


@pytest.mark.parametrize("arguments", [("nodes",), ("tail", "csi.events.v1"), ("topics", "create")])
async def test_without_a_running_stack_commands_say_what_to_do(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Commands that need a stack name the one to start, and exit 2."""
    code, _, said = await csiflow(tmp_path, *arguments)
    assert code == 2
    assert "csiflow up" in said


async def test_an_unknown_topic_is_refused_with_the_list(tmp_path: Path) -> None:
    """A topic that is not ours is refused, with ours listed."""
    code, _, said = await csiflow(tmp_path, "tail", "csi.motion.v1")
    assert code == 2
    assert "csi.sensing.v1" in said
