"""Labelled recordings made here: rooms in which something moves while the label says so."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from csi_introspection.frame import TOP
from csi_schemas.introspection import NotApplicable
from csi_schemas.signature import DtwParameters, Signature
from csiflow.evaluation.answers import FrameAnswers, WindowAnswers
from csiflow.evaluation.labels import Labelling
from csiflow.evaluation.recording import LabelledRecording, load
from unit.events.signals import channel, quantised

RATE_HZ = 50.0

Stretches = tuple[tuple[str, float], ...]
"""(label name, seconds) in order."""


def labels_of(stretches: Stretches, rate_hz: float = RATE_HZ) -> tuple[np.ndarray[Any, Any], tuple[str, ...]]:
    """Label of every frame, and the names."""
    names = tuple(dict.fromkeys(name for name, _ in stretches))
    counts = [round(seconds * rate_hz) for _, seconds in stretches]
    return np.repeat([names.index(name) for name, _ in stretches], counts).astype(np.uint8), names


def write(
    path: Path, stretches: Stretches, moving: frozenset[str] = frozenset({"walking"}), seed: int = 0, **more: Any
) -> Path:
    """Write a recording in the shared form; something walks under the labels ``moving``; ``more`` adds arrays."""
    label, names = labels_of(stretches)
    walks = np.isin(np.array(names)[label], list(moving))
    iq = quantised(channel(len(label), moving=walks, rate_hz=RATE_HZ, seed=seed))
    arrays: dict[str, Any] = {
        "t_ns": np.rint(np.arange(len(label)) / RATE_HZ * 1e9).astype(np.int64),
        "iq": iq,
        "label": label,
        "label_names": np.array(names),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, **{name: array for name, array in (arrays | more).items() if array is not None})
    return path


def loaded(folder: Path, stretches: Stretches, **more: Any) -> LabelledRecording:
    """A recording of these stretches, read back."""
    path = write(folder / "room.npz", stretches, **more)
    return load(path, path.name, Labelling())


def signature(name: str, label: str, *, rest: bool = False) -> Signature:
    """A signature that nothing is compared with."""
    return Signature(
        id=name,
        label=label,
        captured_at="2026-01-01T00:00:00Z",
        feature_kind="amplitude_l2_per_subcarrier",
        length=2,
        dtw=DtwParameters(),
        vectors=[[1.0], [2.0]],
        rest=rest,
    )


def frame_answers(
    count: int,
    *,
    onsets: tuple[int, ...] = (),
    moving: tuple[tuple[int, int], ...] = (),
    signatures: tuple[Signature, ...] = (),
    promoted: tuple[tuple[str, int, int], ...] = (),
    calibrating: int = 0,
    unfit: tuple[NotApplicable, ...] = (),
) -> FrameAnswers:
    """Answers of the per-frame path as a test wants them.

    ``promoted`` are (signature id, first, stop); ``calibrating`` is the first frame that no longer is.
    """
    answers = FrameAnswers(
        onset=np.zeros(count, bool),
        score=np.zeros(count, np.float32),
        moving=np.zeros(count, bool),
        calibrating=np.arange(count) < calibrating,
        regime=np.zeros(count, np.int8),
        signature=np.full((count, TOP), -1, np.int16),
        match_score=np.zeros((count, TOP), np.float32),
        p_value=np.full((count, TOP), np.nan, np.float32),
        promoted=np.zeros((count, TOP), bool),
        signatures=signatures,
        not_applicable=unfit,
    )
    answers.onset[list(onsets)] = True
    for first, stop in moving:
        answers.moving[first:stop] = True
    places = {each.id: number for number, each in enumerate(signatures)}
    for name, first, stop in promoted:
        place = places[name]
        answers.signature[first:stop, place] = place
        answers.match_score[first:stop, place] = 0.9
        answers.promoted[first:stop, place] = True
    return answers


def window_answers(
    count: int,
    started: tuple[int, ...] = (),
    moving: tuple[tuple[int, int], ...] = (),
    ended: tuple[int, ...] = (),
) -> WindowAnswers:
    """Answers of the windowed path as a test wants them."""
    states = np.zeros(count, bool)
    for first, stop in moving:
        states[first:stop] = True
    return WindowAnswers(states, np.array(started, np.int64), np.array(ended, np.int64), [])
