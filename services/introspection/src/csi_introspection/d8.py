"""ADR-099's decision D8 measured again: how many frames until its ramp is recognised, and what else is.

Its signature is the ramp 1, 2, 3, 4, 5 after quiet of 0.05 sin(0.31 k); a window of 16 frames is what it compares with,
and the original takes 5 frames, for the exact copy only. Here the quiet lasts long enough to know its tail, and the
promotion threshold is derived from the signature alone, before any of the streams is looked at.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from csi_schemas.signature import DtwParameters, Signature

from csi_introspection import dtw, states
from csi_introspection.arrays import Float64
from csi_introspection.matcher import advance_matcher, new_matcher, rescale
from csi_introspection.stream import VectorStream
from csi_introspection.templates import Columns, Template

RAMP = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
GAINS = (0.5, 0.71, 1.0, 1.41, 2.0)
BAND = 8
WINDOW_FRAMES = 16
"""Frames of the window that the original compares with."""
QUIET_FRAMES = 3000
"""Quiet before the motion: 100 s at ``RATE_HZ``, as the tail wants a minute of it."""
RATE_HZ = 30.0
AFTER = 16
"""Frames given after the motion's first; the last value is held."""
PACES = (0.5, 1.0, 2.0)


def at_pace(rows: Float64, pace: float) -> Float64:
    """Return the motion ``pace`` times as fast, from its first value to its last."""
    count = max(2, ceil(len(rows) / pace))
    at = np.linspace(0, len(rows) - 1, count)
    return np.interp(at, np.arange(len(rows)), rows)


def right_motions() -> dict[str, Float64]:
    """What must be recognised, (frames) each: the ramp, at other paces and of other sizes."""
    return {
        "ramp": RAMP,
        "half speed": at_pace(RAMP, 0.5),
        "double speed": at_pace(RAMP, 2.0),
        "x2": 2 * RAMP,
        "x0.5": RAMP / 2,
    }


def wrong_motions() -> dict[str, Float64]:
    """What must never be."""
    return {
        "cold frame of 5.0": np.array([5.0, 0.0]),
        "reversed": RAMP[::-1],
        "reversed, then held": np.concatenate([RAMP[::-1], np.ones(8)]),
        "constant 3": np.full(8, 3.0),
        "step to 5": np.full(8, 5.0),
    }


def best_score(template: Float64, motion: Float64) -> float:
    """Most that any prefix of a 1-D template scores in a motion that follows perfect quiet."""
    rows = template[:, None]
    made = Template(rows, first=0, kind=0, label="", band=BAND, gains=GAINS, threshold=1.0, rest=False)
    matcher = new_matcher([made], 1)
    unit, mean, ends = np.ones(1, np.float32), np.zeros(1), Columns(1).ends()
    rescale(matcher, unit)
    best = 0.0
    for value in (0.0, *motion):
        advance_matcher(matcher, np.array([value], np.float32), mean, unit, ends, 1.0)
        best = max(best, float(matcher.matches[0, dtw.SCORE]))
    return best


def derived_threshold(template: Float64) -> tuple[float, float, float]:
    """Return the promotion threshold of a 1-D signature, and the two scores it lies half-way between.

    Below: the most that other motions of the same range reach (each of its levels taken at one step and held, one frame
    of each, and the motion backwards). Above: the least that the motion itself reaches at half, usual and double pace
    and at the sizes it is tried at.
    """
    others = [np.full(2 * len(template), level) for level in template]
    others += [np.array([level, 0.0]) for level in template]
    others += [template[::-1]]
    own = [size * at_pace(template, pace) for pace in PACES for size in GAINS]
    below = max(best_score(template, motion) for motion in others)
    above = min(best_score(template, motion) for motion in own)
    return (below + above) / 2, below, above


def signature(threshold: float, width: int) -> Signature:
    """The ramp in every one of ``width`` dimensions."""
    return Signature(
        id="ramp",
        label="ramp",
        captured_at="2026-11-22T00:00:00Z",
        feature_kind="amplitude_l2_per_subcarrier",
        length=len(RAMP),
        dtw=DtwParameters(window=BAND, gains=list(GAINS)),
        vectors=np.repeat(RAMP[:, None], width, axis=1).tolist(),
        promotion_threshold=threshold,
        provenance="synthetic",
    )


def quiet(kind: str, frames: int, width: int, rng: np.random.Generator) -> Float64:
    """Return quiet of (frames, width): ADR-099's ``sine``, or ``noise``, Gaussian of deviation 0.05."""
    if kind == "sine":
        return np.repeat(0.05 * np.sin(0.31 * np.arange(frames))[:, None], width, axis=1)
    return rng.normal(0.0, 0.05, (frames, width))


class Run:
    """One stream with the ramp's signature.

    Args:
        threshold: Its promotion threshold.
        width: Dimensions.
        offset: Added to everything.
    """

    def __init__(self, threshold: float, width: int, offset: float = 0.0) -> None:
        self.stream = VectorStream(
            np.ones(width) / np.sqrt(width), [signature(threshold, width)], frame_rate_hz=RATE_HZ
        )
        self.offset = offset

    def take(self, frames: Float64) -> list[bool]:
        """Take frames, (n, width); returns for each whether the signature is promoted."""
        promoted = []
        for vector in frames:
            self.stream.advance((vector + self.offset).astype(np.float32))
            state = self.stream.matcher.states[0, states.STATE]
            promoted.append(bool(state in (states.EMERGING, states.CONFIRMED)))
        return promoted


def frames_to_promote(
    motion: Float64, threshold: float, kind: str, width: int, *, scale: float = 1.0, offset: float = 0.0
) -> int | None:
    """Return the frame of the motion, from 1, on which the signature is promoted; ``None`` if never."""
    rng = np.random.default_rng(0)
    run = Run(threshold, width, offset)
    if any(run.take(scale * quiet(kind, QUIET_FRAMES, width, rng))):
        return 0
    values = np.concatenate([motion, np.full(AFTER - len(motion), motion[-1])]) if len(motion) < AFTER else motion
    noise = quiet("noise", len(values), width, rng) if kind == "noise" else np.zeros((len(values), width))
    promoted = run.take(scale * (values[:, None] + noise))
    return promoted.index(True) + 1 if True in promoted else None


def false_promotions(kind: str, width: int, threshold: float, frames: int) -> int:
    """Return how often the signature is newly promoted in that much quiet."""
    run = Run(threshold, width)
    states = np.array(run.take(quiet(kind, frames, width, np.random.default_rng(1))))
    return int((np.diff(states.astype(int), prepend=0) == 1).sum())


def measure(widths: Sequence[int] = (1, 56), false_frames: int = 100_000) -> dict[str, Any]:
    """Run all of it.

    Returns:
        ``threshold`` and what it was derived from; by width and quiet the frame on which each motion was promoted
        (null: never), and the false promotions; ``window_frames`` and the original's 5.
    """
    threshold, below, above = derived_threshold(RAMP)
    table: dict[str, dict[str, Any]] = {}
    for width in widths:
        for kind in ("sine", "noise"):
            right = {name: frames_to_promote(m, threshold, kind, width) for name, m in right_motions().items()}
            right["all x2, +15"] = frames_to_promote(RAMP, threshold, kind, width, scale=2.0, offset=15.0)
            right["all +15"] = frames_to_promote(RAMP, threshold, kind, width, offset=15.0)
            table[f"{width}-D, {kind}"] = {
                "right": right,
                "wrong": {name: frames_to_promote(m, threshold, kind, width) for name, m in wrong_motions().items()},
                "false_promotions": false_promotions(kind, width, threshold, false_frames),
                "false_frames": false_frames,
            }
    frames = [f for row in table.values() for f in row["right"].values()]
    latest = max((f or AFTER) for f in frames)
    return {
        "threshold": {"derived": round(threshold, 4), "others_reach": round(below, 4), "own_reach": round(above, 4)},
        "streams": table,
        "frames_latest": latest,
        "missed": sum(not f for f in frames),
        "baseline": {"window_frames": WINDOW_FRAMES, "original_frames": 5, "original_recognises": ["ramp"]},
        "ratio": round(WINDOW_FRAMES / latest, 2),
    }
