"""The arrays of an .npz recording, checked: what replay sends and what an evaluation reads.

``t_ns`` int64 (T,), not falling | ``iq`` int8 or int16 (T, A, S, 2), I then Q, or ``amplitude`` uint8 or float32
(T, A, S) | ``rssi_dbm`` int16 (T,), optional | ``label`` integer (T,) into ``label_names`` (N,), optional | ``bpm``,
breaths per minute, optional.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from csi_ingest.recordings.recording import RecordingError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

_ARRAYS = {"t_ns", "iq", "amplitude", "rssi_dbm", "label", "label_names", "bpm"}


@dataclass(frozen=True, slots=True)
class RecordedArrays:
    """One recording as it is stored; one of ``iq`` and ``amplitude`` is there."""

    t_ns: NDArray[np.int64]
    """(T,), not falling."""
    iq: NDArray[Any] | None
    """int8 or int16 (T, A, S, 2)."""
    amplitude: NDArray[Any] | None
    """(T, A, S), finite and not negative."""
    rssi_dbm: NDArray[np.int64] | None
    """(T,), as stored: not every recorder's are possible."""
    label: NDArray[np.int64] | None
    """(T,) indices into ``label_names``."""
    label_names: tuple[str, ...]
    bpm: float | None


def read_arrays(path: Path) -> RecordedArrays:
    """Read and check a recording.

    Raises:
        RecordingError: the file or one of its arrays is missing, damaged or of another form.
    """
    arrays = _load(path)
    t_ns = _times(arrays, path)
    iq, amplitude = _samples(arrays, len(t_ns), path)
    label, names = _labels(arrays, len(t_ns), path)
    return RecordedArrays(t_ns, iq, amplitude, _rssi(arrays, len(t_ns), path), label, names, _bpm(arrays, path))


def _load(path: Path) -> dict[str, NDArray[Any]]:
    if path.is_file() and not zipfile.is_zipfile(path):  # numpy would take it for a pickle and say so
        raise RecordingError(
            f"{path} is no readable npz recording: an npz file is a zip archive of arrays, and this is none; "
            "it should have t_ns and iq or amplitude, as numpy.savez writes them (docs/evaluation.md)"
        )
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as archive:
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise RecordingError(f"{path} is no readable npz recording: it holds a single array without a name")
            return {name: archive[name] for name in _ARRAYS & set(archive.files)}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        if isinstance(error, RecordingError):
            raise
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


def _samples(
    arrays: dict[str, NDArray[Any]], frames: int, path: Path
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Return (``iq``, ``amplitude``), one of them ``None``."""
    iq = arrays.get("iq")
    amplitude = None if iq is not None else arrays.get("amplitude")
    recorded = amplitude if iq is None else iq
    if recorded is None:
        raise RecordingError(f"{path} has neither iq nor amplitude")
    if iq is not None and (iq.ndim != 4 or iq.shape[3] != 2 or iq.dtype not in (np.int8, np.int16)):
        raise RecordingError(f"{path}: iq is {iq.dtype} {iq.shape}; readable is int8 or int16 (T, A, S, 2)")
    if amplitude is not None:
        if amplitude.ndim != 3 or amplitude.dtype.kind not in "uif":
            raise RecordingError(
                f"{path}: amplitude is {amplitude.dtype} {amplitude.shape}; readable is uint8 or float32 (T, A, S)"
            )
        if not np.isfinite(amplitude).all() or (amplitude < 0).any():
            raise RecordingError(f"{path}: amplitude has values that are negative or not finite")
    if len(recorded) != frames or not recorded.shape[1] or not recorded.shape[2]:
        name = "amplitude" if iq is None else "iq"
        raise RecordingError(
            f"{path}: {name} is {recorded.shape} for {frames} time stamps; it has one row a time stamp, and at least "
            "one antenna and sub-carrier"
        )
    return iq, amplitude


def _labels(
    arrays: dict[str, NDArray[Any]], frames: int, path: Path
) -> tuple[NDArray[np.int64] | None, tuple[str, ...]]:
    label, names = arrays.get("label"), arrays.get("label_names")
    if label is None:
        return None, ()
    if label.shape != (frames,) or label.dtype.kind not in "iu":
        raise RecordingError(f"{path}: label is {label.dtype} {label.shape}; expected uint8 ({frames},)")
    if names is None or names.ndim != 1 or names.dtype.kind != "U":
        found = "no label_names" if names is None else f"label_names of {names.dtype} {names.shape}"
        raise RecordingError(f"{path} has label and {found}; label_names is (N,) text, label its indices")
    if label.min() < 0 or label.max() >= len(names):
        raise RecordingError(f"{path}: label goes from {label.min()} to {label.max()}; label_names has {len(names)}")
    return label.astype(np.int64), tuple(str(name) for name in names)


def _rssi(arrays: dict[str, NDArray[Any]], frames: int, path: Path) -> NDArray[np.int64] | None:
    rssi = arrays.get("rssi_dbm")
    if rssi is None:
        return None
    if rssi.shape != (frames,) or rssi.dtype.kind not in "iu":
        raise RecordingError(f"{path}: rssi_dbm is {rssi.dtype} {rssi.shape}; expected int16 ({frames},)")
    return rssi.astype(np.int64)


def _bpm(arrays: dict[str, NDArray[Any]], path: Path) -> float | None:
    bpm = arrays.get("bpm")
    if bpm is None:
        return None
    if bpm.size != 1 or bpm.dtype.kind not in "uif" or not 0 < float(bpm.reshape(-1)[0]) < 200:
        raise RecordingError(f"{path}: bpm is {bpm.dtype} {bpm.shape}; expected one rate above 0, breaths per minute")
    return float(bpm.reshape(-1)[0])
