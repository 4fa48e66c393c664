"""One broker process: formatted once, started under a guard, stopped cleanly."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import structlog

from csiflow.kafka import guard
from csiflow.kafka.errors import BrokerStartError
from csiflow.kafka.java import JavaRuntime
from csiflow.kafka.properties import LOG4J2_PROPERTIES, Node, server_properties

log = structlog.get_logger(__name__)

GRACE_S = 10.0
"""How long a broker may take to stop before it is killed."""
_TAIL_LINES = 25


class Broker:
    """A broker of an embedded cluster; ``folder`` keeps its configuration and data, ``log_file`` what it says."""

    def __init__(self, runtime: JavaRuntime, folder: Path, log_file: Path) -> None:
        self._runtime = runtime
        self._folder = folder
        self._guard: subprocess.Popen[bytes] | None = None
        self.log_file = log_file
        self.pid: int | None = None
        """Process id of the Java process while it runs."""

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._guard is not None and self._guard.poll() is None

    @property
    def formatted(self) -> bool:
        """Whether its data folder belongs to a cluster already."""
        return (self._folder / "data" / "meta.properties").exists()

    @property
    def closed_cleanly(self) -> bool:
        """Whether a stopping broker has flushed and closed its topics; Kafka removes the mark as it starts."""
        return (self._folder / "data" / ".kafka_cleanshutdown").exists()

    def configure(self, node: Node, cluster: tuple[Node, ...]) -> None:
        """Write the configuration for the next start."""
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / "server.properties").write_text(
            server_properties(node, cluster, self._folder / "data"), encoding="utf-8"
        )
        (self._folder / "log4j2.properties").write_text(LOG4J2_PROPERTIES, encoding="utf-8")

    def begin_format(self, cluster_id: str) -> subprocess.Popen[str]:
        """Start Kafka's StorageTool on the data folder; :meth:`end_format` waits for it."""
        command = self._command("kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", self._properties)
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def end_format(self, tool: subprocess.Popen[str]) -> None:
        """Wait for the format to end.

        Raises:
            BrokerStartError: the data folder could not be formatted.
        """
        output, _ = tool.communicate()
        if tool.returncode != 0:
            raise BrokerStartError(
                f"Kafka's data folder {self._folder / 'data'} could not be formatted:\n{output.strip()}\n"
                "Is the disk full or the folder read-only? Remove the folder if its data may go"
            )

    def start(self, flags: tuple[str, ...] = (), grace_s: float = GRACE_S) -> None:
        """Start the process; its previous log is kept as ``<name>.1``."""
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_name(self.log_file.name + ".1"))
        self.log_file.touch()
        command = [sys.executable, "-I", "-S", guard.__file__, str(self.log_file), str(grace_s)]
        self._guard = subprocess.Popen(
            [*command, *self._command("kafka.Kafka", self._properties, flags=flags)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is for the owner, which stops the services first
        )
        assert self._guard.stdout is not None  # noqa: S101 - a pipe was asked for
        line = self._guard.stdout.readline()
        if not line:
            self._guard.wait()
            raise BrokerStartError(f"the Java process could not be started:\n{self.log_tail()}")
        self.pid = int(line)

    def request_stop(self) -> None:
        """Ask the process to end, without waiting."""
        if self._guard is not None and self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End the process and wait for it; one that does not end in time is killed, which is logged."""
        if self._guard is None:
            return
        self.request_stop()
        assert self._guard.stdout is not None  # noqa: S101 - a pipe was asked for
        if b"killed" in self._guard.stdout.read():
            log.warning(
                "the embedded Kafka broker did not stop in time and was killed", pid=self.pid, log=str(self.log_file)
            )
        self._reap()

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL)."""
        if self._guard is None or self.pid is None or not self.alive:
            raise BrokerStartError("the broker to kill is not running")
        with contextlib.suppress(ProcessLookupError):  # it may end at this very moment
            os.kill(self.pid, signal.SIGKILL)
        self._reap()

    def log_tail(self) -> str:
        """The last lines of the log, indented, without the frames of stack traces."""
        lines = self.log_file.read_text(encoding="utf-8", errors="replace").splitlines()
        said = [line for line in lines if not line.lstrip().startswith(("at ", "... "))]
        return "\n".join(f"    {line}" for line in said[-_TAIL_LINES:]) or "    (it said nothing)"

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"

    def _command(self, main_class: str, *arguments: str | Path, flags: tuple[str, ...] = ()) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return self._runtime.command(main_class, *arguments, flags=(logging, *flags))

    def _reap(self) -> None:
        assert self._guard is not None  # noqa: S101 - callers checked
        self._guard.wait()
        for pipe in (self._guard.stdin, self._guard.stdout):
            if pipe is not None:
                pipe.close()
        self._guard = None
        self.pid = None
