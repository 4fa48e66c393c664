"""docker-compose.yml for real: built, started, healthy, a recording through published loopback ports, stopped."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compose.engine import NoDockerError, docker_engine, has_buildkit, interruptible, run
from compose.images import kafka_image, python_image
from compose.project import CONSUMERS, ROOT, Container, Project, compose_command, installed
from csi_ingest.recordings import open_recording
from csi_ingest.replay import send
from csi_schemas.topics import FRAMES, TOPICS
from csiflow.observer import KafkaTally, WebsocketTally

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1500)]

WORKERS = 2
SERVICES = {"kafka": 1, "ingest": 1, "gateway": 1, "cluster": 1, **dict.fromkeys(CONSUMERS, WORKERS)}
RECORDING = "a_two_node_60s.pcap"


@pytest.fixture(scope="module")
def docker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment of an engine and the two images to start from; skips, saying why, where there is none."""
    folder = tmp_path_factory.mktemp("images")
    try:
        compose_command()
        with interruptible(), docker_engine() as host:
            environment = {"DOCKER_HOST": host, "DOCKER_BUILDKIT": "1" if has_buildkit() else "0"}
            base = python_image(folder, environment)
            kafka = kafka_image(folder, base, environment)
            yield {**environment, "CSIFLOW_BASE_IMAGE": base, "CSIFLOW_KAFKA_IMAGE": kafka}
    except NoDockerError as reason:
        pytest.skip(f"the compose test needs Docker: {reason}")


@pytest.fixture(scope="module")
def project(docker: dict[str, str]) -> Iterator[Project]:
    """The project, started with two workers of each consumer."""
    with installed(docker, WORKERS) as project:
        yield project


async def test_every_container_is_healthy_and_unprivileged(project: Project) -> None:
    """All become healthy; none runs as root or can become it; ours write nowhere but in /tmp."""
    containers = await project.wait_healthy()

    names = [container.service for container in containers]
    assert {name: names.count(name) for name in names} == SERVICES
    for container in containers:
        host = container.details["HostConfig"]
        assert project.docker("exec", container.id, "id", "-u").strip() != "0", container.service
        assert not host["Privileged"]
        assert host["CapDrop"] == ["ALL"]
        assert host["SecurityOpt"] == ["no-new-privileges:true"]
        assert host["ReadonlyRootfs"] == (container.service != "kafka")
    assert [container.state for container in project.containers("topics")] == ["exited 0"]


async def test_only_the_port_for_nodes_is_open_to_the_network(project: Project) -> None:
    """Whatever is published listens on loopback, except the UDP port that ESP32 nodes send to."""
    published = {
        (container.service, port, binding["HostIp"])
        for container in await project.wait_healthy()
        for port, bindings in container.details["HostConfig"]["PortBindings"].items()
        for binding in bindings or ()
    }

    assert {(service, port) for service, port, address in published if address != "127.0.0.1"} == {
        ("ingest", "5005/udp")
    }
    assert {(service, port) for service, port, address in published if address == "127.0.0.1"} == {
        ("kafka", "9094/tcp"),
        ("ingest", "5006/udp"),
        ("ingest", "5007/udp"),
        ("ingest", "9100/tcp"),
        ("gateway", "8080/tcp"),
    }


async def test_kernels_come_compiled_with_the_image(project: Project) -> None:
    """A consumer that runs has compiled nothing: its cache is still the one that was built into the image."""
    await project.wait_healthy()
    for container in project.containers(*CONSUMERS):
        compiled = project.docker("exec", container.id, "find", "/opt/csiflow/kernels", "-name", "*.nbc")
        assert compiled, container.service
        project.docker("exec", container.id, "diff", "-r", "/opt/csiflow/kernels", "/tmp/kernels")  # noqa: S108


async def test_a_recording_comes_out_as_in_the_demo(project: Project, csiflow_data: Path) -> None:
    """Every frame of two nodes and three stream shapes has one snapshot, in Kafka and on the websocket."""
    await project.wait_healthy()
    manifest = json.loads((csiflow_data / "wire" / "manifest.json").read_text())
    expected = next(entry for entry in manifest if entry["file"] == RECORDING)
    frames = expected["packets"]
    token, gateway = project.environment["CSIFLOW_TOKEN"], f"ws://{project.port('CSIFLOW_GATEWAY_PORT')}"
    kafka = KafkaTally(project.port("CSIFLOW_KAFKA_PORT"))
    snapshots = WebsocketTally(f"{gateway}/ws/introspection", token)
    updates = WebsocketTally(f"{gateway}/ws/sensing", token)

    async with kafka.running(), snapshots.running(), updates.running():
        recording = open_recording(csiflow_data / "wire" / RECORDING)
        report = await send(recording, project.port("CSIFLOW_REPLAY_PORT"), 6.0)
        await settled(frames, kafka, snapshots, updates)
    stats = await asyncio.to_thread(get_json, f"http://{project.port('CSIFLOW_INGEST_OPERATIONS_PORT')}/stats")

    assert report.sent == frames
    assert {
        name: stats[name] for name in ("received", "published", "duplicates", "rejected", "dropped", "pending")
    } == {
        "received": frames,
        "published": frames,
        "duplicates": 0,
        "rejected": 0,
        "dropped": 0,
        "pending": 0,
    }
    assert streams_by_node(stats) == expected["by_node_and_length"]
    for tally in (kafka, snapshots):
        assert len(tally.origins) == frames
        assert set(tally.origins.values()) == {1}, "a snapshot came twice"
    assert len(kafka.sensing_origins) == updates.received > 0
    assert set(updates.origins.values()) == {1}, "a sensing update came twice"
    assert (snapshots.dropped, updates.dropped) == (0, 0)
    for service in CONSUMERS:
        shares = [await partitions(project, container) for container in project.containers(service)]
        assert sum(shares) == FRAMES.partitions
        assert all(shares), f"a worker of {service} has nothing to do: {shares}"


async def test_kafka_keeps_its_data_when_its_container_is_made_anew(project: Project) -> None:
    """The topics are in the named volume: a new container has them all, and the services find their way back to it."""
    (before,) = [each for each in await project.wait_healthy() if each.service == "kafka"]
    await asyncio.to_thread(project.compose, "up", "--detach", "--no-build", "--no-deps", "--force-recreate", "kafka")
    (after,) = [each for each in await project.wait_healthy() if each.service == "kafka"]

    assert after.id != before.id
    folders = set(project.docker("exec", after.id, "ls", "/var/lib/kafka/data").split())
    assert {f"{topic.name}-{number}" for topic in TOPICS for number in range(topic.partitions)} <= folders


async def test_kafka_fixture_runs_on_testcontainers(docker: dict[str, str]) -> None:
    """Where Docker answers, the tests' Kafka is a container: the topics test passes on one."""
    environment = {
        **docker,
        "CSIFLOW_TEST_KAFKA": "testcontainers",
        "CSIFLOW_TEST_KAFKA_IMAGE": docker["CSIFLOW_KAFKA_IMAGE"],
    }
    said = await asyncio.to_thread(
        lambda: run(
            *(sys.executable, "-m", "pytest", "--rootdir", str(ROOT), "-c", str(ROOT / "pyproject.toml")),
            str(ROOT / "tests" / "flow" / "test_topics.py"),
            environment=environment,
        )
    )
    assert f"in a container of {docker['CSIFLOW_KAFKA_IMAGE']}" in said
    assert re.search(r"\d+ passed", said)
    assert not re.search(r"\d+ (skipped|failed)", said)


async def test_services_end_cleanly(project: Project) -> None:
    """Told to stop, every service of ours commits what it has and ends with code 0."""
    await project.wait_healthy()
    await asyncio.to_thread(project.compose, "stop")
    states = {
        container.details["Name"]: container.state for container in project.containers(*CONSUMERS, "ingest", "gateway")
    }
    assert set(states.values()) == {"exited 0"}, states


def test_without_a_token_compose_says_what_to_do(tmp_path: Path) -> None:
    """Nothing starts without a token, and the message names the variable and the file to put it in."""
    try:
        command = compose_command()
    except NoDockerError as reason:
        pytest.skip(f"the compose test needs Docker: {reason}")
    (tmp_path / "docker-compose.yml").write_text((ROOT / "docker-compose.yml").read_text())
    with pytest.raises(RuntimeError, match=r"(?s)CSIFLOW_TOKEN.*\.env"):
        run(*command, "-f", str(tmp_path / "docker-compose.yml"), "config", environment={"CSIFLOW_TOKEN": ""})


async def settled(frames: int, kafka: KafkaTally, snapshots: WebsocketTally, updates: WebsocketTally) -> None:
    """Wait until every frame has its snapshot and nothing came for 2 s; the caller asserts what that was."""
    loop = asyncio.get_running_loop()

    def progress() -> tuple[int, ...]:
        tallies = (kafka.origins, kafka.sensing_origins, snapshots.origins, updates.origins)
        return tuple(tally.total() for tally in tallies)

    deadline, last, changed = loop.time() + 60, progress(), loop.time()
    while loop.time() - changed < 2 or min(kafka.snapshots, snapshots.received) < frames:
        if loop.time() > deadline:
            return
        await asyncio.sleep(0.1)
        if progress() != last:
            last, changed = progress(), loop.time()


def get_json(url: str) -> Any:
    """GET a JSON document."""
    with urllib.request.urlopen(url, timeout=10) as response:  # noqa: S310 - our own address
        return json.load(response)


def streams_by_node(stats: dict[str, Any]) -> dict[str, int]:
    """Frames by node and sub-carriers in the manifest's words; every stream is of one antenna on channel 6."""
    return {
        f"node {node} n_sub {stream.removeprefix('1x').removesuffix('@6')}": frames
        for node, found in stats["nodes"].items()
        for stream, frames in found["streams"].items()
    }


async def partitions(project: Project, container: Container) -> int:
    """How many partitions a worker holds, by its own metrics."""
    script = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:9100/metrics').read().decode())"
    metrics = await asyncio.to_thread(project.docker, "exec", container.id, "python", "-c", script)
    return sum(
        int(float(line.rsplit(" ", 1)[1]))
        for line in metrics.splitlines()
        if line.startswith("csiflow_stream_partitions{")
    )
