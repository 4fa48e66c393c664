"""What one scan of 32 access points costs the multi-BSSID pipeline, every stage run on every scan.

    csiflow bench multi-bssid [-- --scans 6000]

A simulated evening (empty, a walk, somebody who fidgets and is still) at 20 Hz; the first part, in which kernels are
loaded and windows fill, is not timed. ``latency_us`` is by the clock, ``cpu_us`` without the time in which other
processes had the core: the latter is held against what is asked, and is what an idle machine shows. The baseline is
timed between the scans of the same run: numpy's Pearson correlations of 32 x 30 readings, the stage that takes 33 of
the 35 us of RuView's Rust pipeline. How often each stage ran is counted in a run of its own, so that counting costs
nothing: there, the two kernels that call those of other stages are interpreted, the same text line by line, and every
kernel they call is noted.
"""

from __future__ import annotations

import gc
import importlib
import pkgutil
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import perf_counter_ns, thread_time_ns
from typing import Any, cast

import arguments
import csi_events.multi_bssid
import numpy as np
from csi_events.multi_bssid.drift import judge_in_turn
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.scan import Scan, from_frame
from csi_events.multi_bssid.stages import observe
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


def timed(scans: list[Scan]) -> tuple[list[int], list[int], list[int]]:
    """Nanoseconds of every scan, those in which this thread had a core, and those of the baseline after it."""
    pipeline = Pipeline(Parameters())
    window = np.random.default_rng(0).normal(size=(ACCESS_POINTS, 30))
    ours, core, baseline = [], [], []
    gc.collect()
    for number, scan in enumerate(scans):
        began, core_began = perf_counter_ns(), thread_time_ns()
        pipeline.scan(scan)
        core_done, done = thread_time_ns(), perf_counter_ns()
        window[:, number % 30] = scan.rssi_dbm
        with np.errstate(all="ignore"):  # a link that is constant for 30 readings correlates with nothing
            np.corrcoef(window)
        ended = thread_time_ns()
        if number >= WARM_UP:
            ours.append(done - began)
            core.append(core_done - core_began)
            baseline.append(ended - core_done)
    return ours, core, baseline


@contextmanager
def watched(seen: set[str]) -> Iterator[None]:
    """Note in ``seen`` which modules of the pipeline have a function called, kernels included, while it lasts."""
    package = csi_events.multi_bssid
    called_through = (observe, judge_in_turn)
    modules = [importlib.import_module(f"{package.__name__}.{m.name}") for m in pkgutil.iter_modules(package.__path__)]
    kept: list[tuple[Any, str, Any]] = []

    def noting(function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        def noted(*arguments: Any, **named: Any) -> Any:
            seen.add(stage)
            return function(*arguments, **named)

        def interpreted(*arguments: Any) -> Any:
            seen.add(stage)
            records = [a.view(np.recarray) if isinstance(a, np.ndarray) and a.dtype.names else a for a in arguments]
            return cast("Any", function).py_func(*records)

        return interpreted if function in called_through else noted

    for module in modules:
        for name, value in vars(module).copy().items():
            home = getattr(value, "__module__", None) or ""
            if callable(value) and not isinstance(value, type) and home.startswith(f"{package.__name__}."):
                kept.append((module, name, value))
                setattr(module, name, noting(value, home.removeprefix(f"{package.__name__}.")))
    try:
        yield
    finally:
        for module, name, value in kept:
            setattr(module, name, value)


def executions(scans: list[Scan]) -> dict[str, int]:
    """In how many of the scans after the warm-up each stage, a module of the pipeline, ran."""
    counted: Counter[str] = Counter()
    seen: set[str] = set()
    with watched(seen):
        pipeline = Pipeline(Parameters())
        for number, scan in enumerate(scans):
            seen.clear()
            pipeline.scan(scan)
            if number >= WARM_UP:
                counted.update(seen)
    return dict(sorted(counted.items()))


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


parser = arguments.parser("multi-bssid", __doc__)
parser.add_argument("--scans", type=int, default=4000)
options = parser.parse_args()
read = frames(WARM_UP + options.scans)
laid_out = []
scans = []
for frame in read:
    start = perf_counter_ns()
    scans.append(from_frame(frame))
    laid_out.append(perf_counter_ns() - start)
ours, core, plain = timed(scans)
latency, cpu, correlation = percentiles(ours), percentiles(core), percentiles(plain)
held = memory(scans)
result: dict[str, Any] = {
    "access_points": ACCESS_POINTS,
    "scans": len(ours),
    "frames_per_s": round(1e9 / float(np.mean(ours))),
    "latency_us": latency,
    "cpu_us": cpu,
    "stage_executions": executions(scans),
    "laying_out_us": percentiles(laid_out),
    "memory_bytes": max(held.values()),
    "memory": held,
    "baseline": {"numpy_corrcoef_us": correlation, "ruview": RUVIEW},
    "ratio": round(cpu["p50"] / correlation["p50"], 2),
    "asked": ASKED,
    "met": {
        "p50": cpu["p50"] <= ASKED["p50_us"],
        "p99": cpu["p99"] <= ASKED["p99_us"],
        "memory": max(held.values()) <= ASKED["memory_bytes"],
    },
}
console.print(
    f"a scan: {latency} us, of which on a core {cpu}; numpy's correlations alone: {correlation} us; memory {held}"
)
emit_json(result)
