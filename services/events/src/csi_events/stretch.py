"""Frames put by for a calibration."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from csi_events._compile import kernel
from csi_events.quiet import CALIBRATION_BYTES, CALIBRATION_FRAMES, CALIBRATION_MAX_FRAMES, CALIBRATION_S

if TYPE_CHECKING:
    from csi_schemas.calibration import CalibrationCause
    from numpy.typing import NDArray

    Kept: TypeAlias = NDArray[Any]
    """(frames, antennas, sub-carriers): amplitudes, float32, or their squares where those are whole numbers, uint16."""


@kernel("boolean(float32[:,:,::1], uint16[:,:,::1])")
def _square(amplitude: NDArray[np.float32], squares: NDArray[np.uint16]) -> bool:
    """Write the squares of amplitudes (frames, antennas, sub-carriers); says whether their roots are the amplitudes."""
    frames, antennas, subcarriers = amplitude.shape
    exact = True
    for f in range(frames):
        for a in range(antennas):
            values, row = amplitude[f, a], squares[f, a]
            different = 0
            for s in range(subcarriers):
                square = np.rint(min(values[s] * values[s], np.float32(65535.0)))
                row[s] = np.uint16(square)
                different += np.sqrt(square) != values[s]
            exact = exact and different == 0
    return exact


@dataclass(slots=True)
class Stretch:
    """Frames put by for a calibration."""

    cause: CalibrationCause = "start"
    wanted_s: float = CALIBRATION_S
    request: str | None = None
    room: Kept | None = None
    """(room, antennas, sub-carriers), of which ``frames`` are filled: squares of amplitudes where these come from I/Q
    of 8 bits, so that they are whole numbers; else the amplitudes."""
    t_ns: list[NDArray[np.int64]] = field(default_factory=list)
    frames: int = 0
    scores: list[float] = field(default_factory=list)
    """Scores of its windows, where a calibration existed."""
    windows: int = 0
    first_ns: int = 0
    last_ns: int = 0

    def add(self, t_ns: NDArray[np.int64], amplitude: Kept, rate_hz: float | None = None) -> None:
        """Add one window's frames, ascending in time: amplitudes or, as whole numbers, their squares.

        A stretch that was asked to last longer than the memory for its frames keeps every so many windows, which
        ``rate_hz`` decides.
        """
        if not self.windows:
            self.first_ns = int(t_ns[0])
        self.last_ns = int(t_ns[-1])
        self.windows += 1
        every = 1 if rate_hz is None else math.ceil(self.wanted_s * rate_hz / self._most(amplitude))
        if (self.windows - 1) % every == 0:
            self.t_ns.append(t_ns)
            self._keep(amplitude)

    def _keep(self, amplitude: Kept) -> None:
        stop = self.frames + len(amplitude)
        room = self.room
        if room is None or stop > len(room):  # for all from the start: what nobody writes to takes no memory
            frames = max(stop, self._most(amplitude) + len(amplitude) - 1)
            kept, room = room, np.empty((frames, *amplitude.shape[1:]), np.uint16 if room is None else room.dtype)
            if kept is not None:
                room[: self.frames] = kept[: self.frames]
        part = room[self.frames : stop]
        if amplitude.dtype == part.dtype:
            part[:] = amplitude
        elif part.dtype != np.uint16:
            np.sqrt(amplitude, out=part)
        elif not _square(amplitude, part):
            room = np.sqrt(room, dtype=np.float32)
            room[self.frames : stop] = amplitude
        self.room, self.frames = room, stop

    @property
    def kept(self) -> Kept:
        """(frames, antennas, sub-carriers), see ``room``."""
        return np.zeros((0, 0, 0), np.float32) if self.room is None else self.room[: self.frames]

    @staticmethod
    def _most(amplitude: Kept) -> int:
        """Frames that are kept at most."""
        fitting = CALIBRATION_BYTES // (4 * amplitude[0].size)
        return int(min(CALIBRATION_MAX_FRAMES, max(CALIBRATION_FRAMES, fitting)))

    @property
    def seconds(self) -> float:
        """Time between the first and the last frame."""
        return (self.last_ns - self.first_ns) * 1e-9

    @property
    def progress(self) -> float:
        """Share of the wanted time that is over, 0-1."""
        return min(1.0, max(0.0, self.seconds / self.wanted_s))

    @property
    def complete(self) -> bool:
        """Long enough to calibrate on."""
        if self.seconds >= self.wanted_s and self.frames >= CALIBRATION_FRAMES:
            return True
        kept = self.room
        return self.request is None and kept is not None and self.frames >= self._most(kept)

    @property
    def seconds_of_frames(self) -> NDArray[np.float64]:
        """(frames,) their times, s."""
        t_ns = np.concatenate(self.t_ns)
        return np.asarray((t_ns - t_ns[0]) * 1e-9)

    def let_go(self) -> None:
        """Let go of the frames."""
        self.room, self.t_ns = None, []
