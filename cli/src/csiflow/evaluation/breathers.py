"""Simulated people at rest, whose rate is known: how fast, deep, regular and undisturbed they breathe is chosen.

Breathing is no sine (inspiration is quicker than expiration, and a path that turns by much distorts it), nor does it go
on evenly: people pause, sigh and turn. Each is a figure of :class:`Breather`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from csi_events.offline import Recording
from numpy.typing import NDArray

from csiflow.evaluation.breaths import Streamed

MEAN_S = 30
"""The true rate is a mean over so long, as the answer is."""
SUBCARRIERS = 56
SLOWEST, FASTEST = 3.0, 30.5
"""Bounds of a rate that wanders, breaths per minute."""
TURN_S = 2.0
"""Time that turning over takes."""
TURN_EVERY_S = PAUSE_EVERY_S = 40.0
SIGH = 3.0
"""Depth of a sigh, in usual breaths."""
STOPPED = "simulated, stopped 15 s ago"
ENDED_S, STOPPED_S = 15, 30
"""Seconds after a stop from which an answer is false, and for which that is watched."""


class Breather(NamedTuple):
    """Somebody at rest."""

    bpm: float
    """Where the rate wanders about, breaths per minute."""
    wander: float
    """Relative change of the rate in a second, standard deviation; it is drawn back within half a minute."""
    swing: float
    """Size of the path that the chest changes, in units of the noise of an antenna and sub-carrier; the room drifts in
    the same units."""
    second: float = 0.2
    """Amplitude of the second harmonic, in units of the fundamental."""
    third: float = 0.0
    """Amplitude of the third harmonic."""
    lag: tuple[float, float] = (0.0, 0.0)
    """Phases of the harmonics, radians."""
    pause_s: float = 0.0
    """Length of a pause; one begins every 40 s or so."""
    sighs: bool = False
    """A breath in ten or so is a sigh."""
    turns: bool = False
    """They turn over every 45 s or so, after which every path is another."""
    stops_s: float = 0.0
    """Time at which breathing stops for good while nobody moves; 0 for never."""


def breather(
    antennas: int, person: Breather, rng: np.random.Generator, seconds: int = 120, rate_hz: int = 20
) -> tuple[Recording, NDArray[np.float64]]:
    """Return a person's channel, and the true rate at the end of every second, a mean over ``MEAN_S``.

    Times in which nobody breathed, or somebody turned, are left out of the mean; it is nan where nothing is left.
    """
    count = seconds * rate_hz
    t = np.arange(count) / rate_hz
    rate = _rate(person, rng, t, seconds)
    still = 40.0 * _complex(rng, antennas, SUBCARRIERS)
    delay = _towards(rng, antennas)
    drift = np.cumsum(_complex(rng, count)) / rate_hz
    elsewhere = _complex(rng, antennas, SUBCARRIERS)
    noise = _complex(rng, count, antennas, SUBCARRIERS)
    breathes = _breathes(person, rng, t)
    phase = 2 * np.pi * np.cumsum(rate * breathes) / 60 / rate_hz
    chest = person.swing * _waveform(person, phase) * _depth(person, rng, phase)
    posture = _posture(rng, t) if person.turns else np.zeros(count)
    channel = still + drift[:, None, None] * elsewhere + noise + _paths(rng, posture, chest, delay)
    iq = np.clip(np.rint(np.stack((channel.real, channel.imag), axis=-1)), -127, 127).astype(np.int8)
    counted = breathes * (posture == np.floor(posture))
    ends = np.minimum((np.arange(seconds) + 1) * rate_hz, count)
    begins = np.maximum(ends - MEAN_S * rate_hz, 0)
    rates, frames = (np.concatenate(([0.0], np.cumsum(each))) for each in (rate * counted, counted))
    seen = frames[ends] - frames[begins]
    truth = np.where(seen > 0, (rates[ends] - rates[begins]) / np.maximum(seen, 1.0), np.nan)
    return Recording.from_iq(iq, (t * 1e9).astype(np.int64)), truth


def simulated(seed: int, streams: int = 36) -> Iterator[Streamed]:
    """Yield simulated people at rest: one to three antennas, any rate, steady or wandering, clear to invisible."""
    rng = np.random.default_rng(seed)
    for number in range(streams):
        antennas = 1 + number % 3
        bpm = float(np.exp(rng.uniform(np.log(3.5), np.log(28.0))))
        wander, swing = float(rng.choice([0.0, 0.02, 0.05])), float(np.exp(rng.uniform(np.log(0.1), np.log(1.0))))
        recording, rate = breather(antennas, Breather(bpm, wander, swing), rng)
        name = (
            f"breather {seed}-{number}: {antennas} antennas, {bpm:.1f} a minute, swing {swing:.2f}, wander {wander:g}"
        )
        yield Streamed(name, "simulated breathers", recording, rate, "", null=False)


def stopped(seed: int, streams: int = 18) -> Iterator[Streamed]:
    """Yield people who stop breathing for good, nobody moving: nulls, from ``ENDED_S`` after the stop on."""
    rng = np.random.default_rng(seed)
    for number in range(streams):
        antennas, stops_s = 1 + number % 3, int(rng.integers(50, 80))
        bpm, swing = (float(np.exp(rng.uniform(np.log(low), np.log(high)))) for low, high in ((6.5, 28.0), (0.3, 2.0)))
        person = Breather(bpm, float(rng.choice([0.0, 0.02])), swing, stops_s=stops_s)
        recording, _ = breather(antennas, person, rng, stops_s + ENDED_S + STOPPED_S)
        name = f"stops after {stops_s} s {seed}-{number}: {antennas} antennas, {bpm:.1f} a minute, swing {swing:.2f}"
        yield Streamed(name, STOPPED, recording, None, "", null=True, since_s=stops_s + ENDED_S)


def _rate(person: Breather, rng: np.random.Generator, t: NDArray[np.float64], seconds: int) -> NDArray[np.float64]:
    """Return the rate at every frame while breathing goes on, breaths per minute."""
    off = np.zeros(seconds + 1)
    for second in range(1, seconds + 1):
        off[second] = off[second - 1] * (1 - 1 / 30) + person.wander * rng.standard_normal()
    wandered = person.bpm * np.exp(np.interp(t, np.arange(seconds + 1), off))
    return np.asarray(np.clip(wandered, SLOWEST, FASTEST))


def _complex(rng: np.random.Generator, *shape: int) -> NDArray[np.complex128]:
    return np.asarray(rng.standard_normal((*shape, 2)) @ np.array([1.0, 1.0j]))


def _towards(rng: np.random.Generator, antennas: int) -> NDArray[np.complex128]:
    """(antennas, sub-carriers): a path of its own phase at every antenna."""
    return np.asarray(np.exp(1j * (rng.uniform(0, 2 * np.pi, (antennas, 1)) + 0.1 * np.arange(SUBCARRIERS))))


def _begins(rng: np.random.Generator, last_s: float, every_s: float) -> NDArray[np.float64]:
    """Times about ``every_s`` apart, irregular by a quarter."""
    steps = every_s * rng.uniform(0.75, 1.25, int(last_s / every_s * 2) + 2)
    return np.asarray(np.cumsum(steps))


def _breathes(person: Breather, rng: np.random.Generator, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """1 where breathing goes on, 0 in pauses and once it has stopped."""
    if person.stops_s:
        return np.asarray(t < person.stops_s, float)
    if not person.pause_s:
        return np.ones(len(t))
    begins = _begins(rng, t[-1], PAUSE_EVERY_S)
    since = t[:, None] - begins
    return np.asarray(~((since >= 0) & (since < person.pause_s)).any(axis=1), float)


def _waveform(person: Breather, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    one, two = person.lag
    return np.asarray(np.sin(phase) + person.second * np.sin(2 * phase + one) + person.third * np.sin(3 * phase + two))


def _depth(person: Breather, rng: np.random.Generator, phase: NDArray[np.float64]) -> NDArray[np.float64]:
    """Depth of the breath that every frame is in."""
    if not person.sighs:
        return np.ones(len(phase))
    breath = (phase / (2 * np.pi)).astype(np.int64)
    return np.where(rng.random(breath[-1] + 1) < 0.1, SIGH, 1.0)[breath]


def _posture(rng: np.random.Generator, t: NDArray[np.float64]) -> NDArray[np.float64]:
    """Number of the posture at every frame, on the way to the next while they turn."""
    begins = _begins(rng, t[-1], TURN_EVERY_S)
    return np.asarray(((t[:, None] - begins) / TURN_S).clip(0.0, 1.0).sum(axis=1))


def _paths(
    rng: np.random.Generator,
    posture: NDArray[np.float64],
    chest: NDArray[np.float64],
    delay: NDArray[np.complex128],
) -> NDArray[np.complex128]:
    """(frames, antennas, sub-carriers): what the chest changes; in another posture it is, and stands, elsewhere."""
    own = posture.astype(np.int64)
    share = (posture - own)[:, None, None]
    count = int(own[-1]) + 2
    antennas = len(delay)
    towards = np.stack([delay, *(_towards(rng, antennas) for _ in range(count - 1))])
    stands = np.stack([np.zeros_like(delay), *(8.0 * _complex(rng, *delay.shape) for _ in range(count - 1))])
    before, after = (chest[:, None, None] * towards[each] + stands[each] for each in (own, own + 1))
    return np.asarray((1.0 - share) * before + share * after)
