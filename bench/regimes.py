"""How often known series get their regime, beside RuView's answers; with ``--recordings``, what real ones get.

    csiflow bench regimes [-- --seeds 100] [-- --recordings]

Parameters and seeds are those nothing was chosen on. The tables are on stderr, one JSON object on stdout. RuView's
answers were measured on its server, on series without noise. Recordings are in CSIFLOW_DATA, else in ../shared/data
next to the checkout; each is run through the service's stream from its first frame, and counted once the tail is full
and calibrated.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import arguments
import numpy as np
from csi_introspection import regime
from csi_introspection.arrays import Int64
from csi_introspection.attractor import new_attractor
from csi_introspection.known_series import COUNT, NOISES, QUIET, ROWS, Case, Draw, Row, make_case
from csi_introspection.regime_table import answers, follow_series
from csi_introspection.stream import LAYOUT_FRAMES, FrameStream
from csi_introspection.tones import TAIL
from csiflow.output import console, emit_json
from onset_recordings import data_folder
from rich.table import Table

FIRST_SEED = 10_000
COST_FRAMES = 100_000
RUVIEW = {
    "constant": "periodic",
    "sine": "idle up to amplitude 8; chaotic at 20",
    "logistic map": "idle",
    "ramp": "never transient",
    "step": "never transient",
    "burst": "never transient",
    "door": "never transient",
}


def known(seeds: int) -> dict[str, Any]:
    """Answer every held-out series of every kind."""
    rows: dict[str, Any] = {}
    columns = Table("series", "expected", *(f"{decibels} dB" for decibels in NOISES), "wrong answers", "RuView")
    for row in ROWS:
        wrong: Counter[str] = Counter()
        right = {}
        for decibels in NOISES:
            found = answers(row, decibels, range(FIRST_SEED, FIRST_SEED + seeds), held_out=True)
            right[str(decibels)] = round(100 * found.pop(row.expected, 0) / seeds, 1)
            wrong += found
        rows[row.name] = {"expected": row.expected, "right_pct": right, "wrong": dict(wrong)}
        told = ", ".join(f"{name} {count}" for name, count in wrong.items())
        shares = (f"{share:.0f}" for share in right.values())
        columns.add_row(row.name, row.expected, *shares, told, RUVIEW.get(row.name, ""))
    console.print(columns)
    return rows


def run(case: Case) -> float:
    """CPU nanoseconds a frame of a series, in one compiled loop."""
    count = case.x.size
    names, changed, ages = (np.zeros(count, np.int64) for _ in range(3))
    state, invariants = new_attractor(case.floor), np.zeros((count, 4))
    follow_series(state, case.x[: QUIET + COUNT], names, changed, invariants, ages)
    began = time.process_time_ns()
    follow_series(state, case.x, names, changed, invariants, ages)
    return (time.process_time_ns() - began) / count


def cost(row: Row) -> float:
    """Nanoseconds a frame of a long series of one kind at 20 dB."""
    draw = Draw(np.random.default_rng(FIRST_SEED), held_out=True)
    case = make_case(row, NOISES[20], draw)
    repeats = COST_FRAMES // COUNT
    return run(Case(np.concatenate([case.x[:QUIET], np.tile(case.x[QUIET:], repeats)]), case.floor))


def regimes_of(path: Path) -> tuple[Int64, Any]:
    """Regime of every frame of a recording, -1 while the stream calibrates, and the frames' labels."""
    with np.load(path) as z:
        labels, t_ns = z["label_names"][z["label"]], z["t_ns"].tolist()
        values = z["iq"].astype(np.float32) if "iq" in z else z["amplitude"].astype(np.float32)
    amplitude = np.hypot(values[..., 0], values[..., 1]) if values.ndim == 4 else values
    count, antennas, subcarriers = amplitude.shape
    rows = np.ascontiguousarray(amplitude.reshape(count, -1))
    stream = FrameStream(antennas, subcarriers, [])
    names = np.full(count, -1)
    for number in range(count):
        stream.advance_amplitude(rows[number], t_ns[number])
        inner = stream.stream
        if inner is not None and number > LAYOUT_FRAMES:
            attractor = inner.attractor[0]
            if attractor["floor"] > 0.0 and attractor["time"] > TAIL + regime.HOLD.max():
                names[number] = attractor["regime"]
    return names, labels


def recordings() -> list[dict[str, Any]]:
    """Share of each regime per source and label."""
    folder = data_folder()
    frames: dict[tuple[str, str, str], Int64] = {}
    for meta in json.loads((folder / "manifest.json").read_text()):
        names, labels = regimes_of(folder / meta["file"])
        for label in np.unique(labels).tolist():
            kind = "quiet" if label in meta["quiet_labels"] else "motion" if label in meta["motion_labels"] else "-"
            key = (meta["file"].split("/", maxsplit=1)[0], label, kind)
            counts = np.bincount(names[(labels == label) & (names >= 0)], minlength=len(regime.NAMES))
            frames[key] = frames.get(key, np.zeros(len(regime.NAMES), np.int64)) + counts
    table = Table("source", "label", "kind", "frames", *regime.NAMES)
    listed = []
    for (source, label, kind), counts in sorted(frames.items()):
        total = int(counts.sum())
        if total == 0:
            continue
        shares = dict(zip(regime.NAMES, (100 * counts / total).round(1).tolist(), strict=True))
        listed.append({"source": source, "label": label, "kind": kind, "frames": total, "share_pct": shares})
        table.add_row(source, label, kind, str(total), *(f"{share:.0f}" for share in shares.values()))
    console.print(table)
    return listed


parser = arguments.parser("regimes", __doc__)
parser.add_argument("--seeds", type=int, default=100)
parser.add_argument("--recordings", action="store_true")
options = parser.parse_args()
result: dict[str, Any] = {"seeds": options.seeds, "series": known(options.seeds), "baseline": {"RuView": RUVIEW}}
result["least_right_pct"] = min(min(row["right_pct"].values()) for row in result["series"].values())
result["ns_per_frame"] = {row.name: round(cost(row)) for row in ROWS}
console.print(f"ns a frame: {result['ns_per_frame']}")
if options.recordings:
    result["recordings"] = recordings()
emit_json(result)
