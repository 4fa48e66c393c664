"""What rooms, radios and networks do to a recording: lost frames, odd times, fewer sub-carriers, other gains, faults.

Each is a pure function of arrays. ``PERTURBATIONS`` names them; which frames of a recording are left is said beside
what became of them, so that labels can follow.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Values: TypeAlias = NDArray[Any]
"""Integer I/Q, (T, A, S, 2), or amplitudes, (T, A, S)."""

BURST_S = 0.5
"""Mean length of a burst of losses."""
AGC_S = 5.0
"""Mean time between two steps of the gain."""
DRIFT_S = 60.0
"""Time in which a drifting gain goes from one end to the other."""
SWITCH_S = 4.0
"""Mean time for which interference is on, and off."""
NARROW = 3
"""Sub-carriers that interference covers."""
DEAD_EVERY = 10
"""One of so many sub-carriers dies."""
SILENCE_NS = 20_000_000_000
CLOCK_NS = 5_000_000_000


class Frames(NamedTuple):
    """One stream as arrays."""

    t_ns: NDArray[np.int64]
    """(T,) receive times."""
    values: Values
    number: NDArray[np.int64]
    """(T,) which frame of the recording each is, ascending."""

    def kept(self, which: NDArray[np.bool_]) -> Frames:
        """Return the frames for which ``which`` (T,) is true."""
        return Frames(self.t_ns[which], np.ascontiguousarray(self.values[which]), self.number[which])


Perturbation: TypeAlias = Callable[[Frames, np.random.Generator], Frames]


def frames_of(t_ns: NDArray[np.int64], values: Values) -> Frames:
    """Return a recording as it is."""
    return Frames(t_ns, values, np.arange(len(t_ns)))


def unperturbed(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as every perturbation is called
    """Leave all as it is."""
    return frames


def lost(frames: Frames, rng: np.random.Generator, *, share: float) -> Frames:
    """Lose each frame with the same probability."""
    return frames.kept(rng.random(len(frames.t_ns)) >= share)


def lost_in_bursts(frames: Frames, rng: np.random.Generator, *, share: float) -> Frames:
    """Lose a share of the time, in bursts of ``BURST_S`` on average."""
    return frames.kept(~switched(frames.t_ns, rng, BURST_S * (1.0 - share) / share, BURST_S))


def jittered(frames: Frames, rng: np.random.Generator) -> Frames:
    """Let frames arrive up to four intervals late, in order."""
    late = rng.exponential(0.5, len(frames.t_ns)).clip(0.0, 4.0) * interval_ns(frames.t_ns)
    return frames._replace(t_ns=np.maximum.accumulate(frames.t_ns + late.astype(np.int64)))


def batched(frames: Frames, rng: np.random.Generator, *, size: int) -> Frames:  # noqa: ARG001 - as all are called
    """Let frames arrive ``size`` at once: all at the time of the last."""
    last = np.minimum(np.arange(len(frames.t_ns)) // size * size + size - 1, len(frames.t_ns) - 1)
    return frames._replace(t_ns=frames.t_ns[last])


def decimated(frames: Frames, rng: np.random.Generator, *, every: int) -> Frames:  # noqa: ARG001 - as all are called
    """Keep one frame of ``every``."""
    return frames.kept(np.arange(len(frames.t_ns)) % every == 0)


def every_second(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as all are called
    """Keep every second sub-carrier."""
    return frames._replace(values=np.ascontiguousarray(frames.values[:, :, ::2]))


def half_band(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as all are called
    """Keep the lower half of the sub-carriers."""
    return frames._replace(values=np.ascontiguousarray(frames.values[:, :, : frames.values.shape[2] // 2]))


def one_antenna(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as all are called
    """Keep the first antenna."""
    return frames._replace(values=np.ascontiguousarray(frames.values[:, :1]))


def scaled(frames: Frames, rng: np.random.Generator, *, by: float) -> Frames:  # noqa: ARG001 - as all are called
    """Scale all, then round to whole numbers of 8 bits, or 16 where 8 do not hold them."""
    return frames._replace(values=rounded(frames.values * np.float32(by)))


def agc(frames: Frames, rng: np.random.Generator) -> Frames:
    """Step each antenna's gain to -3, 0 or 3 dB at random times."""
    t_s = (frames.t_ns - frames.t_ns[0]) * 1e-9
    decibels = np.zeros(frames.values.shape[:2])
    for antenna in decibels.T:
        times = np.cumsum(rng.exponential(AGC_S, int(3 * t_s.max() / AGC_S) + 10))
        antenna[:] = rng.choice((-3.0, 0.0, 3.0), len(times) + 1)[np.searchsorted(times, t_s)]
    return frames._replace(values=amplified(frames.values, decibels))


def drifting(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as all are called
    """Let the gain of all antennas drift 3 dB up in a minute, and down in the next."""
    t = (frames.t_ns - frames.t_ns[0]) * 1e-9 / DRIFT_S
    decibels = 3.0 * (1.0 - np.abs(t % 2.0 - 1.0))
    return frames._replace(values=amplified(frames.values, np.repeat(decibels[:, None], frames.values.shape[1], 1)))


def bad_frames(frames: Frames, rng: np.random.Generator, *, share: float = 0.01) -> Frames:
    """Put noise as strong as the frame in place of some frames, and another frame in place of as many."""
    values = frames.values.copy()
    kind = rng.random(len(values))
    for i in np.flatnonzero(kind < share):
        if kind[i] < 0.5 * share:
            values[i] = frames.values[rng.integers(len(values))]
        else:
            noise = rng.standard_normal(values[i].shape) * np.sqrt(np.mean(values[i].astype(float) ** 2))
            values[i] = like(noise if values.ndim == 4 else np.abs(noise), values.dtype)
    return frames._replace(values=values)


def interfered(frames: Frames, rng: np.random.Generator) -> Frames:
    """Add noise as strong as the signal to ``NARROW`` sub-carriers in mid-band, on and off."""
    values = frames.values.astype(np.float32)
    on = switched(frames.t_ns, rng, SWITCH_S, SWITCH_S)
    first = values.shape[2] // 3
    part = values[on, :, first : first + NARROW]
    part += rng.standard_normal(part.shape).astype(np.float32) * np.sqrt(np.mean(values**2))
    values[on, :, first : first + NARROW] = part
    return frames._replace(values=like(values if values.ndim == 4 else np.abs(values), frames.values.dtype))


def dying(frames: Frames, rng: np.random.Generator) -> Frames:  # noqa: ARG001 - as all are called
    """Let one of ``DEAD_EVERY`` sub-carriers give zeros from the middle on."""
    values = frames.values.copy()
    values[len(values) // 2 :, :, ::DEAD_EVERY] = 0
    return frames._replace(values=values)


def clock_step(frames: Frames, rng: np.random.Generator, *, by_ns: int) -> Frames:  # noqa: ARG001 - as all are called
    """Set the clock from the middle on; backwards, receive times fall once."""
    t_ns = frames.t_ns.copy()
    t_ns[len(t_ns) // 2 :] += by_ns
    return frames._replace(t_ns=t_ns)


def switched(t_ns: NDArray[np.int64], rng: np.random.Generator, off_s: float, on_s: float) -> NDArray[np.bool_]:
    """(T,) of something that goes on and off, for times of these means, exponentially distributed; off at first."""
    t_s = (t_ns - t_ns[0]) * 1e-9
    pairs = int(3 * t_s.max() / (off_s + on_s)) + 10
    lasts = rng.exponential(1.0, (pairs, 2)) * (off_s, on_s)
    return np.asarray(np.searchsorted(np.cumsum(lasts.ravel()), t_s, side="right") % 2 == 1)


def interval_ns(t_ns: NDArray[np.int64]) -> float:
    """Median time between frames."""
    return float(np.median(np.diff(t_ns)))


def amplified(values: Values, decibels: NDArray[np.float64]) -> Values:
    """Amplify by ``decibels`` (T, A); integers stay integers, of 16 bits where 8 do not hold them."""
    factor = (10.0 ** (decibels / 20.0)).astype(np.float32).reshape(*decibels.shape, *[1] * (values.ndim - 2))
    loud = values * factor
    return rounded(loud) if np.issubdtype(values.dtype, np.integer) else loud


def rounded(values: Values) -> Values:
    """Round to 8 bits, or to 16 where 8 do not hold them; amplitudes are kept as float32."""
    whole = np.rint(values)
    if values.ndim == 3:
        return whole.astype(np.float32)
    return whole.astype(np.int8 if np.abs(whole).max(initial=0.0) <= 127.0 else np.int16)


def like(values: Values, dtype: np.dtype[Any]) -> Values:
    """Return ``values`` in this type; integers are rounded, and cut where it does not hold them."""
    if not np.issubdtype(dtype, np.integer):
        return values.astype(dtype)
    limits = np.iinfo(dtype)
    return np.rint(values).clip(limits.min, limits.max).astype(dtype)


PERTURBATIONS: dict[str, Perturbation] = {
    "none": unperturbed,
    "lost 10 %": partial(lost, share=0.1),
    "lost 30 %": partial(lost, share=0.3),
    "lost 10 % in bursts": partial(lost_in_bursts, share=0.1),
    "lost 30 % in bursts": partial(lost_in_bursts, share=0.3),
    "late by jitter": jittered,
    "4 at once": partial(batched, size=4),
    "rate / 2": partial(decimated, every=2),
    "rate / 4": partial(decimated, every=4),
    "every 2nd sub-carrier": every_second,
    "lower half band": half_band,
    "one antenna": one_antenna,
    "scaled 0.1, whole numbers": partial(scaled, by=0.1),
    "scaled 10, whole numbers": partial(scaled, by=10.0),
    "AGC +-3 dB": agc,
    "gain drifts 3 dB/min": drifting,
    "1 % bad frames": bad_frames,
    "interference on 3": interfered,
    "10 % die": dying,
    "clock +5 s": partial(clock_step, by_ns=CLOCK_NS),
    "clock -5 s": partial(clock_step, by_ns=-CLOCK_NS),
    "silent for 20 s": partial(clock_step, by_ns=SILENCE_NS),
}
