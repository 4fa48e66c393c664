"""Makes a cluster's topics what the registry says, and says what differs; existing topics are never changed.

``python -m csi_runtime.topics`` does so on the cluster in CSIFLOW_KAFKA: what containers run before the services.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError, TopicAlreadyExistsError, for_code
from csi_schemas.topics import TOPICS, TopicSpec

from csi_runtime.errors import ClusterUnreachableError, KafkaSetupError, TopicCreationError
from csi_runtime.logs import configure_logging
from csi_runtime.readiness import wait_until_reachable
from csi_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)

DEFAULT_REPLICATION = 3
"""Copies of every partition, where the cluster has that many brokers."""
_TIMEOUT_S = 10.0
_CONTAINER_TIMEOUT_S = 60.0
_POLL_S = 0.01


@dataclass(frozen=True, slots=True)
class Difference:
    """One setting of an existing topic that is not what the registry says."""

    topic: str
    setting: str
    """``partitions``, ``replication`` or a topic configuration in Kafka's own words."""
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, the registry says {self.expected}"


@dataclass(frozen=True, slots=True)
class TopicReport:
    """A cluster's topics against the registry."""

    bootstrap: str
    replication: int
    """Copies of every partition that were asked for."""
    created: tuple[str, ...]
    existing: tuple[str, ...]
    missing: tuple[str, ...]
    """In the registry and not on the cluster; empty after :func:`create_topics`."""
    differences: tuple[Difference, ...]
    """Of the existing topics."""

    @property
    def ok(self) -> bool:
        """Whether every topic exists as the registry says."""
        return not self.missing and not self.differences


async def create_topics(
    bootstrap: str,
    replication_factor: int | None = None,
    *,
    topics: Sequence[TopicSpec] = TOPICS,
    timeout_s: float = _TIMEOUT_S,
) -> TopicReport:
    """Create the topics that are missing and wait until they can be written to; doing it twice changes nothing.

    Args:
        bootstrap: ``HOST:PORT[,HOST:PORT...]``.
        replication_factor: copies of every partition; by default 3, or one per broker of a smaller cluster.
        topics: what must exist.
        timeout_s: how long the cluster may take to answer, and again to elect leaders.

    Raises:
        ClusterUnreachableError: no broker answers.
        TopicCreationError: the cluster refused a topic, or did not bring it up in time.
    """
    async with _admin(bootstrap, timeout_s) as admin:
        replication = replication_factor or await _default_replication(admin)
        present = await _describe(admin)
        missing = [topic for topic in topics if topic.name not in present]
        created = await _create(admin, missing, replication, timeout_s) if missing else ()
        if missing:  # also what another process has just made
            await _wait_until_writable(admin, bootstrap, {topic.name for topic in missing}, timeout_s)
        return await _compare(admin, bootstrap, topics, replication, created)


async def describe_topics(
    bootstrap: str,
    replication_factor: int | None = None,
    *,
    topics: Sequence[TopicSpec] = TOPICS,
    timeout_s: float = _TIMEOUT_S,
) -> TopicReport:
    """Compare the cluster's topics with the registry and change nothing.

    Raises:
        ClusterUnreachableError: no broker answers.
    """
    async with _admin(bootstrap, timeout_s) as admin:
        replication = replication_factor or await _default_replication(admin)
        return await _compare(admin, bootstrap, topics, replication, ())


async def prepare_groups(bootstrap: str, *, timeout_s: float = _TIMEOUT_S) -> None:
    """Have a new cluster make its own topic of consumer group offsets, which the first group would have to wait for.

    Raises:
        ClusterUnreachableError: no broker answers, or there is no coordinator after ``timeout_s`` seconds.
    """
    async with _admin(bootstrap, timeout_s) as admin:
        async with asyncio.timeout(timeout_s):
            while True:
                try:
                    await admin.find_coordinator("csiflow")
                except GroupCoordinatorNotAvailableError:
                    await asyncio.sleep(_POLL_S)
                else:
                    return


@asynccontextmanager
async def _admin(bootstrap: str, timeout_s: float) -> AsyncIterator[Any]:
    await wait_until_reachable(bootstrap, timeout_s)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=int(timeout_s * 1000))
    try:
        await admin.start()
        yield admin
    except (KafkaError, TimeoutError) as error:
        raise ClusterUnreachableError(
            f"the Kafka cluster at {bootstrap} accepts connections but does not answer as Kafka should: {error!r}. "
            "Is it a Kafka broker, of version 2.1 or newer, without TLS or SASL on this port?"
        ) from error
    finally:
        await admin.close()


async def _default_replication(admin: Any) -> int:
    cluster = await admin.describe_cluster()
    return min(DEFAULT_REPLICATION, len(cluster["brokers"]))


async def _describe(admin: Any) -> dict[str, list[dict[str, Any]]]:
    """Partitions of every topic on the cluster by topic name."""
    return {topic["topic"]: topic["partitions"] for topic in await admin.describe_topics() if topic["error_code"] == 0}


async def _create(admin: Any, topics: Iterable[TopicSpec], replication: int, timeout_s: float) -> tuple[str, ...]:
    new = [NewTopic(topic.name, topic.partitions, replication, topic_configs=topic.config) for topic in topics]
    response = await admin.create_topics(new, timeout_ms=int(timeout_s * 1000))
    created = []
    for name, code, message, *_ in response.topic_errors:
        if code == 0:
            created.append(name)
        elif code != TopicAlreadyExistsError.errno:
            reason = message or for_code(code).description
            raise TopicCreationError(f"Kafka refused to create the topic {name}: {reason} ({for_code(code).__name__})")
    return tuple(created)


async def _wait_until_writable(admin: Any, bootstrap: str, names: set[str], timeout_s: float) -> None:
    """Wait until every topic is known and the leader of every partition serves it, which comes a little later."""
    # The default back-off of 0.1 s would be paid once for every topic.
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, retry_backoff_ms=5)
    try:
        async with asyncio.timeout(timeout_s):
            while not names <= set(present := await _describe(admin)):
                await asyncio.sleep(_POLL_S)
            await consumer.start()
            await consumer.end_offsets(
                [TopicPartition(name, part["partition"]) for name in names for part in present[name]]
            )
    except (KafkaError, TimeoutError) as error:
        raise TopicCreationError(
            f"the topics {', '.join(sorted(names))} were created but cannot be written to after {timeout_s:g} s "
            f"({error!r}); see whether every broker of the cluster is up"
        ) from error
    finally:
        await consumer.stop()


async def _compare(
    admin: Any, bootstrap: str, topics: Sequence[TopicSpec], replication: int, created: tuple[str, ...]
) -> TopicReport:
    present = await _describe(admin)
    existing = [topic for topic in topics if topic.name in present]
    configs = await _configs(admin, existing)
    differences: list[Difference] = []
    for topic in existing:
        partitions = present[topic.name]
        copies = sorted({len(part["replicas"]) for part in partitions})
        found = {
            "partitions": str(len(partitions)),
            "replication": ", ".join(map(str, copies)),
            **{name: configs[topic.name].get(name, "not set") for name in topic.config},
        }
        expected = {"partitions": str(topic.partitions), "replication": str(replication), **topic.config}
        differences += [
            Difference(topic.name, setting, value, found[setting])
            for setting, value in expected.items()
            if found[setting] != value
        ]
    return TopicReport(
        bootstrap=bootstrap,
        replication=replication,
        created=created,
        existing=tuple(topic.name for topic in existing if topic.name not in created),
        missing=tuple(topic.name for topic in topics if topic.name not in present),
        differences=tuple(differences),
    )


async def _configs(admin: Any, topics: Sequence[TopicSpec]) -> dict[str, dict[str, str]]:
    """Effective configuration of existing topics, as far as the registry sets it."""
    if not topics:
        return {}
    resources = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, configs=dict.fromkeys(topic.config)) for topic in topics
    ]
    result: dict[str, dict[str, str]] = {}
    for response in await admin.describe_configs(resources):
        for code, message, _type, name, entries in response.resources:
            if code != 0:
                raise for_code(code)(f"configuration of {name}: {message}")
            result[name] = {entry[0]: entry[1] for entry in entries}
    return result


async def _prepare(bootstrap: str) -> TopicReport:
    report = await create_topics(bootstrap, timeout_s=_CONTAINER_TIMEOUT_S)
    await prepare_groups(bootstrap, timeout_s=_CONTAINER_TIMEOUT_S)
    return report


def main() -> int:
    """Create what is missing; the exit code is 1 when the services could not work: no cluster, or other partitions.

    An operator may keep records longer than the registry says; partition counts must agree across topics.
    """
    settings = RuntimeSettings()
    configure_logging("topics", settings)
    try:
        report = asyncio.run(_prepare(settings.kafka))
    except KafkaSetupError as error:
        log.error("topics could not be made", reason=str(error))  # noqa: TRY400 - the message says it all
        return 1
    log.info("topics are made", created=report.created, existing=report.existing)
    for difference in report.differences:
        log.warning("a topic differs from the registry and is left as it is", difference=str(difference))
    return int(any(difference.setting == "partitions" for difference in report.differences))


if __name__ == "__main__":
    sys.exit(main())
