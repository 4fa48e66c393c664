"""Slots: stable, bounded, and recycled only in full view of the receivers."""

from __future__ import annotations

import statistics

import pytest
from csi_schemas.access_points import Band
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.registry import EXPIRY_S, MAX_SLOTS, Registry
from csi_wifiscan.welford import Welford
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule


def ap(number: int, rssi: float = -60.0, band: Band = Band.GHZ_5, age_ms: int | None = None) -> AccessPoint:
    """Access point of a number."""
    return AccessPoint(f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}", rssi, band=band, channel=36, age_ms=age_ms)


def placed(registry: Registry) -> dict[str, tuple[int, int]]:
    """Slot number and generation of each active access point."""
    return {slot.identity.bssid: (slot.number, slot.generation) for slot in registry.active()}


def test_slots_follow_first_sight_and_strength() -> None:
    """Earlier scans first, the strongest first within a scan, whatever the order of the list."""
    registry = Registry()
    registry.update([ap(1, -80), ap(2, -40)], 0.0)
    registry.update([ap(3, -20), ap(1, -80)], 1.0)
    assert placed(registry) == {ap(2).bssid: (0, 0), ap(1).bssid: (1, 0), ap(3).bssid: (2, 0)}


def test_flapping_shuffles_nothing() -> None:
    """Gone for less or for more than 30 s, an access point comes back to its slot while nobody needed it."""
    registry = Registry()
    registry.update([ap(1), ap(2), ap(3)], 0.0)
    before = placed(registry)
    registry.update([ap(1), ap(3)], 10.0)
    assert placed(registry) == before, "not heard for 10 s is not gone"
    registry.update([ap(1), ap(3)], EXPIRY_S)
    assert ap(2).bssid not in placed(registry)
    registry.update([ap(1), ap(2), ap(3), ap(4)], EXPIRY_S + 1)
    assert placed(registry) == {**before, ap(4).bssid: (3, 0)}


def test_a_slot_passes_on_only_after_a_frame_without_it() -> None:
    """When all are used, the one expired longest passes on, its generation raised, not in the scan it expired in."""
    registry = Registry(first_generation=255)
    everybody = [ap(n) for n in range(MAX_SLOTS)]
    registry.update(everybody, 0.0)
    registry.update(everybody[2:], 20.0)
    registry.update(everybody[2:], 29.0)
    update = registry.update([*everybody[2:], ap(100)], 30.0)
    assert (update.recycled, update.without_slot) == (0, 1), "receivers have not seen slots 0 and 1 missing"
    assert len(placed(registry)) == MAX_SLOTS - 2
    update = registry.update([*everybody[2:], ap(100)], 31.0)
    assert (update.recycled, update.without_slot) == (1, 0)
    assert placed(registry)[ap(100).bssid] == (0, 0), "generation 255 is followed by 0"
    registry.update([*everybody[2:], ap(100), ap(0)], 32.0)
    assert placed(registry)[ap(0).bssid] == (1, 0), "the first owner has no claim on a slot that passed on"
    update = registry.update([*everybody, ap(100)], 33.0)
    assert update.without_slot == 1, "32 are active; the rest waits"


def test_old_readings_count_once_and_expire_by_their_age() -> None:
    """A list that repeats what the radio heard before adds nothing; what it heard 30 s ago has no slot."""
    registry = Registry()
    assert registry.update([ap(1, age_ms=100)], 10.0).fresh == 1
    assert registry.update([ap(1, age_ms=600)], 10.5).fresh == 0, "heard at 9.9 s, reported again"
    assert registry.update([ap(1, -50, age_ms=10)], 11.0).fresh == 1
    (slot,) = registry.active()
    assert [sample.rssi_dbm for sample in slot.history] == [-60.0, -50.0]
    assert slot.statistics.count == 2
    assert registry.update([ap(2, age_ms=30_000)], 40.0).heard == 1
    assert list(registry.active()) == [slot]
    assert [registry.update([ap(3)], 40.0 + 0.001 * n).fresh for n in range(3)] == [1, 1, 1], "no age: each is new"


def test_one_access_point_listed_twice_is_one_and_two_bands_are_two() -> None:
    """The youngest reading counts, then the strongest; the same address on another band is another path."""
    registry = Registry()
    twice = [ap(1, -70, age_ms=5), ap(1, -50, age_ms=500), ap(1, -60, age_ms=5), ap(1, -40, Band.GHZ_2_4)]
    assert registry.update(twice, 100.0).heard == 2
    assert sorted(slot.reading.rssi_dbm for slot in registry.active()) == [-60, -40]


def test_what_stands_out_is_said() -> None:
    """A drop of 6 dB after steady readings moved; the jitter of 0.5 dB before it did not."""
    registry = Registry()
    for scan in range(20):
        assert registry.update([ap(1, -60 + 0.5 * (scan % 2))], scan * 0.5).moved == 0
    assert registry.update([ap(1, -66)], 10.0).moved == 1


def test_no_identifier_is_in_what_python_shows_of_a_registry() -> None:
    """Representations end up in logs and tracebacks."""
    registry = Registry()
    registry.update([AccessPoint("02:aa:bb:cc:dd:ee", -50.0, "secret")], 0.0)
    (slot,) = registry.active()
    for shown in (repr(registry), repr(slot)):
        assert "02:aa" not in shown
        assert "secret" not in shown


@given(st.lists(st.floats(-100, 0), min_size=2, max_size=50))
def test_welford_is_mean_and_variance(values: list[float]) -> None:
    """The running figures equal those of the whole list."""
    running = Welford()
    assert running.variance == 0.0
    for value in values:
        running.add(value)
    assert running.mean == pytest.approx(statistics.fmean(values), abs=1e-9)
    assert running.variance == pytest.approx(statistics.variance(values), abs=1e-9)
    assert running.deviation == pytest.approx(statistics.stdev(values), abs=1e-6)


class Receiver(RuleBasedStateMachine):
    """What a receiver may conclude from slot and generation alone, whatever comes and goes and whatever it misses."""

    def __init__(self) -> None:
        super().__init__()
        self.registry = Registry(expiry_s=3.0, max_slots=3)
        self.now = 0.0
        self.known: dict[tuple[int, int], str] = {}
        self.last: dict[str, int] = {}
        self.previous: set[int] = set()

    @rule(heard=st.sets(st.integers(0, 6), max_size=6), step=st.sampled_from([0.5, 1.0, 4.0]))
    def scan(self, heard: set[int], step: float) -> None:
        """One scan."""
        self.now += step
        before = {slot.number: slot.identity for slot in self.registry.active()}
        self.registry.update([ap(n, -50 - n) for n in heard], self.now)
        for slot in self.registry.active():
            kept = self.known.setdefault((slot.number, slot.generation), slot.identity.bssid)
            assert kept == slot.identity.bssid, "one slot and generation never means two access points"
            if slot.number in before:
                assert before[slot.number] == slot.identity, "no slot passes on between two frames that have it"

    @invariant()
    def bounded(self) -> None:
        """At most so many slots, numbered from 0, each once."""
        numbers = [slot.number for slot in self.registry.active()]
        assert numbers == sorted(set(numbers))
        assert set(numbers) <= set(range(3))
        assert len(self.registry.slots) <= 3


Receiver.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
test_slots_mean_one_access_point = Receiver.TestCase
