"""What one scan of 32 access points costs the multi-BSSID pipeline, every stage run on every scan.

    csiflow bench multi-bssid [-- --scans 6000]

A simulated evening (empty, a walk, somebody who fidgets and is still) at 20 Hz; the first part, in which kernels are
loaded and windows fill, is not timed. The baseline is timed between the scans of the same run: numpy's Pearson
correlations of 32 x 30 readings, the stage that takes 33 of the 35 us of RuView's Rust pipeline. How often each stage
ran is counted in a run of its own, so that counting costs nothing.
"""

from __future__ import annotations

import argparse
import gc
import tracemalloc
from dataclasses import replace
from itertools import islice
from time import perf_counter_ns
from typing import Any

import numpy as np
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.scan import Scan, from_frame
from csi_ingest.synthetic import NATIVE, ScanSimulator, neighbourhood
from csi_schemas.frame import MultiBssidFrame
from csiflow.output import console, emit_json
from room_runs import BEGAN_S, HOST, evening

ACCESS_POINTS = 32
HZ = 20.0
SEED = 1000
WARM_UP = 800
RUVIEW = {"p50_us": 35.0, "p99_us": 79.0, "note": "Rust, really processed; most stages idle"}
ASKED = {"p50_us": 60.0, "p99_us": 150.0, "memory_bytes": 576 * 1024}


def frames(count: int) -> list[MultiBssidFrame]:
    """Scans as they come from Kafka."""
    room = neighbourhood(ACCESS_POINTS, SEED, host=HOST)
    simulator = ScanSimulator(room, evening(SEED), replace(NATIVE, missed=0.05), SEED, host=HOST)
    t = np.arange(1, count + 1) / HZ
    return [
        MultiBssidFrame(
            packet.host,
            round((BEGAN_S + packet.sequence / HZ) * 1e9),
            packet.sequence,
            "synthetic",
            "synthetic",
            packet.uptime_ms,
            packet.epoch,
            packet.native,
            packet.slots,
        )
        for packet in simulator.packets(simulator.scans(t), "00c0ffee00c0ffee")
    ]


def percentiles(nanoseconds: list[int]) -> dict[str, float]:
    """Median and 99th percentile, us."""
    p50, p99 = np.percentile(np.array(nanoseconds) / 1000, (50, 99))
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


def timed(scans: list[Scan]) -> tuple[list[int], list[int]]:
    """Nanoseconds of every scan, and of the baseline after it."""
    pipeline = Pipeline(Parameters())
    window = np.random.default_rng(0).normal(size=(ACCESS_POINTS, 30))
    ours, baseline = [], []
    gc.collect()
    for number, scan in enumerate(scans):
        began = perf_counter_ns()
        pipeline.scan(scan)
        done = perf_counter_ns()
        window[:, number % 30] = scan.rssi_dbm
        with np.errstate(all="ignore"):  # a link that is constant for 30 readings correlates with nothing
            np.corrcoef(window)
        ended = perf_counter_ns()
        if number >= WARM_UP:
            ours.append(done - began)
            baseline.append(ended - done)
    return ours, baseline


def memory(scans: list[Scan]) -> dict[str, int]:
    """Bytes of a node's state: what it says of itself, and what tracemalloc sees that is still held after the scans."""
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    pipeline = Pipeline(Parameters())
    for scan in scans:
        pipeline.scan(scan)
    gc.collect()
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return {"arrays": pipeline.nbytes, "held": held}


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--scans", type=int, default=4000)
options = parser.parse_args()
read = frames(WARM_UP + options.scans)
laid_out = []
scans = []
for frame in read:
    start = perf_counter_ns()
    scans.append(from_frame(frame))
    laid_out.append(perf_counter_ns() - start)
ours, plain = timed(scans)
latency, correlation = percentiles(ours), percentiles(plain)
held = memory(list(islice(scans, 3000)))
result: dict[str, Any] = {
    "access_points": ACCESS_POINTS,
    "scans": len(ours),
    "frames_per_s": round(1e9 / float(np.mean(ours))),
    "latency_us": latency,
    "laying_out_us": percentiles(laid_out),
    "memory_bytes": max(held.values()),
    "memory": held,
    "baseline": {"numpy_corrcoef_us": correlation, "ruview": RUVIEW},
    "ratio": round(latency["p50"] / correlation["p50"], 2),
    "asked": ASKED,
    "met": {
        "p50": latency["p50"] <= ASKED["p50_us"],
        "p99": latency["p99"] <= ASKED["p99_us"],
        "memory": max(held.values()) <= ASKED["memory_bytes"],
    },
}
console.print(f"a scan: {latency} us; numpy's correlations alone: {correlation} us; memory {held}")
emit_json(result)
