"""Asking a cluster whether it is there, when it is not, or is something else."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest
from csi_runtime.errors import ClusterUnreachableError
from csi_runtime.readiness import addresses, known_brokers, wait_until_reachable
from support.waiting import free_port


@pytest.fixture
def impostor() -> Iterator[int]:
    """Port of a server that accepts connections, answers with half a Kafka message and closes."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"\0\0\0\x64\0\0")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_addresses_reads_lists_and_ipv6() -> None:
    """Several servers, spaces and a bracketed IPv6 address are understood."""
    assert addresses("a:1, b.example:2,[::1]:3") == [("a", 1), ("b.example", 2), ("::1", 3)]


@pytest.mark.parametrize("bad", ["", "host", "host:", ":9092", "host:port", "a:1,"])
def test_a_malformed_address_is_quoted(bad: str) -> None:
    """What is no HOST:PORT is refused, not guessed."""
    with pytest.raises(ClusterUnreachableError, match="is not a Kafka address"):
        addresses(bad)


def test_nobody_and_something_else_are_no_brokers(impostor: int) -> None:
    """A port where nothing listens, or something that breaks off its answer, knows no brokers."""
    assert known_brokers("127.0.0.1", free_port()) == set()
    assert known_brokers("127.0.0.1", impostor) == set()


async def test_one_reachable_server_of_several_is_enough(impostor: int) -> None:
    """The wait ends when any bootstrap server accepts connections."""
    await wait_until_reachable(f"127.0.0.1:{free_port()},127.0.0.1:{impostor}", 5.0)
