"""Classic pcap captures: UDP over IPv4 or IPv6 on Ethernet, Linux cooked (v1 and v2), BSD loopback or raw IP.

https://www.ietf.org/archive/id/draft-ietf-opsawg-pcap-05.html; link types: https://www.tcpdump.org/linktypes.html
"""

from __future__ import annotations

import struct
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from csi_ingest.recordings.recording import Recording, RecordingError, TimedDatagram

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_FILE_HEADER = 24
_RECORD_HEADER = 16
_LARGEST_RECORD = 262_144
"""tcpdump's own limit; a larger length in a record header means a damaged file."""
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 1000),
    b"\xa1\xb2\xc3\xd4": (">", 1000),
    b"\x4d\x3c\xb2\xa1": ("<", 1),
    b"\xa1\xb2\x3c\x4d": (">", 1),
}
"""First bytes: byte order, and nanoseconds in the record's unit of time."""

_ETHERTYPE_IPV4 = 0x0800
_ETHERTYPE_IPV6 = 0x86DD
_VLAN_TAGS = {0x8100, 0x88A8}
_UDP = 17
_UDP_HEADER = 8
_IPV6_HEADER = 40
_IPV6_EXTENSIONS = {0, 43, 60}
"""Hop-by-hop options, routing, destination options: (next header, length in 8 bytes less one)."""


class _Format(NamedTuple):
    order: str
    unit_ns: int
    link_type: int


def read_pcap(path: Path) -> Recording:
    """Read a capture; every UDP datagram in it counts, whatever its port.

    Raises:
        RecordingError: no classic pcap, an unknown link type, cut off, damaged, captured with a snap length that cut
            datagrams off, or without a single UDP datagram.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RecordingError(f"cannot read the recording {path}: {error.strerror}") from error
    form = _form(data, path)
    times = []
    skipped = 0
    for t_ns, packet in _records(data, form, path):
        if _udp(packet, form.link_type) is None:
            skipped += 1
        else:
            times.append(t_ns)
    if not times:
        raise RecordingError(f"{path} has no UDP datagrams ({skipped} other packets)")
    return Recording(
        name=path.name,
        duration=(max(times) - min(times)) / 1e9,
        count=len(times),
        packets=partial(_datagrams, data, form, path, times[0]),
        skipped=skipped,
    )


def _form(data: bytes, path: Path) -> _Format:
    if data[:4] == _PCAPNG:
        raise RecordingError(f"{path} is a pcapng file; convert it: editcap -F pcap {path.name} OUT.pcap")
    if data[:4] not in _MAGICS:
        raise RecordingError(
            f"{path} is neither a pcap nor an npz recording: it begins with {data[:4].hex() or 'nothing'}"
        )
    if len(data) < _FILE_HEADER:
        raise RecordingError(f"{path} is cut off: {len(data)} bytes, a pcap header has {_FILE_HEADER}")
    order, unit_ns = _MAGICS[data[:4]]
    (link_type,) = struct.unpack_from(f"{order}I", data, 20)
    link_type &= 0xFFFF  # the upper bits tell of a frame check sequence, which lies behind the IP packet anyway
    if link_type not in _LINK_TYPES:
        known = ", ".join(f"{number} ({name})" for number, (name, _) in sorted(_LINK_TYPES.items()))
        raise RecordingError(f"{path} was captured on link type {link_type}; readable are {known}")
    return _Format(order, unit_ns, link_type)


def _records(data: bytes, form: _Format, path: Path) -> Iterator[tuple[int, memoryview]]:
    """Yield (Unix time in ns, captured bytes) for each record."""
    view = memoryview(data)
    header = struct.Struct(f"{form.order}IIII")
    offset = _FILE_HEADER
    number = 0
    while offset < len(data):
        number += 1
        if offset + _RECORD_HEADER > len(data):
            raise RecordingError(f"{path} is cut off in the header of packet {number}, at byte {offset}")
        seconds, fraction, captured, original = header.unpack_from(data, offset)
        if captured > _LARGEST_RECORD:
            raise RecordingError(f"{path} is damaged: packet {number} at byte {offset} claims {captured} bytes")
        start = offset + _RECORD_HEADER
        offset = start + captured
        if offset > len(data):
            raise RecordingError(f"{path} is cut off in packet {number}: {len(data) - start} of {captured} bytes")
        if captured < original:
            raise RecordingError(
                f"{path}: packet {number} was captured only in part ({captured} of {original} bytes); "
                "capture again without a snap length (tcpdump -s 0)"
            )
        yield seconds * 1_000_000_000 + fraction * form.unit_ns, view[start:offset]


def _datagrams(data: bytes, form: _Format, path: Path, start_ns: int) -> Iterator[TimedDatagram]:
    for t_ns, packet in _records(data, form, path):
        udp = _udp(packet, form.link_type)
        if udp is not None:
            source, destination, payload = udp
            yield TimedDatagram(t_ns - start_ns, payload, source, destination)


def _udp(packet: memoryview, link_type: int) -> tuple[int, int, bytes] | None:
    """Return (source port, destination port, payload), or ``None`` when the packet holds no whole UDP datagram."""
    ip = _LINK_TYPES[link_type][1](packet)
    if len(ip) == 0:
        return None
    version = ip[0] >> 4
    segment = _ipv4_udp(ip) if version == 4 else _ipv6_udp(ip) if version == 6 else None
    if segment is None or len(segment) < _UDP_HEADER:
        return None
    source, destination, length = struct.unpack_from(">HHH", segment)
    if not _UDP_HEADER <= length <= len(segment):
        return None
    return source, destination, bytes(segment[_UDP_HEADER:length])


def _ipv4_udp(ip: memoryview) -> memoryview | None:
    if len(ip) < 20:
        return None
    header = (ip[0] & 0x0F) * 4
    total, fragment = struct.unpack_from(">H2xH", ip, 2)
    if ip[9] != _UDP or fragment & 0x3FFF or not 20 <= header <= total <= len(ip):
        return None
    return ip[header:total]


def _ipv6_udp(ip: memoryview) -> memoryview | None:
    if len(ip) < _IPV6_HEADER:
        return None
    length, following = struct.unpack_from(">HB", ip, 4)
    offset, end = _IPV6_HEADER, _IPV6_HEADER + length
    if end > len(ip):
        return None
    while following in _IPV6_EXTENSIONS and offset + 8 <= end:
        following, extension = ip[offset], (ip[offset + 1] + 1) * 8
        offset += extension
    return ip[offset:end] if following == _UDP and offset <= end else None


def _ethernet(packet: memoryview) -> memoryview:
    offset = 12
    while offset + 2 <= len(packet):
        (kind,) = struct.unpack_from(">H", packet, offset)
        if kind not in _VLAN_TAGS:
            return packet[offset + 2 :] if kind in {_ETHERTYPE_IPV4, _ETHERTYPE_IPV6} else packet[:0]
        offset += 4
    return packet[:0]


def _behind(header: int, packet: memoryview) -> memoryview:
    return packet[header:]


_LINK_TYPES: dict[int, tuple[str, Callable[[memoryview], memoryview]]] = {
    0: ("BSD loopback", partial(_behind, 4)),
    1: ("Ethernet", _ethernet),
    101: ("raw IP", partial(_behind, 0)),
    113: ("Linux cooked", partial(_behind, 16)),
    228: ("raw IPv4", partial(_behind, 0)),
    229: ("raw IPv6", partial(_behind, 0)),
    276: ("Linux cooked v2", partial(_behind, 20)),
}
"""Link type: its name, and how to get to the IP packet."""
