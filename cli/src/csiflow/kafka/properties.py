"""Configuration of an embedded broker: Kafka's ``server.properties`` and log4j2's properties."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Node:
    """One combined broker and controller of the cluster."""

    node_id: int
    port: int
    """Of the listener for clients."""
    controller_port: int

    @property
    def voter(self) -> str:
        """This node as ``controller.quorum.voters`` names it."""
        return f"{self.node_id}@{HOST}:{self.controller_port}"


def server_properties(node: Node, cluster: tuple[Node, ...], data: Path) -> str:
    """Return ``server.properties`` of ``node``.

    One broker: replication 1. Three: replication 3 of which 2 must have a record before it is acknowledged, and a
    broker that was killed is fenced after 4 s instead of 9.
    """
    count = len(cluster)
    in_sync = max(1, count - 1)
    settings: dict[str, object] = {
        "process.roles": "broker,controller",
        "node.id": node.node_id,
        "controller.quorum.voters": ",".join(each.voter for each in cluster),
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{node.port},CONTROLLER://{HOST}:{node.controller_port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "inter.broker.listener.name": "PLAINTEXT",
        # A backslash starts an escape in a properties file.
        "log.dirs": data.as_posix(),
        # Topics come from csiflow's registry, never from a client's typing error.
        "auto.create.topics.enable": "false",
        "default.replication.factor": count,
        "min.insync.replicas": in_sync,
        "offsets.topic.replication.factor": count,
        "transaction.state.log.replication.factor": count,
        "transaction.state.log.min.isr": in_sync,
        "share.coordinator.state.topic.replication.factor": count,
        "share.coordinator.state.topic.min.isr": in_sync,
        # One machine's worth of consumer groups; every partition is a folder to make and to load.
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # A consumer group starts at once and notices a lost member soon.
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        # Sized for two cores and a 512 MB heap, not for a server of its own.
        "num.network.threads": 2,
        "num.io.threads": 4,
        "background.threads": 4,
        "log.cleaner.dedupe.buffer.size": 8 * 1024 * 1024,
        "log.index.size.max.bytes": 1024 * 1024,
        # Deleted topics give their files back at once; nobody reads them from a snapshot here.
        "log.segment.delete.delay.ms": 1000,
    }
    if count > 1:
        settings |= {"broker.heartbeat.interval.ms": 500, "broker.session.timeout.ms": 4000}
    return "".join(f"{name}={value}\n" for name, value in settings.items())


LOG4J2_PROPERTIES = """\
status=error
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=info
rootLogger.appenderRef.out.ref=out
logger.config.name=org.apache.kafka.common.config.AbstractConfig
logger.config.level=warn
logger.utils.name=org.apache.kafka.common.utils
logger.utils.level=warn
"""
"""To stdout, which the guard appends to the broker's log; without Kafka's 300 lines of effective settings."""
