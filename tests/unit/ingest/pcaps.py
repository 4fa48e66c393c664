"""Writes captures for the tests: the other side of ``csi_ingest.recordings.pcap``, written from the formats' texts."""

from __future__ import annotations

import struct
from collections.abc import Sequence

MAGIC = {1000: 0xA1B2C3D4, 1: 0xA1B23C4D}


def capture(packets: Sequence[tuple[int, bytes]], order: str = "<", unit_ns: int = 1000, link_type: int = 1) -> bytes:
    """A pcap file of (Unix time in ns, packet)."""
    parts = [struct.pack(f"{order}IHHiIII", MAGIC[unit_ns], 2, 4, 0, 0, 262144, link_type)]
    for t_ns, packet in packets:
        seconds, rest = divmod(t_ns, 1_000_000_000)
        parts += [struct.pack(f"{order}IIII", seconds, rest // unit_ns, len(packet), len(packet)), packet]
    return b"".join(parts)


def udp(payload: bytes, source: int = 40001, destination: int = 5005) -> bytes:
    """A UDP segment."""
    return struct.pack(">HHHH", source, destination, 8 + len(payload), 0) + payload


def ipv4(segment: bytes, protocol: int = 17, fragment: int = 0, options: bytes = b"") -> bytes:
    """An IPv4 packet; ``options`` in multiples of 4."""
    header = 20 + len(options)
    first = struct.pack(
        ">BBHHHBBH4s4s", 0x40 | header // 4, 0, header + len(segment), 1, fragment, 64, protocol, 0, b"", b""
    )
    return first + options + segment


def ipv6(segment: bytes, following: int = 17) -> bytes:
    """An IPv6 packet."""
    return struct.pack(">IHBB16s16s", 6 << 28, len(segment), following, 64, b"", b"") + segment


def ethernet(packet: bytes, kind: int = 0x0800, tags: bytes = b"") -> bytes:
    """An Ethernet frame, padded to 60 bytes as network cards do."""
    return (bytes(12) + tags + struct.pack(">H", kind) + packet).ljust(60, b"\x00")


def linux_cooked(packet: bytes) -> bytes:
    """A packet behind a Linux cooked (v1) header."""
    return struct.pack(">HHH8sH", 0, 1, 6, b"", 0x0800) + packet


def linux_cooked_v2(packet: bytes) -> bytes:
    """A packet behind a Linux cooked v2 header."""
    return struct.pack(">HHIHBB8s", 0x0800, 0, 1, 1, 0, 6, b"") + packet
