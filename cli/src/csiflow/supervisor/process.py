"""One supervised child process."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from csi_runtime.exits import CANNOT_RUN_AS_CONFIGURED

LOG_TAIL_LINES = 30


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """What to run and where its operations endpoint answers."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    http_port: int | None = None
    """Port of its operations endpoint; ``None`` for a child that has none (a source)."""
    essential: bool = True
    """Restarted when it ends; a source that has sent everything is not."""


@dataclass(frozen=True, slots=True)
class BackOff:
    """Waiting times between restarts, seconds: doubling from ``first`` to ``longest``."""

    first: float = 0.5
    longest: float = 30.0
    healthy_after: float = 30.0
    """A child that ran this long starts again from ``first``."""

    def delay(self, failures: int) -> float:
        """Seconds to wait before restart number ``failures`` (from 1)."""
        return float(min(self.first * 2 ** min(failures - 1, 30), self.longest))


def _die_with_parent() -> None:
    """Ask Linux to send this child SIGTERM when its parent is gone, even by kill -9."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class ServiceProcess:
    """A child that is kept running until it is told to stop."""

    def __init__(self, spec: ServiceSpec, on_line: Callable[[str, str], None], back_off: BackOff | None = None) -> None:
        self.spec = spec
        self.restarts = 0
        self.tail: collections.deque[str] = collections.deque(maxlen=LOG_TAIL_LINES)
        self.exit_code: int | None = None
        self.ended = asyncio.Event()
        """Set when it has ended and will not be started again."""
        self._on_line = on_line
        self._back_off = back_off or BackOff()
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        process = self._process
        return process.pid if process is not None and process.returncode is None else None

    def start(self) -> None:
        """Start the child and keep it running."""
        self._task = asyncio.create_task(self._run(), name=f"supervise-{self.spec.name}")

    async def stop(self, timeout: float) -> None:
        """SIGTERM, then SIGKILL after ``timeout`` seconds; returns when the child is gone."""
        self._stopping.set()
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), timeout)
            except TimeoutError:
                self._on_line(self.spec.name, f"did not stop within {timeout:g} s and is killed")
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        if self._task is not None:
            await self._task

    async def _run(self) -> None:
        failures = 0
        try:
            while not self._stopping.is_set():
                started = time.monotonic()
                self.exit_code = await self._run_once()
                if self._stopping.is_set() or not self.spec.essential or self.exit_code == CANNOT_RUN_AS_CONFIGURED:
                    return
                failures = 1 if time.monotonic() - started > self._back_off.healthy_after else failures + 1
                delay = self._back_off.delay(failures)
                self._on_line(self.spec.name, f"ended with exit code {self.exit_code}; restart in {delay:g} s")
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._stopping.wait(), delay)
                self.restarts += 1
        finally:
            self.ended.set()

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            *self.spec.command,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.spec.environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops its children in order
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._process = process
        if self._stopping.is_set():
            process.terminate()
        stream = process.stdout
        if stream is None:
            raise RuntimeError("the child was started without a pipe for its output")
        while True:
            try:
                line = await stream.readline()
            except ValueError:  # a line beyond the reader's limit: its remainder follows as the next one
                continue
            if not line:
                break
            text = line.decode(errors="replace").rstrip()
            self.tail.append(text)
            self._on_line(self.spec.name, text)
        return await process.wait()
