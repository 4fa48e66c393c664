"""Recordings as arrays, see :mod:`csi_ingest.recordings.arrays`, sent as ADR-018 packets."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.codec import MAX_ANTENNAS, MAX_SUBCARRIERS, PacketError, encode_csi

from csi_ingest.recordings.arrays import read_arrays
from csi_ingest.recordings.recording import Recording, RecordingError, TimedDatagram

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from csi_ingest.recordings.arrays import RecordedArrays

INT8_MAX = 127
UNKNOWN_RSSI_DBM = -50
"""Sent where the recording has no RSSI; an ADR-018 packet cannot leave it out."""


def read_npz(path: Path, *, node: int, frequency_mhz: int) -> Recording:
    """Read an array recording.

    int8 ``iq`` goes into the packets bit for bit. int16 ``iq`` and ``amplitude`` (sent as I, with Q = 0) are multiplied
    by one gain for the whole recording, 127 / its largest magnitude, and rounded: nothing is clipped, and ratios
    between frames are kept. uint8 amplitudes that already fit keep the gain 1. The first sequence number is 0.

    Raises:
        RecordingError: the file or one of its arrays is missing, damaged or of another form.
    """
    arrays = read_arrays(path)
    t_ns = arrays.t_ns
    iq, gain = _int8_iq(arrays, path)
    rssi = np.full(len(t_ns), UNKNOWN_RSSI_DBM) if arrays.rssi_dbm is None else arrays.rssi_dbm
    if rssi.min() < -128 or rssi.max() > 20:
        raise RecordingError(f"{path}: rssi_dbm goes from {rssi.min()} to {rssi.max()}; a packet carries -128 to 20")
    try:  # what the header cannot carry shows in the first packet
        encode_csi(
            node,
            iq[0].tobytes(),
            sequence=0,
            n_subcarriers=iq.shape[2],
            n_antennas=iq.shape[1],
            frequency_mhz=frequency_mhz,
        )
    except PacketError as error:
        raise RecordingError(f"{path} cannot be sent as node {node} on {frequency_mhz} MHz: {error.detail}") from error
    return Recording(
        name=path.name,
        duration=float(t_ns[-1] - t_ns[0]) / 1e9,
        count=len(t_ns),
        packets=partial(_datagrams, t_ns, iq, rssi, node, frequency_mhz),
        gain=gain,
    )


def _int8_iq(arrays: RecordedArrays, path: Path) -> tuple[NDArray[np.int8], float]:
    """Return int8 (T, A, S, 2) and the gain."""
    if arrays.iq is not None:
        recorded = arrays.iq
    else:
        assert arrays.amplitude is not None  # noqa: S101 - one of the two is there, for the type checker
        recorded = np.stack([arrays.amplitude, np.zeros_like(arrays.amplitude)], axis=-1)
    _, antennas, subcarriers, _ = recorded.shape
    if antennas > MAX_ANTENNAS or subcarriers > MAX_SUBCARRIERS:
        raise RecordingError(
            f"{path}: {recorded.shape} (T, A, S, 2); a packet carries 1-{MAX_ANTENNAS} "
            f"antennas of 1-{MAX_SUBCARRIERS} sub-carriers"
        )
    if recorded.dtype == np.int8:
        return recorded, 1.0
    largest = float(np.abs(recorded.astype(np.float64)).max())
    fits = recorded.dtype.kind in "ui" and largest <= INT8_MAX
    gain = 1.0 if fits or largest == 0 else INT8_MAX / largest
    return np.rint(recorded * gain).astype(np.int8), gain


def _datagrams(
    t_ns: NDArray[np.int64], iq: NDArray[np.int8], rssi: NDArray[np.int64], node: int, frequency_mhz: int
) -> Iterator[TimedDatagram]:
    _, antennas, subcarriers, _ = iq.shape
    start = int(t_ns[0])
    for number, (time, frame, level) in enumerate(zip(t_ns.tolist(), iq, rssi.tolist(), strict=True)):
        datagram = encode_csi(
            node,
            frame.tobytes(),
            sequence=number,
            n_subcarriers=subcarriers,
            n_antennas=antennas,
            frequency_mhz=frequency_mhz,
            rssi_dbm=level,
        )
        yield TimedDatagram(time - start, datagram)
