"""Topics on a real cluster: created once, compared with the registry, never changed."""

from __future__ import annotations

import asyncio
import os
import sys

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from csi_runtime.errors import ClusterUnreachableError, TopicCreationError
from csi_runtime.topics import Difference, create_topics, describe_topics, prepare_groups
from csi_schemas.topics import BY_NAME, FRAMES, LATEST, TOPICS
from support.kafka import consume, count_records, delete_topics, empty_topics, produce
from support.waiting import free_port


async def test_create_topics_makes_what_is_missing_and_then_changes_nothing(topics: str) -> None:
    """The first of two runs creates exactly the missing topics, the second none; then all are as registered."""
    await delete_topics(topics, FRAMES.name, LATEST.name)

    first = await create_topics(topics)
    second = await create_topics(topics)

    assert set(first.created) == {FRAMES.name, LATEST.name}
    assert set(first.existing) == {topic.name for topic in TOPICS} - set(first.created)
    assert first.ok
    assert second.created == ()
    assert second.existing == tuple(topic.name for topic in TOPICS)
    assert second.ok


async def test_describe_topics_reports_missing_topics_and_creates_none(topics: str) -> None:
    """Describing names the topics that are missing, and they are still missing afterwards."""
    await delete_topics(topics, FRAMES.name)

    for _ in range(2):
        report = await describe_topics(topics)
        assert report.missing == (FRAMES.name,)
        assert not report.ok


async def test_a_topic_that_differs_is_reported_and_left_as_it_is(topics: str) -> None:
    """Partitions, clean-up policy and retention that differ from the registry are each named with both values."""
    await delete_topics(topics, FRAMES.name, LATEST.name)
    admin = AIOKafkaAdminClient(bootstrap_servers=topics)
    await admin.start()
    wrong = {"cleanup.policy": "compact", "retention.ms": "1000"}
    await admin.create_topics(
        [NewTopic(FRAMES.name, 3, 1, topic_configs=wrong), NewTopic(LATEST.name, LATEST.partitions, 1)]
    )
    await admin.close()

    expected = {
        Difference(FRAMES.name, "partitions", str(FRAMES.partitions), "3"),
        Difference(FRAMES.name, "cleanup.policy", "delete", "compact"),
        Difference(FRAMES.name, "retention.ms", str(FRAMES.retention_ms), "1000"),
        Difference(LATEST.name, "cleanup.policy", "compact", "delete"),
    }
    for _ in range(2):  # reported again, so not changed
        report = await create_topics(topics)
        assert set(report.differences) == expected
        assert not report.ok
        assert report.created == ()
    assert "csi.frames.v1: partitions is 3, the registry says 12" in {str(each) for each in report.differences}
    await delete_topics(topics, FRAMES.name, LATEST.name)


async def test_a_replication_the_cluster_cannot_give_is_refused_readably(topics: str) -> None:
    """Asking for more copies than there are brokers names the topic and Kafka's reason."""
    await delete_topics(topics, FRAMES.name)

    with pytest.raises(TopicCreationError, match=r"csi\.frames\.v1.*InvalidReplicationFactor"):
        await create_topics(topics, replication_factor=100)


async def test_a_cluster_that_is_away_is_reported_readably() -> None:
    """Without a broker the error names the address and what to do."""
    address = f"127.0.0.1:{free_port()}"

    with pytest.raises(
        ClusterUnreachableError, match=rf"no Kafka broker answers at {address} within 0.2 s.*CSIFLOW_KAFKA"
    ):
        await create_topics(address, timeout_s=0.2)


async def test_an_address_without_a_port_is_reported_readably() -> None:
    """A CSIFLOW_KAFKA that is no address is quoted, with the form it takes."""
    with pytest.raises(ClusterUnreachableError, match=r"'kafka' is not a Kafka address.*HOST:PORT"):
        await create_topics("kafka")


async def test_created_topics_can_be_written_to_at_once(topics: str) -> None:
    """A record produced right after the topics were created is read back."""
    await delete_topics(topics, FRAMES.name)
    await create_topics(topics)

    await produce(topics, FRAMES.name, [(b"node-1", b"{}")])

    (record,) = await consume(topics, FRAMES.name, 1)
    assert (record.key, record.value, record.offset) == (b"node-1", b"{}", 0)


async def test_empty_topics_leaves_no_records_and_offsets_at_zero(topics: str) -> None:
    """After a test has written to a topic the next one finds it empty, its first record at offset 0."""
    name = FRAMES.name
    await produce(topics, name, [(b"node-1", b"before")] * 5)
    assert await count_records(topics, name) == 5

    await empty_topics(topics)

    assert await count_records(topics, name) == 0
    await produce(topics, name, [(b"node-1", b"after")])
    (record,) = await consume(topics, name, 1)
    assert (record.value, record.offset) == (b"after", 0)
    assert set(BY_NAME) == {topic.name for topic in TOPICS}


async def test_empty_topics_forgets_what_consumer_groups_had_read(topics: str) -> None:
    """A group's committed offset goes with the topic, so that the next test's group of that name starts at 0."""
    await produce(topics, FRAMES.name, [(b"node-1", b"before")])
    partition = (await consume(topics, FRAMES.name, 1))[0].partition

    async def committed(offset: int | None) -> int | None:
        consumer = AIOKafkaConsumer(bootstrap_servers=topics, group_id="csi-test", enable_auto_commit=False)
        await consumer.start()
        try:
            consumer.assign([TopicPartition(FRAMES.name, partition)])
            if offset is not None:
                await consumer.commit({TopicPartition(FRAMES.name, partition): offset})
            return await consumer.committed(TopicPartition(FRAMES.name, partition))  # type: ignore[no-any-return]
        finally:
            await consumer.stop()

    assert await committed(1) == 1
    await empty_topics(topics)
    assert await committed(None) is None


async def test_groups_are_served_once_prepared(kafka: str) -> None:
    """Afterwards the first group of a cluster finds its coordinator at the first asking."""
    await prepare_groups(kafka)

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        assert await admin.find_coordinator("a group nobody has used") >= 0
    finally:
        await admin.close()


async def run_command(bootstrap: str) -> tuple[int, str]:
    """Exit code and log of ``python -m csi_runtime.topics``."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csi_runtime.topics",
        env={**os.environ, "CSIFLOW_KAFKA": bootstrap},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_the_command_containers_run(topics: str) -> None:
    """It makes what is missing and exits 0, also where records are kept longer; other partitions make it exit 1."""
    await delete_topics(topics, FRAMES.name)
    admin = AIOKafkaAdminClient(bootstrap_servers=topics)
    await admin.start()
    try:
        longer = {"retention.ms": "7200000", "cleanup.policy": "delete"}
        await admin.create_topics([NewTopic(FRAMES.name, FRAMES.partitions, 1, topic_configs=longer)])
    finally:
        await admin.close()
    code, said = await run_command(topics)
    assert code == 0, said
    assert "retention.ms is 7200000" in said

    await delete_topics(topics, FRAMES.name, LATEST.name)
    admin = AIOKafkaAdminClient(bootstrap_servers=topics)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(LATEST.name, 3, 1)])
    finally:
        await admin.close()
    code, said = await run_command(topics)
    assert code == 1
    assert f"{LATEST.name}: partitions is 3" in said
    assert FRAMES.name in said
