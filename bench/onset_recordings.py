"""The labelled recordings as the onset benchmark sees them, and the two detectors run over one."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from csi_events.offline import Recording, run
from csi_introspection.arrays import Float32, Float64
from csi_introspection.features import learn_layout
from csi_introspection.onset import new_onset
from csi_introspection.onset_offline import follow_onsets
from csi_introspection.onset_tail import BLOCK, KINDS, PEAKS, PRIORS
from csi_schemas.events import MotionStarted
from numpy.typing import NDArray

LAYOUT_FRAMES = 16
CALIBRATION_S = 10.0
AFTER_MOTION_S = 1.0
"""The second after a motion label belongs to nobody."""
EARLY_S = 0.25
"""A flag this shortly before a motion label is an early answer: borders drawn by eye are no better."""

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


@dataclass
class Labelled:
    """One recording from its first quiet frame on."""

    file: str
    meta: dict[str, Any]
    recording: Recording
    moves: NDArray[np.int8]
    """(T,) 1 motion, 0 quiet, -1 neither."""

    @classmethod
    def load(cls, folder: Path, meta: dict[str, Any]) -> Labelled:
        """Read a recording named by the manifest."""
        with np.load(folder / meta["file"]) as z:
            labels = z["label_names"][z["label"]]
            moves = np.where(np.isin(labels, meta["motion_labels"]), 1, -1)
            moves[np.isin(labels, meta["quiet_labels"])] = 0
            first = int(np.argmax(moves == 0))
            t_ns = z["t_ns"][first:]
            if "iq" in z:
                recording = Recording.from_iq(z["iq"][first:], t_ns)
            else:
                recording = Recording(t_ns, np.ascontiguousarray(z["amplitude"][first:], np.float32))
        return cls(meta["file"], meta, recording, moves[first:].astype(np.int8))

    @property
    def source(self) -> str:
        """Who recorded it."""
        return self.file.split("/", maxsplit=1)[0]

    @property
    def kind(self) -> str:
        """``spliced``: recordings joined at the label. ``gap``: a recording gap precedes it. Else ``gentle``."""
        if self.meta["spliced"]:
            return "spliced"
        return "gap" if self.file.endswith("_session.npz") else "gentle"

    @cached_property
    def t_s(self) -> Float64:
        """(T,) seconds from the first quiet frame."""
        t_ns = self.recording.t_ns
        return np.asarray((t_ns - t_ns[0]) * 1e-9, np.float64)

    @cached_property
    def values(self) -> Float32:
        """(T, D) live amplitudes, every antenna of root mean square 1."""
        amplitude = self.recording.amplitude
        frames, antennas, _ = amplitude.shape
        flat = amplitude.reshape(frames, -1)
        layout = learn_layout(flat[:LAYOUT_FRAMES].mean(0, dtype=np.float64), antennas)
        if layout is None:
            raise ValueError(f"{self.file}: no live sub-carriers in the first {LAYOUT_FRAMES} frames")
        per_antenna = np.split(flat[:, layout.live], layout.edges[layout.bins : -1 : layout.bins], axis=1)
        rms = [np.sqrt((x * x).mean(1, keepdims=True)) for x in per_antenna]
        return np.concatenate([x / np.where(r > 0, r, 1) for x, r in zip(per_antenna, rms, strict=True)], 1)

    @cached_property
    def onsets(self) -> list[tuple[int, int]]:
        """First frame of every labelled motion that follows something else, and the frame after its last."""
        change = np.flatnonzero(np.diff(self.moves)) + 1
        borders = [*change.tolist(), len(self.moves)]
        return [(a, b) for a, b in pairwise(borders) if self.moves[a] == 1]

    @cached_property
    def first_quiet(self) -> int:
        """Frames of the stretch that calibrates the windowed path: the first quiet one, at most 10 s of it."""
        stop = int(np.argmax(self.moves != 0)) or len(self.moves)
        return min(stop, max(int(np.searchsorted(self.t_s, CALIBRATION_S)), 4))

    @cached_property
    def quiet(self) -> NDArray[np.bool_]:
        """(T,) quiet by label, and not just after motion."""
        moved = np.maximum.accumulate(np.where(self.moves != 0, self.t_s, -np.inf))
        return np.asarray((self.moves == 0) & (self.t_s - moved > AFTER_MOTION_S))

    @cached_property
    def quiet_s(self) -> float:
        """Seconds of quiet, gaps not counted."""
        return float(np.minimum(np.diff(self.t_s, append=self.t_s[-1]), 1.0)[self.quiet].sum())

    @cached_property
    def window_starts(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """(T,) twice: frames that close a window with MotionStarted, and the windowed path's motion state."""
        starts, moving = np.zeros(len(self.moves), bool), np.zeros(len(self.moves), bool)
        for window in run(self.recording, self.recording.calibrate(0, self.first_quiet)):
            starts[window.stop - 1] |= any(isinstance(event, MotionStarted) for event in window.events)
            moving[window.stop - 1 :] = window.moving
        return starts, moving

    def detect(self, false_per_hour: float, priors: Priors = PRIORS) -> tuple[NDArray[np.int8], Float32]:
        """Run a new detector over the recording, see ``follow_onsets``."""
        return follow_onsets(self.values, self.t_s, new_onset(self.values.shape[1], false_per_hour, priors))

    def false_onsets(self, onset: NDArray[np.bool_]) -> list[int]:
        """Frames of flags raised in quiet."""
        early = np.zeros(len(onset), bool)
        for begin, _ in self.onsets:
            early |= (self.t_s < self.t_s[begin]) & (self.t_s >= self.t_s[begin] - EARLY_S)
        return [int(i) for i in np.flatnonzero(onset & self.quiet & ~early)]

    def answer(self, onset: NDArray[np.bool_], moving: NDArray[np.bool_], begin: int, end: int) -> int | str | None:
        """Frames to the answer, 1 on the first moving one; ``early`` or ``on`` if it came before; None if never."""
        flags = np.flatnonzero(onset[begin:end])
        if moving[begin - 1]:
            earlier = np.flatnonzero(onset[:begin])
            lead = self.t_s[begin] - self.t_s[earlier[-1]] if earlier.size else np.inf
            return "early" if lead <= EARLY_S else "on"
        return int(flags[0]) + 1 if flags.size else None


def quiet_tail(labelled: Labelled, evidence: Float32, warm_up: int) -> Float64 | None:
    """Floor and mean excess per kind (medians over scales) of a recording's quiet; None if it is too short."""
    first = int(np.argmax(labelled.moves != 0)) or len(labelled.moves)
    blocks = [
        evidence[i : i + BLOCK, :, 0].max(0)
        for i in range(warm_up, first - BLOCK, BLOCK)
        if evidence[i : i + BLOCK, :, 0].min() > -np.inf
    ]
    if len(blocks) < int(2 / PEAKS):
        return None
    peaks = np.array(blocks)
    floor = np.quantile(peaks, 1 - PEAKS, axis=0)
    above = peaks > floor
    excess = np.where(above, peaks - floor, 0.0).sum(0) / np.maximum(above.sum(0), 1)
    return np.array([[np.median(floor[k::KINDS]), np.median(excess[k::KINDS])] for k in range(KINDS)])
