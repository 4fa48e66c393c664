"""A group of supervised children: started together, awaited until ready, stopped in reverse order."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

import aiohttp
from rich.text import Text

from csiflow.output import console
from csiflow.supervisor.process import ServiceProcess, ServiceSpec

POLL_SECONDS = 0.05
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red", "bright_cyan", "bright_magenta")


class ServiceFailedError(RuntimeError):
    """A service ended for good or did not become ready; the message carries its last lines."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a TCP port nobody listens on at this moment."""
    with socket.create_server((host, 0)) as listener:
        return int(listener.getsockname()[1])


class Supervisor:
    """Async context manager over :class:`ServiceProcess` children."""

    def __init__(self, *, start_timeout: float = 60.0, stop_timeout: float = 10.0, show_logs: bool = True) -> None:
        self.processes: dict[str, ServiceProcess] = {}
        self._start_timeout = start_timeout
        self._stop_timeout = stop_timeout
        self._show_logs = show_logs

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def start(self, specs: Sequence[ServiceSpec]) -> None:
        """Start children; they run until :meth:`stop`."""
        for spec in specs:
            process = ServiceProcess(spec, self._print)
            self.processes[spec.name] = process
            process.start()

    async def stop(self, *names: str) -> None:
        """Stop the named children, or all of them, the last started first."""
        for name in reversed(names or tuple(self.processes)):
            if (process := self.processes.pop(name, None)) is not None:
                await process.stop(self._stop_timeout)

    async def wait_ready(self, *names: str, on_ready: Callable[[str], None] | None = None) -> None:
        """Return when the named children (or all) answer ``/ready`` with 200; ``on_ready`` is told of each.

        Raises:
            ServiceFailedError: one ended for good, or was not ready in time.
        """
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as session:
            waits = [
                asyncio.create_task(self._wait_one(session, self.processes[name], on_ready))
                for name in names or tuple(self.processes)
                if self.processes[name].spec.http_port is not None
            ]
            try:
                await asyncio.gather(*waits)
            finally:
                for wait in waits:
                    wait.cancel()

    async def wait_failure(self) -> None:
        """Wait until an essential child has ended for good.

        Raises:
            ServiceFailedError: always, once that happens.
        """
        watchers = {
            asyncio.create_task(process.ended.wait()): process
            for process in self.processes.values()
            if process.spec.essential
        }
        try:
            done, _ = await asyncio.wait(watchers, return_when=asyncio.FIRST_COMPLETED)
            raise self._failure(watchers[next(iter(done))], "ended")
        finally:
            for watcher in watchers:
                watcher.cancel()

    async def _wait_one(
        self, session: aiohttp.ClientSession, process: ServiceProcess, on_ready: Callable[[str], None] | None
    ) -> None:
        url = f"http://127.0.0.1:{process.spec.http_port}/ready"
        said = "its operations endpoint did not answer"
        deadline = asyncio.get_running_loop().time() + self._start_timeout
        while asyncio.get_running_loop().time() < deadline:
            if process.ended.is_set():
                raise self._failure(process, "ended while starting")
            try:
                async with session.get(url) as response:
                    if response.status == 200:
                        if on_ready is not None:
                            on_ready(process.spec.name)
                        return
                    said = await response.text()
            except (aiohttp.ClientError, TimeoutError) as error:
                said = f"{url}: {error}"
            await asyncio.sleep(POLL_SECONDS)
        patience = f"{self._start_timeout:g} s (CSIFLOW_CLI_START_TIMEOUT)"
        raise self._failure(process, f"was not ready within {patience}: {said}")

    def _failure(self, process: ServiceProcess, what: str) -> ServiceFailedError:
        code = "" if process.exit_code is None else f" with exit code {process.exit_code}"
        tail = "\n".join(f"    {line}" for line in process.tail)
        return ServiceFailedError(f"{process.spec.name} {what}{code}. Its last lines:\n{tail}")

    def _print(self, name: str, line: str) -> None:
        if not self._show_logs:
            return
        colour = _COLOURS[sum(name.encode()) % len(_COLOURS)]
        console.print(Text.assemble((f"{name:>15} │ ", colour), Text.from_ansi(line)), soft_wrap=True)
