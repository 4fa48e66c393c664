"""A labelled recording, in the forms both paths take."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from csi_events.offline import Recording
from csi_ingest.recordings import RecordingError, read_arrays
from numpy.typing import NDArray

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.labels import NEITHER, Labelling
from csiflow.evaluation.manifest import entry_for

Scope = Literal["frame", "recording", "clip", "none"]
"""What a label holds for: its frames, the whole recording, only the middle of the file, or there is none."""


@dataclass(frozen=True, slots=True)
class LabelledRecording:
    """A recording and the truth about its frames."""

    path: Path
    name: str
    """As the user gave it; the key of its results."""
    recording: Recording
    frames: NDArray[Any]
    """What the per-frame path takes: integer I/Q, (T, A, S, 2), or amplitudes, (T, A, S)."""
    label: NDArray[np.int64]
    """(T,) indices into ``label_names``."""
    label_names: tuple[str, ...]
    truth: NDArray[np.int8]
    """(T,): QUIET, MOTION or NEITHER."""
    scope: Scope
    spliced: bool
    """Blocks of different recordings were joined where labels change."""
    bpm: float | None

    @property
    def seconds(self) -> NDArray[np.float64]:
        """(T,) times from the first frame, s."""
        return np.asarray((self.recording.t_ns - self.recording.t_ns[0]) * 1e-9)

    @property
    def rate_hz(self) -> float:
        """Median frame rate, Hz."""
        steps = np.diff(self.recording.t_ns)
        middle = float(np.median(steps)) if len(steps) else 0.0
        return 1e9 / middle if middle > 0 else 0.0


def load(path: Path, name: str, labelling: Labelling) -> LabelledRecording:
    """Read one recording in the shared form; a manifest beside it is heard.

    Raises:
        EvaluationError: it cannot be used; the message names the file and the array.
    """
    if not path.is_file():
        raise EvaluationError(f"there is no recording {path}; give .npz files, folders of them or patterns")
    if path.suffix != ".npz":
        raise EvaluationError(f"{path} is no .npz recording; eval reads arrays, csiflow replay also packet captures")
    try:
        arrays = read_arrays(path)
    except RecordingError as error:
        raise EvaluationError(f"{error}. docs/evaluation.md lists the arrays of a recording") from error
    entry = entry_for(path)
    if arrays.iq is not None:
        recording = Recording.from_iq(arrays.iq, arrays.t_ns)
        frames: NDArray[Any] = arrays.iq
    else:
        assert arrays.amplitude is not None  # noqa: S101 - one of the two is there, for the type checker
        frames = np.ascontiguousarray(arrays.amplitude, dtype=np.float32)
        recording = Recording(arrays.t_ns, frames)
    label = np.zeros(len(arrays.t_ns), np.int64) if arrays.label is None else arrays.label
    names = arrays.label_names if arrays.label is not None else ("unlabelled",)
    meanings = np.array([labelling.meaning(label_name, entry) for label_name in names], np.int8)
    truth = meanings[label] if arrays.label is not None else np.full(len(label), NEITHER, np.int8)
    return LabelledRecording(
        path=path,
        name=name,
        recording=recording,
        frames=frames,
        label=label,
        label_names=names,
        truth=truth,
        scope=_scope(entry, label if arrays.label is not None else None),
        spliced=bool(entry and entry.get("spliced")),
        bpm=arrays.bpm,
    )


def _scope(entry: dict[str, Any] | None, label: NDArray[np.int64] | None) -> Scope:
    """Return what the labels hold for; a manifest's words begin with one of ours."""
    if label is None:
        return "none"
    said = str((entry or {}).get("label_scope") or "")
    if said.startswith("clip"):
        return "clip"
    return "frame" if (label != label[0]).any() else "recording"
