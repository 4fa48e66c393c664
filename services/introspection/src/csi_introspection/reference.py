"""The three reference signatures, made by a small physical model: ``python -m csi_introspection.reference DIR``.

A room of fixed reflectors between a transmitter and a receiver, and one thing that moves: nothing, a person who walks
across, or a door that swings open. The channel of sub-carrier f is the sum over paths of gain x exp(-j 2 pi f d / c),
sampled as an ESP32 does (64 sub-carriers of 312.5 kHz, 12 of them null, int8 I and Q, receiver noise). They show what
a signature file is and exercise the path end to end; another room's walk has another pattern, so capture your own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from csi_schemas.signature import DtwParameters, Signature
from numpy.typing import NDArray

from csi_introspection.arrays import Float64, Int8
from csi_introspection.clip import Clip, displaced_rows
from csi_introspection.features import KINDS, amplitudes
from csi_introspection.library import SUFFIX, file_text

RATE_HZ = 30.0
ROWS = 64
TAKES = 8
"""Takes of the same motion with different noise that a signature averages."""
CARRIER_HZ = 2.437e9
SPACING_HZ = 312_500.0
SPEED_OF_LIGHT = 299_792_458.0
NOISE = 0.01
"""Receiver noise, standard deviation per I and Q, as a share of the direct path."""
FULL_SCALE = 40.0
"""int8 counts of the direct path."""
_NULLS = (0, *range(27, 38))
"""Null sub-carriers of a 20 MHz legacy frame in the radio's order (DC first, then the guards around the edge)."""

TRANSMITTER = np.array([0.0, 0.0])
RECEIVER = np.array([5.0, 0.0])
REFLECTORS = np.array([[2.0, 2.8], [4.2, -1.9], [1.1, -2.4], [6.3, 1.2], [-1.2, 0.9]])
REFLECTIVITY = np.array([0.55, 0.45, 0.4, 0.35, 0.3])

Path2 = Float64
"""(frames, 2) position in metres."""


def walk(frames: int, start_s: float = 0.0) -> Path2:
    """Somebody crosses the room at 0.5 m/s, swaying a little with each step."""
    t = start_s + np.arange(frames) / RATE_HZ
    return np.stack([1.6 + 0.5 * t, 1.5 - 0.12 * t + 0.04 * np.sin(2 * np.pi * 1.4 * t)], axis=1)


def door(frames: int, start_s: float = 0.0) -> Path2:
    """A door leaf of 0.8 m swings open by 80 degrees in 1.6 s and stays; its edge reflects."""
    t = start_s + np.arange(frames) / RATE_HZ
    share = np.clip(t / 1.6, 0.0, 1.0)
    angle = np.deg2rad(80.0) * (3 * share**2 - 2 * share**3)
    return np.array([3.4, -2.2]) + 0.8 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def channel(reflector: Path2 | None, reflectivity: float, frames: int) -> NDArray[np.complex128]:
    """Channel, (frames, 64), of the static room plus one moving reflector; the direct path has amplitude 1."""
    order = np.fft.fftfreq(64, 1 / 64)
    frequency = CARRIER_HZ + SPACING_HZ * order
    direct = float(np.linalg.norm(RECEIVER - TRANSMITTER))

    def path(length: Float64, gain: Float64 | float) -> NDArray[np.complex128]:
        phase = np.exp(-2j * np.pi * length[..., None] * frequency / SPEED_OF_LIGHT)
        return np.asarray((gain * direct / length)[..., None] * phase)

    lengths = _detour(REFLECTORS)
    still = path(np.array(direct), 1.0) + path(lengths, REFLECTIVITY).sum(axis=0)
    moving = np.zeros((frames, 64)) if reflector is None else path(_detour(reflector), reflectivity)
    response: NDArray[np.complex128] = still + moving
    response[:, list(_NULLS)] = 0.0
    return response


def _detour(points: Float64) -> Float64:
    """Length of the way from transmitter to receiver by each of the points, (n, 2)."""
    length: Float64 = np.linalg.norm(points - TRANSMITTER, axis=1) + np.linalg.norm(points - RECEIVER, axis=1)
    return length


def sample(response: NDArray[np.complex128], rng: np.random.Generator) -> Int8:
    """What the radio reports, (frames, 128) int8 I, Q interleaved: noise, gain and rounding; nulls stay zero."""
    noise = rng.normal(0.0, NOISE, (*response.shape, 2))
    pairs = np.stack([response.real, response.imag], axis=-1) + noise * (response != 0)[..., None]
    rounded: Int8 = np.clip(np.rint(pairs * FULL_SCALE), -128, 127).astype(np.int8).reshape(len(response), -1)
    return rounded


def rows_of_take(iq: Int8, quiet_frames: int) -> Float64:
    """Feature vectors, (frames, width), of a take minus the mean of its quiet: one a frame, ``RATE_HZ`` a second."""
    amplitude = np.stack([amplitudes(row) for row in iq])
    t_ns = np.rint(np.arange(len(iq)) * (1e9 / RATE_HZ)).astype(np.int64)
    rows, _ = displaced_rows("amplitude_l2_per_subcarrier", Clip(amplitude, t_ns, 1), int(t_ns[quiet_frames]))
    return rows


def record(motion: Path2 | None, reflectivity: float, seed: int, *, quiet_frames: int = 200) -> Int8:
    """Simulate one take: ``quiet_frames`` of the room with the reflector where it starts, then its motion.

    ``motion`` None is a room at rest for ``ROWS`` more frames.
    """
    frames = ROWS if motion is None else len(motion)
    track = None if motion is None else np.concatenate([np.repeat(motion[:1], quiet_frames, axis=0), motion])
    return sample(channel(track, reflectivity, quiet_frames + frames), np.random.default_rng(seed))


def signature(name: str, label: str, motion: Path2 | None, reflectivity: float, *, threshold: float) -> Signature:
    """Average ``TAKES`` takes of a motion, each minus its own quiet mean."""
    takes = []
    for seed in range(TAKES):
        iq = record(motion, reflectivity, seed)
        takes.append(rows_of_take(iq, len(iq) - ROWS)[-ROWS:])
    vectors: list[list[float]] = (np.round(np.stack(takes).mean(axis=0), 4) + 0.0).tolist()
    return Signature(
        id=name,
        label=label,
        captured_at="2026-11-22T00:00:00Z",
        feature_kind="amplitude_l2_per_subcarrier",
        length=ROWS,
        dtw=DtwParameters(window=8),
        vectors=vectors,
        promotion_threshold=threshold,
        provenance="synthetic",
        feature_version=KINDS["amplitude_l2_per_subcarrier"].version,
        rate_hz=RATE_HZ,
        rest=motion is None,
    )


def references() -> list[Signature]:
    """Make the three reference signatures; the same on every call."""
    return [
        signature("idle_room", "Idle room", None, 0.0, threshold=0.78),
        signature("walking_slow", "Walking, slow pace", walk(ROWS), 0.5, threshold=0.78),
        signature("door_open", "Door opens", door(ROWS), 0.6, threshold=0.78),
    ]


def main() -> int:
    """Write the signature files to the folder named on the command line."""
    if len(sys.argv) != 2:
        sys.stderr.write("usage: python -m csi_introspection.reference DIR\n")
        return 2
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for made in references():
        (folder / f"{made.id}{SUFFIX}").write_bytes(file_text(made))
    return 0


if __name__ == "__main__":
    sys.exit(main())
