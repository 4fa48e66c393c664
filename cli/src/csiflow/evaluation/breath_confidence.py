"""How often a breathing rate was right, by the confidence it was given."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from csi_events.offline import Recording
from numpy.typing import NDArray

from csiflow.evaluation.breath_trace import BreathTrace, shown
from csiflow.evaluation.breaths import Streamed
from csiflow.evaluation.statistics import rounded, wilson

RIGHT = 0.5
"""Breaths per minute within which an answer is right."""
MEAN_S = 30
"""The true rate is a mean over so long, as the answer is."""
EDGES = (0.0, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0)


def reliability(traces: Sequence[BreathTrace]) -> list[dict[str, Any]]:
    """Count right answers by confidence, lines and ridges apart; in a null every answer is wrong."""
    said = [shown(each) for each in traces]
    told = [np.isfinite(each.rate) for each in said]
    given = np.concatenate([each.confidence[own] for each, own in zip(said, told, strict=True)])
    line = np.concatenate([each.stood[own] for each, own in zip(said, told, strict=True)])
    off = [
        np.full(len(own), np.inf) if trace.truth is None else np.abs(each.rate - trace.truth)
        for trace, each, own in zip(traces, said, told, strict=True)
    ]
    good = np.concatenate([error[own] <= RIGHT for error, own in zip(off, told, strict=True)])
    table = []
    for by, of_kind in (("line", line), ("ridge", ~line)):
        for low, high in pairwise(EDGES):
            own = of_kind & (given >= low) & ((given < high) | (high == EDGES[-1]))
            seconds, count = int(own.sum()), int(good[own].sum())
            if seconds:
                mean = rounded(float(given[own].mean()), 3)
                found = {"by": by, "from": low, "to": high, "seconds": seconds, "right": count, "mean": mean}
                table.append({**found, "interval": wilson(count, seconds)})
    return table


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


class Breather(NamedTuple):
    """Somebody at rest."""

    bpm: float
    """Where the rate wanders about, breaths per minute."""
    wander: float
    """Relative change of the rate in a second, standard deviation; it is drawn back within half a minute."""
    swing: float
    """Size of the path that the chest changes, in units of the noise of an antenna and sub-carrier; the room drifts in
    the same units."""


def breather(
    antennas: int, person: Breather, rng: np.random.Generator, seconds: int = 120
) -> tuple[Recording, NDArray[np.float64]]:
    """Return a person's channel, and the true rate at the end of every second, a mean over ``MEAN_S``."""
    bpm, wander, swing = person
    rate_hz, subcarriers = 20, 56
    count = seconds * rate_hz
    off = np.zeros(seconds + 1)
    for second in range(1, seconds + 1):
        off[second] = off[second - 1] * (1 - 1 / 30) + wander * rng.standard_normal()
    t = np.arange(count) / rate_hz
    rate = np.clip(bpm * np.exp(np.interp(t, np.arange(seconds + 1), off)), 3.5, 30.0)
    phase = 2 * np.pi * np.cumsum(rate) / 60 / rate_hz
    chest = swing * (np.sin(phase) + 0.2 * np.sin(2 * phase))
    unit = np.array([1.0, 1.0j])
    still = 40.0 * (rng.standard_normal((antennas, subcarriers, 2)) @ unit)
    delay = np.exp(1j * (rng.uniform(0, 2 * np.pi, (antennas, 1)) + 0.1 * np.arange(subcarriers)))
    drift = np.cumsum(rng.standard_normal((count, 2)) @ unit) / rate_hz
    elsewhere = rng.standard_normal((antennas, subcarriers, 2)) @ unit
    channel = (
        still
        + drift[:, None, None] * elsewhere
        + chest[:, None, None] * delay
        + rng.standard_normal((count, antennas, subcarriers, 2)) @ unit
    )
    iq = np.clip(np.rint(np.stack((channel.real, channel.imag), axis=-1)), -127, 127).astype(np.int8)
    summed = np.concatenate(([0.0], np.cumsum(rate)))
    ends = np.minimum((np.arange(seconds) + 1) * rate_hz, count)
    begins = np.maximum(ends - MEAN_S * rate_hz, 0)
    truth = (summed[ends] - summed[begins]) / (ends - begins)
    return Recording.from_iq(iq, (t * 1e9).astype(np.int64)), truth
