"""What the multi-BSSID pipeline says of simulated rooms whose truth is known, beside RuView's answers.

    csiflow bench rooms [-- --seeds 200 --first-seed 1000] [-- --only presence breathing] [-- --recordings]

Nothing was chosen on seeds from 1000 on. The table is on stderr, one JSON object on stdout. With ``--recordings``: real
series of signal strengths in CSIFLOW_DATA, else in ../shared/data next to the checkout, which have no truth.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import arguments
import numpy as np
from csi_ingest.synthetic import Scene, Segment, neighbourhood
from csiflow.output import console, emit_json
from rich.table import Table
from room_recordings import recordings
from room_runs import HOST, QUIET, RATES, Rate, drifting, evening, levels, run, sleeper, troubled

WARM_UP_S = 30.0
"""Of an empty room, in which the pipeline learns what quiet is; not counted."""
SETTLE_S = 5.0
"""After each change of what somebody does, in which the level of motion is not counted."""
EMPTY = Scene((Segment("empty", 90.0),))
NATIVE, HALF, COMMAND = RATES

Row = dict[str, Any]


def share(values: Any) -> float:
    """Percent, to a tenth."""
    return round(100 * float(np.mean(values)), 1) if len(values) else float("nan")


def presence(rate: Rate, seeds: range) -> Row:
    """Share of scans whose presence is right, every scan after the warm-up; by what somebody does, and once settled."""
    right, activities, settled = [], [], []
    for seed in seeds:
        found = run(evening(seed), rate, seed)
        counted = found.t_s >= WARM_UP_S
        right.append((found.answered("present") == found.truth("presence"))[counted])
        activities.append(found.truth("activity")[counted])
        turns = np.flatnonzero(np.diff(found.truth("presence").astype(np.int8))) + 1
        since = np.min([np.where(found.t_s >= t, found.t_s - t, np.inf) for t in found.t_s[turns]], axis=0)
        settled.append((since >= SETTLE_S)[counted])
    correct, activity = np.concatenate(right), np.concatenate(activities)
    by = {str(name): share(correct[activity == name]) for name in np.unique(activity)}
    return {
        "right_pct": share(correct),
        "settled_pct": share(correct[np.concatenate(settled)]),
        "by_activity_pct": by,
        "worst_seed_pct": min(share(r) for r in right),
    }


def static(rate: Rate, seeds: range, **room: Any) -> Row:
    """Share of scans of an empty room that are static: nobody there, nothing moves, not Deny; how often each fails."""
    still, denied, here, rated = [], [], [], 0
    for seed in seeds:
        access_points = neighbourhood(24, seed, host=HOST)
        if room.get("trouble"):
            access_points = troubled(access_points, seed)
        found = run(EMPTY, rate, seed, access_points=access_points)
        counted = found.t_s >= WARM_UP_S
        moves = found.answered("motion_level") != "None"
        deny = found.answered("verdict") == "Deny"
        still.append(~(found.answered("present") | moves | deny)[counted])
        here.append(found.answered("present")[counted])
        denied.append(deny[counted])
        rated += any(answer.breathing is not None for answer in found.answers)
    return {
        "right_pct": share(np.concatenate(still)),
        "present_pct": share(np.concatenate(here)),
        "deny_pct": share(np.concatenate(denied)),
        "seeds_with_a_breathing_rate_pct": round(100 * rated / len(seeds), 1),
    }


def breathing(rate: Rate, seeds: range, amplitude_db: float) -> Row:
    """Share of seeds whose newest estimate at the end is within 1 breath/min; and of those that got any."""
    errors: list[float | None] = []
    for seed in seeds:
        scene = sleeper(seed)
        last = run(scene, rate, seed, breathing_db=amplitude_db).answers[-1].breathing
        errors.append(None if last is None else abs(last.rate_bpm - 60 * scene.segments[0].breathing_hz))
    told = [error for error in errors if error is not None]
    return {
        "right_pct": share([error is not None and error <= 1.0 for error in errors]),
        "answered_pct": share([error is not None for error in errors]),
        "median_error_bpm": round(float(np.median(told)), 2) if told else None,
    }


def white_noise(rate: Rate, seeds: range) -> Row:
    """Share of seeds in which no rate is ever reported for a minute of noise of 1 dB, without memory."""
    parameters = replace(rate.parameters, noise_db=1.0, fading_db=0.0, missed=0.0, every_scan=True)
    noisy = Rate(rate.name, rate.hz, parameters)
    scene = Scene((Segment("empty", 60.0),))
    silent = [all(a.breathing is None for a in run(scene, noisy, seed).answers) for seed in seeds]
    return {"right_pct": share(silent)}


def motion(rate: Rate, seeds: range) -> Row:
    """Share of scans with the right one of four levels, the levels weighted alike; what each was taken for."""
    confusion: Counter[tuple[str, str]] = Counter()
    majority = []
    for seed in seeds:
        found = run(levels(seed), rate, seed)
        counted = (found.t_s >= found.scene.segments[0].duration) & (found.since_change() >= SETTLE_S)
        truth, said = found.truth("level")[counted], found.answered("motion_level")[counted]
        confusion.update(zip(truth.tolist(), said.tolist(), strict=True))
        majority += [Counter(said[truth == name].tolist()).most_common(1)[0][0] == name for name in np.unique(truth)]
    names = ("None", "Minimal", "Moderate", "High")
    total = {name: sum(confusion[name, other] for other in names) for name in names}
    table = {name: {other: round(100 * confusion[name, other] / total[name], 1) for other in names} for name in names}
    right = round(float(np.mean([table[name][name] for name in names])), 1)
    return {"right_pct": right, "segments_right_pct": share(majority), "taken_for_pct": table}


def drift(rate: Rate, seeds: range) -> Row:
    """Share of slots with the right one of five profiles at the end of two minutes."""
    confusion: Counter[tuple[str, str]] = Counter()
    scene = Scene((Segment("empty", 120.0),))
    for seed in seeds:
        access_points = drifting(seed)
        said = run(scene, rate, seed, access_points=access_points).answers[-1].drift
        confusion.update((a.drift.profile, str(said[slot])) for slot, a in enumerate(access_points))
    right = sum(count for (truth, profile), count in confusion.items() if truth == profile)
    taken: dict[str, dict[str, float]] = {}
    for (truth, profile), count in sorted(confusion.items()):
        taken.setdefault(truth, {})[profile] = round(100 * count / (2 * len(seeds)), 1)
    return {"right_pct": round(100 * right / confusion.total(), 1), "taken_for_pct": taken}


def quiet(rate: Rate, **changes: Any) -> Rate:
    """The rate without noise, fading and missed beacons."""
    return Rate(rate.name, rate.hz, replace(QUIET, native=rate.parameters.native, **changes))


JITTER = {"quantum_db": 0.5, "jitter_share": 0.1, "jitter_db": 0.5, "every_scan": True}
ROWS: dict[str, tuple[float, str, Callable[[range], Row]]] = {
    "presence, 20 Hz": (93.0, "", lambda seeds: presence(NATIVE, seeds)),
    "presence, 2 Hz": (88.0, "", lambda seeds: presence(COMMAND, seeds)),
    "jitter of 0.5 dB on a tenth, 20 Hz": (99.0, "High, always", lambda seeds: static(quiet(NATIVE, **JITTER), seeds)),
    "jitter of 0.5 dB on a tenth, 2 Hz": (99.0, "High, always", lambda seeds: static(quiet(COMMAND, **JITTER), seeds)),
    "static, nothing changes, 20 Hz": (99.0, "Deny", lambda seeds: static(quiet(NATIVE), seeds)),
    "static, noise and fading, 20 Hz": (99.0, "", lambda seeds: static(NATIVE, seeds)),
    "static, noise and fading, 2 Hz": (99.0, "", lambda seeds: static(COMMAND, seeds)),
    "static, power cut, hotspots carried, 20 Hz": (99.0, "", lambda seeds: static(NATIVE, seeds, trouble=True)),
    "breathing 0.5 dB, 20 Hz": (80.0, "none", lambda seeds: breathing(NATIVE, seeds, 0.5)),
    "breathing 0.5 dB, 20 Hz, half dB": (80.0, "none", lambda seeds: breathing(HALF, seeds, 0.5)),
    "breathing 0.2 dB, 20 Hz": (float("nan"), "29.5 for 15", lambda seeds: breathing(NATIVE, seeds, 0.2)),
    "white noise, 20 Hz": (99.0, "a rate, 535 of 600", lambda seeds: white_noise(NATIVE, seeds)),
    "motion levels, 20 Hz": (85.0, "", lambda seeds: motion(NATIVE, seeds)),
    "motion levels, 2 Hz": (float("nan"), "", lambda seeds: motion(COMMAND, seeds)),
    "drift profiles, 20 Hz": (95.0, "", lambda seeds: drift(NATIVE, seeds)),
    "drift profiles, 2 Hz": (95.0, "", lambda seeds: drift(COMMAND, seeds)),
}


def main() -> None:
    """Measure and print."""
    parser = arguments.parser("rooms", __doc__)
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first-seed", type=int, default=1000)
    parser.add_argument("--only", nargs="+", default=[""], help="rows whose names begin like this")
    parser.add_argument("--recordings", action="store_true")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    table = Table("simulated room", "asked", "right", "", "RuView")
    rows: dict[str, Row] = {}
    for name, (asked, ruview, measure) in ROWS.items():
        if not any(name.startswith(begin) for begin in options.only):
            continue
        rows[name] = found = measure(seeds)
        rows[name]["asked_pct"] = None if np.isnan(asked) else asked
        rows[name]["met"] = None if np.isnan(asked) else found["right_pct"] >= asked
        rest = {key: value for key, value in found.items() if key not in {"right_pct", "asked_pct", "met"}}
        wanted = "-" if np.isnan(asked) else f"{asked:g}"
        table.add_row(name, wanted, f"{found['right_pct']:g}", str(rest), ruview)
        console.print(f"{name}: {found}")
    console.print(table)
    result: dict[str, Any] = {"seeds": [seeds.start, seeds.stop - 1], "rows": rows}
    result["baseline"] = {"RuView": {name: ruview for name, (_, ruview, _) in ROWS.items() if ruview}}
    if options.recordings:
        result["recordings"] = recordings()
    emit_json(result)


main()
