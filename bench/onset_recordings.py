"""The labelled recordings as ``csiflow eval`` sees them, and the onset detector alone run over one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from csi_introspection.arrays import Float32, Float64
from csi_introspection.features import learn_layout
from csi_introspection.onset import new_onset
from csi_introspection.onset_channels import PAIR
from csi_introspection.onset_offline import follow_onsets
from csi_introspection.onset_tail import BLOCK, KINDS, PEAKS, PRIORS
from csi_introspection.stream import LAYOUT_FRAMES
from csiflow.evaluation.answers import WindowAnswers, window_answers
from csiflow.evaluation.labels import QUIET, Labelling
from csiflow.evaluation.outcome import Chosen, Settings, choose
from csiflow.evaluation.recording import LabelledRecording, load
from numpy.typing import NDArray

Priors = tuple[tuple[float, float], ...]


def data_folder() -> Path:
    """Return the folder of the recordings: CSIFLOW_DATA, else ``../shared/data`` next to the checkout.

    Raises:
        FileNotFoundError: it has no recordings.
    """
    folder = Path(os.environ.get("CSIFLOW_DATA") or Path(__file__).parents[2] / "shared" / "data") / "csi"
    if not (folder / "manifest.json").is_file():
        raise FileNotFoundError(f"no recordings in {folder}; set CSIFLOW_DATA to their folder")
    return folder


@dataclass(frozen=True)
class Flags:
    """What the detector says."""

    onset: NDArray[np.bool_]
    """(T,)."""
    moving: NDArray[np.bool_]
    """(T,)."""
    evidence: Float32
    """(T, channels, 2) evidence and threshold; nan while the layout was learnt."""


@dataclass
class Labelled:
    """One recording, what calibrates its windowed path, and from where on it is counted."""

    file: str
    recording: LabelledRecording
    chosen: Chosen

    @classmethod
    def load(cls, folder: Path, path: Path) -> Labelled:
        """Read a recording in ``folder``."""
        recording = load(path, str(path), Labelling())
        return cls(path.relative_to(folder).as_posix(), recording, choose(recording, Settings(), None))

    @property
    def source(self) -> str:
        """Who recorded it."""
        return self.file.split("/", maxsplit=1)[0]

    @property
    def has_quiet(self) -> bool:
        """Whether anything can be counted in it."""
        return bool((self.recording.truth == QUIET).any())

    @cached_property
    def values(self) -> Float32:
        """(T, D) live amplitudes, every antenna of root mean square 1; nan where one heard nothing."""
        amplitude = self.recording.recording.amplitude
        frames, antennas, _ = amplitude.shape
        flat = amplitude.reshape(frames, -1)
        layout = learn_layout(flat[:LAYOUT_FRAMES].mean(0, dtype=np.float64), antennas)
        if layout is None:
            raise ValueError(f"{self.file}: no live sub-carriers in the first {LAYOUT_FRAMES} frames")
        per_antenna = np.split(flat[:, layout.live], layout.edges[layout.bins : -1 : layout.bins], axis=1)
        rms = [np.sqrt((x * x).mean(1, keepdims=True)) for x in per_antenna]
        return np.concatenate([x / np.where(r > 0, r, np.nan) for x, r in zip(per_antenna, rms, strict=True)], 1)

    @cached_property
    def windows(self) -> WindowAnswers:
        """What the windowed path says."""
        return window_answers(self.recording, self.chosen.calibration)

    def detect(self, false_per_hour: float, priors: Priors = PRIORS) -> Flags:
        """Run a new detector, from the frame after those that tell the layout on, as the service does."""
        detector = new_onset(self.values.shape[1], false_per_hour, priors)
        t_s: Float64 = self.recording.seconds
        answers, evidence = follow_onsets(self.values[LAYOUT_FRAMES:], t_s[LAYOUT_FRAMES:], detector)
        unknown = np.full((LAYOUT_FRAMES, *evidence.shape[1:]), np.nan, np.float32)
        flags = np.concatenate([np.zeros((LAYOUT_FRAMES, 2), np.int8), answers]) > 0
        return Flags(flags[:, 0], flags[:, 1], np.concatenate([unknown, evidence]))

    def quiet_tail(self, evidence: Float32, warm_up: int) -> Float64 | None:
        """(kinds, 2) floor and mean excess per kind of the first quiet (medians over scales); None if it is short."""
        quiet = np.flatnonzero(self.recording.truth == QUIET)
        begin = max(int(quiet[0]), LAYOUT_FRAMES + warm_up)
        others = np.flatnonzero(self.recording.truth[begin:] != QUIET)
        end = begin + int(others[0]) if len(others) else len(evidence)
        blocks = [evidence[i : i + BLOCK, :, 0].max(0) for i in range(begin, end - BLOCK, BLOCK)]
        if len(blocks) < int(2 / PEAKS):
            return None
        peaks = np.array(blocks)
        floor = np.quantile(peaks, 1 - PEAKS, axis=0)
        above = peaks > floor
        excess = np.where(above, peaks - floor, 0.0).sum(0) / np.maximum(above.sum(0), 1)
        return np.array([[np.median(floor[k:PAIR:KINDS]), np.median(excess[k:PAIR:KINDS])] for k in range(KINDS)])
