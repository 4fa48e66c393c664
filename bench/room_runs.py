"""Simulated rooms through the multi-BSSID pipeline: scenes drawn from a seed, and what is answered beside the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.result import Result
from csi_events.multi_bssid.scan import Scan
from csi_events.multi_bssid.slots import SLOTS
from csi_ingest.synthetic import (
    COMMAND,
    NATIVE,
    Drift,
    ScanParameters,
    Scans,
    ScanSimulator,
    Scene,
    Segment,
    SimulatedAccessPoint,
    neighbourhood,
)
from numpy.typing import NDArray

BEGAN_S = 1_700_000_000.0
ROOM = (6.0, 4.5)
HOST = (3.0, 2.2, 0.8)
CHEST_M = 1.1
QUIET = ScanParameters(noise_db=0.0, fading_db=0.0, missed=0.0)
NETSH = replace(COMMAND, missed=0.05)


@dataclass(frozen=True)
class Rate:
    """How a host scans."""

    name: str
    hz: float
    parameters: ScanParameters


RATES = (
    Rate("20 Hz", 20.0, NATIVE),
    Rate("20 Hz, 0.5 dB", 20.0, replace(NATIVE, quantum_db=0.5)),
    Rate("2 Hz", 2.0, NETSH),
)


@dataclass(frozen=True)
class Run:
    """T answers, and what was true."""

    t_s: NDArray[np.float64]
    answers: list[Result]
    scene: Scene

    def truth(self, name: str) -> NDArray[Any]:
        """One field of the truth at each scan, (T,)."""
        told = [segment.truth for segment in self.scene.segments]
        ends = np.cumsum([segment.duration for segment in self.scene.segments])
        index = np.minimum(np.searchsorted(ends, self.t_s, side="right"), len(told) - 1)
        return np.array([getattr(truth, name) for truth in told])[index]

    def answered(self, name: str) -> NDArray[Any]:
        """One field of the answers, (T,)."""
        return np.array([getattr(answer, name) for answer in self.answers])

    def since_change(self) -> NDArray[np.float64]:
        """Seconds since the segment began, (T,)."""
        starts = np.cumsum([0.0, *(segment.duration for segment in self.scene.segments[:-1])])
        return np.asarray(self.t_s - starts[np.searchsorted(starts, self.t_s, side="right") - 1])


def scans_of(access_points: Sequence[SimulatedAccessPoint], scans: Scans, *, native: bool) -> Iterator[Scan]:
    """Yield scans as ``csi_events.multi_bssid.scan.from_frame`` lays them out, without the frames between."""
    count, used = len(scans.t_s), len(access_points)
    present = np.zeros((count, SLOTS), np.bool_)
    present[:, :used] = scans.active
    rssi, age = np.full((2, count, SLOTS), np.nan)
    rssi[:, :used] = scans.readings.rssi_dbm
    age[:, :used] = scans.t_s[:, np.newaxis] - scans.readings.heard_s
    rssi[~present] = age[~present] = np.nan
    amplitude = 10 ** ((rssi + 100) / 20)
    kinds = np.zeros((3, SLOTS), np.int64)
    kinds[:, :used] = np.array([(a.channel, a.band, a.radio) for a in access_points]).T
    for row in range(count):
        here = present[row]
        channel, band, radio = np.where(here, kinds, 0)
        yield Scan(
            t_s=BEGAN_S + float(scans.t_s[row]),
            native=native,
            epoch=0,
            restarted=False,
            present=here,
            rssi_dbm=rssi[row],
            amplitude=amplitude[row],
            age_s=age[row],
            channel=channel,
            band=band,
            radio=radio,
            generation=np.where(here, 0, -1),
        )


def run(
    scene: Scene,
    rate: Rate,
    seed: int,
    *,
    access_points: Sequence[SimulatedAccessPoint] | None = None,
    breathing_db: float | None = None,
    parameters: Parameters | None = None,
) -> Run:
    """Play a scene once, scan by scan, to a new pipeline."""
    room = neighbourhood(24, seed, host=HOST) if access_points is None else access_points
    simulator = ScanSimulator(room, scene, rate.parameters, seed, host=HOST, breathing_db=breathing_db)
    t = np.arange(1, int(scene.duration * rate.hz)) / rate.hz
    pipeline = Pipeline(parameters or Parameters())
    native = rate.parameters.native
    return Run(t, [pipeline.scan(scan) for scan in scans_of(room, simulator.scans(t), native=native)], scene)


def place(generator: np.random.Generator, away_m: float = 1.0) -> tuple[float, float, float]:
    """Somewhere in the room, not on the host's lap."""
    while True:
        x, y = (float(generator.uniform(0.4, extent - 0.4)) for extent in ROOM)
        if np.hypot(x - HOST[0], y - HOST[1]) >= away_m:
            return x, y, CHEST_M


def walk(generator: np.random.Generator, duration: float) -> Segment:
    """Back and forth between four points at 0.8-1.4 m/s."""
    path = tuple(place(generator, 0.6) for _ in range(4))
    return Segment("walk", duration, path, speed=float(generator.uniform(0.8, 1.4)))


def sits(generator: np.random.Generator, *durations: float) -> tuple[Segment, ...]:
    """Fidgets and is still in turns, in one place."""
    chair = (place(generator),)
    facing = (float(generator.normal()), float(generator.normal()), 0.0)
    breath = float(generator.uniform(0.15, 0.4))
    return tuple(
        Segment("still" if number % 2 else "fidget", duration, chair, breathing_hz=breath, facing=facing)
        for number, duration in enumerate(durations)
    )


def evening(seed: int) -> Scene:
    """Empty, somebody walks in and about, sits, fidgets and is still by turns, walks out; empty."""
    generator = np.random.default_rng([seed, 1])
    return Scene(
        (
            Segment("empty", 90.0),
            walk(generator, 30.0),
            *sits(generator, 40.0, 20.0, 30.0),
            walk(generator, 20.0),
            Segment("empty", 90.0),
        )
    )


def levels(seed: int) -> Scene:
    """Empty, then the four levels in an order of the seed's, 25 s each."""
    generator = np.random.default_rng([seed, 2])
    spot = (place(generator),)
    facing = (float(generator.normal()), float(generator.normal()), 0.0)
    four = [
        Segment("empty", 25.0),
        Segment("fidget", 25.0, spot, facing=facing),
        Segment("gesture", 25.0, spot, facing=facing),
        walk(generator, 25.0),
    ]
    return Scene((Segment("empty", 40.0), *(four[index] for index in generator.permutation(4))))


def sleeper(seed: int, duration: float = 90.0) -> Scene:
    """Somebody still who breathes 8-24 times a minute."""
    generator = np.random.default_rng([seed, 3])
    facing = (float(generator.normal()), float(generator.normal()), 0.0)
    rate = float(generator.uniform(8.0, 24.0)) / 60
    return Scene((Segment("still", duration, (place(generator),), breathing_hz=rate, facing=facing),))


def drifting(seed: int) -> tuple[SimulatedAccessPoint, ...]:
    """Ten access points, two of each profile; of 120 s, steps come 20-40 s before the end, noise grows from 60 on."""
    generator = np.random.default_rng([seed, 4])

    def sign() -> float:
        return float(generator.choice((-1.0, 1.0)))

    def drifts() -> list[Drift]:
        return [
            Drift("Stable"),
            Drift("Linear", 0.0, sign() * float(generator.uniform(3.0, 8.0))),
            Drift("StepChange", float(generator.uniform(80.0, 100.0)), sign() * float(generator.uniform(4.0, 10.0))),
            Drift("Oscillating", 0.0, float(generator.uniform(2.0, 4.0)), float(generator.uniform(8.0, 20.0))),
            Drift("VarianceExpansion", 60.0, float(generator.uniform(3.0, 6.0))),
        ]

    return tuple(
        replace(access_point, drift=drift)
        for access_point, drift in zip(neighbourhood(10, seed, host=HOST), drifts() + drifts(), strict=True)
    )


def troubled(access_points: Sequence[SimulatedAccessPoint], seed: int) -> tuple[SimulatedAccessPoint, ...]:
    """Two access points lose power for 15 and 50 s, two hotspots are carried about in another flat."""
    generator = np.random.default_rng([seed, 5])
    chosen = generator.permutation(len(access_points))[:4].tolist()
    changed = list(access_points)
    for number, seconds in zip(chosen[:2], (15.0, 50.0), strict=True):
        start = float(generator.uniform(30.0, 38.0))
        changed[number] = replace(changed[number], off_s=((start, start + seconds),))
    for number in chosen[2:]:
        path = tuple((float(x), float(y), 1.0) for x, y in generator.uniform((-12, 0), (-7, 4.5), (4, 2)))
        changed[number] = replace(changed[number], carried=path, place=path[0])
    return tuple(changed)
