"""Kafka in a container, where a Docker engine answers."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
from csi_runtime.readiness import known_brokers
from docker.errors import DockerException, ImageNotFound
from testcontainers.core.config import testcontainers_config
from testcontainers.core.container import DockerContainer

from support.waiting import free_port, wait_for

_START_S = 60.0
IMAGE = os.environ.get("CSIFLOW_TEST_KAFKA_IMAGE", "apache/kafka:4.1.0")


def why_no_container() -> str | None:
    """Return why the Kafka image cannot be run here, or ``None`` when it can."""
    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return "no Docker engine: DOCKER_HOST is not set and there is no /var/run/docker.sock"
    try:
        return _why_no_image(IMAGE)
    except DockerException as error:
        return f"no Docker engine answers: {error}"


def _why_no_image(name: str) -> str | None:
    client = docker.from_env(timeout=60)
    try:
        client.images.get(name)
    except ImageNotFound:
        try:
            client.images.pull(name)
        except DockerException as error:
            return f"the image {name} is not here and cannot be pulled: {error}"
    finally:
        client.close()
    return None


@contextmanager
def kafka_container() -> Iterator[str]:
    """Run one KRaft broker in a container and yield its bootstrap address.

    The image is configured by ``KAFKA_*`` variables, as apache/kafka is. The host's port has to be known before the
    start, because a broker tells its clients where it is.
    """
    if _why_no_image(testcontainers_config.ryuk_image):
        # testcontainers' reaper would remove the container should this process be killed; it is an image itself.
        testcontainers_config.ryuk_disabled = True
    port = free_port()
    environment = {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://127.0.0.1:{port}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
    }
    container = DockerContainer(IMAGE).with_bind_ports(9092, port)
    for name, value in environment.items():
        container = container.with_env(name, value)
    with container:
        bootstrap = f"127.0.0.1:{port}"
        try:
            asyncio.run(_wait_until_it_answers(port))
        except AssertionError as error:
            out, err = container.get_logs()
            raise AssertionError(f"{error}\n{(out + err).decode(errors='replace')[-4000:]}") from error
        yield bootstrap


async def _wait_until_it_answers(port: int) -> None:
    # Docker's proxy accepts connections long before the broker does.
    await wait_for(lambda: known_brokers("127.0.0.1", port), _START_S, f"Kafka answers in a container of {IMAGE}")
