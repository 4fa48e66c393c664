"""Captures: every form of classic pcap gives back exactly the datagrams that were written into it."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from csi_ingest.recordings import RecordingError, open_recording
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from . import pcaps

T0 = 1_700_000_000_000_000_000
LINKS = {
    0: lambda ip: struct.pack("<I", 2) + ip,
    1: pcaps.ethernet,
    101: bytes,
    113: pcaps.linux_cooked,
    228: bytes,
    276: pcaps.linux_cooked_v2,
}


def write(folder: Path, data: bytes) -> Path:
    """A file with these bytes."""
    path = folder / "capture.pcap"
    path.write_bytes(data)
    return path


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    datagrams=st.lists(st.tuples(st.integers(0, 10**10), st.binary(max_size=300)), min_size=1, max_size=20),
    order=st.sampled_from("<>"),
    unit_ns=st.sampled_from([1, 1000]),
    link_type=st.sampled_from(sorted(LINKS)),
)
def test_datagrams_come_back_as_written(
    tmp_path: Path, datagrams: list[tuple[int, bytes]], order: str, unit_ns: int, link_type: int
) -> None:
    """Either byte order, either unit of time, every link type: bytes, times and count are the written ones."""
    packets = [(T0 + t, LINKS[link_type](pcaps.ipv4(pcaps.udp(payload)))) for t, payload in datagrams]
    recording = open_recording(write(tmp_path, pcaps.capture(packets, order, unit_ns, link_type)))
    times = [t // unit_ns * unit_ns for t, _ in datagrams]
    expected = [(t - times[0], payload) for t, (_, payload) in zip(times, datagrams, strict=True)]
    assert list(recording) == expected
    assert list(recording) == expected, "a recording can be read again"
    assert len(recording) == len(datagrams)
    assert recording.duration == pytest.approx((max(times) - min(times)) / 1e9)


def test_ports_ipv6_options_and_tags(tmp_path: Path) -> None:
    """UDP is found behind VLAN tags, IPv4 options and IPv6 extension headers, and keeps its ports."""
    hop_by_hop = struct.pack(">BB6x", 17, 0)
    frames = [
        pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"plain", 1, 2))),
        pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"options", 3, 4), options=bytes(8))),
        pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"tagged", 5, 6)), tags=struct.pack(">HH", 0x8100, 7)),
        pcaps.ethernet(pcaps.ipv6(pcaps.udp(b"six", 7, 8)), kind=0x86DD),
        pcaps.ethernet(pcaps.ipv6(hop_by_hop + pcaps.udp(b"extended", 9, 10), following=0), kind=0x86DD),
    ]
    recording = open_recording(write(tmp_path, pcaps.capture([(T0, frame) for frame in frames])))
    found = [(p.datagram, p.source_port, p.destination_port) for p in recording.packets()]
    names = [b"plain", b"options", b"tagged", b"six", b"extended"]
    assert found == [(name, 2 * i + 1, 2 * i + 2) for i, name in enumerate(names)]


def test_other_traffic_is_skipped_and_counted(tmp_path: Path) -> None:
    """ARP, TCP, IP fragments and a UDP length that lies are no datagrams; the rest of the capture is used."""
    lying = bytearray(pcaps.udp(b"short"))
    struct.pack_into(">H", lying, 4, 500)
    frames = [
        pcaps.ethernet(bytes(28), kind=0x0806),
        pcaps.ethernet(pcaps.ipv4(bytes(20), protocol=6)),
        pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"first fragment"), fragment=0x2000)),
        pcaps.ethernet(pcaps.ipv4(b"later fragment", fragment=100)),
        pcaps.ethernet(pcaps.ipv4(bytes(lying))),
        pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"good"))),
    ]
    recording = open_recording(write(tmp_path, pcaps.capture([(T0, frame) for frame in frames])))
    assert list(recording) == [(0, b"good")]
    assert recording.skipped == 5


GOOD = pcaps.capture([(T0, pcaps.ethernet(pcaps.ipv4(pcaps.udp(b"datagram"))))])
SNAPPED = GOOD[:36] + struct.pack("<I", 1500) + GOOD[40:]
HUGE = GOOD[:32] + struct.pack("<II", 2**31, 2**31) + GOOD[40:]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "neither a pcap nor an npz"),
        (b"hello world", "neither a pcap nor an npz"),
        (GOOD[:20], "cut off: 20 bytes"),
        (GOOD[:30], "cut off in the header of packet 1"),
        (GOOD[:-1], "cut off in packet 1"),
        (SNAPPED, "only in part.*tcpdump -s 0"),
        (HUGE, "damaged: packet 1 at byte 24 claims 2147483648 bytes"),
        (pcaps.capture([(T0, bytes(60))], link_type=147), "link type 147; readable are .*Ethernet"),
        (pcaps.capture([(T0, pcaps.ethernet(bytes(28), kind=0x0806))]), r"no UDP datagrams \(1 other"),
        (b"\x0a\x0d\x0d\x0a" + bytes(24), "pcapng file; convert it: editcap"),
    ],
)
def test_unusable_files_say_why(tmp_path: Path, data: bytes, message: str) -> None:
    """Each damage has a message that names the file and what to do or where the damage is."""
    path = write(tmp_path, data)
    with pytest.raises(RecordingError, match=message) as caught:
        open_recording(path)
    assert str(path) in str(caught.value) or path.name in str(caught.value)


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    """A path that does not exist is named."""
    with pytest.raises(RecordingError, match=r"cannot read the recording .*nowhere\.pcap: No such file"):
        open_recording(tmp_path / "nowhere.pcap")


@given(cut=st.integers(0, len(GOOD)), flip=st.integers(0, len(GOOD) - 1), value=st.integers(0, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damage_raises_recording_error_and_nothing_else(tmp_path: Path, cut: int, flip: int, value: int) -> None:
    """Whatever byte is wrong and wherever the file ends: it is read, or refused with RecordingError."""
    data = bytearray(GOOD)
    data[flip] = value
    try:
        list(open_recording(write(tmp_path, bytes(data[:cut]))))
    except RecordingError:
        return
