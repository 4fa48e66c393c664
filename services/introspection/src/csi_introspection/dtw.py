"""Streaming, banded, open-begin dynamic time warping of every prefix of every signature against the newest frames.

Sakoe & Chiba 1978 (doi:10.1109/TASSP.1978.1163055): step pattern symmetric2 (diagonal steps weigh 2, normalised by
frames + rows) inside a band of ``window`` frames about the diagonal. A match may begin at any frame. State is kept by
(row, offset), offset = frames matched - rows matched: row and offset name the frame the match began at, so band and
norm are exact for every start, at a cost per frame that does not depend on how long ago anything began. (SPRING,
Sakurai 2007, keeps one cell a row, of one start, and can do neither.)

Vectors are in units of the stream's quiet deviation about its quiet mean. The cost of a cell is the squared distance
of the vectors plus ``STEP_WEIGHT`` times that of their steps from the vector before, which tells a ramp from the level
it passes through.

The evidence of a prefix is the energy of the frames it matched minus their normalised distance to it: twice the log
likelihood ratio of "this prefix" to "quiet". Its score is the share of the energy that it explains.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64

STEP_WEIGHT = np.float32(1.0)
UNREACHED = np.float32(1e30)
FEWEST_FRAMES = FEWEST_ROWS = 2
"""Frames, and rows, a match needs before it counts."""
SCORE, PROGRESS, EVIDENCE, FRAMES, HEAD_SCORE, HEAD_EVIDENCE, WHOLE_SCORE, WHOLE_EVIDENCE = range(8)
"""Columns of a signature's match: of the prefix with the most evidence, of the best prefix within the head, and of the
whole."""
ONE = np.uint64(1)
_ZERO = np.float32(0.0)
_TWO = np.float32(2.0)


@kernel
def take_energy(vector: Float32, before: Float32, energy: Float32) -> np.float32:
    """Return this frame's energy (values and steps) and push it into ``energy``: [T] is that of the last T frames."""
    own, step = _ZERO, _ZERO
    for d in range(vector.size):
        own += vector[d] * vector[d]
        moved = vector[d] - before[d]
        step += moved * moved
    own += STEP_WEIGHT * step
    for frames in range(energy.size - 1, 0, -1):
        energy[frames] = energy[frames - 1] + own
    return own


@kernel
def cross_products(template: Float32, vector: Float32, dots: Float32, cross: Float32) -> None:
    """Write vector . row + STEP_WEIGHT (step . row's step) for each row to ``cross``.

    The second term comes from the dot products of this and the last frame (``dots``, updated) with this and the last
    row, so it costs no second pass over the dimensions. The vector before the first row is quiet: zero.
    """
    above_then, above_now = _ZERO, _ZERO
    for j in range(cross.size):
        now = _ZERO
        for d in range(vector.size):
            now += template[j, d] * vector[d]
        then = dots[j]
        cross[j] = now + STEP_WEIGHT * (now - above_now - then + above_then)
        above_then, above_now, dots[j] = then, now, now


@kernel
def cell_costs(own: np.float32, cross: Float32, row_energy: Float32, gain: np.float32, cost: Float32) -> None:
    """Write the cost of this frame, of energy ``own``, against each row times ``gain`` to ``cost`` (L)."""
    for j in range(cost.size):
        squared = own - _TWO * gain * cross[j] + gain * gain * row_energy[j]
        cost[j] = max(_ZERO, squared)


@kernel
def advance_cells(
    last: Float32,
    cells: Float32,
    cost: Float32,
    band: int,
    energy: Float32,
    weights: Float32,
    first: int,
    evidence: Float32,
) -> None:
    """Advance one signature at one gain.

    Args:
        last: (>= 2 band + 3, > L) last frame's accumulated costs; offset -band is row 1, column 0 is unreached.
        cells: The same, receives this frame's.
        cost: (L) this frame against each row.
        band: Frames to either side of the diagonal.
        energy: (> L + band) energy of the last T frames.
        weights: (>= 2 band + 3, >= L) T / (T + rows) of each cell.
        first: Fewest rows that count.
        evidence: (L) most evidence by row.
    """
    # Unsigned indices cannot count from the end, which is what lets the compiler use SIMD without slices, and a slice
    # costs more here than the row it would name.
    rows = np.uint64(cost.size)
    for down in range(2 * band + 1):
        offset = 2 * band + 1 - down
        ahead = offset - band  # cell j of this offset has matched j + ahead frames
        r = np.uint64(offset)
        above, below = r + ONE, r - ONE
        for j in range(rows):
            c = cost[j]
            best, longer, shorter = last[r, j] + c + c, last[below, j + ONE] + c, cells[above, j] + c
            best = min(best, longer)
            cells[r, j + ONE] = min(best, shorter)
        if ahead == 1:
            cells[r, ONE] = _TWO * cost[0]
        start = max(first - 1, FEWEST_FRAMES - ahead)
        if start < cost.size:
            at, matched = np.uint64(start), np.uint64(start + ahead)
            for j in range(np.uint64(cost.size - start)):
                value = energy[matched + j] - cells[r, at + j + ONE] * weights[r, at + j]
                evidence[at + j] = max(evidence[at + j], value)


@kernel
def frames_of_best(
    cells: Float32, energy: Float32, weights: Float32, band: int, row: int, gains: Float32
) -> tuple[int, np.float32]:
    """Frames and evidence of the most evident match that ends at ``row``; ``cells`` (G, >= 2 band + 3, > row + 1)."""
    frames, most = 1, -UNREACHED
    for g in range(gains.size):
        for r in range(max(1, FEWEST_FRAMES - row + band), 2 * band + 2):
            value = energy[row + r - band] - cells[g, r, row + 1] * weights[r, row]
            if value > most:
                most = value
                frames = row + r - band
    return frames, most


@kernel
def best_row(evidence: Float32, first: int, stop: int) -> int:
    """Return the row with the most evidence of ``first`` to ``stop``, which is not included."""
    best = first
    for j in range(first + 1, stop):
        if evidence[j] > evidence[best]:
            best = j
    return best


@kernel
def match_motion(
    cells: Float32,
    energy: Float32,
    weights: Float32,
    band: int,
    gains: Float32,
    evidence: Float32,
    head: int,
    out: Float64,
) -> None:
    """Write the matches of a signature whose prefixes have ``evidence``; its head is ``head`` (>= FEWEST_ROWS) rows."""
    last = evidence.size - 1
    within = best_row(evidence, FEWEST_ROWS - 1, head)
    best = best_row(evidence, head - 1, last + 1)
    best = within if evidence[within] >= evidence[best] else best
    frames, most = frames_of_best(cells, energy, weights, band, best, gains)
    score = min(most / (energy[frames] + np.float32(1e-20)), 1.0)
    out[SCORE], out[EVIDENCE] = max(score, 0.0), most
    out[PROGRESS], out[FRAMES] = 0.0, 0.0
    if score > 0.0:
        out[PROGRESS], out[FRAMES] = (best + 1) / evidence.size, frames
    out[HEAD_SCORE], out[HEAD_EVIDENCE] = out[SCORE], most
    if within != best:
        frames, most = frames_of_best(cells, energy, weights, band, within, gains)
        out[HEAD_SCORE] = max(min(most / (energy[frames] + np.float32(1e-20)), 1.0), 0.0)
        out[HEAD_EVIDENCE] = most
    out[WHOLE_SCORE], out[WHOLE_EVIDENCE] = 0.0, evidence[last]
    if evidence[last] > _ZERO:
        frames, most = frames_of_best(cells, energy, weights, band, last, gains)
        out[WHOLE_SCORE] = min(most / (energy[frames] + np.float32(1e-20)), 1.0)


@kernel
def match_rest(cells: Float32, band: int, rows: int, quiet_cost: float, out: Float64) -> None:
    """Write how well the newest frames match a whole signature of rest, ``rows`` long, to ``out``.

    The score is the cost that quiet frames have, over the normalised distance: 1 at rest, falling with any motion.
    """
    nearest = np.float64(UNREACHED)
    frames = 0
    for r in range(1, 2 * band + 2):
        matched = rows - 1 + r - band
        if matched >= 1 and cells[r, rows] < UNREACHED / 2 and cells[r, rows] / (matched + rows) < nearest:
            nearest = cells[r, rows] / (matched + rows)
            frames = matched
    if frames == 0:
        out.fill(0.0)
        return
    out[SCORE] = min(1.0, quiet_cost / (nearest + 1e-20))
    out[PROGRESS] = 1.0
    out[EVIDENCE] = 0.0
    out[FRAMES] = frames
