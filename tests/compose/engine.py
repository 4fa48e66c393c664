"""A Docker engine for tests: the one that answers, else one of their own that cannot outlive them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import psutil

START_SECONDS = 60
STOP_SECONDS = 60


class NoDockerError(RuntimeError):
    """There is no Docker engine, or nothing to make images from; the message says why."""


def run(*command: str, environment: Mapping[str, str] | None = None, timeout: float = 600) -> str:
    """Run a command to its end and return its standard output.

    Raises:
        RuntimeError: it failed or took too long; the message ends with what it wrote.
    """
    try:
        done = subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            timeout=timeout,
            check=False,
            text=True,
            capture_output=True,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"{' '.join(command)} did not end within {timeout:g} s") from error
    if done.returncode:
        output = f"{done.stdout}{done.stderr}"[-8000:]
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{output}")
    return done.stdout


def answers(host: str) -> bool:
    """Whether a Docker engine answers at ``host``."""
    command = ["docker", "--host", host, "version", "--format", "{{.Server.Version}}"]
    return subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == 0


def has_buildkit() -> bool:
    """Whether this docker client builds with BuildKit: since version 23 that takes its buildx plugin."""
    plugin = subprocess.run(["docker", "buildx", "version"], check=False, capture_output=True)
    version = re.search(r"version (\d+)", run("docker", "--version"))
    return plugin.returncode == 0 or (version is not None and int(version[1]) < 23)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Take SIGTERM as Ctrl-C, so that pytest still takes everything down."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def docker_engine() -> Iterator[str]:
    """Yield the DOCKER_HOST of an engine: the one docker is set up to use, else a daemon of our own.

    Raises:
        NoDockerError: none answers and none can be started here.
    """
    missing = [tool for tool in ("docker", "dockerd") if shutil.which(tool) is None]
    if "docker" in missing:
        raise NoDockerError("docker is not installed")
    host = os.environ.get("DOCKER_HOST") or run("docker", "context", "inspect", "-f", "{{.Endpoints.docker.Host}}")
    if answers(host.strip()):
        yield host.strip()
        return
    if "DOCKER_HOST" in os.environ:
        raise NoDockerError(f"no Docker engine answers at DOCKER_HOST={host}")
    if missing:
        raise NoDockerError("no Docker engine answers, and dockerd is not installed to start one")
    if os.geteuid() != 0:
        raise NoDockerError("no Docker engine answers, and starting one needs root")
    with tempfile.TemporaryDirectory(prefix="csiflow-docker-") as folder, _daemon(Path(folder)) as host:
        yield host


@contextlib.contextmanager
def _daemon(folder: Path) -> Iterator[str]:
    """Run dockerd with all its data in ``folder``.

    It has process and mount namespaces of its own and dies with this process: even after SIGKILL the kernel ends the
    containers and takes down the mounts. The bridge and the firewall chains that every dockerd makes stay.
    """
    host, log = f"unix://{folder}/docker.sock", folder / "dockerd.log"
    command = [
        *("setpriv", "--pdeathsig", "KILL"),
        *("unshare", "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"),
        *("dockerd", "--host", host, "--pidfile", str(folder / "docker.pid")),
        *("--data-root", str(folder / "data"), "--exec-root", str(folder / "exec")),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(host):
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoDockerError(f"dockerd does not start here: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.2)
        yield host
    finally:
        for dockerd in psutil.Process(process.pid).children() if process.poll() is None else ():
            dockerd.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
