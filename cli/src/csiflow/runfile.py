"""The run file: what a running ``csiflow up`` or ``demo`` tells other commands about itself."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from csi_runtime.documents import write_whole

from csiflow.output import fail
from csiflow.settings import CliSettings


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


def _path(settings: CliSettings) -> Path:
    return settings.state_dir / "run.json"


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
    try:
        run = msgspec.json.decode(_path(settings).read_bytes(), type=RunFile)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        fail(f"{_path(settings)} is not a run file ({error}); remove it and start csiflow up again")
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
    run = read(settings)
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
    run = read(settings)
    if run is None:
        fail("nothing runs here: start csiflow up or csiflow demo in another terminal", 2)
    return run
