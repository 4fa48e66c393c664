"""Scripted scenes: when the room is empty, when somebody walks or sits and breathes, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Activity = Literal["empty", "walk", "still"]


class Truth(NamedTuple):
    """What is really going on at one moment."""

    activity: Activity
    presence: bool
    motion: bool
    breathing_bpm: float | None
    """Breaths per minute of a still person; a walking one's is not measurable here."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one thing happens."""

    activity: Activity
    duration: float
    """Seconds."""
    path: tuple[tuple[float, float, float], ...] = ((1.2, 1.0, 1.1), (4.6, 1.3, 1.1), (4.4, 3.4, 1.1), (1.4, 3.2, 1.1))
    """Way points of the walk, metres, walked round and round; a still person is at the first."""
    speed: float = 0.9
    """Walking speed, m/s."""
    breathing_hz: float = 0.25
    """Breaths per second of a still person, 0.1-0.5."""
    chest_m: float = 0.006
    """Amplitude of the chest's movement, metres (half of peak to peak); 4-12 mm peak to peak in adults at rest."""
    facing: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Direction in which the chest moves."""

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise ValueError(f"a segment lasts {self.duration} s; it must be above 0")
        if self.activity == "walk" and (len(self.path) < 2 or not self.speed > 0):
            raise ValueError("a walk needs at least two way points and a speed above 0")

    def positions(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Body position (T, 3), metres, at seconds ``t`` (T,) after the segment's start; NaN when nobody is there."""
        if self.activity == "empty":
            return np.full((len(t), 3), np.nan)
        if self.activity == "walk":
            return self._walk(t)
        facing = np.array(self.facing) / np.linalg.norm(self.facing)
        chest = self.chest_m * np.sin(2 * np.pi * self.breathing_hz * t)
        return np.asarray(np.array(self.path[0]) + chest[:, np.newaxis] * facing)

    def _walk(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        points = np.array([*self.path, self.path[0]])
        lengths = np.linalg.norm(np.diff(points, axis=0), axis=1)
        marks = np.concatenate([[0.0], np.cumsum(lengths)])
        walked = (self.speed * t) % marks[-1]
        return np.stack([np.interp(walked, marks, points[:, axis]) for axis in range(3)], axis=1)


@dataclass(frozen=True, slots=True)
class Scene:
    """Segments one after the other, from the beginning again after the last."""

    segments: tuple[Segment, ...]

    def __post_init__(self) -> None:
        if not self.segments:
            raise ValueError("a scene needs at least one segment")

    @property
    def duration(self) -> float:
        """Seconds of one round."""
        return sum(segment.duration for segment in self.segments)

    def positions(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Body position (T, 3), metres, at seconds ``t`` (T,) since the start; NaN when nobody is there."""
        starts = self._starts()
        within = np.asarray(t, dtype=np.float64) % self.duration
        index = np.searchsorted(starts, within, side="right") - 1
        positions = np.empty((len(within), 3))
        for number in np.unique(index):
            chosen = index == number
            positions[chosen] = self.segments[number].positions(within[chosen] - starts[number])
        return positions

    def truth(self, t: float) -> Truth:
        """What is going on ``t`` seconds after the start."""
        index = int(np.searchsorted(self._starts(), t % self.duration, side="right")) - 1
        segment = self.segments[index]
        still = segment.activity == "still"
        return Truth(
            segment.activity,
            segment.activity != "empty",
            segment.activity == "walk",
            60 * segment.breathing_hz if still else None,
        )

    def _starts(self) -> NDArray[np.float64]:
        return np.cumsum([0.0, *(segment.duration for segment in self.segments[:-1])])


DEFAULT_SCENE = Scene((Segment("empty", 20.0), Segment("walk", 15.0), Segment("still", 40.0), Segment("empty", 15.0)))
"""Empty, somebody walks about, sits down and breathes 15 times a minute, leaves."""
