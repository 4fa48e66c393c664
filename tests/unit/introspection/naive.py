"""Slow, obvious twins of the kernels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from csi_introspection.arrays import Float64


class Match(NamedTuple):
    """The prefix with the most evidence."""

    evidence: float
    score: float
    rows: int
    frames: int


def local_costs(z: Float64, template: Float64, step_weight: float = 1.0) -> tuple[Float64, Float64]:
    """Cost of every frame against every row, and energy of every frame; frame and row before the first are zero."""
    dz = np.diff(z, axis=0, prepend=0)
    ds = np.diff(template, axis=0, prepend=0)
    costs = ((z[:, None] - template[None]) ** 2).sum(2) + step_weight * ((dz[:, None] - ds[None]) ** 2).sum(2)
    energy = (z**2).sum(1) + step_weight * (dz**2).sum(1)
    return costs, energy


def accumulated(costs: Float64, band: int, diagonal: float = 2.0) -> Float64:
    """Full matrix of dynamic time warping inside a Sakoe-Chiba band; inf where no path leads."""
    total = np.full(costs.shape, np.inf)
    for i in range(costs.shape[0]):
        for j in range(costs.shape[1]):
            if abs(i - j) > band:
                continue
            if i == 0 and j == 0:
                total[i, j] = diagonal * costs[i, j]
                continue
            ways = []
            if i > 0 and j > 0:
                ways.append(total[i - 1, j - 1] + diagonal * costs[i, j])
            if i > 0:
                ways.append(total[i - 1, j] + costs[i, j])
            if j > 0:
                ways.append(total[i, j - 1] + costs[i, j])
            total[i, j] = min(ways)
    return total


def best_match(z: Float64, template: Float64, band: int, fewest_rows: int, fewest_frames: int = 2) -> Match:
    """Best prefix that ends at the newest frame, over every start frame, each aligned on its own."""
    costs, energy = local_costs(z, template)
    best = Match(-np.inf, 0.0, 0, 0)
    for start in range(len(z)):
        frames = len(z) - start
        if frames < fewest_frames or frames > len(template) + band:
            continue
        last = accumulated(costs[start:], band)[-1]
        for j in range(fewest_rows - 1, len(template)):
            rows = j + 1
            evidence = energy[start:].sum() - frames * last[j] / (frames + rows)
            if evidence > best.evidence:
                best = Match(evidence, evidence / energy[start:].sum(), rows, frames)
    return best


class Chain:
    """Signatures told one after the other: the most that those gone through to the end explain until each frame."""

    def __init__(self, templates: list[Float64], band: int) -> None:
        self.templates, self.band = templates, band
        self.completed = [0.0]

    def advance(self, z: Float64) -> list[tuple[float, float | None, float]]:
        """Return advantage, evidence and advantage of the whole of each signature after the newest of the frames ``z``.

        The evidence is ``None`` where another prefix has all but as much advantage.
        """
        found, most = [], self.completed[-1]
        for template in self.templates:
            costs, energy = local_costs(z, template)
            ways, whole = [(-np.inf, -np.inf)], -np.inf
            for start in range(len(z) - 1):
                frames = len(z) - start
                if frames > len(template) + self.band:
                    continue
                last = accumulated(costs[start:], self.band)[-1]
                for j in range(1, len(template)):
                    evidence = energy[start:].sum() - frames * last[j] / (frames + j + 1)
                    ways.append((self.completed[start] + evidence - self.completed[-1], evidence))
                    if j == len(template) - 1:
                        whole = max(whole, ways[-1][0])
                        most = max(most, self.completed[start] + evidence)
            ways.sort(reverse=True)
            alone = len(ways) < 2 or ways[0][0] - ways[1][0] > 0.1
            found.append((ways[0][0], ways[0][1] if alone else None, whole))
        self.completed.append(most)
        return found


def whole_distance(z: Float64, template: Float64, band: int) -> float:
    """Least normalised symmetric2 distance of the whole template to frames that end at the newest."""
    costs, _ = local_costs(z, template)
    best = np.inf
    for start in range(len(z)):
        frames = len(z) - start
        if abs(frames - len(template)) <= band:
            best = min(best, accumulated(costs[start:], band)[-1, -1] / (frames + len(template)))
    return best


def line_variance(x: Float64, floor: float) -> float:
    """Variance about the least-squares line, shrunk to the floor by two pseudo-samples."""
    t = np.arange(len(x))
    residual = x - np.polyval(np.polyfit(t, x, 1), t)
    return float(((residual**2).sum() + 2 * floor) / len(x))


class Scan(NamedTuple):
    """What one look at all pairs of a tail finds."""

    divergence: Float64
    histogram: Float64
    neighbours: int


def scan(distance: Float64, theiler: int, step: int, lowest: int, *, horizon: int, bins: int, width: int) -> Scan:
    """Rosenstein's divergence and the distance histogram from a full (M, M) matrix of log distances.

    Of equally near neighbours the oldest is followed; bins are ``width`` wide from ``lowest``.
    """
    size = len(distance)
    last = size - 1 - horizon * step
    divergence = np.zeros(horizon + 1)
    histogram = np.zeros(bins)
    neighbours = 0
    for i in range(size):
        for j in range(i - theiler + 1):
            histogram[min(max(int((distance[i, j] - lowest) // width), 0), bins - 1)] += 1
        if i > last:
            continue
        others = [j for j in range(last + 1) if abs(i - j) >= theiler]
        if others:
            nearest = min(others, key=lambda j: distance[i, j])
            neighbours += 1
            for k in range(horizon + 1):
                divergence[k] += distance[i + k * step, nearest + k * step]
    return Scan(divergence, histogram, neighbours)
