"""Services as users run them: child processes with an environment, stopped by a signal."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from support.waiting import wait_for

INTROSPECTION_ON = {"CSIFLOW_INTROSPECTION_ENABLED": "true"}
"""Environment of services that take part in introspection, which is off by default."""
_STOP_S = 20.0
_TAIL = 40


@dataclass
class Service:
    """A running ``python -m <module>``."""

    module: str
    process: asyncio.subprocess.Process
    logs: list[dict[str, Any]] = field(default_factory=list)
    """Its log records so far, parsed."""
    lines: list[str] = field(default_factory=list)
    """Every line of its stderr and stdout so far, for failures."""
    host: str = ""
    port: int = 0
    """Of /health, /ready and /metrics."""

    @property
    def http(self) -> str:
        """Base URL of the operations endpoint."""
        return f"http://{self.host}:{self.port}"

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.returncode is None

    def events(self, event: str) -> list[dict[str, Any]]:
        """The log records with this event."""
        return [record for record in self.logs if record.get("event") == event]

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of a GET on the operations endpoint; status 0 when nothing listens."""

        def fetch() -> tuple[int, str]:
            try:
                with urllib.request.urlopen(self.http + path, timeout=5) as response:  # noqa: S310 - our own address
                    return response.status, response.read().decode()
            except urllib.error.HTTPError as error:
                with error:
                    return error.code, error.read().decode()
            except OSError as error:
                return 0, str(error)

        return await asyncio.to_thread(fetch)

    async def metric(self, name: str, **labels: str) -> float:
        """A sample of /metrics, summed over the label values not given; 0 when there is none yet."""
        _, text = await self.get("/metrics")
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        total = 0.0
        for line in text.splitlines():
            sample, _, value = line.rpartition(" ")
            if sample.split("{")[0] == name and all(label in sample for label in wanted):
                total += float(value)
        return total

    async def wait_ready(self, timeout: float = 30.0) -> None:
        """Wait until /ready answers 200."""

        async def ready() -> bool:
            assert self.alive, f"{self.module} ended with {self.process.returncode} before it was ready:\n{self.tail()}"
            if not self.port and (up := self.events("operations endpoint is up")):
                self.host, self.port = up[0]["host"], up[0]["port"]
            return bool(self.port) and (await self.get("/ready"))[0] == 200

        try:
            await wait_for(ready, timeout, f"{self.module} is ready")
        except AssertionError as error:
            state = await self.get("/ready") if self.port else "no operations endpoint"
            raise AssertionError(f"{error}\n/ready: {state}\n{self.tail()}") from error

    async def stop(self) -> None:
        """End it as an operator does (SIGTERM) and expect exit code 0."""
        if self.alive:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = await asyncio.wait_for(self.process.wait(), _STOP_S)
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise AssertionError(
                f"{self.module} did not stop within {_STOP_S:g} s of SIGTERM:\n{self.tail()}"
            ) from None
        assert code == 0, f"{self.module} ended with {code}, not 0:\n{self.tail()}"

    async def kill(self) -> None:
        """End it as a crash does (SIGKILL)."""
        self.process.kill()
        await self.process.wait()

    def tail(self) -> str:
        """The last lines it wrote."""
        return "\n".join(f"    {line}" for line in self.lines[-_TAIL:])


@asynccontextmanager
async def running(
    module: str,
    env: Mapping[str, str] | None = None,
    *arguments: str,
    wait_ready: bool = True,
    timeout: float = 30.0,
) -> AsyncIterator[Service]:
    """Run ``python -m module`` while the context is open; stop it with SIGTERM and expect exit code 0.

    A service that the test killed (:meth:`Service.kill`) or stopped itself is left alone at the end.

    Args:
        module: the service's package, e.g. ``csi_ingest``.
        env: environment variables on top of this process's own.
        arguments: further command line arguments.
        wait_ready: wait until /ready answers 200.
        timeout: seconds for that.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env={**os.environ, "CSIFLOW_LOG_FORMAT": "json", **(env or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=1 << 20,
    )
    service = Service(module, process)
    reader = asyncio.create_task(_read(service))
    try:
        if wait_ready:
            await service.wait_ready(timeout)
        yield service
        if service.alive:
            await service.stop()
    finally:
        if service.alive:
            await service.kill()
        await reader


async def _read(service: Service) -> None:
    assert service.process.stdout is not None
    async for raw in service.process.stdout:
        line = raw.decode(errors="replace").rstrip()
        service.lines.append(line)
        if line.startswith("{"):
            try:
                service.logs.append(json.loads(line))
            except json.JSONDecodeError:
                continue  # a line that only looks like a record; it stays in .lines
