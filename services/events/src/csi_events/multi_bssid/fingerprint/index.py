"""Nearest neighbour among templates: anchors and the triangle inequality, exact unless told to stop early.

Templates belong to the nearest of about sqrt(n) anchors, chosen farthest first (Gonzalez 1985). A query looks at the
groups in the order of how near a member could be, skips members whose distance to the anchor alone rules them out, and
ends when no group can hold a nearer one (AESA-style pruning, Vidal 1986). With 1000 templates a graph index would win
nothing over this: comparing with all of them takes 10 us.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray


class Nearest(NamedTuple):
    """The answer to a query."""

    place: int
    """Row of the template."""
    distance: float
    compared: int
    """Templates the query was compared with."""


@dataclass(frozen=True, slots=True)
class Index:
    """Templates grouped around anchors; distances are Euclidean."""

    points: NDArray[np.float32]
    """(n, width), by group."""
    place: NDArray[np.int64]
    """(n,): row each had when the index was made."""
    reach: NDArray[np.float32]
    """(n,): distance to the group's anchor."""
    anchors: NDArray[np.int64]
    """(groups,): rows of ``points`` that are anchors."""
    begin: NDArray[np.int64]
    """(groups + 1,): rows of ``points`` where each group begins."""
    radius: NDArray[np.float32]
    """(groups,): largest distance of a member to its anchor."""

    @classmethod
    def of(cls, points: NDArray[np.float32]) -> Index:
        """Index (n, width) templates; n^1.5 distances.

        Raises:
            ValueError: there is none, or one is not finite.
        """
        if points.ndim != 2 or not len(points) or not np.isfinite(points).all():
            raise ValueError(f"templates of shape {points.shape} must be finite numbers, one row each, at least one")
        anchors = [0]
        nearest = _distances(points, 0)
        group = np.zeros(len(points), np.int64)
        for number in range(1, ceil(sqrt(len(points)))):
            anchors.append(int(np.argmax(nearest)))
            distances = _distances(points, anchors[-1])
            group[distances < nearest] = number
            nearest = np.minimum(nearest, distances)
        order = np.argsort(group, kind="stable")
        begin = np.searchsorted(group[order], np.arange(len(anchors) + 1))
        where = np.argsort(order)
        # an anchor that repeats another one has no members: its group is empty
        radius = [nearest[group == number].max(initial=0.0) for number in range(len(anchors))]
        return cls(
            np.ascontiguousarray(points[order]),
            order.astype(np.int64),
            nearest[order].astype(np.float32),
            where[anchors].astype(np.int64),
            begin.astype(np.int64),
            np.array(radius, np.float32),
        )

    def nearest(self, query: NDArray[np.float32], groups: int | None = None) -> Nearest:
        """Return the template nearest to a (width,) query; at most ``groups`` groups are looked at, by default all."""
        row, distance, compared = search(
            query,
            self.points,
            self.reach,
            self.anchors,
            self.begin,
            self.radius,
            len(self.anchors) if groups is None else groups,
        )
        return Nearest(int(self.place[row]), distance, compared)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.points, self.place, self.reach, self.anchors, self.begin, self.radius)


def _distances(points: NDArray[np.float32], row: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.norm(points.astype(np.float64) - points[row], axis=1))


@kernel("float64(float32[::1], float32[::1])")
def distance_of(a: NDArray[np.float32], b: NDArray[np.float32]) -> float:
    """Euclidean distance of two vectors."""
    total = np.float32(0.0)
    for k in range(len(a)):
        away = a[k] - b[k]
        total += away * away
    root: float = np.sqrt(np.float64(total))
    return root


@kernel(
    "Tuple((int64, float64, int64))(float32[::1], float32[:,::1], float32[::1], int64[::1], int64[::1], float32[::1],"
    " int64)"
)
def search(
    query: NDArray[np.float32],
    points: NDArray[np.float32],
    reach: NDArray[np.float32],
    anchors: NDArray[np.int64],
    begin: NDArray[np.int64],
    radius: NDArray[np.float32],
    groups: int,
) -> tuple[int, float, int]:
    """Row of the nearest template, its distance, and how many were compared; see :class:`Index` for the arrays.

    5 us for 1000 templates of 64 numbers in four clusters, 10 us where nothing can be ruled out.
    """
    slack = 1e-4  # of single precision
    count = len(anchors)
    away, bound = np.empty(count), np.empty(count)
    for g in range(count):
        away[g] = distance_of(query, points[anchors[g]])
        bound[g] = away[g] - radius[g]
    order = np.argsort(bound)
    nearest = np.argmin(away)
    best, row, compared = away[nearest], anchors[nearest], count
    for visit in range(min(count, max(groups, 1))):
        g = order[visit]
        if bound[g] > best + slack:
            break
        for i in range(begin[g], begin[g + 1]):
            if abs(away[g] - reach[i]) > best + slack:
                continue
            compared += 1
            d = distance_of(query, points[i])
            if d < best:
                best, row = d, i
    return row, best, compared
