"""Scripted scenes: when the room is empty, when somebody walks, fidgets or breathes, and the truth about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Activity = Literal["empty", "still", "fidget", "gesture", "walk"]
Posture = Literal["empty", "sitting", "standing", "walking"]
Level = Literal["None", "Minimal", "Moderate", "High"]

LEVELS: dict[Activity, Level] = {
    "empty": "None",
    "still": "None",
    "fidget": "Minimal",
    "gesture": "Moderate",
    "walk": "High",
}
"""Motion level of each activity, by what moves: nothing but breath, hands, trunk and arms, the whole body."""
SWAY_M: dict[Activity, float] = {"fidget": 0.03, "gesture": 0.2}
"""How far the trunk goes from its place, metres: somebody at a desk, somebody who does exercises on the spot."""
TOP_M = np.array([1.75, 1.25])
"""Height of the head of somebody who stands and of somebody who sits, metres."""
_SWAY_HZ = np.array([0.31, 0.57, 0.93])
_SWAY_SHARES = np.array([0.5, 0.3, 0.2])


class Truth(NamedTuple):
    """What is really going on at one moment."""

    activity: Activity
    presence: bool
    motion: bool
    breathing_bpm: float | None
    """Breaths per minute of a still person; a walking one's is not measurable here."""
    level: Level
    posture: Posture


class Moments(NamedTuple):
    """A body at T moments."""

    base: NDArray[np.float64]
    """(T, 3) metres, without breathing; NaN when nobody is there."""
    chest_m: NDArray[np.float64]
    """(T,) displacement of the chest."""
    chest_amplitude_m: NDArray[np.float64]
    """(T,) its largest value; 0 when nobody breathes visibly."""
    facing: NDArray[np.float64]
    """(T, 3) unit vectors in which the chest moves."""
    seated: NDArray[np.bool_]
    """(T,)."""

    def chosen(self, moments: NDArray[np.bool_]) -> Moments:
        """Return those moments (T,) alone."""
        base, chest_m, amplitude, facing, seated = self
        return Moments(base[moments], chest_m[moments], amplitude[moments], facing[moments], seated[moments])


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of time in which one thing happens."""

    activity: Activity
    duration: float
    """Seconds."""
    path: tuple[tuple[float, float, float], ...] = ((1.2, 1.0, 1.1), (4.6, 1.3, 1.1), (4.4, 3.4, 1.1), (1.4, 3.2, 1.1))
    """Way points of the walk, metres, walked round and round; whoever does not walk is at the first."""
    speed: float = 0.9
    """Walking speed, m/s."""
    breathing_hz: float = 0.25
    """Breaths per second of a still person, 0.1-0.5."""
    chest_m: float = 0.006
    """Amplitude of the chest's movement, metres (half of peak to peak); 4-12 mm peak to peak in adults at rest."""
    facing: tuple[float, float, float] = (1.0, 0.0, 0.0)
    """Direction in which the chest moves."""
    seated: bool = True
    """Whether somebody still or fidgeting sits."""

    def __post_init__(self) -> None:
        if not self.duration > 0:
            raise ValueError(f"a segment lasts {self.duration} s; it must be above 0")
        if self.activity == "walk" and (len(self.path) < 2 or not self.speed > 0):
            raise ValueError("a walk needs at least two way points and a speed above 0")

    @property
    def truth(self) -> Truth:
        """What is going on."""
        posture: Posture = "sitting" if self.seated and self.activity in ("still", "fidget") else "standing"
        if self.activity in {"empty", "walk"}:
            posture = "empty" if self.activity == "empty" else "walking"
        return Truth(
            self.activity,
            self.activity != "empty",
            self.activity in ("fidget", "gesture", "walk"),
            60 * self.breathing_hz if self.activity == "still" else None,
            LEVELS[self.activity],
            posture,
        )

    def positions(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """Body position (T, 3), metres, at seconds ``t`` (T,) after the segment's start; NaN when nobody is there."""
        moments = self.moments(t)
        return np.asarray(moments.base + moments.chest_m[:, np.newaxis] * moments.facing)

    def moments(self, t: NDArray[np.float64]) -> Moments:
        """Body at seconds ``t`` (T,) after the segment's start."""
        facing = np.array(self.facing) / np.linalg.norm(self.facing)
        amplitude = self.chest_m if self.activity in ("still", "fidget") else 0.0
        return Moments(
            self._base(t, facing),
            amplitude * np.sin(2 * np.pi * self.breathing_hz * t),
            np.full(len(t), amplitude),
            np.tile(facing, (len(t), 1)),
            np.full(len(t), self.truth.posture == "sitting"),
        )

    def _base(self, t: NDArray[np.float64], facing: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.activity == "empty":
            return np.full((len(t), 3), np.nan)
        if self.activity == "walk":
            return self._walk(t)
        base = np.tile(np.array(self.path[0]), (len(t), 1))
        if self.activity in SWAY_M:
            turn = 2 * np.pi * np.multiply.outer(t, _SWAY_HZ)
            across = np.array([-facing[1], facing[0], 0.0])
            swayed = np.outer(np.sin(turn) @ _SWAY_SHARES, facing) + np.outer(np.cos(1.3 * turn) @ _SWAY_SHARES, across)
            base += SWAY_M[self.activity] * swayed
        return base

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
        moments = self.moments(t)
        return np.asarray(moments.base + moments.chest_m[:, np.newaxis] * moments.facing)

    def moments(self, t: NDArray[np.float64]) -> Moments:
        """Body at seconds ``t`` (T,) since the start."""
        starts = self._starts()
        within = np.asarray(t, dtype=np.float64) % self.duration
        index = np.searchsorted(starts, within, side="right") - 1
        count = len(within)
        found = Moments(
            np.empty((count, 3)), np.empty(count), np.empty(count), np.empty((count, 3)), np.empty(count, np.bool_)
        )
        for number in np.unique(index):
            chosen = index == number
            for whole, part in zip(found, self.segments[number].moments(within[chosen] - starts[number]), strict=True):
                whole[chosen] = part
        return found

    def truth(self, t: float) -> Truth:
        """What is going on ``t`` seconds after the start."""
        index = int(np.searchsorted(self._starts(), t % self.duration, side="right")) - 1
        return self.segments[index].truth

    def _starts(self) -> NDArray[np.float64]:
        return np.cumsum([0.0, *(segment.duration for segment in self.segments[:-1])])


_SEAT = (1.2, 1.0, 1.1)
DEFAULT_SCENE = Scene(
    (
        Segment("empty", 20.0),
        Segment("walk", 15.0),
        Segment("still", 45.0, (_SEAT,)),
        Segment("walk", 5.0, (_SEAT, (5.6, 0.6, 1.1))),
        Segment("empty", 40.0),
    )
)
"""Empty, somebody walks about, sits down and breathes 15 times a minute, walks out; long enough empty to be noticed."""
