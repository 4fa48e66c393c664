"""Recordings as arrays: one .npz with ``t_ns`` and either ``iq`` or ``amplitude``, sent as ADR-018 packets.

``t_ns`` int64 (T,), not falling | ``iq`` int8 or int16 (T, A, S, 2), I then Q, or ``amplitude`` uint8 or float32
(T, A, S) | ``rssi_dbm`` int16 (T,), optional.
"""

from __future__ import annotations

import zipfile
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from csi_schemas.codec import MAX_ANTENNAS, MAX_SUBCARRIERS, PacketError, encode_csi

from csi_ingest.recordings.recording import Recording, RecordingError, TimedDatagram

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

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
    arrays = _load(path)
    t_ns = _times(arrays, path)
    iq, gain = _int8_iq(arrays, len(t_ns), path)
    rssi = _rssi(arrays, len(t_ns), path)
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


def _load(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            wanted = {"t_ns", "iq", "amplitude", "rssi_dbm"} & set(archive.files)
            return {name: archive[name] for name in wanted}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise RecordingError(f"{path} is no readable npz recording: {error}") from error


def _times(arrays: dict[str, NDArray[Any]], path: Path) -> NDArray[np.int64]:
    t_ns = arrays.get("t_ns")
    if t_ns is None or t_ns.ndim != 1 or t_ns.dtype.kind not in "iu":
        found = "no t_ns" if t_ns is None else f"t_ns of {t_ns.dtype} {t_ns.shape}"
        raise RecordingError(f"{path} has {found}; an npz recording has t_ns, int64 (T,)")
    if len(t_ns) == 0:
        raise RecordingError(f"{path} has no frames")
    falls = np.flatnonzero(np.diff(t_ns.astype(np.int64)) < 0)
    if len(falls):
        raise RecordingError(f"{path}: t_ns falls at frame {falls[0] + 1}")
    return t_ns.astype(np.int64)


def _int8_iq(arrays: dict[str, NDArray[Any]], frames: int, path: Path) -> tuple[NDArray[np.int8], float]:
    """Return int8 (T, A, S, 2) and the gain."""
    if "iq" in arrays:
        recorded = arrays["iq"]
        if recorded.ndim != 4 or recorded.shape[3] != 2 or recorded.dtype not in (np.int8, np.int16):
            raise RecordingError(
                f"{path}: iq is {recorded.dtype} {recorded.shape}; readable is int8 or int16 (T, A, S, 2)"
            )
    elif "amplitude" in arrays:
        amplitude = arrays["amplitude"]
        if amplitude.ndim != 3 or amplitude.dtype.kind not in "uif":
            raise RecordingError(
                f"{path}: amplitude is {amplitude.dtype} {amplitude.shape}; readable is uint8 or float32 (T, A, S)"
            )
        if not np.isfinite(amplitude).all() or (amplitude < 0).any():
            raise RecordingError(f"{path}: amplitude has values that are negative or not finite")
        recorded = np.stack([amplitude, np.zeros_like(amplitude)], axis=-1)
    else:
        raise RecordingError(f"{path} has neither iq nor amplitude")
    _, antennas, subcarriers, _ = recorded.shape
    if len(recorded) != frames or not 0 < antennas <= MAX_ANTENNAS or not 0 < subcarriers <= MAX_SUBCARRIERS:
        raise RecordingError(
            f"{path}: {recorded.shape} (T, A, S, 2) for {frames} time stamps; a packet carries 1-{MAX_ANTENNAS} "
            f"antennas of 1-{MAX_SUBCARRIERS} sub-carriers"
        )
    if recorded.dtype == np.int8:
        return recorded, 1.0
    largest = float(np.abs(recorded.astype(np.float64)).max())
    fits = recorded.dtype.kind in "ui" and largest <= INT8_MAX
    gain = 1.0 if fits or largest == 0 else INT8_MAX / largest
    return np.rint(recorded * gain).astype(np.int8), gain


def _rssi(arrays: dict[str, NDArray[Any]], frames: int, path: Path) -> NDArray[np.int8]:
    rssi = arrays.get("rssi_dbm")
    if rssi is None:
        return np.full(frames, UNKNOWN_RSSI_DBM, dtype=np.int8)
    if rssi.shape != (frames,) or rssi.dtype.kind not in "iu":
        raise RecordingError(f"{path}: rssi_dbm is {rssi.dtype} {rssi.shape}; expected int16 ({frames},)")
    if rssi.min() < -128 or rssi.max() > 20:
        raise RecordingError(f"{path}: rssi_dbm goes from {rssi.min()} to {rssi.max()}; a packet carries -128 to 20")
    return rssi.astype(np.int8)


def _datagrams(
    t_ns: NDArray[np.int64], iq: NDArray[np.int8], rssi: NDArray[np.int8], node: int, frequency_mhz: int
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
