"""A document made ready to be compared with, on those of its access points that were found.

Levels in dB and log spreads are divided by how much they vary within a state, so that a distance is in deviations.
There is no normalisation of a vector by its length: a room that is 10 dB louder is another one. (ADR-022's cosine
similarity takes it for the same.) The nearest window of a state says how far it is; whether that is near is told by how
far its own windows are from those of other takes (of other fifths of the take, if there is one only): the share of
them that are at least as far is a conformal p-value (Vovk et al. 2005). Below 5 % the state is rejected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.multi_bssid.fingerprint.index import Index
from csi_events.multi_bssid.slots import array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.fingerprint.document import Fingerprints

REJECTED = 0.05
"""A state is rejected when no more of its own windows than this share are as far from the others."""
AMBIGUOUS = 1.05
"""Two states that are not rejected, the further one within this factor, are not told apart."""
LEAST_LEVEL_DB = 0.7
"""Levels vary by at least this much within a state, whatever was learnt: rooms change a little every day."""
LEAST_SPREAD = 0.25
FOLDS = 5
"""Parts of a single take that are compared with each other."""


class Verdict(NamedTuple):
    """What a vector resembles."""

    state: str | None
    """``None``: nothing, or two alike."""
    credibility: float
    """0-1: share of the nearest state's own windows that are as far from the others of it."""
    distance: float
    """To the nearest window, in deviations."""
    reason: str | None
    """Why there is no state."""


@dataclass(frozen=True, slots=True)
class Model:
    """The states of a document on k of its access points."""

    names: tuple[str, ...]
    scale: NDArray[np.float32]
    """(2 k,): variation within a state."""
    indexes: tuple[Index, ...]
    """One a state."""
    own: tuple[NDArray[np.float64], ...]
    """One a state: sorted distances of its own windows, each to the nearest of another take or part."""

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.scale, *self.own) + sum(index.nbytes for index in self.indexes)

    def judge(self, vector: NDArray[np.float32]) -> Verdict:
        """Compare (2 k,) levels and spreads with every state; 10 us a state of 60 windows."""
        scaled = vector / self.scale
        return _choose(self.names, [index.nearest(scaled).distance for index in self.indexes], self.own)


def _choose(names: tuple[str, ...], distances: list[float], own: tuple[NDArray[np.float64], ...]) -> Verdict:
    chances = [credibility(d, scores) for d, scores in zip(distances, own, strict=True)]
    fitting = sorted((d, place) for place, (d, p) in enumerate(zip(distances, chances, strict=True)) if p > REJECTED)
    if not fitting:
        nearest = int(np.argmin(distances))
        d, p = distances[nearest], chances[nearest]
        return Verdict(None, p, d, f"no learnt state; {names[nearest]} is nearest, at {d:.1f} deviations")
    d, place = fitting[0]
    if len(fitting) > 1 and fitting[1][0] < AMBIGUOUS * d:
        return Verdict(None, chances[place], d, f"{names[place]} and {names[fitting[1][1]]} fit alike")
    return Verdict(names[place], chances[place], d, None)


def credibility(distance: float, own: NDArray[np.float64]) -> float:
    """Conformal p-value of a distance among sorted scores."""
    beyond = len(own) - int(np.searchsorted(own, distance, side="left"))
    return (beyond + 1) / (len(own) + 1)


def windows_of(
    document: Fingerprints, found: NDArray[np.bool_]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Return the windows of every state on the found access points, (w, 2 k) each; and their scale, (2 k,)."""
    windows = [
        np.array([(*np.array(w.levels_dbm)[found], *np.array(w.spreads)[found]) for w in state.windows], np.float32)
        for state in document.states
    ]
    within = np.concatenate([w - w.mean(axis=0) for w in windows])
    least = np.repeat([LEAST_LEVEL_DB, LEAST_SPREAD], int(found.sum()))
    return windows, np.maximum(within.std(axis=0), least).astype(np.float32)


def parts_of(document: Fingerprints) -> list[NDArray[np.int64]]:
    """Return which part each window of a state is of: its take, or a fifth of the only one."""
    parts = []
    for state in document.states:
        takes = np.array([window.take for window in state.windows], np.int64)
        if len(np.unique(takes)) == 1:
            takes = np.arange(len(takes)) * FOLDS // len(takes)
        parts.append(takes)
    return parts


def prepare(document: Fingerprints, found: NDArray[np.bool_]) -> Model:
    """Make a document ready on those of its access points that are ``found``, (n,); 20 ms."""
    windows, scale = windows_of(document, found)
    scaled = [w / scale for w in windows]
    own = [_own_distances(w, part) for w, part in zip(scaled, parts_of(document), strict=True)]
    return Model(tuple(s.name for s in document.states), scale, tuple(Index.of(w) for w in scaled), tuple(own))


def _own_distances(windows: NDArray[np.float32], part: NDArray[np.int64]) -> NDArray[np.float64]:
    distances: list[float] = []
    for number in np.unique(part):
        others = Index.of(windows[part != number])
        distances += [others.nearest(window).distance for window in windows[part == number]]
    return np.sort(np.array(distances))


def cross_validate(document: Fingerprints) -> dict[str, dict[str, int]]:
    """Judge every window by a model without its take (or fifth); returns counts by state and verdict ("unknown")."""
    found = np.ones(len(document.slots), np.bool_)
    windows, scale = windows_of(document, found)
    parts, names = parts_of(document), [state.name for state in document.states]
    scaled = [w / scale for w in windows]
    own = [_own_distances(w, part) for w, part in zip(scaled, parts, strict=True)]
    whole = [Index.of(w) for w in scaled]
    said: dict[str, dict[str, int]] = {name: dict.fromkeys([*names, "unknown"], 0) for name in names}
    for at, name in enumerate(names):
        for number in np.unique(parts[at]):
            indexes = [*whole]
            indexes[at] = Index.of(scaled[at][parts[at] != number])
            for window in scaled[at][parts[at] == number]:
                verdict = _choose(tuple(names), [index.nearest(window).distance for index in indexes], tuple(own))
                said[name][verdict.state or "unknown"] += 1
    return said
