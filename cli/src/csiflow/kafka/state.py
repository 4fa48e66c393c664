"""The state folder of an embedded cluster: who uses it, and what kind of cluster its data belongs to."""

from __future__ import annotations

import base64
import os
import time
import uuid
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec
import psutil
from filelock import FileLock, Timeout

from csiflow.kafka.errors import StateFolderError

_ORPHAN_PATIENCE_S = 15.0
"""A killed owner's brokers end by themselves within their guard's grace period."""


class Process(msgspec.Struct, frozen=True):
    """A process, told apart from a later one with the same number."""

    pid: int
    started: float
    """Unix seconds."""

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The running process with this number; ``None`` when there is none any more."""
        try:
            return cls(pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return None

    @property
    def running(self) -> bool:
        """Whether this very process still runs."""
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.started and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False


class ClusterRecord(msgspec.Struct):
    """``kafka.json`` in the state folder."""

    cluster_id: str
    brokers: int
    owner: int = 0
    """Process id of the last owner."""
    bootstrap: str = ""
    processes: list[Process] = []
    """The Java processes of the last start."""


class StateFolder:
    """Exclusive use of a state folder while the context is open."""

    def __init__(self, path: Path, brokers: int) -> None:
        self.path = path
        self._brokers = brokers
        # The operating system frees the lock with its owner, so a crash leaves none behind; a second covers its dying.
        self._lock = FileLock(path / "kafka.lock", timeout=1.0)
        self.record = ClusterRecord("", brokers)

    def __enter__(self) -> Self:
        """Lock the folder.

        Raises:
            StateFolderError: somebody else uses it, or its data belongs to a cluster of another size.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock.acquire()
        except Timeout as error:
            record = self._read()
            owner = f"process {record.owner} (Kafka at {record.bootstrap})" if record else "another process"
            raise StateFolderError(
                f"the state folder {self.path} is in use by {owner}; stop that one, use its Kafka with "
                "CSIFLOW_KAFKA, or give this one another folder with CSIFLOW_STATE_DIR"
            ) from error
        except OSError as error:
            raise StateFolderError(
                f"the state folder {self.path} cannot be used: {error}; set CSIFLOW_STATE_DIR"
            ) from error
        try:
            self._open()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Unlock the folder."""
        self._lock.release()

    def save(self, bootstrap: str, pids: list[int]) -> None:
        """Write down who uses the folder, for error messages and for :meth:`__enter__` after a crash."""
        self.record.owner = os.getpid()
        self.record.bootstrap = bootstrap
        self.record.processes = [process for pid in pids if (process := Process.of(pid)) is not None]
        partial = self._file.with_suffix(".partial")
        partial.write_bytes(msgspec.json.format(msgspec.json.encode(self.record), indent=1))
        partial.replace(self._file)

    @property
    def _file(self) -> Path:
        return self.path / "kafka.json"

    def _read(self) -> ClusterRecord | None:
        try:
            return msgspec.json.decode(self._file.read_bytes(), type=ClusterRecord)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise StateFolderError(
                f"{self._file} is damaged ({error}); remove {self.path} if its data may go"
            ) from error

    def _open(self) -> None:
        record = self._read()
        if record is None:
            cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
            # StorageTool would read a leading dash as an option.
            self.record = ClusterRecord("A" + cluster_id[1:], self._brokers)
            return
        if record.brokers != self._brokers:
            raise StateFolderError(
                f"the state folder {self.path} holds a cluster of {record.brokers} broker(s), not {self._brokers}; "
                "give another folder, or remove it if its data may go"
            )
        self._await_orphans(record)
        self.record = record

    def _await_orphans(self, record: ClusterRecord) -> None:
        """A previous owner was killed: its brokers are about to end, and two must not share one data folder."""
        deadline = time.monotonic() + _ORPHAN_PATIENCE_S
        while orphans := [process.pid for process in record.processes if process.running]:
            if time.monotonic() > deadline:
                raise StateFolderError(
                    f"the Kafka broker with process id {orphans[0]} still uses {self.path} though its owner, process "
                    f"{record.owner}, is gone; end it (kill {orphans[0]}) and run this again"
                )
            time.sleep(0.05)
