"""Simulated scans of access points against closed forms: propagation, the body, beacons, readings."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from csi_ingest.synthetic import (
    COMMAND,
    DEFAULT_SCENE,
    NATIVE,
    Building,
    Drift,
    ScanParameters,
    Scans,
    ScanSimulator,
    Scene,
    Segment,
    SimulatedAccessPoint,
    neighbourhood,
    simulated_laptop,
)
from csi_ingest.synthetic.propagation import body_effect_db, fresnel, path_loss_db, scattered, shadowed, walls_between
from csi_ingest.synthetic.reception import BEACON_S
from csi_ingest.synthetic.scans import EXPIRY_S
from csi_schemas.access_points import Band, Radio
from csi_schemas.codec import MultiBssid, decode
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

WAVE = np.array(0.125)
EMPTY = Scene((Segment("empty", 10.0),))
QUIET = ScanParameters(quantum_db=0.0, noise_db=0.0, fading_db=0.0, missed=0.0)
TWENTY_HZ = np.arange(1, 1201) / 20


def at(x: float, y: float = 0.0, z: float = 1.0) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """A point, metres."""
    return np.array([x, y, z])


def access_point(**fields: object) -> SimulatedAccessPoint:
    """One on channel 6, in the host's flat."""
    given_fields = {"place": (0.5, 0.5, 1.5), "band": Band.GHZ_2_4, "channel": 6, "radio": Radio.N, **fields}
    return SimulatedAccessPoint(**{"eirp_dbm": 18.0, "deepest_shadow_db": 6.0, **given_fields})  # type: ignore[arg-type]


def simulate(
    *access_points: SimulatedAccessPoint, scene: Scene = EMPTY, parameters: ScanParameters = QUIET, seed: int = 0
) -> Scans:
    """A minute at 20 Hz."""
    return ScanSimulator(access_points, scene, parameters, seed).scans(TWENTY_HZ)


def test_fresnel_integrals_are_those_of_scipy() -> None:
    """To the 2e-3 of the rational approximation, on both sides of zero."""
    v = np.linspace(-20, 20, 4001)
    s, c = special.fresnel(v)
    assert np.abs(fresnel(v) - (c - 1j * s)).max() < 2.5e-3


def test_path_loss_is_friis_at_a_metre_and_grows_by_its_exponent() -> None:
    """20 log10(4 pi / lambda) at 1 m, 10 n dB a decade."""
    loss = path_loss_db(np.array([1.0, 10.0, 100.0]), WAVE, 2.8)
    assert loss[0] == pytest.approx(20 * np.log10(4 * np.pi / 0.125))
    assert np.diff(loss) == pytest.approx([28.0, 28.0])


def test_walls_are_the_planes_between() -> None:
    """Flats of 6 by 4.5 by 2.6 m: each multiple that lies between the points, in each direction."""
    counted = walls_between(np.array([[1.0, 1.0, 1.0], [-7.0, 14.0, 4.0]]), at(5.0, 1.0, 1.0), (6.0, 4.5, 2.6))
    assert counted.tolist() == [[0, 0, 0], [2, 3, 1]]


def test_the_edge_of_a_wide_body_takes_half_the_field() -> None:
    """Knife edge at grazing incidence: 0.5 of the field, -6 dB, wherever between the ends it stands."""
    for x in (1.0, 3.0, 7.0):
        left = shadowed(at(0.0), at(8.0), at(x), WAVE, top=np.array(1.0), width=400.0)
        assert abs(left) == pytest.approx(0.5, abs=0.01)


@given(st.floats(0.5, 7.5), st.floats(-3.0, 3.0))
def test_a_body_acts_within_the_fresnel_zones(x: float, y: float) -> None:
    """In the first zone it shadows, beyond the tenth it does next to nothing, behind the ends nothing at all."""
    radius = np.sqrt(0.125 * x * (8 - x) / 8)
    field = shadowed(at(0.0), at(8.0), at(x, y), WAVE, top=np.array(4.0), width=0.45)
    if abs(y) < 0.3 * radius:
        assert abs(field) < 0.75
    if abs(y) > np.sqrt(10) * radius + 0.45:
        assert abs(abs(field) - 1) < 0.15
    behind = shadowed(at(0.0), at(8.0), at(-x, y), WAVE, top=np.array(4.0), width=0.45)
    assert behind == 1.0


def test_somebody_small_shadows_a_high_link_less() -> None:
    """Under a line at 1.6 m, somebody who sits (1.25 m) takes less than somebody who stands (1.75 m)."""
    loss = [
        -20 * np.log10(abs(shadowed(at(0, z=1.6), at(8, z=1.6), at(4), WAVE, top=np.array(top), width=0.45)))
        for top in (1.25, 1.75)
    ]
    assert loss[1] > loss[0] + 2


def test_scattering_is_the_radar_equation_with_the_phase_of_the_detour() -> None:
    """Back to where it came from: sqrt(sigma / 4 pi) d / r^2; half a wavelength further is one turn."""
    near = scattered(at(0.0), at(0.2), at(-4.0), WAVE, cross_section=0.7)
    further = scattered(at(0.0), at(0.2), at(-4.0 - 0.125 / 2), WAVE, cross_section=0.7)
    assert abs(near) == pytest.approx(np.sqrt(0.7 / (4 * np.pi)) * 0.2 / (4.0 * 4.2))
    assert np.angle(near / further) == pytest.approx(0.0, abs=1e-9)
    assert abs(scattered(at(0.0), at(8.0), at(4.0), WAVE, cross_section=0.7)) == 0.0, "straight on is the shadow"


@given(st.floats(3.0, 8.0))
def test_a_shadow_is_as_deep_as_the_other_ways_let_it_be(deepest: float) -> None:
    """Nothing left of the direct path: the stated 3-8 dB; nobody there: 0 dB."""
    effect = body_effect_db(np.array([0.0, 1.0], np.complex128), np.zeros(2, np.complex128), np.array(deepest))
    assert effect == pytest.approx([-deepest, 0.0], abs=1e-9)


def test_a_walk_through_the_line_shadows_it_and_no_other() -> None:
    """The link that is crossed falls by several dB at that moment; one far from the body does not."""
    crossing = Scene((Segment("walk", 60.0, ((1.8, 0.3, 1.1), (1.8, 4.2, 1.1)), speed=0.5),))
    crossed = access_point(place=(0.5, 2.2, 0.8))
    beyond = access_point(place=(9.0, 2.2, 0.8))
    scans = simulate(crossed, beyond, scene=crossing)
    y = crossing.positions(TWENTY_HZ)[:, 1]
    on_line, off_line = np.abs(y - 2.2) < 0.05, np.abs(y - 2.2) > 1.0
    assert scans.body_db[on_line, 0].max() < -3.0
    assert np.abs(scans.body_db[off_line, 0]).max() < 2.0
    assert np.abs(scans.body_db[:, 1]).max() < 2.0


def test_an_empty_room_without_noise_is_constant() -> None:
    """Nothing moves, nothing is drawn: every reading of a link is its mean level, and the body does nothing."""
    scans = simulate(*neighbourhood(8, 1))
    assert np.ptp(scans.readings.rssi_dbm, axis=0).max() < 1e-9
    assert scans.readings.rssi_dbm[0, 0] == pytest.approx(
        neighbourhood(8, 1)[0].level_dbm(np.zeros(1), (3.0, 2.2, 0.8), Building())[0]
    )
    assert not scans.body_db.any()
    assert scans.readings.variance_db2.max() < 1e-9


@pytest.mark.parametrize("quantum", [0.5, 1.0])
def test_readings_are_whole_or_half_decibels(quantum: float) -> None:
    """And spread as much as noise, fading and rounding together."""
    parameters = ScanParameters(quantum_db=quantum, noise_db=0.8, fading_db=0.0)
    scans = simulate(*neighbourhood(16, 2), parameters=parameters)
    steps = scans.readings.rssi_dbm / quantum
    assert np.abs(steps - np.rint(steps)).max() < 1e-9
    assert scans.readings.variance_db2[-1].mean() == pytest.approx(0.8**2 + quantum**2 / 12, rel=0.1)


def test_a_reading_comes_with_each_beacon_that_was_not_missed() -> None:
    """Ages go up to a beacon's interval while none is missed; of 30 % missed, 30 % are."""
    scans = simulate(*neighbourhood(8, 3))
    age = scans.t_s[:, np.newaxis] - scans.readings.heard_s
    assert age.min() >= 0
    assert age.max() <= BEACON_S
    scans = simulate(*neighbourhood(8, 3), parameters=ScanParameters(missed=0.3))
    heard = np.mean([len(np.unique(column)) for column in scans.readings.heard_s.T])
    assert heard * BEACON_S / 60 == pytest.approx(0.7, abs=0.05)
    every = simulate(*neighbourhood(8, 3), parameters=ScanParameters(missed=0.0, every_scan=True))
    assert (every.t_s[:, np.newaxis] == every.readings.heard_s).all()


def test_an_access_point_without_power_falls_silent_and_comes_back() -> None:
    """Its age grows; from 30 s on it is left out of the packets; then it has its slot again."""
    off = access_point(off_s=((5.0, 45.0),))
    simulator = ScanSimulator((access_point(), off), EMPTY, QUIET)
    scans = simulator.scans(TWENTY_HZ)
    packets = list(simulator.packets(scans, "00c0ffee00c0ffee"))
    told = [[slot.slot for slot in packet.slots] for packet in packets]
    silent = (scans.t_s > 5.0 + EXPIRY_S + 1) & (scans.t_s < 45.0)
    assert all(slots == ([0] if gone else [0, 1]) for slots, gone in zip(told, silent, strict=True) if gone)
    assert told[0] == told[-1] == [0, 1]
    ages = [slot.age_ms for packet in packets[:600] for slot in packet.slots if slot.slot == 1]
    assert max(ages) > 24_000
    assert [packet.sequence for packet in packets] == list(range(1200))


def test_jitter_is_on_the_share_of_readings_it_is_said_to_be() -> None:
    """A tenth of the readings are off by 0.5 dB, to both sides alike."""
    parameters = ScanParameters(
        quantum_db=0.5, noise_db=0.0, fading_db=0.0, missed=0.0, jitter_share=0.1, every_scan=True
    )
    rssi = simulate(*neighbourhood(16, 4), parameters=parameters).readings.rssi_dbm
    off = rssi - np.median(rssi, axis=0)
    assert set(np.unique(off)) == {-0.5, 0.0, 0.5}
    assert np.mean(off != 0) == pytest.approx(0.1, abs=0.01)
    assert abs(np.mean(off)) < 0.005


def test_the_running_variance_is_that_of_the_readings_so_far() -> None:
    """Welford's is numpy's, each reading counted once however often it was repeated."""
    readings = simulate(*neighbourhood(4, 5), parameters=NATIVE).readings
    for column in range(4):
        _, first = np.unique(readings.heard_s[:, column], return_index=True)
        told = readings.rssi_dbm[np.sort(first), column]
        assert readings.variance_db2[-1, column] == pytest.approx(np.var(told, ddof=1))


@pytest.mark.parametrize("amplitude", [0.2, 0.5])
def test_breathing_has_the_stated_amplitude_on_a_few_links(amplitude: float) -> None:
    """Four links swing by that much at the rate of the breath, no link by more, and no swing in an empty room."""
    scene = Scene((Segment("still", 40.0, breathing_hz=0.25), Segment("empty", 20.0)))
    simulator = ScanSimulator(neighbourhood(24, 6), scene, QUIET, breathing_db=amplitude)
    body = simulator.body_db(TWENTY_HZ)
    still = body[TWENTY_HZ < 40]
    swing = np.ptp(still, axis=0) / 2
    assert np.sort(swing)[-4:] == pytest.approx([amplitude] * 4, rel=0.01)
    strongest = still[:, swing.argmax()]
    power = np.abs(np.fft.rfft(strongest - strongest.mean()))
    assert np.fft.rfftfreq(len(strongest), 1 / 20)[power.argmax()] == pytest.approx(0.25, abs=0.03)
    assert not body[(TWENTY_HZ >= 40) & (TWENTY_HZ < 60)].any()


def test_more_movement_moves_the_links_more() -> None:
    """Averaged over rooms: nobody, fidgeting, exercises, a walk, each well above the one before it."""
    spot = ((1.4, 1.2, 1.1),)
    activities = ("empty", "fidget", "gesture", "walk")
    spread = []
    for activity in activities:
        segment = Segment(activity, 60.0) if activity in {"empty", "walk"} else Segment(activity, 60.0, spot)  # type: ignore[arg-type]
        bodies = [
            ScanSimulator(neighbourhood(24, seed), Scene((segment,)), QUIET).body_db(TWENTY_HZ) for seed in range(6)
        ]
        spread.append(float(np.mean([np.var(body, axis=0).mean() for body in bodies])) ** 0.5)
    assert spread[0] == 0.0
    assert spread[1] > 0.05
    assert spread[2] > 1.2 * spread[1]
    assert spread[3] > 1.2 * spread[2]


@pytest.mark.parametrize(
    ("drift", "expected"),
    [
        (Drift("Stable"), np.zeros(1200)),
        (Drift("Linear", 10.0, 6.0), np.maximum(TWENTY_HZ - 10, 0) / 10),
        (Drift("StepChange", 30.0, -4.0), np.where(TWENTY_HZ >= 30, -4.0, 0.0)),
        (Drift("Oscillating", 0.0, 2.0, 12.0), 2 * np.sin(2 * np.pi * TWENTY_HZ / 12)),
        (Drift("VarianceExpansion", 0.0, 3.0), np.zeros(1200)),
    ],
)
def test_a_drift_is_its_closed_form(drift: Drift, expected: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> None:
    """On one access point and not on the other; the expanding one by its growing spread."""
    parameters = replace(QUIET, every_scan=True)
    rssi = simulate(access_point(drift=drift), access_point(), parameters=parameters).readings.rssi_dbm
    if drift.profile == "VarianceExpansion":
        early, late = rssi[:200, 0].std(), rssi[-200:, 0].std()
        assert late == pytest.approx(3.0 * 55 / 60, rel=0.25)
        assert late > 5 * early
    else:
        assert np.abs(rssi[:, 0] - rssi[0, 0] - expected + expected[0]).max() < 1e-9
    assert np.ptp(rssi[:, 1]) == 0


def test_a_hotspot_that_is_carried_changes_its_level_without_anybody_in_the_room() -> None:
    """By more than 5 dB, while the body's part stays 0."""
    carried = access_point(place=(-4.0, 2.0, 1.0), carried=((-4.0, 2.0, 1.0), (-10.0, 2.0, 1.0)))
    scans = simulate(carried)
    assert np.ptp(scans.readings.rssi_dbm) > 5
    assert not scans.body_db.any()


@pytest.mark.parametrize("count", [1, 5, 32])
def test_a_neighbourhood_has_its_number_strongest_first(count: int) -> None:
    """The same building for the same seed; shadows of 3-8 dB; levels a radio can receive."""
    made = neighbourhood(count, 11)
    levels = [float(a.level_dbm(np.zeros(1), (3.0, 2.2, 0.8), Building())[0]) for a in made]
    assert len(made) == count
    assert levels == sorted(levels, reverse=True)
    assert levels[-1] > -88
    assert all(3 <= a.deepest_shadow_db <= 8 for a in made)
    assert made == neighbourhood(count, 11)
    assert made != neighbourhood(count, 12)


def test_impossible_wishes_are_refused() -> None:
    """No access point, too many, a building that swallows everything, time that runs backwards."""
    for count in (0, 33):
        with pytest.raises(ValueError, match="1 to 32"):
            neighbourhood(count, 0)
    with pytest.raises(ValueError, match="lets only"):
        neighbourhood(32, 0, building=Building(wall_db=200.0, floor_db=200.0))
    simulator = ScanSimulator(neighbourhood(3, 0), EMPTY)
    simulator.scans(np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="ascending"):
        simulator.scans(np.array([1.5]))


@pytest.mark.parametrize("parameters", [NATIVE, COMMAND])
def test_scans_do_not_depend_on_how_many_are_asked_for(parameters: ScanParameters) -> None:
    """All at once, or one by one as the sender does it; another seed gives other noise."""
    made = neighbourhood(12, 9)
    whole = ScanSimulator(made, DEFAULT_SCENE, parameters, 5).scans(TWENTY_HZ[:400])
    one_by_one = ScanSimulator(made, DEFAULT_SCENE, parameters, 5)
    rows = [one_by_one.scans(TWENTY_HZ[n : n + 1]).readings for n in range(400)]
    for index, values in enumerate(whole.readings):
        assert np.array_equal(np.concatenate([row[index] for row in rows]), values, equal_nan=True)
    other = ScanSimulator(made, DEFAULT_SCENE, parameters, 6).scans(TWENTY_HZ[:400])
    assert not np.array_equal(other.readings.rssi_dbm, whole.readings.rssi_dbm)


def test_a_laptop_sends_what_an_agent_would() -> None:
    """24 access points in a valid packet, native at 20 Hz and not at 2; laptops have their own numbers and places."""
    first, second = (decode(simulated_laptop(number, DEFAULT_SCENE, seed=3).datagram(0.05)) for number in (1, 2))
    assert isinstance(first, MultiBssid)
    assert isinstance(second, MultiBssid)
    assert (len(first.slots), len(second.slots), first.native, second.native) == (24, 24, True, True)
    assert first.node_id != second.node_id
    assert first.slots != second.slots
    slow = decode(simulated_laptop(1, DEFAULT_SCENE, seed=3, scan_hz=2.0).datagram(0.5))
    assert isinstance(slow, MultiBssid)
    assert not slow.native
    again = simulated_laptop(1, DEFAULT_SCENE, seed=3)
    assert decode(again.datagram(0.05)) == first


def test_the_truth_tells_level_and_posture() -> None:
    """By what moves: nothing but breath, hands, the trunk, the whole body; sitting and standing."""
    told = {activity: Segment(activity, 1.0).truth[4:] for activity in ("empty", "still", "fidget", "gesture", "walk")}
    assert told == {
        "empty": ("None", "empty"),
        "still": ("None", "sitting"),
        "fidget": ("Minimal", "sitting"),
        "gesture": ("Moderate", "standing"),
        "walk": ("High", "walking"),
    }
    assert Segment("still", 1.0, seated=False).truth.posture == "standing"
