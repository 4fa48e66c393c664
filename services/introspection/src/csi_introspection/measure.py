"""What a frame costs: the service's path from samples to JSON, beside DTW without streaming state, on one core."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter_ns
from typing import Any

import numpy as np
from csi_schemas.common import Origin
from csi_schemas.signature import DtwParameters, Signature

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8
from csi_introspection.features import BINS, KINDS
from csi_introspection.snapshot import SnapshotWriter, encode
from csi_introspection.stream import LAYOUT_FRAMES, FrameStream

ROWS = 64
SETTLING = 400
"""Frames before timing starts: layout, calibration and a full tail."""
TAIL = 64
BASELINE_FRAMES = 500
INTERVAL_NS = 33_333_333
BAND = 8


@kernel
def cell_costs(vectors: Float32, template: Float32, costs: Float64) -> None:
    """Write the cost of every frame against every row, value plus step, to ``costs`` (frames, rows)."""
    for i in range(vectors.shape[0]):
        for j in range(template.shape[0]):
            total = 0.0
            for d in range(vectors.shape[1]):
                away = vectors[i, d] - template[j, d]
                step = vectors[i, d] - (vectors[i - 1, d] if i > 0 else np.float32(0.0))
                row_step = template[j, d] - (template[j - 1, d] if j > 0 else np.float32(0.0))
                total += away * away + (step - row_step) * (step - row_step)
            costs[i, j] = total


@kernel
def whole_distance(costs: Float64, start: int, band: int, table: Float64) -> float:
    """Accumulate one alignment that begins at frame ``start``; returns the normalised distance of the whole.

    ``table`` (frames, rows) keeps the accumulated costs, of which the last row's are those of every prefix.
    """
    frames, rows = costs.shape[0] - start, costs.shape[1]
    table[:frames] = 1e30
    for i in range(frames):
        for j in range(max(0, i - band), min(rows, i + band + 1)):
            cost = costs[start + i, j]
            best = 2.0 * cost if i == 0 and j == 0 else 1e30
            if i > 0 and j > 0:
                best = min(best, table[i - 1, j - 1] + 2.0 * cost)
            if i > 0:
                best = min(best, table[i - 1, j] + cost)
            if j > 0:
                best = min(best, table[i, j - 1] + cost)
            table[i, j] = best
    return float(table[frames - 1, rows - 1] / (frames + rows))


@kernel
def all_starts(vectors: Float32, template: Float32, band: int, costs: Float64, table: Float64) -> float:
    """Answer what the streaming matcher answers, from scratch: the best prefix over every start frame."""
    cell_costs(vectors, template, costs)
    best = 1e30
    frames = vectors.shape[0]
    for start in range(frames - 1):
        whole_distance(costs, start, band, table)
        matched = frames - start
        for j in range(max(0, matched - 1 - band), min(template.shape[0], matched + band)):
            best = min(best, table[matched - 1, j] / (matched + j + 1))
    return best


def random_signatures(count: int, rng: np.random.Generator) -> list[Signature]:
    """Smooth random motions of the size a person makes."""
    return [
        Signature(
            id=f"random-{number}",
            label="random walk",
            captured_at="2026-11-22T00:00:00Z",
            feature_kind="amplitude_l2_per_subcarrier",
            feature_version=KINDS["amplitude_l2_per_subcarrier"].version,
            length=ROWS,
            dtw=DtwParameters(window=BAND),
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
    p50, p99 = np.percentile(took, [50, 99])
    return {"p50": round(float(p50), 2), "p99": round(float(p99), 2), "mean": float(took.mean())}


def measure(frames: int = 20_000, subcarriers: int = 64, signatures: int = 3, runs: int = 1) -> dict[str, Any]:
    """Time everything one frame costs between Kafka's bytes: features, matching, attractor, regime, JSON.

    Args:
        frames: Frames to time.
        subcarriers: Sub-carriers of the one antenna.
        signatures: Signatures of 64 rows.
        runs: Runs over the same frames, each with a stream of its own. A frame costs the least of them, which leaves
            out most of what other programs of the machine took from it.

    Returns:
        ``frames_per_s``; ``latency_us`` with p50 and p99; ``baseline``, both for all signatures and nothing else:
        ``same_matches_from_scratch_us`` aligns anew from every start frame, as a matcher without streaming state
        must, and ``one_alignment_us`` aligns the 64-frame tail once, which finds neither prefixes nor starts;
        ``ratio``: p50 of the former over ours.
    """
    rng = np.random.default_rng(0)
    library = random_signatures(signatures, rng)
    iq = random_frames(frames + SETTLING, subcarriers, rng)
    took = np.min([_run(iq, subcarriers, library) for _ in range(runs)], axis=0)
    ours = _percentiles(took)
    baseline = _baseline([np.array(s.vectors, np.float32) for s in library], rng)
    scratch = baseline["same_matches_from_scratch_us"]
    return {
        "frames": frames,
        "subcarriers": subcarriers,
        "signatures": signatures,
        "runs": runs,
        "frames_per_s": round(1e6 / ours["mean"]),
        "latency_us": {name: ours[name] for name in ("p50", "p99")},
        "baseline": {name: figures["p50"] for name, figures in baseline.items()},
        "ratio": round(scratch["p50"] / ours["p50"], 2),
    }


def _run(iq: Int8, subcarriers: int, library: list[Signature]) -> Float64:
    """Microseconds of each frame of ``iq`` after those in which a new stream settles."""
    stream = FrameStream(1, subcarriers, library)
    writer = SnapshotWriter("bench", f"1x{subcarriers}@6", "synthetic", "bench")

    def one(number: int) -> bytes:
        stream.advance(iq[number], number * INTERVAL_NS)
        return encode(writer.update(stream, number, number, Origin("csi.frames.v1", 0, number)))

    for number in range(SETTLING):
        one(number)
    return _timed(lambda number: one(number + SETTLING), len(iq) - SETTLING)


def _baseline(templates: list[Float32], rng: np.random.Generator) -> dict[str, dict[str, float]]:
    reach = ROWS + BAND
    vectors = rng.normal(size=(BASELINE_FRAMES + reach, BINS)).astype(np.float32)
    costs, table = np.empty((reach, ROWS)), np.empty((reach, ROWS))

    def from_scratch(number: int) -> None:
        for template in templates:
            all_starts(vectors[number : number + reach], template, BAND, costs, table)

    def one_alignment(number: int) -> None:
        for template in templates:
            cell_costs(vectors[number : number + TAIL], template, costs[:TAIL])
            whole_distance(costs[:TAIL], 0, BAND, table)

    for warm in (from_scratch, one_alignment):
        warm(0)
    return {
        "same_matches_from_scratch_us": _percentiles(_timed(from_scratch, BASELINE_FRAMES)),
        "one_alignment_us": _percentiles(_timed(one_alignment, BASELINE_FRAMES)),
    }


assert LAYOUT_FRAMES < SETTLING  # noqa: S101 - what is timed is the settled path; checked once, at import
