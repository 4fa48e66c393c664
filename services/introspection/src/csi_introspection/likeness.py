"""How alike two whole runs of feature vectors are, on the scale of the streaming matcher.

The same cell cost, step pattern symmetric2, band, norm and score as ``csi_introspection.dtw``, over every start at
once instead of frame by frame: plain numpy, so that capturing and checking signatures compile nothing.
"""

from __future__ import annotations

import numpy as np

from csi_introspection.arrays import Float64

STEP_WEIGHT = 1.0
"""Weight of the squared distance of the steps, as in ``dtw``."""


def resample(rows: Float64, count: int) -> Float64:
    """Return ``count`` vectors that span the same time as ``rows``, (R, D).

    A row stands for its share of the time. Fewer: each is the mean over its share of the rows, so that nothing faster
    folds back. More: straight lines between the middles of the rows. Equal: the rows.
    """
    have = len(rows)
    if count == have:
        return rows.copy()
    if count > have:
        return _at(rows, np.clip((np.arange(count) + 0.5) * have / count - 0.5, 0.0, have - 1.0))
    total = np.concatenate([np.zeros((1, rows.shape[1])), np.cumsum(rows, axis=0)])
    means: Float64 = np.diff(_at(total, np.linspace(0.0, have, count + 1)), axis=0) * (count / have)
    return means


def _at(rows: Float64, positions: Float64) -> Float64:
    """Return the vectors at fractional row numbers, (positions, D)."""
    below = np.minimum(positions.astype(np.int64), len(rows) - 2) if len(rows) > 1 else np.zeros(len(positions), int)
    above = np.minimum(below + 1, len(rows) - 1)
    share = (positions - below)[:, np.newaxis]
    values: Float64 = rows[below] * (1 - share) + rows[above] * share
    return values


def whole_scores(template: Float64, rows: Float64, window: int) -> Float64:
    """Score of the best match of the whole template that ends at each row.

    Args:
        template: (L, D) displacement from quiet.
        rows: (T, D) displacement from quiet, at the template's rows a second; the vector before the first is quiet.
        window: Sakoe-Chiba band, rows to either side of the diagonal.

    Returns:
        (T) share of the matched rows' energy that the template explains, 0-1; 0 where nothing ends. Among the starts
        the one with the most evidence counts (see ``dtw``). Costs O(T L (window + D)).
    """
    length, count = len(template), len(rows)
    costs, energy = _costs(template, rows, window)
    cells = np.full((2 * window + 1, count), np.inf)
    for j in range(length):
        before, cells = cells, np.full_like(cells, np.inf)
        for r in range(2 * window + 1):
            i = j + r - window  # rows of the stream since the start, less one
            if i < 0:
                continue
            cost = costs[j, i : i + count]
            best = before[r] + 2 * cost  # nothing is before the first row, so its cells begin at offset 0
            if i == 0 and j == 0:
                best = 2 * cost
            if r > 0:
                best = np.minimum(best, cells[r - 1] + cost)
            if r < 2 * window:
                best = np.minimum(best, before[r + 1] + cost)
            cells[r] = best
    evidence, scores = np.full(count, -np.inf), np.zeros(count)
    for r in range(2 * window + 1):
        matched = length + r - window
        if not 1 <= matched <= count:
            continue
        spent = energy[matched:] - energy[:-matched]  # of the run that ends at row matched - 1, matched, ...
        gained = spent - cells[r, : count - matched + 1] * (matched / (matched + length))
        at = slice(matched - 1, None)
        better = gained > evidence[at]
        evidence[at][better] = gained[better]
        scores[at][better] = np.maximum(gained, 0.0)[better] / np.maximum(spent, 1e-20)[better]
    return np.minimum(scores, 1.0)


def _costs(template: Float64, rows: Float64, window: int) -> tuple[Float64, Float64]:
    """Cost of each template row against each row, (L, T + L + window) with inf behind the end; energy sums, (T + 1)."""
    steps, moves = np.diff(template, axis=0, prepend=0.0), np.diff(rows, axis=0, prepend=0.0)
    costs = np.full((len(template), len(rows) + len(template) + window), np.inf)
    joined = np.concatenate([template, np.sqrt(STEP_WEIGHT) * steps], axis=1)
    stream = np.concatenate([rows, np.sqrt(STEP_WEIGHT) * moves], axis=1)
    own, other = (joined**2).sum(axis=1), (stream**2).sum(axis=1)
    costs[:, : len(rows)] = np.maximum(own[:, np.newaxis] - 2 * joined @ stream.T + other, 0.0)
    return costs, np.concatenate([[0.0], np.cumsum(other)])


def likeness(template: Float64, rows: Float64, window: int) -> float:
    """Highest of ``whole_scores``: how well the template fits wherever in ``rows`` it fits best, 0-1."""
    if len(rows) == 0:
        return 0.0
    return float(whole_scores(template, rows, window).max())
