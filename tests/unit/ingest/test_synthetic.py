"""The simulated room against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from csi_ingest.synthetic import (
    DEFAULT_SCENE,
    Link,
    RadioParameters,
    Receiver,
    Room,
    Scene,
    Segment,
    default_links,
    simulated_node,
)
from csi_ingest.synthetic.channel import SPEED_OF_LIGHT, subcarrier_indices
from csi_ingest.synthetic.radio import used_subcarriers
from csi_schemas.codec import CsiPacket, decode

OPEN_AIR = Room(size=(100.0, 100.0, 100.0), reflection=0.0)
QUIET = RadioParameters(noise_dbm=-400.0, random_phase=False)


def amplitudes(datagrams: list[bytes]) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Magnitude of every sub-carrier, (T, S)."""
    packets = [decode(datagram) for datagram in datagrams]
    assert all(isinstance(packet, CsiPacket) for packet in packets)
    iq = np.stack([np.frombuffer(packet.iq, np.int8).reshape(-1, 2) for packet in packets])  # type: ignore[union-attr]
    return np.asarray(np.hypot(iq[..., 0].astype(float), iq[..., 1].astype(float)))


def test_one_path_has_friis_amplitude_and_the_phase_of_its_length() -> None:
    """In open air |H| = lambda / (4 pi d) on every sub-carrier, and the phase falls by 2 pi d / c per hertz."""
    link = Link((50.0, 50.0, 50.0), (53.0, 54.0, 50.0), room=OPEN_AIR, direct_loss_db=0.0)
    channel = link.static_channel()
    assert np.abs(channel) == pytest.approx(np.full(64, link.wavelength / (4 * np.pi * 5.0)))
    order = np.argsort(link.frequencies)
    slope = np.diff(np.unwrap(np.angle(channel[order]))) / np.diff(link.frequencies[order])
    assert slope == pytest.approx(np.full(63, -2 * np.pi * 5.0 / SPEED_OF_LIGHT))


def test_two_paths_fade_where_they_cancel() -> None:
    """One reflecting floor: |H| is that of the direct and the mirrored path added up by hand."""
    room = Room(size=(1e9, 1e9, 1e9), reflection=0.5)
    link = Link((5e8, 5e8, 2.0), (5e8 + 4.0, 5e8, 1.0), room=room, direct_loss_db=6.0)
    direct, mirrored = np.hypot(4.0, 1.0), np.hypot(4.0, 3.0)
    wave = link.wavelength / (4 * np.pi)
    k = 2 * np.pi * link.frequencies / SPEED_OF_LIGHT
    by_hand = wave * (10 ** (-6 / 20) / direct * np.exp(-1j * k * direct) - 0.5 / mirrored * np.exp(-1j * k * mirrored))
    assert np.abs(link.static_channel() - by_hand).max() < 1e-6 * np.abs(by_hand).max()


@pytest.mark.parametrize("speed", [0.3, 0.9, 2.0])
def test_doppler_of_a_body_that_walks_away_is_2v_over_lambda(speed: float) -> None:
    """Transmitter and receiver in one place, the body walking straight away: the path's frequency is -2 v / lambda."""
    link = Link((50.0, 50.0, 50.0), (50.0, 50.0, 50.0), room=OPEN_AIR)
    t = np.arange(0, 2.0, 0.005)
    body = np.array([52.0, 50.0, 50.0]) + np.outer(t * speed, [1.0, 0.0, 0.0])
    phase = np.unwrap(np.angle(link.scattered_channel(body)[:, 0]))
    frequency = np.gradient(phase, t) / (2 * np.pi)
    wavelength = SPEED_OF_LIGHT / link.frequencies[0]
    assert frequency == pytest.approx(np.full(len(t), -2 * speed / wavelength), rel=1e-3)


def test_scattering_follows_the_bistatic_radar_equation() -> None:
    """|H| = lambda sqrt(sigma) / ((4 pi)^1.5 d1 d2)."""
    link = Link((50.0, 50.0, 50.0), (56.0, 50.0, 50.0), room=OPEN_AIR, radar_cross_section=0.7)
    channel = link.scattered_channel(np.array([[53.0, 54.0, 50.0]]))
    expected = link.wavelength * np.sqrt(0.7) / ((4 * np.pi) ** 1.5 * 5.0 * 5.0)
    assert np.abs(channel) == pytest.approx(np.full((1, 64), expected), rel=1e-9)


def test_an_empty_room_without_noise_is_constant() -> None:
    """No body, no noise: every frame has the same bytes but for its sequence number."""
    node = simulated_node(1, default_links(1)[0], Scene((Segment("empty", 10.0),)), QUIET)
    datagrams = [node.datagram(t) for t in np.arange(0, 10, 0.1)]
    assert len({datagram[16:] for datagram in datagrams}) == 1
    assert [decode(datagram).sequence for datagram in datagrams] == list(range(100))  # type: ignore[union-attr]


@pytest.mark.parametrize("breathing_hz", [0.15, 0.25, 0.4])
def test_breathing_shows_at_its_own_frequency(breathing_hz: float) -> None:
    """A still person, with noise, gain steps and eight bits: the strongest line of the amplitudes is the breath."""
    scene = Scene((Segment("still", 60.0, breathing_hz=breathing_hz),))
    node = simulated_node(1, default_links(1)[0], scene, seed=4)
    t = np.arange(0, 60, 1 / 20)
    received = amplitudes([node.datagram(float(moment)) for moment in t])[:, used_subcarriers(64)]
    shape = received / np.linalg.norm(received, axis=1, keepdims=True)
    power = (np.abs(np.fft.rfft(shape - shape.mean(axis=0), axis=0)) ** 2).sum(axis=1)
    frequency = np.fft.rfftfreq(len(t), 1 / 20)
    assert frequency[power.argmax()] == pytest.approx(breathing_hz, abs=1 / 60)


def test_a_walk_moves_more_than_breath_and_breath_more_than_nothing() -> None:
    """Noise apart, the channel varies most during the walk and not at all in the empty room."""
    node = simulated_node(1, default_links(1)[0], DEFAULT_SCENE)
    spread = {}
    for name, start, stop in (("empty", 0, 20), ("walk", 20, 35), ("still", 35, 80), ("left", 85, 125)):
        spread[name] = np.abs(node.channel(np.linspace(start, stop, 400, endpoint=False))).std(axis=0).mean()
    assert spread["walk"] > 3 * spread["still"] > 0
    assert spread["empty"] < 1e-15
    assert spread["left"] < 1e-15


def test_the_truth_follows_the_script_round_and_round() -> None:
    """Presence, motion and breaths per minute of each segment, again after the last."""
    for offset in (0.0, DEFAULT_SCENE.duration, 7 * DEFAULT_SCENE.duration):
        moments = [DEFAULT_SCENE.truth(offset + t) for t in (0.0, 19.9, 20.0, 34.9, 35.1, 79.9, 80.1, 85.1)]
        assert [m.activity for m in moments] == ["empty", "empty", "walk", "walk", "still", "still", "walk", "empty"]
        assert [m.presence for m in moments] == [False, False, True, True, True, True, True, False]
        assert [m.motion for m in moments] == [False, False, True, True, False, False, True, False]
        assert moments[4].breathing_bpm == 15.0
        assert moments[2].breathing_bpm is None
    present = ~np.isnan(DEFAULT_SCENE.positions(np.array([5.0, 25.0, 50.0, 90.0, 150.0]))[:, 0])
    assert present.tolist() == [False, True, True, False, True]


def test_a_walk_has_its_speed_and_keeps_to_its_path() -> None:
    """Between close moments the body moves by speed times time, and it is always on a line between two way points."""
    path = ((0.0, 0.0, 1.0), (3.0, 0.0, 1.0), (3.0, 4.0, 1.0))
    segment = Segment("walk", 100.0, path=path, speed=0.5)
    positions = segment.positions(np.arange(0, 24, 0.01))
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1) / 0.01
    assert np.median(steps) == pytest.approx(0.5)
    assert steps.max() <= 0.5 + 1e-9
    assert positions[0] == pytest.approx(path[0])
    assert segment.positions(np.array([6.0, 14.0, 24.0])) == pytest.approx(np.array([path[1], path[2], path[0]]))


def test_the_gain_steps_when_the_level_leaves_the_tolerance() -> None:
    """A signal 20 dB weaker is brought back to the same level by whole gain steps, and counted as one change."""
    receiver = Receiver(QUIET, np.random.default_rng(0))
    channel = np.full(64, 1e-3 + 0j)
    strong, _ = receiver.receive(channel)
    first = receiver.gain_db
    again, _ = receiver.receive(np.asarray(channel * 10 ** (1.0 / 20)))
    assert receiver.gain_changes == 0, "1 dB is within the tolerance"
    weak, rssi = receiver.receive(np.asarray(channel * 0.1))
    assert first is not None
    assert receiver.gain_db is not None
    assert receiver.gain_changes == 1
    assert (receiver.gain_db - first) % QUIET.gain_step_db == 0
    for iq in (strong, again, weak):
        level = np.sqrt((iq.astype(float) ** 2).sum() / used_subcarriers(64).sum())
        assert abs(20 * np.log10(level / QUIET.target_level)) < QUIET.hysteresis_db + 0.5
    assert rssi == round(QUIET.transmit_dbm + 20 * np.log10(1e-4))


def test_strong_peaks_are_clipped_not_wrapped() -> None:
    """A sub-carrier far above the rest saturates at 127."""
    receiver = Receiver(QUIET, np.random.default_rng(0))
    channel = np.full(64, 1e-4 + 0j)
    channel[5] = -1.0
    iq, _ = receiver.receive(channel)
    assert iq[5].tolist() == [-127, 0]


def test_null_subcarriers_are_zero_and_the_others_are_not() -> None:
    """DC and the guard band of 802.11n carry nothing, as in an ESP32's frames."""
    node = simulated_node(1, default_links(1)[0], DEFAULT_SCENE)
    received = amplitudes([node.datagram(0.0)])[0]
    index = subcarrier_indices(64)
    assert set(index[received == 0]) == {0.0, -32.0, *range(29, 32), *range(-31, -28)}


def test_noise_has_the_power_it_is_said_to_have() -> None:
    """Without a signal the RSSI is the noise power."""
    receiver = Receiver(RadioParameters(noise_dbm=-90.0), np.random.default_rng(0))
    levels = [receiver.receive(np.zeros(64, dtype=np.complex128))[1] for _ in range(200)]
    assert np.mean(levels) == pytest.approx(-90.0, abs=0.3)


def test_the_same_seed_gives_the_same_datagrams() -> None:
    """A scene can be had again bit for bit; another seed or another node gives other noise."""
    link = default_links(1)[0]

    def run(number: int, seed: int) -> list[bytes]:
        node = simulated_node(number, link, DEFAULT_SCENE, seed=seed)
        return [node.datagram(t)[20:] for t in (0.0, 21.0, 40.0)]

    assert run(1, 7) == run(1, 7)
    assert run(1, 7) != run(1, 8)
    assert run(1, 7) != run(2, 7)


@pytest.mark.parametrize("count", [1, 8, 255])
def test_nodes_stand_in_different_places_of_the_room(count: int) -> None:
    """Up to 255 nodes, all inside the room, no two in one place."""
    links = default_links(count)
    places = np.array([link.receiver for link in links])
    assert len(np.unique(places, axis=0)) == count
    assert (places > 0).all()
    assert (places < np.array(links[0].room.size)).all()


@pytest.mark.parametrize("count", [0, 256])
def test_impossible_numbers_of_nodes_are_refused(count: int) -> None:
    """The message says how many there can be."""
    with pytest.raises(ValueError, match="1 to 255"):
        default_links(count)


@pytest.mark.parametrize(
    "arguments", [{"activity": "empty", "duration": 0.0}, {"activity": "walk", "duration": 1.0, "speed": 0.0}]
)
def test_impossible_segments_are_refused(arguments: dict[str, object]) -> None:
    """No segment without duration, no walk without speed."""
    with pytest.raises(ValueError, match="above 0"):
        Segment(**arguments)  # type: ignore[arg-type]
