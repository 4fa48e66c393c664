"""The access points a host hears: where they stand in a building, on which channels, and what happens to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np
from csi_schemas.access_points import Band, Radio
from csi_schemas.codec.limits import MAX_BSSID_SLOTS

from csi_ingest.synthetic.channel import SPEED_OF_LIGHT
from csi_ingest.synthetic.propagation import path_loss_db, walls_between

if TYPE_CHECKING:
    from csi_ingest.synthetic.arrays import Float64

Point = tuple[float, float, float]
DriftProfile = Literal["Stable", "Linear", "StepChange", "Oscillating", "VarianceExpansion"]
_CHANNELS = {Band.GHZ_2_4: (1, 6, 11), Band.GHZ_5: (36, 44, 52, 100, 149), Band.GHZ_6: (5, 37, 69)}
_EIRP_DBM = {Band.GHZ_2_4: 18.0, Band.GHZ_5: 21.0, Band.GHZ_6: 21.0}
_SENSITIVITY_DBM = -88.0
_FLATS = 3
"""Flats on each side of the host's that are looked through for access points, in x and y; one floor up and down."""


@dataclass(frozen=True, slots=True)
class Building:
    """Flats of one shape, wall to wall and floor over floor; the host's begins at the origin."""

    flat: Point = (6.0, 4.5, 2.6)
    """Metres: x, y, z."""
    wall_db: float = 7.0
    floor_db: float = 16.0
    exponent: float = 2.8
    """Of the path loss between walls, which are counted by themselves (COST 231 multi-wall model)."""


class Drift(NamedTuple):
    """What one access point's signal strength does beside everything else, from ``start_s`` on."""

    profile: DriftProfile
    start_s: float = 0.0
    magnitude: float = 0.0
    """dB/minute of Linear, dB of StepChange, amplitude in dB of Oscillating, dB of added deviation a minute of
    VarianceExpansion."""
    period_s: float = 20.0
    """Of Oscillating."""

    def offset_db(self, t: Float64) -> Float64:
        """Deterministic part at seconds ``t`` (T,)."""
        since = np.maximum(t - self.start_s, 0.0)
        if self.profile == "Linear":
            return np.asarray(self.magnitude * since / 60)
        if self.profile == "StepChange":
            return np.asarray(np.where(t >= self.start_s, self.magnitude, 0.0))
        if self.profile == "Oscillating":
            return np.asarray(self.magnitude * np.sin(2 * np.pi * since / self.period_s))
        return np.zeros(len(t))

    def deviation_db(self, t: Float64) -> Float64:
        """Deviation of the noise that it adds at seconds ``t`` (T,)."""
        grows = self.profile == "VarianceExpansion"
        return np.asarray(np.maximum(t - self.start_s, 0.0) * (self.magnitude / 60 if grows else 0.0))


STABLE = Drift("Stable")


@dataclass(frozen=True, slots=True)
class SimulatedAccessPoint:
    """One BSSID: a radio of a box somewhere in the building."""

    place: Point
    """Metres."""
    band: Band
    channel: int
    radio: Radio
    eirp_dbm: float
    deepest_shadow_db: float
    """What a body can take at most, 3-8: the rest comes by other ways."""
    excess_db: float = 0.0
    """Furniture, antenna patterns: log-normal shadowing that does not change."""
    drift: Drift = STABLE
    off_s: tuple[tuple[float, float], ...] = ()
    """When it has no power: stretches of seconds since the start."""
    carried: tuple[Point, ...] = ()
    """Way points of a hotspot in somebody's pocket, walked round and round in another flat; empty: it stands."""
    carried_mps: float = 0.8

    @property
    def wavelength(self) -> float:
        """Metres."""
        return SPEED_OF_LIGHT / (1e6 * frequency_mhz(self.band, self.channel))

    def places(self, t: Float64) -> Float64:
        """Position at seconds ``t`` (T,): (T, 3), or (1, 3) when it stands."""
        if not self.carried:
            return np.array([self.place])
        points = np.array([*self.carried, self.carried[0]])
        marks = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
        walked = (self.carried_mps * t) % marks[-1]
        return np.stack([np.interp(walked, marks, points[:, axis]) for axis in range(3)], axis=1)

    def level_dbm(self, t: Float64, host: Point, building: Building) -> Float64:
        """Mean signal strength at ``host`` with nobody there, (T,) or (1,) dBm."""
        places, receiver = self.places(t), np.array(host)
        walls = walls_between(places, receiver, building.flat)
        loss = path_loss_db(
            np.linalg.norm(places - receiver, axis=1), np.array(self.wavelength), building.exponent
        ) + walls @ np.array([building.wall_db, building.wall_db, building.floor_db])
        return np.asarray(self.eirp_dbm - self.excess_db - loss)


def frequency_mhz(band: Band, channel: int) -> int:
    """Centre frequency of a 20 MHz channel."""
    return {Band.GHZ_2_4: 2407, Band.GHZ_5: 5000, Band.GHZ_6: 5950}[band] + 5 * channel


def neighbourhood(
    count: int, seed: int, *, building: Building | None = None, host: Point = (3.0, 2.2, 0.8)
) -> tuple[SimulatedAccessPoint, ...]:
    """Draw the ``count`` strongest BSSIDs of a building, the strongest first: one or two of them in the host's flat.

    Boxes stand at random in every flat around; each has a radio on two or three bands, and now and then a guest network
    beside it, which shares its place.

    Raises:
        ValueError: ``count`` is not 1 to 32.
    """
    if not 1 <= count <= MAX_BSSID_SLOTS:
        raise ValueError(f"{count} access points; a host tells of 1 to {MAX_BSSID_SLOTS}")
    building = building or Building()
    generator = np.random.default_rng([seed, 0xA9])
    boxes = [(flat, storey) for flat in np.ndindex(2 * _FLATS + 1, 2 * _FLATS + 1) for storey in (-1, 0, 1)]
    found: list[SimulatedAccessPoint] = []
    for (x, y), storey in boxes:
        corner = np.array(building.flat) * (x - _FLATS, y - _FLATS, storey)
        place = corner + generator.uniform((0.3, 0.3, 0.5), (building.flat[0] - 0.3, building.flat[1] - 0.3, 2.2))
        found += _box((float(place[0]), float(place[1]), float(place[2])), generator)
    moment = np.zeros(1)
    heard = [(float(a.level_dbm(moment, host, building)[0]), index, a) for index, a in enumerate(found)]
    strongest = sorted(heard, key=lambda item: (-item[0], item[1]))[:count]
    if strongest[-1][0] < _SENSITIVITY_DBM:
        raise ValueError(
            f"this building lets only {sum(h[0] >= _SENSITIVITY_DBM for h in heard)} access points be heard"
        )
    return tuple(a for _, _, a in strongest)


def _box(place: Point, generator: np.random.Generator) -> list[SimulatedAccessPoint]:
    bands = [Band.GHZ_2_4]
    modern = generator.random() < 0.3
    if generator.random() < 0.8:
        bands.append(Band.GHZ_5)
    if modern and generator.random() < 0.3:
        bands.append(Band.GHZ_6)
    guest = generator.random() < 0.2
    made = []
    for band in bands:
        channel = int(generator.choice(_CHANNELS[band]))
        radio = Radio.AX if modern or band is Band.GHZ_6 else (Radio.N if band is Band.GHZ_2_4 else Radio.AC)
        eirp = _EIRP_DBM[band] + float(generator.normal(0.0, 1.5))
        excess = float(abs(generator.normal(0.0, 4.0)))
        deepest = float(generator.uniform(3.0, 8.0))
        made += [
            SimulatedAccessPoint(place, band, channel, radio, eirp, deepest, excess) for _ in range(2 if guest else 1)
        ]
    return made
