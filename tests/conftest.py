"""Fixtures of every test: a real Kafka, its topics, and the recordings."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from csi_runtime.topics import create_topics
from csiflow.kafka.embedded import EmbeddedCluster
from support.kafka import empty_topics

_ROOT = Path(__file__).parent.parent
_broker = pytest.StashKey[str]()


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Bootstrap servers of a real cluster.

    CSIFLOW_KAFKA if set, else a container where a Docker engine answers and has or gets the image, else the embedded
    broker; CSIFLOW_TEST_KAFKA=testcontainers or =embedded insists on one. The test summary says which it was, and why.
    """
    from support.containers import IMAGE, kafka_container, why_no_container  # noqa: PLC0415 - slow to load

    stash = request.config.stash
    wanted = os.environ.get("CSIFLOW_TEST_KAFKA", "")
    if wanted not in ("", "testcontainers", "embedded"):
        pytest.fail(f"CSIFLOW_TEST_KAFKA is {wanted!r}; it takes testcontainers or embedded")
    if not wanted and (configured := os.environ.get("CSIFLOW_KAFKA")):
        stash[_broker] = f"{configured} (CSIFLOW_KAFKA)"
        yield configured
        return
    reason = "CSIFLOW_TEST_KAFKA=embedded" if wanted == "embedded" else why_no_container()
    if reason is None:
        with kafka_container() as bootstrap:
            stash[_broker] = f"{bootstrap} in a container of {IMAGE}"
            yield bootstrap
        return
    if wanted == "testcontainers":
        pytest.fail(f"CSIFLOW_TEST_KAFKA=testcontainers, but {reason}")
    with EmbeddedCluster(tmp_path_factory.mktemp("kafka")) as cluster:
        stash[_broker] = f"{cluster.bootstrap}, the embedded broker ({reason})"
        yield cluster.bootstrap


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say which Kafka the tests ran on."""
    if _broker in config.stash:
        terminalreporter.write_line(f"Kafka: {config.stash[_broker]}")


@pytest.fixture
async def topics(kafka: str) -> str:
    """Bootstrap servers of a cluster on which every topic of the registry exists and is empty."""
    await empty_topics(kafka)
    return kafka


@pytest.fixture
async def three_brokers(tmp_path: Path) -> AsyncIterator[EmbeddedCluster]:
    """Three embedded brokers with every topic, for faults: kill_broker(i), stop_broker(i), start_broker(i)."""
    cluster = EmbeddedCluster(tmp_path / "kafka", brokers=3)
    await asyncio.to_thread(cluster.start)
    try:
        report = await create_topics(cluster.bootstrap)
        assert report.ok, report
        yield cluster
    finally:
        await asyncio.to_thread(cluster.stop)


@pytest.fixture(scope="session")
def csiflow_data() -> Path:
    """Folder of the shared recordings: CSIFLOW_DATA, else ``../shared/data`` next to the checkout."""
    folder = Path(os.environ.get("CSIFLOW_DATA") or _ROOT.parent / "shared" / "data")
    if not folder.is_dir():
        reason = f"the recordings are not in {folder}; set CSIFLOW_DATA to their folder"
        if os.environ.get("CI", "").lower() == "true":
            pytest.fail(f"{reason} (CI=true: nothing may be skipped)")
        pytest.skip(reason)
    return folder
