"""Kafka in a container, where a Docker engine answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.waiting import free_port

IMAGE = os.environ.get("CSIFLOW_TEST_KAFKA_IMAGE", "apache/kafka:4.1.0")


def why_no_container() -> str | None:
    """Return why the Kafka image cannot be run here, or ``None`` when it can."""
    import docker  # noqa: PLC0415 - only where it is tried
    from docker.errors import DockerException, ImageNotFound  # noqa: PLC0415

    if not os.environ.get("DOCKER_HOST") and not Path("/var/run/docker.sock").exists():
        return "no Docker engine: DOCKER_HOST is not set and there is no /var/run/docker.sock"
    try:
        client = docker.from_env(timeout=60)
    except DockerException as error:
        return f"no Docker engine answers: {error}"
    try:
        client.images.get(IMAGE)
    except ImageNotFound:
        try:
            client.images.pull(IMAGE)
        except DockerException as error:
            return f"the image {IMAGE} is not here and cannot be pulled: {error}"
    except DockerException as error:
        return f"no Docker engine answers: {error}"
    finally:
        client.close()
    return None


@contextmanager
def kafka_container() -> Iterator[str]:
    """Run one KRaft broker in a container and yield its bootstrap address.

    The image is configured by ``KAFKA_*`` variables, as apache/kafka is. The host's port has to be known before the
    start, because a broker tells its clients where it is.
    """
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415

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
        yield f"127.0.0.1:{port}"
