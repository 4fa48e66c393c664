"""Recordings of CSI as a run of timed datagrams: packet captures (pcap) and arrays (npz)."""

from __future__ import annotations

from pathlib import Path

from csi_ingest.recordings.arrays import RecordedArrays, read_arrays
from csi_ingest.recordings.npz import read_npz
from csi_ingest.recordings.pcap import read_pcap
from csi_ingest.recordings.recording import Recording, RecordingError, TimedDatagram

__all__ = [
    "RecordedArrays",
    "Recording",
    "RecordingError",
    "TimedDatagram",
    "open_recording",
    "read_arrays",
    "read_npz",
    "read_pcap",
]


def open_recording(path: str | Path, *, node: int = 1, frequency_mhz: int = 2437) -> Recording:
    """Open a recording; the file's first bytes say of which form it is, not its name.

    Args:
        path: a pcap or npz file.
        node: the node number an npz recording's packets carry; a pcap has its own.
        frequency_mhz: their centre frequency; a pcap has its own.

    Raises:
        RecordingError: the file cannot be read, is of no known form, or is damaged.
    """
    file = Path(path)
    try:
        with file.open("rb") as opened:
            start = opened.read(4)
    except OSError as error:
        raise RecordingError(f"cannot read the recording {file}: {error.strerror}") from error
    if start[:2] == b"PK":
        return read_npz(file, node=node, frequency_mhz=frequency_mhz)
    return read_pcap(file)
