"""Whether a cluster answers: the question that start-up, ``csiflow doctor`` and the administration all ask first."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from csiflow.kafka.errors import ClusterUnreachableError

_POLL_S = 0.02


def addresses(bootstrap: str) -> list[tuple[str, int]]:
    """Hosts and ports of ``HOST:PORT[,HOST:PORT...]``.

    Raises:
        ClusterUnreachableError: an entry has no valid port.
    """
    result = []
    for entry in bootstrap.split(","):
        host, _, port = entry.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise ClusterUnreachableError(
                f"{entry.strip()!r} is not a Kafka address; CSIFLOW_KAFKA takes HOST:PORT[,HOST:PORT...]"
            )
        result.append((host.strip("[]"), int(port)))
    return result


async def wait_until_reachable(bootstrap: str, timeout_s: float, check: Callable[[], None] = lambda: None) -> None:
    """Wait until a bootstrap server accepts connections.

    Args:
        bootstrap: ``HOST:PORT[,HOST:PORT...]``.
        timeout_s: how long to wait at most.
        check: called between attempts; may raise to give up early.

    Raises:
        ClusterUnreachableError: none did within ``timeout_s`` seconds.
    """
    servers = addresses(bootstrap)
    deadline = time.monotonic() + timeout_s
    while True:
        reasons = []
        for host, port in servers:
            remaining = max(0.1, min(2.0, deadline - time.monotonic()))
            try:
                _, writer = await asyncio.wait_for(asyncio.open_connection(host, port), remaining)
            except (OSError, TimeoutError) as error:
                reasons.append(f"{host}:{port}: {error or 'no answer'}")
                continue
            writer.close()
            return
        check()
        if time.monotonic() > deadline:
            raise ClusterUnreachableError(
                f"no Kafka broker answers at {bootstrap} within {timeout_s:g} s ({'; '.join(reasons)}). "
                "Start it, correct CSIFLOW_KAFKA, or unset CSIFLOW_KAFKA to use the embedded broker"
            )
        await asyncio.sleep(_POLL_S)


async def wait_for_brokers(
    bootstrap: str, node_ids: set[int], timeout_s: float, check: Callable[[], None] = lambda: None
) -> None:
    """Wait until the cluster's metadata lists all of ``node_ids``, which is when clients can use them.

    Raises:
        ClusterUnreachableError: it did not within ``timeout_s`` seconds.
    """
    deadline = time.monotonic() + timeout_s
    seen: set[int] = set()
    while not seen >= node_ids:
        check()
        if time.monotonic() > deadline:
            raise ClusterUnreachableError(
                f"the Kafka cluster at {bootstrap} has the brokers {sorted(seen)}, not {sorted(node_ids)}"
            )
        client = AIOKafkaClient(bootstrap_servers=bootstrap, metadata_max_age_ms=3_600_000)
        try:
            await client.bootstrap()
            seen = {broker.nodeId for broker in client.cluster.brokers()}
        except KafkaConnectionError:
            seen = set()
        finally:
            await client.close()
        if not seen >= node_ids:
            await asyncio.sleep(_POLL_S)
