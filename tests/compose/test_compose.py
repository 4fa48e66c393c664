"""docker-compose.yml for real: built, started, healthy, a recording through published loopback ports, stopped."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from compose.engine import NoDockerError, base_image, compose_command, engine, kafka_image, run
from csi_ingest.recordings import open_recording
from csi_ingest.replay import send
from csiflow.observer import WebsocketTally

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

ROOT = Path(__file__).resolve().parents[2]
CONSUMER_WORKERS = 2


@dataclass(frozen=True)
class Docker:
    """An engine with the two images every test needs."""

    host: str
    base: str
    kafka: str


@dataclass(frozen=True)
class Installation:
    """A running compose project and how to reach it."""

    environment: dict[str, str]
    project: str

    def compose(self, *arguments: str, timeout: float = 900) -> str:
        """Run a compose command on the project."""
        return run(
            *compose_command(), "-p", self.project, *arguments, environment=self.environment, cwd=ROOT, timeout=timeout
        )

    def containers(self) -> list[dict[str, object]]:
        """Inspect every container of the project that runs."""
        identifiers = self.compose("ps", "-q").split()
        inspected = json.loads(run("docker", "inspect", *identifiers, environment=self.environment))
        return [container for container in inspected if container["State"]["Running"]]


def free_port(kind: socket.SocketKind) -> str:
    """Return a port of the loopback interface nobody has."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Docker]:
    """Yield a Docker engine, or skip saying why there is none."""
    folder = tmp_path_factory.mktemp("docker")
    try:
        compose_command()
        with engine(folder) as host:
            base = base_image(host, folder)
            yield Docker(host, base, kafka_image(host, folder, base))
    except NoDockerError as reason:
        pytest.skip(f"the compose test needs Docker: {reason}")


@pytest.fixture(scope="module")
def installation(docker: Docker) -> Iterator[Installation]:
    """Yield the project, up and healthy with two workers of each consumer."""
    environment = {
        "DOCKER_HOST": docker.host,
        "DOCKER_BUILDKIT": "0",
        "CSIFLOW_BASE_IMAGE": docker.base,
        "CSIFLOW_KAFKA_IMAGE": docker.kafka,
        "CSIFLOW_TOKEN": secrets.token_hex(16),
        "CSIFLOW_GATEWAY_PORT": free_port(socket.SOCK_STREAM),
        "CSIFLOW_INGEST_OPERATIONS_PORT": free_port(socket.SOCK_STREAM),
        "CSIFLOW_LIVE_PORT": free_port(socket.SOCK_DGRAM),
        "CSIFLOW_REPLAY_PORT": free_port(socket.SOCK_DGRAM),
        "CSIFLOW_SYNTHETIC_PORT": free_port(socket.SOCK_DGRAM),
    }
    project = Installation(environment, f"csiflow-test-{secrets.token_hex(4)}")
    try:
        scale = [
            argument for name in ("events", "introspection") for argument in ("--scale", f"{name}={CONSUMER_WORKERS}")
        ]
        project.compose("up", "--detach", "--build", *scale)
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "20")


async def healthy(project: Installation, timeout: float = 180) -> list[dict[str, object]]:
    """Wait until every running container is healthy; the containers' logs are part of the error."""
    deadline = asyncio.get_running_loop().time() + timeout
    while True:
        containers = project.containers()
        states = {str(c["Name"]): c["State"].get("Health", {}).get("Status") for c in containers}  # type: ignore[attr-defined]
        if len(states) == 3 + 2 * CONSUMER_WORKERS and set(states.values()) == {"healthy"}:
            return containers
        if asyncio.get_running_loop().time() > deadline:
            pytest.fail(f"not healthy within {timeout:g} s: {states}\n{project.compose('logs', '--tail=40')[-8000:]}")
        await asyncio.sleep(1)


async def test_recording_a_through_compose(installation: Installation, csiflow_data: Path) -> None:
    """Two workers a consumer, non-root and healthy: the recording's counts are the demo's, nothing lost or doubled."""
    containers = await healthy(installation)
    for container in containers:
        identifier = run("docker", "exec", str(container["Id"]), "id", "-u", environment=installation.environment)
        assert identifier.strip() != "0", f"{container['Name']} runs as root"

    environment = installation.environment
    base = f"ws://127.0.0.1:{environment['CSIFLOW_GATEWAY_PORT']}"
    introspection = WebsocketTally(f"{base}/ws/introspection", environment["CSIFLOW_TOKEN"])
    sensing = WebsocketTally(f"{base}/ws/sensing", environment["CSIFLOW_TOKEN"])
    recording = open_recording(csiflow_data / "wire" / "a_two_node_60s.pcap")
    async with introspection.running(), sensing.running():
        report = await send(recording, f"127.0.0.1:{environment['CSIFLOW_REPLAY_PORT']}", 6.0)
        deadline = asyncio.get_running_loop().time() + 30
        while introspection.received < report.sent and asyncio.get_running_loop().time() < deadline:
            await asyncio.sleep(0.1)
        url = f"http://127.0.0.1:{environment['CSIFLOW_INGEST_OPERATIONS_PORT']}/stats"
        with urllib.request.urlopen(url, timeout=10) as response:
            stats = json.load(response)

    assert (stats["received"], stats["published"], stats["rejected"], stats["dropped"]) == (2669, 2669, 0, 0)
    assert introspection.received == 2669
    assert sum(introspection.origins.values()) == 2669, "a snapshot came twice"
    assert sensing.received > 0
    assert {node: set(found["streams"]) for node, found in stats["nodes"].items()} == {
        node: {"1x64@6", "1x128@6", "1x192@6"} for node in ("1", "2")
    }


async def test_testcontainers_path_of_the_kafka_fixture(docker: Docker, installation: Installation) -> None:
    """Where Docker answers, the Kafka fixture uses testcontainers: the topics test passes on such a broker."""
    await healthy(installation)
    said = run(
        "python",
        "-m",
        "pytest",
        "-rA",
        "tests/flow/test_topics.py",
        environment={
            "DOCKER_HOST": docker.host,
            "CSIFLOW_TEST_KAFKA_IMAGE": docker.kafka,
            "CSIFLOW_TEST_KAFKA": "testcontainers",
        },
        cwd=ROOT,
    )
    assert "passed" in said
