"""Whether a cluster answers: the question that start-up, ``csiflow doctor`` and the administration all ask first."""

from __future__ import annotations

import asyncio
import io
import socket
import struct
import time

from csi_runtime.errors import ClusterUnreachableError

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


async def wait_until_reachable(bootstrap: str, timeout_s: float) -> None:
    """Wait until a bootstrap server accepts connections.

    Args:
        bootstrap: ``HOST:PORT[,HOST:PORT...]``.
        timeout_s: how long to wait at most.

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
        if time.monotonic() > deadline:
            raise ClusterUnreachableError(
                f"no Kafka broker answers at {bootstrap} within {timeout_s:g} s ({'; '.join(reasons)}). "
                "Start it, correct CSIFLOW_KAFKA, or unset CSIFLOW_KAFKA to use the embedded broker"
            )
        await asyncio.sleep(_POLL_S)


def known_brokers(host: str, port: int, timeout_s: float = 2.0) -> set[int]:
    """Ask one broker which brokers the cluster has; the set is empty while it does not answer.

    One Metadata request, version 1, for no topics: https://kafka.apache.org/protocol#The_Messages_Metadata.
    """
    client_id = b"csiflow"
    request = struct.pack(f">hhih{len(client_id)}si", 3, 1, 0, len(client_id), client_id, 0)
    try:
        with socket.create_connection((host, port), timeout_s) as connection, connection.makefile("rb") as stream:
            connection.sendall(struct.pack(">i", len(request)) + request)
            answer = io.BytesIO(stream.read(*struct.unpack(">i", stream.read(4))))
            _correlation, count = struct.unpack(">ii", answer.read(8))
            brokers = set()
            for _ in range(count):
                node_id, host_length = struct.unpack(">ih", answer.read(6))
                answer.seek(host_length + 4, io.SEEK_CUR)  # name and port
                (rack_length,) = struct.unpack(">h", answer.read(2))
                answer.seek(max(0, rack_length), io.SEEK_CUR)
                brokers.add(node_id)
            return brokers
    except (OSError, struct.error):  # not listening yet, or closed in the middle of an answer
        return set()
