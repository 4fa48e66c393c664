"""From power at the antenna to the readings a host has: beacons caught or missed, noise, whole or half decibels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csi_ingest.synthetic.arrays import Bool, Float64
    from csi_ingest.synthetic.neighbourhood import SimulatedAccessPoint


BEACON_S = 0.1024
"""Beacon interval every access point has unless told otherwise."""


@dataclass(frozen=True, slots=True)
class ScanParameters:
    """Properties of the host's radio and of the air."""

    native: bool = True
    quantum_db: float = 1.0
    """Resolution: 1 dB of a platform's interface, 0.5 dB of netsh's percent. 0: none."""
    noise_db: float = 0.7
    """Standard deviation of a reading around what is received."""
    fading_db: float = 0.4
    """Standard deviation of slow fading, as the rest of the building moves; each link by itself."""
    fading_s: float = 30.0
    """Its time constant."""
    missed: float = 0.1
    """Share of beacons that are not received."""
    jitter_share: float = 0.0
    """Share of readings with an error of one sign or the other ..."""
    jitter_db: float = 0.5
    """... of this size, added after quantisation."""
    every_scan: bool = False
    """A new reading in every scan, as ADR-022 assumes, instead of one a beacon."""


class Readings(NamedTuple):
    """What the host knows at T scans of N access points."""

    rssi_dbm: Float64
    """(T, N) newest reading; NaN before the first."""
    heard_s: Float64
    """(T, N) when it was received, seconds since the start; -inf before the first."""
    variance_db2: Float64
    """(T, N) running variance of the readings so far."""


@dataclass(slots=True)
class Reception:
    """State of a host's radio between scans; each source of chance has its own random numbers, row by row."""

    access_points: Sequence[SimulatedAccessPoint]
    parameters: ScanParameters
    seed: int
    at_s: float = -1.0
    """Time of the last scan; the first one finds what was heard in the second before the start."""
    _random: dict[str, np.random.Generator] = field(init=False, repr=False)
    _phase_s: Float64 = field(init=False, repr=False)
    _fading_db: Float64 = field(init=False, repr=False)
    _rssi: Float64 = field(init=False, repr=False)
    _heard: Float64 = field(init=False, repr=False)
    _welford: Float64 = field(init=False, repr=False)

    def __post_init__(self) -> None:
        names = ("phase", "fading", "noise", "missed", "jitter", "expansion")
        streams = np.random.SeedSequence([self.seed, 0x5CA7]).spawn(len(names))
        self._random = {name: np.random.default_rng(stream) for name, stream in zip(names, streams, strict=True)}
        count = len(self.access_points)
        self._phase_s = self._random["phase"].uniform(0.0, BEACON_S, count)
        self._fading_db = self._random["fading"].normal(0.0, self.parameters.fading_db, count)
        self._rssi = np.full(count, np.nan)
        self._heard = np.full(count, -np.inf)
        self._welford = np.zeros((3, count))

    def receive(self, t: Float64, power_dbm: Float64) -> Readings:
        """Take ``power_dbm`` (T, N) at seconds ``t`` (T,), ascending and after all before.

        Raises:
            ValueError: the times do not ascend.
        """
        if np.any(np.diff(t, prepend=self.at_s) <= 0):
            raise ValueError("scans must be asked for in ascending order of time")
        grow = np.stack([a.drift.deviation_db(t) for a in self.access_points], axis=1)
        draws = {name: self._random[name].normal(0.0, 1.0, power_dbm.shape) for name in ("noise", "expansion")}
        level = power_dbm + self._fade(t, power_dbm.shape)
        level += self.parameters.noise_db * draws["noise"] + grow * draws["expansion"]
        if self.parameters.quantum_db > 0:
            level = np.rint(level / self.parameters.quantum_db) * self.parameters.quantum_db
        readings = level + self._jitter(level.shape)
        fresh, beacon = self._beacons(t)
        self.at_s = float(t[-1])
        return self._keep(readings, fresh, beacon)

    def _fade(self, t: Float64, shape: tuple[int, ...]) -> Float64:
        """Ornstein-Uhlenbeck process of each link, (T, N) dB."""
        draws = self._random["fading"].normal(0.0, self.parameters.fading_db, shape)
        kept = np.exp(-np.diff(t, prepend=self.at_s) / self.parameters.fading_s)
        out = np.empty(shape)
        for row, (keep, draw) in enumerate(zip(kept, draws, strict=True)):
            self._fading_db = keep * self._fading_db + np.sqrt(1 - keep**2) * draw
            out[row] = self._fading_db
        return out

    def _jitter(self, shape: tuple[int, ...]) -> Float64:
        draws = self._random["jitter"].random((*shape, 2))
        hit = draws[..., 0] < self.parameters.jitter_share
        return np.asarray(self.parameters.jitter_db * hit * np.where(draws[..., 1] < 0.5, -1.0, 1.0))

    def _beacons(self, t: Float64) -> tuple[Bool, Float64]:
        """Which readings are new at each scan, and when their beacons came, (T, N) each."""
        newest = np.floor((t[:, np.newaxis] - self._phase_s) / BEACON_S)
        before = np.vstack([np.floor((self.at_s - self._phase_s) / BEACON_S), newest[:-1]])
        sent = np.maximum(newest - before, 1.0 if self.parameters.every_scan else 0.0)
        beacon = newest * BEACON_S + self._phase_s
        if self.parameters.every_scan:
            beacon = np.repeat(t[:, np.newaxis], len(self._phase_s), axis=1)
        powered = np.ones(beacon.shape, dtype=np.bool_)
        for column, access_point in enumerate(self.access_points):
            for start, stop in access_point.off_s:
                powered[:, column] &= (beacon[:, column] < start) | (beacon[:, column] >= stop)
        missed = self._random["missed"].random(beacon.shape) < self.parameters.missed ** np.maximum(sent, 1.0)
        return np.asarray((sent > 0) & powered & ~missed), beacon

    def _keep(self, readings: Float64, fresh: Bool, beacon: Float64) -> Readings:
        """Carry the newest reading of each access point through the scans without one; Welford's variance."""
        kept = Readings(np.empty(readings.shape), np.empty(readings.shape), np.empty(readings.shape))
        number, mean, squares = self._welford
        for row in range(len(readings)):
            new = fresh[row]
            value = readings[row, new]
            self._rssi[new], self._heard[new] = value, beacon[row, new]
            number[new] += 1
            away = value - mean[new]
            mean[new] += away / number[new]
            squares[new] += away * (value - mean[new])
            kept.rssi_dbm[row], kept.heard_s[row] = self._rssi, self._heard
            kept.variance_db2[row] = squares / np.maximum(number - 1, 1)
        return kept
