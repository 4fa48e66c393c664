"""A host that scans in a simulated flat: scan by scan what it hears, what it sends, and the truth.

Always synthetic: nothing here is measured, and ingest labels what comes in on its synthetic port so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from csi_schemas.codec import BssidSlot, MultiBssid

from csi_ingest.synthetic.neighbourhood import Building, Point
from csi_ingest.synthetic.propagation import body_effect_db, scattered, shadowed
from csi_ingest.synthetic.reception import Readings, Reception, ScanParameters
from csi_ingest.synthetic.scene import TOP_M

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from csi_ingest.synthetic.arrays import Bool, Float64
    from csi_ingest.synthetic.neighbourhood import SimulatedAccessPoint
    from csi_ingest.synthetic.scene import Moments, Scene


EXPIRY_S = 30.0
"""An agent leaves out an access point that it has not heard for so long."""
NATIVE_HZ = 20.0
COMMAND_HZ = 2.0
NATIVE = ScanParameters()
COMMAND = ScanParameters(native=False, quantum_db=0.5)
_BREATHING_LINKS = 4
"""Links that get the stated amplitude of breathing; the others get less, in proportion to what the geometry says."""
_CHEST_STEP_M = 0.002
_U32 = 1 << 32
_MAX_AGE_MS = 0xFFFF


class Scans(NamedTuple):
    """T scans of N access points; an access point's place in the list is its slot."""

    t_s: Float64
    """(T,) seconds since the start."""
    readings: Readings
    body_db: Float64
    """(T, N) truth: what the body does to each link."""

    @property
    def active(self) -> Bool:
        """Whether a slot is told of, (T, N)."""
        return np.asarray(self.t_s[:, np.newaxis] - self.readings.heard_s < EXPIRY_S)


@dataclass(slots=True)
class ScanSimulator:
    """One host in one flat; its scans do not depend on how many are asked for at once."""

    access_points: Sequence[SimulatedAccessPoint]
    scene: Scene
    parameters: ScanParameters = NATIVE
    seed: int = 0
    building: Building = field(default_factory=Building)
    host: Point = (3.0, 2.2, 0.8)
    breathing_db: float | None = None
    """Amplitude (half of peak to peak) of breathing on the few links it acts on most; ``None``: what the movement of
    the chest makes by itself."""
    body_width_m: float = 0.45
    cross_section_m2: float = 2.0
    """Of the body, as a radar sees it: 1 m^2, and about as much again that it scatters by way of the walls."""
    sequence: int = 0
    reception: Reception = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.reception = Reception(self.access_points, self.parameters, self.seed)

    def scans(self, t: Float64) -> Scans:
        """Return scans at seconds ``t`` (T,), ascending, after all those before.

        Raises:
            ValueError: the times do not ascend.
        """
        t = np.asarray(t, dtype=np.float64)
        levels = [a.level_dbm(t, self.host, self.building) + a.drift.offset_db(t) for a in self.access_points]
        body = self.body_db(t)
        return Scans(t, self.reception.receive(t, np.stack(levels, axis=1) + body), body)

    def packets(self, scans: Scans, host: str) -> Iterator[MultiBssid]:
        """Yield the packet an agent would send of each scan; see :func:`packet_of`."""
        for row in range(len(scans.t_s)):
            yield packet_of(self.access_points, scans, row, host, self.sequence, native=self.parameters.native)
            self.sequence = (self.sequence + 1) % _U32

    def body_db(self, t: Float64) -> Float64:
        """What the body does to each link, (T, N) dB; 0 when nobody is there."""
        t = np.asarray(t, dtype=np.float64)
        effect = np.zeros((len(t), len(self.access_points)))
        moments = self.scene.moments(t)
        here = ~np.isnan(moments.base[:, 0])
        if not here.any():
            return effect
        places = np.stack([np.broadcast_to(a.places(t), (len(t), 3)) for a in self.access_points], axis=1)[here]
        body = moments.chosen(here)
        moved = body.chest_m[:, np.newaxis] * body.facing
        if self.breathing_db is None:
            effect[here] = self._effect(places, body, moved)
        else:
            phase = np.divide(
                body.chest_m, body.chest_amplitude_m, out=np.zeros(len(moved)), where=body.chest_amplitude_m > 0
            )
            breath = self.breathing_db * phase[:, np.newaxis] * self._shares(places, body)
            effect[here] = self._effect(places, body, np.zeros_like(moved)) + breath
        return effect

    def _shares(self, places: Float64, body: Moments) -> Float64:
        """Share of the stated amplitude of breathing that each link gets, -1 to 1, (T, N)."""
        step = _CHEST_STEP_M * body.facing
        slope = self._effect(places, body, step) - self._effect(places, body, -step)
        rank = min(_BREATHING_LINKS, slope.shape[1])
        strong = np.sort(np.abs(slope), axis=1)[:, -rank, np.newaxis]
        return np.asarray(np.clip(slope / np.maximum(strong, 1e-12), -1.0, 1.0))

    def _effect(self, places: Float64, body: Moments, moved: Float64) -> Float64:
        at = (body.base + moved)[:, np.newaxis]
        host = np.array(self.host)
        wavelength = np.array([a.wavelength for a in self.access_points])
        top = TOP_M[body.seated.astype(np.int64)][:, np.newaxis]
        return body_effect_db(
            shadowed(places, host, at, wavelength, top=top, width=self.body_width_m),
            scattered(places, host, at, wavelength, cross_section=self.cross_section_m2),
            np.array([a.deepest_shadow_db for a in self.access_points]),
        )


def packet_of(
    access_points: Sequence[SimulatedAccessPoint], scans: Scans, row: int, host: str, sequence: int, *, native: bool
) -> MultiBssid:
    """Return what an agent would send of one scan: the slots heard in the last 30 s."""
    readings = scans.readings
    t = float(scans.t_s[row])
    rssi, heard, variance = (values[row].tolist() for values in readings)
    slots = tuple(
        BssidSlot(
            slot=slot,
            rssi_dbm=round(rssi[slot], 2),
            age_ms=min(round((t - heard[slot]) * 1000), _MAX_AGE_MS),
            channel=access_point.channel,
            band=int(access_point.band),
            radio=int(access_point.radio),
            rssi_variance_db2=variance[slot],
        )
        for slot, access_point in enumerate(access_points)
        if t - heard[slot] < EXPIRY_S
    )
    return MultiBssid(host=host, sequence=sequence, uptime_ms=round(t * 1000) % _U32, slots=slots, native=native)
