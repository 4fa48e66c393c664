"""The embedded Kafka, for real: brokers that start, fail, come back and never outlive their owner."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaProducer
from csi_runtime.readiness import known_brokers
from csi_runtime.settings import RuntimeSettings
from csi_runtime.topics import create_topics, describe_topics
from csi_schemas.topics import FRAMES, TOPICS
from csiflow.kafka.embedded import EmbeddedCluster, bootstrap_or_embedded
from csiflow.kafka.errors import BrokerStartError, StateFolderError
from support.kafka import consume, produce
from support.waiting import wait_for

_OWNER = (
    "import sys; from pathlib import Path; from csiflow.kafka.embedded import EmbeddedCluster\n"
    "cluster = EmbeddedCluster(Path(sys.argv[1])).start()\n"
    "print(cluster.bootstrap, *cluster.pids, flush=True); sys.stdin.read()\n"
)


def _owner(folder: Path, prelude: str = "") -> subprocess.Popen[str]:
    """Another process, in a group of its own, that runs a cluster; it says its address and the broker's process id."""
    return subprocess.Popen(
        [sys.executable, "-c", prelude + _OWNER, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _answers(address: str) -> bool:
    host, port = address.split(":")
    return bool(known_brokers(host, int(port)))


async def test_a_restart_keeps_topics_and_records(tmp_path: Path) -> None:
    """Topics and records written before a stop are there after a start, of the same object and of a new one."""
    cluster = EmbeddedCluster(tmp_path)
    with cluster:
        await create_topics(cluster.bootstrap)
        await produce(cluster.bootstrap, FRAMES.name, [(b"node-1", b"first")])
        first_pids = cluster.pids
    assert not any(psutil.pid_exists(pid) for pid in first_pids)
    assert cluster.pids == []

    with cluster:
        assert (await create_topics(cluster.bootstrap)).created == ()
        await produce(cluster.bootstrap, FRAMES.name, [(b"node-1", b"second")])

    with EmbeddedCluster(tmp_path) as another:
        report = await describe_topics(another.bootstrap)
        assert report.existing == tuple(topic.name for topic in TOPICS)
        records = await consume(another.bootstrap, FRAMES.name, 2)
        assert [record.value for record in records] == [b"first", b"second"]


def test_a_cluster_started_again_keeps_its_address_unless_that_is_taken(tmp_path: Path) -> None:
    """Clients find it again where it was; when somebody took a port meanwhile, it starts on others."""
    cluster = EmbeddedCluster(tmp_path)
    with cluster:
        before = cluster.bootstrap
    with cluster:
        assert cluster.bootstrap == before
    host, port = before.split(":")
    with socket.create_server((host, int(port))), cluster:
        assert cluster.bootstrap != before
        assert _answers(cluster.bootstrap)


def test_two_clusters_at_once_do_not_collide_but_one_folder_serves_one(tmp_path: Path) -> None:
    """Clusters on two folders run side by side; a second on the same folder is refused and disturbs nobody."""
    with EmbeddedCluster(tmp_path / "a") as a, EmbeddedCluster(tmp_path / "b") as b:
        assert a.bootstrap != b.bootstrap
        with pytest.raises(StateFolderError, match=rf"in use by process {os.getpid()} \(Kafka at {a.bootstrap}\)"):
            EmbeddedCluster(tmp_path / "a").start()
        assert _answers(a.bootstrap)
        assert _answers(b.bootstrap)
        assert a.running
        assert b.running


async def test_brokers_die_with_a_killed_owner_and_the_folder_is_usable_at_once(tmp_path: Path) -> None:
    """After kill -9 of the owner no broker is left, and the next owner of the folder finds its records."""
    with _owner(tmp_path) as owner:
        assert owner.stdout is not None
        bootstrap, pid = owner.stdout.readline().split()
        broker = psutil.Process(int(pid))
        await create_topics(bootstrap)
        await produce(bootstrap, FRAMES.name, [(b"node-1", b"kept")])
        os.kill(owner.pid, signal.SIGKILL)

        with EmbeddedCluster(tmp_path) as cluster:
            assert not broker.is_running()
            (record,) = await consume(cluster.bootstrap, FRAMES.name, 1)
            assert record.value == b"kept"


async def test_ctrl_c_reaches_the_owner_and_not_its_broker(tmp_path: Path) -> None:
    """SIGINT to the owner's process group leaves the broker running until the owner stops it."""
    with _owner(tmp_path, "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)\n") as owner:
        assert owner.stdout is not None
        bootstrap, pid = owner.stdout.readline().split()
        os.killpg(owner.pid, signal.SIGINT)
        assert os.getpgid(int(pid)) != owner.pid
        assert (await create_topics(bootstrap)).ok
        owner.communicate("")
        await wait_for(lambda: not psutil.pid_exists(int(pid)), what="the broker is gone with its owner")


def test_a_broker_that_cannot_start_is_reported_with_its_log(tmp_path: Path) -> None:
    """Data of another cluster stops the broker; the error quotes the log's end and its place, and nothing is left."""
    with EmbeddedCluster(tmp_path) as cluster:
        pass
    identity = tmp_path / "broker-1" / "data" / "meta.properties"
    identity.write_text(identity.read_text().replace("node.id=1", "node.id=7"))

    with pytest.raises(BrokerStartError) as caught:
        cluster.start()

    message = str(caught.value)
    assert "ended while starting" in message
    assert str(tmp_path / "kafka.log") in message
    assert "Stored node id 7" in message  # Kafka's own words
    assert cluster.pids == []
    identity.write_text(identity.read_text().replace("node.id=7", "node.id=1"))
    with cluster:
        assert _answers(cluster.bootstrap)


def test_a_folder_that_cannot_be_formatted_is_reported(tmp_path: Path) -> None:
    """A file where the data folder belongs is reported in StorageTool's words."""
    (tmp_path / "broker-1").mkdir()
    (tmp_path / "broker-1" / "data").write_text("in the way")

    with pytest.raises(BrokerStartError, match=r"broker-1/data could not be formatted"):
        EmbeddedCluster(tmp_path).start()


def test_a_cluster_is_not_started_twice(tmp_path: Path) -> None:
    """A second start of a running cluster is an error, a second stop is none."""
    with EmbeddedCluster(tmp_path) as cluster:
        with pytest.raises(BrokerStartError, match="started already"):
            cluster.start()
        assert _answers(cluster.bootstrap)
    cluster.stop()


async def test_three_brokers_survive_the_loss_of_one(three_brokers: EmbeddedCluster) -> None:
    """With one of three brokers killed, acks=all goes on; back again it catches up; no acknowledged record is lost."""
    cluster = three_brokers
    report = await describe_topics(cluster.bootstrap)
    assert report.replication == 3
    assert report.ok
    producer = AIOKafkaProducer(bootstrap_servers=cluster.bootstrap, acks="all", enable_idempotence=True)
    sent: list[bytes] = []

    async def send(n: int) -> None:
        for _ in range(n):
            value = b"%d" % len(sent)
            await producer.send_and_wait(FRAMES.name, value, b"node-%d" % (len(sent) % 12))
            sent.append(value)

    await producer.start()
    try:
        await send(24)
        cluster.kill_broker(0)
        assert len(cluster.pids) == 2
        assert not cluster.running
        await send(24)  # to partitions of every leader, the dead one's among them
        await asyncio.to_thread(cluster.start_broker, 0)
        assert cluster.running
        await send(24)
    finally:
        await producer.stop()
    records = await consume(cluster.bootstrap, FRAMES.name, len(sent))
    assert sorted(record.value for record in records) == sorted(sent)


async def test_a_stopped_broker_hands_over_and_comes_back(three_brokers: EmbeddedCluster) -> None:
    """A clean stop moves every partition to the others; started again, each broker knows all three."""
    await asyncio.to_thread(three_brokers.stop_broker, 2)
    await produce(three_brokers.bootstrap, FRAMES.name, [(b"%d" % i, b"x") for i in range(50)])
    await asyncio.to_thread(three_brokers.start_broker, 2)
    for address in three_brokers.bootstrap.split(","):
        host, port = address.split(":")
        assert known_brokers(host, int(port)) == {1, 2, 3}
    assert len(await consume(three_brokers.bootstrap, FRAMES.name, 50)) == 50


def test_three_brokers_started_again_keep_their_topics(tmp_path: Path) -> None:
    """A clean stop of all three, and a start on the same folder, keep the cluster and what it holds."""
    cluster = EmbeddedCluster(tmp_path, 3)
    with cluster:
        assert asyncio.run(create_topics(cluster.bootstrap)).ok
    with cluster:
        assert asyncio.run(create_topics(cluster.bootstrap)).created == ()


def test_csiflow_kafka_chooses_another_cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With CSIFLOW_KAFKA nothing is started; without it an embedded broker runs for as long as it is used."""
    monkeypatch.setenv("CSIFLOW_KAFKA", "kafka.example:9092")
    with bootstrap_or_embedded(RuntimeSettings(state_dir=tmp_path)) as bootstrap:
        assert bootstrap == "kafka.example:9092"
        assert list(tmp_path.iterdir()) == []

    monkeypatch.delenv("CSIFLOW_KAFKA")
    with bootstrap_or_embedded(RuntimeSettings(state_dir=tmp_path)) as bootstrap:
        assert _answers(bootstrap)
    assert not _answers(bootstrap)
