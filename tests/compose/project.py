"""One installation of docker-compose.yml: a project name, ports and a token of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from compose.engine import NoDockerError, run
from support.services import INTROSPECTION_ON
from support.waiting import free_port

ROOT = Path(__file__).resolve().parents[2]
CONSUMERS = ("events", "introspection")


def compose_command() -> list[str]:
    """Return docker's compose plugin, else docker-compose.

    Raises:
        NoDockerError: there is neither.
    """
    plugin = ["docker", "compose"]
    if (
        shutil.which("docker")
        and subprocess.run([*plugin, "version"], check=False, capture_output=True).returncode == 0
    ):
        return plugin
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    raise NoDockerError("neither docker compose nor docker-compose is installed")


@dataclass(frozen=True)
class Container:
    """A container as docker inspects it."""

    service: str
    details: dict[str, Any]

    @property
    def id(self) -> str:
        """Its identifier."""
        return str(self.details["Id"])

    @property
    def state(self) -> str:
        """``healthy``, ``unhealthy`` or ``starting`` while it runs, else ``exited`` with its code."""
        state = self.details["State"]
        if not state["Running"]:
            return f"exited {state['ExitCode']}"
        return str(state.get("Health", {}).get("Status", "running"))


@dataclass(frozen=True)
class Project:
    """A compose project; ``environment`` is what its commands run with."""

    name: str
    environment: dict[str, str]

    def compose(self, *arguments: str, timeout: float = 900) -> str:
        """Run a compose command on the project."""
        options = ("--project-directory", str(ROOT), "-f", str(ROOT / "docker-compose.yml"), "-p", self.name)
        return run(*compose_command(), *options, *arguments, environment=self.environment, timeout=timeout)

    def docker(self, *arguments: str) -> str:
        """Run a docker command on the project's engine."""
        return run("docker", *arguments, environment=self.environment)

    def containers(self, *services: str) -> list[Container]:
        """Return the containers of these services, or of all, the ended ones too."""
        label = "com.docker.compose"
        found = self.docker("ps", "--all", "--quiet", "--filter", f"label={label}.project={self.name}").split()
        inspected = json.loads(self.docker("inspect", *found)) if found else []
        containers = [Container(each["Config"]["Labels"][f"{label}.service"], each) for each in inspected]
        return [each for each in containers if each.service in services or not services]

    def port(self, variable: str) -> str:
        """Address of a published port, by the variable that sets it."""
        return f"127.0.0.1:{self.environment[variable]}"

    async def wait_healthy(self, timeout: float = 180) -> list[Container]:
        """Wait until every container that stays is healthy and return these; the failure carries states and logs."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout
        while True:
            staying = [each for each in await asyncio.to_thread(self.containers) if each.service != "topics"]
            if staying and all(each.state == "healthy" for each in staying):
                return staying
            if loop.time() > deadline:
                states = {each.details["Name"]: each.state for each in staying}
                logs = self.compose("logs", "--tail=40")[-8000:]
                raise AssertionError(f"not healthy within {timeout:g} s: {states}\n{logs}")
            await asyncio.sleep(0.5)


@contextlib.contextmanager
def installed(docker: Mapping[str, str], workers: int) -> Iterator[Project]:
    """Build and start a project with so many workers of each consumer; take it down, data and all, at the end."""
    tcp = ("CSIFLOW_GATEWAY_PORT", "CSIFLOW_INGEST_OPERATIONS_PORT", "CSIFLOW_KAFKA_PORT")
    udp = ("CSIFLOW_LIVE_PORT", "CSIFLOW_REPLAY_PORT", "CSIFLOW_SYNTHETIC_PORT")
    project = Project(
        f"csiflow-test-{secrets.token_hex(4)}",
        {
            **docker,
            **{name: str(free_port()) for name in tcp},
            **{name: str(free_port(socket.SOCK_DGRAM)) for name in udp},
            "CSIFLOW_TOKEN": secrets.token_hex(16),
            **INTROSPECTION_ON,
        },
    )
    try:
        # First what the others find in the build cache, then the rest side by side.
        project.compose("build", "topics", "events")
        project.compose("build", "--parallel")
        scale = [argument for name in CONSUMERS for argument in ("--scale", f"{name}={workers}")]
        project.compose("up", "--detach", "--no-build", *scale)
        yield project
    finally:
        project.compose("down", "--volumes", "--rmi", "local", "--timeout", "10")
