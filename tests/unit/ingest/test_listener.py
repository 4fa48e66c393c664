"""Listening sockets: real datagrams, kernel time stamps, kernel drops, and errors one can act on."""

from __future__ import annotations

import socket
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from csi_ingest.listener import AddressError, Listener, format_address, open_listener, parse_address

Taken = list[tuple[bytes, int, tuple[Any, ...], str]]


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A replay listener on a free port."""
    opened = open_listener("replay", "127.0.0.1:0", 1 << 20)
    yield opened
    opened.close()


@pytest.fixture
def sender(listener: Listener) -> Iterator[socket.socket]:
    """A socket connected to it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connected:
        connected.connect(listener.socket.getsockname())
        yield connected


def drain(listener: Listener, **limit: int) -> Taken:
    """Take what waits."""
    taken: Taken = []
    count = listener.drain(lambda *datagram: taken.append(datagram), **limit)
    assert count == len(taken)
    return taken


def test_datagrams_arrive_whole_in_order_and_labelled(listener: Listener, sender: socket.socket) -> None:
    """Every datagram comes with its bytes, its sender and the provenance of the socket; the empty and largest too."""
    sent = [b"", b"a", bytes(range(256)) * 200, b"x" * 65507, b""]
    for datagram in sent:
        sender.send(datagram)
    taken = drain(listener)
    assert [datagram for datagram, *_ in taken] == sent
    assert {(source, provenance) for _, _, source, provenance in taken} == {(sender.getsockname(), "replay")}
    assert drain(listener) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux stamps received datagrams")
def test_the_kernel_stamps_arrival_not_reading(listener: Listener, sender: socket.socket) -> None:
    """A datagram that waits in the kernel keeps the time at which it arrived."""
    assert listener.kernel_timestamps
    before = time.time_ns()
    sender.send(b"waits")
    arrived_by = time.time_ns()
    while time.time_ns() < arrived_by + 20_000_000:
        pass
    ((_, received_ns, _, _),) = drain(listener)
    assert before <= received_ns <= arrived_by


def test_one_wake_up_reads_a_bounded_number(listener: Listener, sender: socket.socket) -> None:
    """A flood is read in portions, nothing lost between them."""
    for number in range(10):
        sender.send(bytes([number]))
    portions = [drain(listener, limit=4) for _ in range(4)]
    assert [[datagram[0] for datagram, *_ in portion] for portion in portions] == [
        [0, 1, 2, 3],
        [4, 5, 6, 7],
        [8, 9],
        [],
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux counts drops for each socket")
def test_kernel_drops_are_what_was_sent_and_not_received() -> None:
    """With a receive buffer for a handful of datagrams: received + kernel drops = sent."""
    listener = open_listener("live", "127.0.0.1:0", 4096)
    try:
        assert listener.kernel_drops() == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.connect(listener.socket.getsockname())
            for _ in range(200):
                sender.send(bytes(400))
        received = len(drain(listener))
        assert 0 < received < 200
        assert listener.kernel_drops() == 200 - received
    finally:
        listener.close()


def test_an_address_in_use_is_named_with_a_remedy(listener: Listener) -> None:
    """The message says which address, for what, and which variable changes it."""
    with pytest.raises(AddressError, match=rf"live datagrams on {listener.address}.*CSIFLOW_INGEST_LIVE"):
        open_listener("live", listener.address, 4096)


@pytest.mark.parametrize("text", ["", "5005", "host", "host:", ":5005", "host:http", "host:65536", "host:-1"])
def test_malformed_addresses_are_refused(text: str) -> None:
    """What is not HOST:PORT is refused with an example of what is."""
    with pytest.raises(AddressError, match=r"HOST:PORT.*127\.0\.0\.1"):
        parse_address(text)


@pytest.mark.parametrize(("text", "host"), [("127.0.0.1:5006", "127.0.0.1"), ("[::1]:5006", "::1")])
def test_addresses_are_read_and_written_alike(text: str, host: str) -> None:
    """IPv6 hosts stand in brackets."""
    assert parse_address(text) == (host, 5006)
    assert format_address((host, 5006, 0, 0)) == text
