"""Ports of the loopback interface for the brokers' listeners."""

from __future__ import annotations

import contextlib
import socket

from csiflow.kafka.properties import HOST, Node


def free_nodes(count: int) -> tuple[Node, ...]:
    """Return ``count`` nodes, numbered from 1, on ports that are free at this moment."""
    with contextlib.ExitStack() as stack:
        ports = []
        for _ in range(2 * count):  # all held at once, so that they differ
            probe = stack.enter_context(socket.socket())
            probe.bind((HOST, 0))
            ports.append(int(probe.getsockname()[1]))
    return tuple(Node(i + 1, ports[2 * i], ports[2 * i + 1]) for i in range(count))


def are_free(nodes: tuple[Node, ...]) -> bool:
    """Whether nobody has the ports of ``nodes`` now; connections that are closing do not count."""
    for port in (port for node in nodes for port in (node.port, node.controller_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True
