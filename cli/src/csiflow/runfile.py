"""The run file: what a running ``csiflow up`` or ``demo`` tells other commands about itself."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec
from csi_runtime.documents import write_whole

from csiflow.output import fail
from csiflow.settings import CliSettings

F = TypeVar("F", "RunFile", "Starting")


class RunFile(msgspec.Struct):
    """Addresses of the stack that runs here."""

    pid: int
    bootstrap: str
    gateway_url: str
    token: str
    live: str
    replay: str
    synthetic: str
    operations: dict[str, int]
    """Operations port of each service, by name."""


class Starting(msgspec.Struct):
    """A stack that is not ready yet."""

    pid: int
    since: float
    """Seconds since the Unix epoch."""


def _path(settings: CliSettings) -> Path:
    return settings.state_dir / "run.json"


def _starting_path(settings: CliSettings) -> Path:
    return settings.state_dir / "starting.json"


@contextlib.contextmanager
def announced(settings: CliSettings) -> Iterator[None]:
    """Let other commands know, while the context is open, that a stack is being started by this process."""
    path = _starting_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(Starting(os.getpid(), time.time())), replace=True, mode=0o600)
    try:
        yield
    finally:
        if (current := _read(path, Starting)) is not None and current.pid == os.getpid():
            path.unlink(missing_ok=True)


def starting(settings: CliSettings) -> str | None:
    """Say that a stack is being started here, and since when; ``None`` when none is, or one runs already."""
    found = _read(_starting_path(settings), Starting)
    if found is None or read(settings) is not None:
        return None
    return f"csiflow is starting (since {max(time.time() - found.since, 0.0):.0f} s)"


@contextlib.contextmanager
def published(settings: CliSettings, run: RunFile) -> Iterator[None]:
    """Keep the run file, mode 0600 because it holds the token, while the context is open."""
    path = _path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.encode(run), replace=True, mode=0o600)
    try:
        yield
    finally:
        if (current := read(settings)) is not None and current.pid == run.pid:
            path.unlink(missing_ok=True)


def read(settings: CliSettings) -> RunFile | None:
    """Return the run file of a stack that still runs, if there is one."""
    return _read(_path(settings), RunFile)


def find(settings: CliSettings) -> RunFile | None:
    """Return the run file of a stack that runs here, ``None`` without one.

    Raises:
        typer.Exit: with code 2, one is being started: its addresses are not known yet.
    """
    if (said := starting(settings)) is not None:
        fail(f"{said}; wait until it is ready", 2)
    return read(settings)


def _read(path: Path, form: type[F]) -> F | None:
    try:
        run = msgspec.json.decode(path.read_bytes(), type=form)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        fail(f"{path} is not a run file ({error}); remove it and start csiflow up again")
    try:
        os.kill(run.pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:  # it runs, as somebody else
        return run
    return run


def bootstrap_servers(settings: CliSettings) -> str:
    """Bootstrap servers of CSIFLOW_KAFKA, else of the stack that runs here.

    Raises:
        typer.Exit: neither is there; the message says what to do.
    """
    if settings.external_kafka:
        return settings.external_kafka
    run = find(settings)
    if run is None:
        fail(
            "no Kafka to talk to: start csiflow up or csiflow demo in another terminal, or set CSIFLOW_KAFKA=HOST:PORT",
            2,
        )
    return run.bootstrap


def require(settings: CliSettings) -> RunFile:
    """Return the run file.

    Raises:
        typer.Exit: nothing runs here; the message says what to do.
    """
    run = find(settings)
    if run is None:
        fail("nothing runs here: start csiflow up or csiflow demo in another terminal", 2)
    return run
