"""What a frame costs: the service's path from samples to JSON, beside a full DTW per frame, on one core."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np
from csi_schemas.common import Origin
from csi_schemas.signature import DtwParameters, Signature

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8
from csi_introspection.features import BINS
from csi_introspection.snapshot import SnapshotWriter, encode
from csi_introspection.stream import LAYOUT_FRAMES, TAIL, FrameStream

ROWS = 64
SETTLING = 400
"""Frames before timing starts: layout, calibration and a full tail."""
BASELINE_FRAMES = 2000


@kernel
def full_dtw(tail: Float32, template: Float32, band: int, table: Float64) -> float:
    """Normalised symmetric2 distance of a whole tail to a whole template, from scratch."""
    frames, rows = tail.shape[0], template.shape[0]
    table[:] = 1e30
    for i in range(frames):
        for j in range(max(0, i - band), min(rows, i + band + 1)):
            cost = 0.0
            for d in range(tail.shape[1]):
                away = tail[i, d] - template[j, d]
                cost += away * away
            best = 0.0 if i == 0 and j == 0 else 1e30
            if i > 0 and j > 0:
                best = table[i - 1, j - 1]
            best += 2.0 * cost
            if i > 0:
                best = min(best, table[i - 1, j] + cost)
            if j > 0:
                best = min(best, table[i, j - 1] + cost)
            table[i, j] = best
    return float(table[frames - 1, rows - 1] / (frames + rows))


def random_signatures(count: int, rng: np.random.Generator) -> list[Signature]:
    """Smooth random motions of the size a person makes."""
    return [
        Signature(
            id=f"random-{number}",
            label="random walk",
            captured_at="2026-11-22T00:00:00Z",
            feature_kind="amplitude_l2_per_subcarrier",
            length=ROWS,
            dtw=DtwParameters(),
            vectors=(0.03 * rng.normal(size=(ROWS, BINS)).cumsum(axis=0)).tolist(),
            provenance="synthetic",
        )
        for number in range(count)
    ]


def random_frames(count: int, subcarriers: int, rng: np.random.Generator) -> Int8:
    """I/Q, (count, 2 x subcarriers), that alternates between quiet, a slow swing and loud noise every 500 frames."""
    base = 30.0 * rng.normal(size=2 * subcarriers)
    direction = rng.normal(size=2 * subcarriers)
    t = np.arange(count)
    kind = (t // 500) % 3
    swing = np.where(kind == 1, 12.0 * np.sin(0.2 * t) + 6.0 * np.sin(0.53 * t), 0.0)
    noise = np.where((kind == 2) & (t > 500), 8.0, 1.0)
    values = base + swing[:, None] * direction + noise[:, None] * rng.normal(size=(count, 2 * subcarriers))
    return np.clip(np.rint(values), -127, 127).astype(np.int8)


def _timed(action: Callable[[int], object], count: int) -> Float64:
    """Microseconds of each of ``count`` calls."""
    took = np.empty(count)
    for number in range(count):
        began = perf_counter_ns()
        action(number)
        took[number] = perf_counter_ns() - began
    return took / 1e3


def _percentiles(took: Float64) -> dict[str, float]:
    return {name: round(float(np.percentile(took, q)), 2) for name, q in (("p50", 50), ("p99", 99))}


def measure(frames: int = 20_000, subcarriers: int = 64, signatures: int = 3) -> dict[str, Any]:
    """Time everything one frame costs between Kafka's bytes: features, matching, attractor, regime, JSON.

    Args:
        frames: Frames to time.
        subcarriers: Sub-carriers of the one antenna.
        signatures: Signatures of 64 rows.

    Returns:
        ``frames_per_s``; ``latency_us`` with p50 and p99; ``baseline``: the same percentiles of one full banded DTW
        per frame and signature over the 64-frame tail, from scratch, alone; ``ratio``: baseline p50 over ours.
    """
    rng = np.random.default_rng(0)
    library = random_signatures(signatures, rng)
    iq = random_frames(frames + SETTLING, subcarriers, rng)
    stream = FrameStream(1, subcarriers, library)
    writer = SnapshotWriter("bench", f"1x{subcarriers}@6", "synthetic", "bench")

    def one(number: int) -> bytes:
        stream.advance(iq[number])
        return encode(writer.update(stream, number, number, Origin("csi.frames.v1", 0, number)))

    for number in range(SETTLING):
        one(number)
    took = _timed(lambda number: one(number + SETTLING), frames)

    templates = [np.array(s.vectors, np.float32) for s in library]
    tail = rng.normal(size=(BASELINE_FRAMES + TAIL, BINS)).astype(np.float32)
    table = np.empty((TAIL, ROWS))

    def from_scratch(number: int) -> None:
        for template in templates:
            full_dtw(tail[number : number + TAIL], template, 8, table)

    from_scratch(0)
    baseline = _timed(from_scratch, BASELINE_FRAMES)
    ours, theirs = _percentiles(took), _percentiles(baseline)
    return {
        "frames": frames,
        "subcarriers": subcarriers,
        "signatures": signatures,
        "frames_per_s": round(1e6 / float(took.mean())),
        "latency_us": ours,
        "baseline": {"full_dtw_per_frame_us": theirs},
        "ratio": round(theirs["p50"] / ours["p50"], 2),
    }


assert LAYOUT_FRAMES < SETTLING  # noqa: S101 - what is timed is the settled path; checked once, at import
