"""What one frame costs the windowed path, record to JSON, breathing included, on one core.

    csiflow bench windows [-- --frames 20000 --shape 9x192 --runs 5]

A simulated evening at 100 frames/s: an empty room in which the stream calibrates, somebody who walks, sits down and
breathes, fidgets, leaves; one packet in five has another gain profile. Each frame is handed to the service's processor
alone, and its cost is all that the processor does before it returns: of most frames a share of the next window, of
every sixteenth the update and its JSON as well. ``latency_us`` is by the clock, ``cpu_us`` without the time in which
other processes had the core: the latter is held against what is asked, and is what an idle machine shows.

With ``--runs`` the same frames are handed to so many processors one after the other, and a frame costs the least it
did in any: the work is the same in all, and what other processes do to caches and to a core's other half is not.

The baseline is timed between the frames of the same run: the spatial turbulence of the frame (the deviation of its
amplitudes over sub-carriers) and its moving variance over 50 frames in numpy, which is the whole of ESPectre's motion
detector. ``ratio`` and ``p99_ratio`` are a frame's cost, median and 99th percentile, over the baseline's median: they
hold where a core's clock does not, but not against neighbours in the caches. ``memory_bytes`` is the most that a stream
held in a run of its own: every array and object that can be reached from its entry in the processor and not from
another stream, looked at every third frame: in turn with every frame of a window.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter_ns, thread_time_ns
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import arguments
import msgspec
import numpy as np
from csi_events.processor import Entry, EventsProcessor
from csi_events.settings import EventsSettings
from csi_events.stream import Stream
from csi_ingest.synthetic import Link, RadioParameters, Receiver, Room, Scene, Segment
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import EVENTS, FRAMES, SENSING
from csi_streaming import Batch
from csi_streaming.testing import record
from csiflow.output import console, emit_json
from numpy.typing import NDArray

SHAPES = ((1, 64), (1, 30), (2, 64), (6, 56), (9, 192))
"""Antennas and sub-carriers."""
HZ = 100.0
BEGAN_NS = 1_700_000_000_000_000_000
GAIN_SHARE = 0.2
WARM_UP = 64
"""First frames of a run that are not timed; a whole stream of another node goes before it."""
TURBULENCE_FRAMES = 50
MEMORY_FRAMES = 8_000
CHUNK = 1_000
SCENE = Scene(
    (
        Segment("empty", 30.0),
        Segment("walk", 20.0),
        Segment("still", 70.0),
        Segment("fidget", 15.0),
        Segment("still", 50.0, breathing_hz=0.18),
        Segment("walk", 15.0),
    )
)
ASKED = {"p99_us": 150.0, "max_us": 1_000.0, "memory_bytes": 1_000_000}
_LEAVES = (ModuleType, type, FunctionType, BuiltinFunctionType, MethodType, CodeType)


def samples(antennas: int, subcarriers: int, frames: int) -> Iterator[tuple[NDArray[np.int8], int]]:
    """I/Q (antennas, sub-carriers, 2) and signal strength of every frame; the antennas share one oscillator."""
    room = Room()
    parameters = RadioParameters(random_phase=False, null_subcarriers=subcarriers == 64)
    links = [
        Link((0.9, 2.0, 1.8), (5.4 + 0.06 * (a % 3), 0.9 + 0.06 * (a // 3), 1.0), 2437, subcarriers, room)
        for a in range(antennas)
    ]
    statics = [link.static_channel() for link in links]
    receivers = [Receiver(parameters, np.random.default_rng([7, a])) for a in range(antennas)]
    generator = np.random.default_rng(8)
    tilt = 1.0 + 0.15 * generator.standard_normal((antennas, subcarriers))
    for first in range(0, frames, CHUNK):
        t = np.arange(first, min(first + CHUNK, frames)) / HZ
        body = SCENE.positions(t)
        present = ~np.isnan(body[:, 0])
        channel = np.repeat(np.stack(statics)[None], len(t), axis=0)
        for a, link in enumerate(links):
            channel[present, a] += link.scattered_channel(body[present])
        switched = generator.random(len(t)) < GAIN_SHARE
        channel *= np.where(switched[:, None, None], tilt, 1.0)
        turn = np.exp(2j * np.pi * generator.random(len(t)))
        for values in channel * turn[:, None, None]:
            received = [receiver.receive(row) for receiver, row in zip(receivers, values, strict=True)]
            yield np.stack([iq for iq, _ in received]), received[0][1]


def records(antennas: int, subcarriers: int, frames: int, node: str) -> list[bytes]:
    """Frames as they lie in Kafka."""
    late = np.random.default_rng(9).uniform(0.0, 0.3, frames)
    encode = msgspec.json.Encoder().encode
    return [
        encode(
            CsiFrame(
                node_id=node,
                timestamp_ns=BEGAN_NS + round((number + late[number]) / HZ * 1e9),
                sequence=number,
                provenance="synthetic",
                source="synthetic",
                n_antennas=antennas,
                n_subcarriers=subcarriers,
                frequency_mhz=2437,
                rssi_dbm=rssi,
                noise_floor_dbm=-90,
                iq=iq.tobytes(),
            )
        )
        for number, (iq, rssi) in enumerate(samples(antennas, subcarriers, frames))
    ]


def batches(values: list[bytes]) -> list[Batch]:
    """One batch for each frame."""
    return [Batch(FRAMES.name, 0, [record(value, key=b"1", offset=i)]) for i, value in enumerate(values)]


class Turbulence:
    """The baseline: ESPectre's moving variance of spatial turbulence."""

    def __init__(self) -> None:
        """Begin without frames."""
        self.newest = np.zeros(TURBULENCE_FRAMES)

    def frame(self, number: int, iq: NDArray[np.int8]) -> float:
        """Take one frame's I/Q (values, 2)."""
        parts = iq.astype(np.float32)
        self.newest[number % TURBULENCE_FRAMES] = np.sqrt(parts[:, 0] ** 2 + parts[:, 1] ** 2).std()
        return float(self.newest.var())


def percentiles(nanoseconds: list[int] | NDArray[np.int64]) -> dict[str, float]:
    """Median, 99th percentile and largest, us."""
    p50, p99, most = np.percentile(np.array(nanoseconds) / 1000, (50, 99, 100))
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1), "max": round(float(most), 1)}


def calibrating(entry: Entry) -> int:
    """What tells that a calibration was worked on in a frame: it changes then."""
    baseline = entry.stream.baseline
    return baseline.steps


@dataclass
class Run:
    """What one run over the frames cost, ns by frame, and said."""

    clock: list[int] = field(default_factory=list)
    core: list[int] = field(default_factory=list)
    """Time on the core."""
    baseline: list[int] = field(default_factory=list)
    """The same of the baseline."""
    calibrates: list[bool] = field(default_factory=list)
    """A calibration was worked on."""
    said: dict[str, int] = field(default_factory=dict)


def run(feed: list[Batch], values: list[bytes]) -> Run:
    """Hand frames to a new processor and to the baseline."""
    processor = EventsProcessor(0, EventsSettings())
    decoder = msgspec.json.Decoder(CsiFrame)
    plain, found = Turbulence(), Run()
    before = 0
    gc.collect()
    gc.freeze()  # the frames that wait are no part of the service: no collection need go through them
    for number, batch in enumerate(feed):
        iq = np.frombuffer(decoder.decode(values[number]).iq, np.int8).reshape(-1, 2)
        began, core_began = perf_counter_ns(), thread_time_ns()
        outputs = processor.process(batch)
        core_done, done = thread_time_ns(), perf_counter_ns()
        plain.frame(number, iq)
        ended = thread_time_ns()
        (entry,) = processor.entries.values()
        found.calibrates.append(calibrating(entry) != before)
        before = calibrating(entry)
        for output in outputs:
            kind = output.topic
            if kind == EVENTS.name:
                kind = msgspec.json.decode(output.value)["event"]
            elif kind == SENSING.name:
                kind = msgspec.json.decode(output.value)["classification"]["motion_level"]
            found.said[kind] = found.said.get(kind, 0) + 1
        found.clock.append(done - began)
        found.core.append(core_done - core_began)
        found.baseline.append(ended - core_done)
    gc.unfreeze()
    return found


def timed(feed: list[Batch], values: list[bytes], runs: int) -> dict[str, Any]:
    """Cost of every frame of one stream and of the baseline after it, the least of so many runs."""
    done = [run(feed, values) for _ in range(runs)]
    clock, core, baseline = (
        np.min([getattr(one, name) for one in done], axis=0) for name in ("clock", "core", "baseline")
    )
    steps = core[np.array(done[0].calibrates)]
    clock, cost, baseline = clock[WARM_UP:], core[WARM_UP:], baseline[WARM_UP:]
    closing = (np.arange(len(cost)) + WARM_UP) % 16 == 15  # no second holds fewer than 16 frames here
    return {
        "latency_us": percentiles(clock),
        "cpu_us": {"mean": round(float(cost.mean() / 1000), 1), **percentiles(cost)},
        "closing_us": percentiles(cost[closing]),
        "between_us": percentiles(cost[~closing]),
        "calibration": {"steps": len(steps), "largest_us": round(float(steps.max()) / 1000, 1)},
        "above_1_ms": int((cost > 1_000_000).sum()),
        "baseline_us": percentiles(baseline),
        "ratio": round(float(np.median(cost) / np.median(baseline)), 2),
        "p99_ratio": round(float(np.percentile(cost, 99) / np.median(baseline)), 2),
        "said": dict(sorted(done[0].said.items())),
    }


def reachable_bytes(root: Any, *shared: Any) -> int:
    """Bytes of all objects that can be reached from ``root`` and not from what is ``shared``.

    Classes, modules, functions and their code are left out.
    """
    seen: set[int] = set()
    for other in shared:
        _visit(other, seen)
    return _visit(root, seen)


def _visit(root: Any, seen: set[int]) -> int:
    pending, total = [root], 0
    while pending:
        item = pending.pop()
        if id(item) in seen or isinstance(item, _LEAVES) or type(item).__module__.startswith("prometheus_client"):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item)
        if isinstance(item, np.ndarray):
            if item.base is None or not isinstance(item.base, (np.ndarray, bytes, bytearray)):
                # an array of a kernel's own making belongs to an object that does not say how large it is
                total += item.nbytes if item.base is not None else 0
            else:
                pending.append(item.base)
        else:
            pending += gc.get_referents(item)
    return total


def memory(feed: list[Batch]) -> dict[str, int]:
    """Most bytes of a stream: while frames are put by or learnt from for a calibration, and else."""
    processor = EventsProcessor(0, EventsSettings())
    held = {"calibrating": 0, "calibrated": 0}
    another = Stream(0)  # what they share is neither's
    for number, batch in enumerate(feed):
        processor.process(batch)
        if number and number % 3 == 0:
            (entry,) = processor.entries.values()
            kind = "calibrating" if entry.stream.baseline.stretch is not None else "calibrated"
            held[kind] = max(held[kind], reachable_bytes(entry, entry.calibrations.known, another))
    return held


def measure(antennas: int, subcarriers: int, frames: int, runs: int) -> dict[str, Any]:
    """All figures of one shape."""
    values = records(antennas, subcarriers, frames + WARM_UP, "1")
    feed = batches(values)
    run(feed[:2_000], values)
    found = timed(feed, values, runs)
    held = memory(feed[:MEMORY_FRAMES])
    met = {
        "p99": found["cpu_us"]["p99"] <= ASKED["p99_us"],
        "max": found["cpu_us"]["max"] <= ASKED["max_us"],
        "memory": max(held.values()) <= ASKED["memory_bytes"],
    }
    return {**found, "memory_bytes": max(held.values()), "memory": held, "met": met}


def shape(text: str) -> tuple[int, int]:
    """Read ``9x192``.

    Raises:
        ValueError: it is not two whole numbers.
    """
    antennas, subcarriers = text.split("x")
    return int(antennas), int(subcarriers)


parser = arguments.parser("windows", __doc__)
parser.add_argument("--frames", type=int, default=20_500, help="timed frames of each shape")
parser.add_argument("--runs", type=int, default=1, help="runs over the same frames, of which the least cost counts")
parser.add_argument("--shape", type=shape, action="append", help="antennas x sub-carriers, such as 9x192; all if none")
options = parser.parse_args()
shapes: dict[str, Any] = {}
for antennas, subcarriers in options.shape or SHAPES:
    name = f"{antennas}x{subcarriers}"
    shapes[name] = found = measure(antennas, subcarriers, options.frames, options.runs)
    console.print(
        f"{name}: a frame {found['cpu_us']} us on a core, p99 {found['p99_ratio']} baselines, "
        f"calibration {found['calibration']}, "
        f"memory {found['memory']}, numpy's turbulence {found['baseline_us']}"
    )
emit_json({"rate_hz": HZ, "frames": options.frames, "runs": options.runs, "asked": ASKED, "shapes": shapes})
