"""Fingerprints learnt and matched in simulated rooms whose truth is known, and what the index costs.

    csiflow bench fingerprints [-- --seeds 20 --first-seed 1000]

Each room is learnt as ``csiflow fingerprint learn`` does: four states, two takes of 20 s. Then each state is held
again, 20 minutes later and with other noise: where it was learnt, half a metre and two metres away, and with the slots
in another order after a restart of the agent. The table is on stderr, one JSON object on stdout.
"""

from __future__ import annotations

from collections import Counter
from time import perf_counter_ns
from typing import Any, NamedTuple

import arguments
import numpy as np
from csi_events.multi_bssid.fingerprint.document import STATES, Fingerprints
from csi_events.multi_bssid.fingerprint.index import Index
from csi_events.multi_bssid.fingerprint.learn import Take, learn
from csi_events.multi_bssid.fingerprint.matcher import Matcher
from csi_events.multi_bssid.scan import Identity, Scan, from_frame
from csi_ingest.synthetic import ScanSimulator, Scene, Segment, neighbourhood
from csi_ingest.synthetic.scans import COMMAND, NATIVE
from csi_schemas.codec import MultiBssid
from csi_schemas.frame import MultiBssidFrame
from csiflow.output import console, emit_json
from rich.table import Table

HOST = (3.0, 2.2, 0.8)
PLACE = (4.2, 1.2, 1.1)
TAKE_S = 20.0
LATER_S = 1200.0
SETTLED_S = 6.0
Row = dict[str, Any]


class Heard(NamedTuple):
    """Which flat is heard, how, and when the agent was started."""

    seed: int
    native: bool
    epoch: int = 7
    started_s: float = 0.0
    order_seed: int | None = None


def segment(state: str, away_m: float) -> Segment:
    """Return what somebody does in a state, ``away_m`` from where it was learnt."""
    x, y, z = PLACE
    place = (x - away_m, y + 0.7 * away_m, z)
    path = (place, (1.2, 1.0, z), (1.4, 3.2, z))
    if state in {"empty", "walking"}:
        return Segment("empty" if state == "empty" else "walk", TAKE_S, path=path)
    return Segment("still", TAKE_S, path=(place, (1.2, 1.0, z)), seated=state == "sitting")


def scans(heard: Heard, states: tuple[str, ...], begin_s: float, noise: int, away_m: float = 0.0) -> list[Scan]:
    """Return what a host hears while the states follow each other."""
    scene = Scene(tuple(segment(state, away_m) for state in states))
    points = neighbourhood(24, heard.seed, host=HOST)
    if heard.order_seed is not None:
        points = tuple(points[i] for i in np.random.default_rng(heard.order_seed).permutation(len(points)))
    simulator = ScanSimulator(points, scene, NATIVE if heard.native else COMMAND, noise, host=HOST)
    t = np.arange(0.05, TAKE_S * len(states), 0.05 if heard.native else 0.5)
    packets = simulator.packets(simulator.scans(t), "00c0ffee00c0ffee")
    return [from_frame(frame_of(packet, begin_s + at, heard)) for packet, at in zip(packets, t, strict=True)]


def frame_of(packet: MultiBssid, at_s: float, heard: Heard) -> MultiBssidFrame:
    """Return a packet as ingest publishes it."""
    uptime_ms = round((at_s - heard.started_s) * 1e3)
    return MultiBssidFrame(
        packet.node_id,
        round(at_s * 1e9),
        packet.sequence,
        "synthetic",
        "wifi-enhanced:24",
        uptime_ms,
        heard.epoch,
        heard.native,
        packet.slots,
    )


def learnt(heard: Heard) -> Fingerprints:
    """Learn a room."""
    heard_all = scans(heard, STATES * 2, 1000.0, heard.seed * 10)
    takes = [
        Take(state, [s for s in heard_all if number <= (s.t_s - 1000.0) / TAKE_S < number + 1])
        for number, state in enumerate(STATES * 2)
    ]
    return learn(takes, identity="room", node_id="00c0ffee00c0ffee", learnt_at="", provenance="synthetic")


def held(heard: Heard, document: Fingerprints, away_m: float) -> tuple[Counter[tuple[str, str | None]], int]:
    """Hold every state again; return how often it was named what, and the access points that were found."""
    said: Counter[tuple[str, str | None]] = Counter()
    found = 0
    for number, state in enumerate(STATES):
        matcher, identity, documents = Matcher(), Identity(), (document,)
        begin_s = 1000.0 + LATER_S + 100 * number
        for scan in scans(heard, (state,), begin_s, heard.seed * 10 + 1 + number, away_m):
            match = matcher.observe(scan, identity.observe(scan).fresh, documents)
            if scan.t_s >= begin_s + SETTLED_S:
                said[state, match.posture] += 1
        found += matcher.found
    return said, found // len(STATES)


def row(said: Counter[tuple[str, str | None]], states: tuple[str, ...] = STATES) -> Row:
    """Shares of named right, named wrong and unknown, percent; and right by state."""
    total = sum(said.values())
    right, unknown = sum(said[s, s] for s in states), sum(said[s, None] for s in states)
    by_state = {s: round(100 * said[s, s] / max(1, sum(n for (t, _), n in said.items() if t == s)), 1) for s in states}
    return {
        "right_pct": round(100 * right / total, 1),
        "wrong_pct": round(100 * (total - right - unknown) / total, 1),
        "unknown_pct": round(100 * unknown / total, 1),
        "right_by_state_pct": by_state,
    }


def rooms(seeds: range, *, native: bool) -> dict[str, Row]:
    """Learn and match every room."""
    cases = {"same place": 0.0, "0.5 m away": 0.5, "2 m away": 2.0, "after a restart": 0.0}
    said: dict[str, Counter[tuple[str, str | None]]] = {name: Counter() for name in cases}
    found: dict[str, list[int]] = {name: [] for name in cases}
    for seed in seeds:
        heard = Heard(seed, native)
        document = learnt(heard)
        for name, away_m in cases.items():
            restarted = name == "after a restart"
            now = replace_run(heard) if restarted else heard
            counts, points = held(now, document, away_m)
            said[name].update(counts)
            found[name].append(points)
    return {name: {**row(counts), "access_points": float(np.mean(found[name]))} for name, counts in said.items()}


def replace_run(heard: Heard) -> Heard:
    """Return the same flat heard by an agent that was started anew."""
    return heard._replace(epoch=8, started_s=1500.0, order_seed=heard.seed + 5)


def index() -> Row:
    """Time queries of 1000 templates of 64 numbers, in four clusters, against comparing with all in numpy."""
    random = np.random.default_rng(1)
    centres = random.normal(0.0, 4.0, (4, 64))
    points = (centres[random.integers(0, 4, 1000)] + random.normal(0.0, 1.0, (1000, 64))).astype(np.float32)
    queries = (points[random.integers(0, 1000, 2000)] + random.normal(0.0, 0.7, (2000, 64))).astype(np.float32)
    made, spent, right, compared = Index.of(points), [], 0, 0
    for query in queries:
        begin = perf_counter_ns()
        found = made.nearest(query)
        spent.append((perf_counter_ns() - begin) / 1e3)
        right += found.place == int(np.argmin(np.sum((points - query) ** 2, axis=1)))
        compared += found.compared
    p50, p99 = np.percentile(spent, [50, 99])
    return {
        "templates": len(points),
        "p50_us": round(float(p50), 1),
        "p99_us": round(float(p99), 1),
        "recall": right / len(queries),
        "compared": compared / len(queries),
        "bytes": made.nbytes,
    }


def main() -> None:
    """Print the table and the JSON object."""
    parser = arguments.parser("fingerprints", __doc__)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--first-seed", type=int, default=1000)
    asked = parser.parse_args()
    seeds = range(asked.first_seed, asked.first_seed + asked.seeds)
    answers: dict[str, Any] = {"seeds": asked.seeds, "index": index()}
    table = Table("scans", "held", "right", "wrong", "unknown", "access points", "right by state")
    for name, native in (("20/s", True), ("2/s", False)):
        answers[name] = rooms(seeds, native=native)
        for case, figures in answers[name].items():
            by_state = ", ".join(f"{state} {value:g}" for state, value in figures["right_by_state_pct"].items())
            shares = (f"{figures[key]:g} %" for key in ("right_pct", "wrong_pct", "unknown_pct"))
            table.add_row(name, case, *shares, f"{figures['access_points']:.1f}", by_state)
    console.print(table)
    console.print(f"index: {answers['index']}")
    emit_json(answers)


if __name__ == "__main__":
    main()
