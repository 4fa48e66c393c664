"""Which access point has which slot: at most 32, stable by first sight, recycled only in full view of the receivers.

The one place where addresses meet slot numbers; it never leaves the host.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from csi_wifiscan.welford import Welford

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from csi_schemas.access_points import Band

    from csi_wifiscan.access_point import AccessPoint

MAX_SLOTS = 32
EXPIRY_S = 30.0
HISTORY = 1024
"""Readings kept of each slot."""
GENERATIONS = 256
_SAME_READING_S = 0.02
"""Kernels and drivers round the time of a reading to their tick, 10 ms at most."""
_RECENT = 16
_MOVED_DB = 2.0
_MOVED_DEVIATIONS = 3.0


class Identity(NamedTuple):
    """What makes an access point the same one in the next scan; its two radios are two."""

    bssid: str
    band: Band


class Sample(NamedTuple):
    """One reading of a slot."""

    at: float
    """Monotonic seconds when the radio heard it."""
    rssi_dbm: float


@dataclass(slots=True)
class Slot:
    """A slot and the access point that has it."""

    number: int
    generation: int
    identity: Identity = field(repr=False)
    reading: AccessPoint = field(repr=False)
    """The newest one."""
    last_seen: float
    """Monotonic seconds when the radio heard it last."""
    history: deque[Sample] = field(default_factory=lambda: deque(maxlen=HISTORY), repr=False)
    statistics: Welford = field(default_factory=Welford)
    silent_since: int | None = None
    """Number of the scan in which it expired; its access point gets it back until another one needs it."""

    def add(self, reading: AccessPoint, at: float) -> bool:
        """Take in a reading; ``False`` when it is the one already known, reported again.

        Only a source that says how old its readings are can repeat one; what others say is new each time.
        """
        if reading.age_ms is not None and self.history and at <= self.history[-1].at + _SAME_READING_S:
            return False
        self.reading, self.last_seen = reading, at
        self.history.append(Sample(at, reading.rssi_dbm))
        self.statistics.add(reading.rssi_dbm)
        return True

    def moved(self) -> bool:
        """Whether the newest reading stands out of the readings before it: more than 2 dB and 3 deviations."""
        if len(self.history) < _RECENT // 2:
            return False
        before = Welford()
        for index in range(max(0, len(self.history) - 1 - _RECENT), len(self.history) - 1):
            before.add(self.history[index].rssi_dbm)
        limit = max(_MOVED_DB, _MOVED_DEVIATIONS * before.deviation)
        return abs(self.history[-1].rssi_dbm - before.mean) > limit


class Update(NamedTuple):
    """What one scan changed."""

    heard: int
    """Access points in the scan."""
    fresh: int
    """Slots with a new reading."""
    moved: int
    """Of these, slots whose reading stands out of those before."""
    recycled: int
    """Slots that passed to another access point: their generation went up."""
    without_slot: int
    """Access points for which there was no slot."""


@dataclass(slots=True)
class Registry:
    """Slots of the access points heard in the last 30 s.

    - A new access point gets the lowest number never used, the strongest first within a scan.
    - One that was silent for 30 s expires: its slot is left out of what is sent, its history and statistics go. When it
      returns before the slot was needed, it gets the same slot back, so that flapping shuffles nothing.
    - When every number is used, the slot expired longest passes on, with its generation raised, and never in the scan
      in which it expired: receivers have seen it missing, and the raised generation tells them to forget, even if they
      missed that.
    - While 32 are active, further access points wait.
    """

    expiry_s: float = EXPIRY_S
    max_slots: int = MAX_SLOTS
    first_generation: int = 0
    slots: dict[Identity, Slot] = field(default_factory=dict, repr=False)
    scans: int = 0

    def update(self, readings: Iterable[AccessPoint], now: float) -> Update:
        """Take in one scan made at ``now``, monotonic seconds."""
        self.scans += 1
        self._expire(now)
        newest = _newest(readings)
        fresh = moved = recycled = without_slot = 0
        for identity, reading in newest.items():
            at = now - (reading.age_ms or 0) / 1000
            if now - at >= self.expiry_s:
                continue
            slot = self.slots.get(identity)
            if slot is None:
                place = self._assign()
                if place is None:
                    without_slot += 1
                    continue
                recycled += place.recycled
                slot = self.slots[identity] = Slot(place.number, place.generation, identity, reading, at)
            slot.silent_since = None
            if slot.add(reading, at):
                fresh += 1
                moved += slot.moved()
        return Update(len(newest), fresh, moved, recycled, without_slot)

    def active(self) -> Iterator[Slot]:
        """Yield the slots in use, by number."""
        yield from sorted((s for s in self.slots.values() if s.silent_since is None), key=lambda slot: slot.number)

    def _expire(self, now: float) -> None:
        for slot in self.slots.values():
            if slot.silent_since is None and now - slot.last_seen >= self.expiry_s:
                slot.silent_since = self.scans
                slot.history.clear()
                slot.statistics = Welford()

    def _assign(self) -> _Place | None:
        """Return a free number; ``None`` when all are in use."""
        if len(self.slots) < self.max_slots:
            return _Place(len(self.slots), self.first_generation, recycled=False)
        silent = [s for s in self.slots.values() if s.silent_since is not None and s.silent_since < self.scans]
        if not silent:
            return None
        oldest = min(silent, key=lambda slot: (slot.silent_since, slot.number))
        del self.slots[oldest.identity]
        return _Place(oldest.number, (oldest.generation + 1) % GENERATIONS, recycled=True)


class _Place(NamedTuple):
    number: int
    generation: int
    recycled: bool


def _newest(readings: Iterable[AccessPoint]) -> dict[Identity, AccessPoint]:
    """One reading of each access point, the youngest and then the strongest; the strongest access point first."""
    found: dict[Identity, AccessPoint] = {}
    for reading in readings:
        identity = Identity(reading.bssid, reading.band)
        known = found.get(identity)
        if known is None or (-(reading.age_ms or 0), reading.rssi_dbm) > (-(known.age_ms or 0), known.rssi_dbm):
            found[identity] = reading
    return dict(sorted(found.items(), key=lambda item: (-item[1].rssi_dbm, item[0])))
