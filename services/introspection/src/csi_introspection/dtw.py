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

Motions follow each other without a rest between, and nobody marks where one begins. So a match may also begin where
another signature, or the same one, has just been gone through, and go on from the evidence that had been found until
then: connected recognition in one pass (Ney 1984, doi:10.1109/TASSP.1984.1164320). The advantage of a prefix is its own
evidence plus what was completed before it began, minus what has been completed by now. It is the evidence while nothing
was completed lately, and next to nothing for a motion that is over.
"""

from __future__ import annotations

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64
from csi_introspection.simd import LANES, add, larger, less, load, load_one, smaller, store, store_one, times

STEP_WEIGHT = np.float32(1.0)
UNREACHED = np.float32(1e30)
FEWEST_FRAMES = FEWEST_ROWS = 2
"""Frames, and rows, a match needs before it counts."""
SCORE, PROGRESS, EVIDENCE, FRAMES, ADVANTAGE, WHOLE_SCORE, WHOLE_EVIDENCE, WHOLE_ADVANTAGE = range(8)
"""Columns of a signature's match: of the prefix with the most advantage, and of the whole."""
CROSS, COST, EVIDENCES = range(3)
"""Rows of a matcher's work space: cross products, costs and most evidence, by row of the signature."""
ONE = np.uint64(1)
_NEVER = np.float32(1e29)
"""Cells with less advantage than minus this were not reached."""
_ZERO = np.float32(0.0)
_TWO = np.float32(2.0)


@kernel
def take_energy(vector: Float32, before: Float32, energy: Float32, reach: Float32, front: int) -> np.float32:
    """Return this frame's energy (values and steps) and push it into ``energy``: [T] is that of the last T frames.

    Args:
        vector: (W) the frame.
        before: (W) the one before.
        energy: (T + 1) rewritten.
        reach: (> front + T) receives the same from place ``front`` on, but fewer than ``FEWEST_FRAMES`` frames count
            as ``-UNREACHED``: as no evidence at all.
        front: Places before.
    """
    own, step = _ZERO, _ZERO
    for d in range(vector.size):
        own += vector[d] * vector[d]
        moved = vector[d] - before[d]
        step += moved * moved
    own += STEP_WEIGHT * step
    ahead = reach[front:]
    for frames in range(np.uint64(energy.size - 1)):
        ahead[frames + ONE] = energy[frames] + own
    for frames in range(np.uint64(1), np.uint64(energy.size)):
        energy[frames] = ahead[frames]
    reach[: front + FEWEST_FRAMES] = -UNREACHED
    return own


@kernel
def add_completed(completed: Float32, reach: Float32, front: int) -> None:
    """Let alignments go on from what had been completed when they began.

    Args:
        completed: (T) [i] is what was completed until i frames before the last, less what was until the last: <= 0.
        reach: See ``take_energy``; the place of T frames gets ``completed[T - 1]`` added.
        front: Places before that of no frame.
    """
    began = np.uint64(front + 1)
    for i in range(np.uint64(completed.size)):
        reach[began + i] += completed[i]


@kernel
def push_completed(completed: Float32, gain: np.float32) -> None:
    """Let a frame pass by which ``gain`` more was completed; ``completed`` as for ``add_completed``."""
    last = np.uint64(completed.size - 1)
    for i in range(last):
        completed[last - i] = completed[last - i - ONE] - gain
    completed[0] = _ZERO


@kernel
def cross_products(
    templates: Float32, signature: int, vector: Float32, rows: int, dots: Float32, work: Float32
) -> None:
    """Write vector . row + STEP_WEIGHT (step . row's step) for each row of a signature to ``work[CROSS]``.

    The second term comes from the dot products of this and the last frame (``dots``, updated) with this and the last
    row, so it costs no second pass over the dimensions. The vector before the first row is quiet: zero.

    Args:
        templates: (n, >= rows, >= W).
        signature: Which of them.
        vector: (W) this frame's.
        rows: Of the signature, L.
        dots: (n, >= rows) updated.
        work: (3, >= rows) work space.
    """
    # an index without a sign cannot count from the end, which is what lets the compiler use SIMD without a slice
    k, cross = np.uint64(signature), np.uint64(CROSS)
    above_then, above_now = _ZERO, _ZERO
    for j in range(np.uint64(rows)):
        now = _ZERO
        for d in range(np.uint64(vector.size)):
            now += templates[k, j, d] * vector[d]
        then = dots[k, j]
        work[cross, j] = now + STEP_WEIGHT * (now - above_now - then + above_then)
        above_then, above_now, dots[k, j] = then, now, now


@kernel
def cell_costs(
    own: np.float32, row_energy: Float32, signature: int, gain: np.float32, rows: int, work: Float32
) -> None:
    """Write the cost of this frame, of energy ``own``, against each row times ``gain`` to ``work[COST]``.

    ``row_energy`` is (n, >= rows); ``work[CROSS]`` holds the cross products.
    """
    k, cross, cost = np.uint64(signature), np.uint64(CROSS), np.uint64(COST)
    for j in range(np.uint64(rows)):
        squared = own - _TWO * gain * work[cross, j] + gain * gain * row_energy[k, j]
        work[cost, j] = max(_ZERO, squared)


@kernel
def advance_cells(
    cells: Float32, last: int, now: int, rows: int, band: int, reach: Float32, weights: Float32, work: Float32
) -> None:
    """Advance one signature at one gain, ``simd.LANES`` cells at a time.

    What is beyond the last row is computed too, where that does not fill the lanes, and never read: a cell depends on
    none of later rows.

    Args:
        cells: Contiguous; its last axis, (P + 1), holds one offset each: accumulated costs, of which the first is
            unreached. P is ``rows`` filled up to whole lanes, or more.
        last: Number, along all axes but the last, of offset -band - 1 of the last frame, before 2 band + 2 more.
        now: The same of this frame, whose offsets from -band to band are written.
        rows: Of the signature, L.
        band: Frames to either side of the diagonal, at most that of ``weights``, B.
        reach: (>= P + 2 B + 2) energy of the last frames, see ``take_energy``, of which ``front`` is B, and what was
            completed before them.
        weights: (2 B + 3, P) T / (T + rows) of each cell.
        work: (3, P): costs, and the most advantage by row so far; that of the first row means nothing.
    """
    stride, padded = cells.shape[cells.ndim - 1], weights.shape[1]
    costs, evidence = COST * padded, EVIDENCES * padded
    narrower = (weights.shape[0] - 3) // 2 - band
    for down in range(2 * band + 1):
        offset = 2 * band + 1 - down
        here, before = (now + offset) * stride, (last + offset) * stride
        above, below = here + stride, before - stride
        matched = narrower + offset  # cell j of this offset has matched this less B plus j frames
        for j in range(0, rows, LANES):
            c = load(work, costs + j)
            best = smaller(add(load(cells, before + j), add(c, c)), add(load(cells, below + 1 + j), c))
            best = smaller(best, add(load(cells, above + j), c))
            store(cells, here + 1 + j, best)
            spent = times(best, load(weights, matched * padded + j))
            store(work, evidence + j, larger(load(work, evidence + j), less(load(reach, matched + j), spent)))
        if offset == band + 1:
            store_one(cells, here + 1, _TWO * work[COST, 0])


@kernel
def frames_of_best(
    cells: Float32, now: int, gains: int, reach: Float32, weights: Float32, band: int, row: int
) -> tuple[int, np.float32]:
    """Frames and advantage of the match with the most of it that ends at ``row``.

    ``cells``, ``now`` and ``reach`` as for ``advance_cells``; cells of ``gains`` gains follow each other.
    """
    frames, most = 1, -UNREACHED
    offsets, stride = weights.shape[0], cells.shape[cells.ndim - 1]
    narrower = (offsets - 3) // 2 - band
    for g in range(gains):
        for r in range(max(1, FEWEST_FRAMES - row + band), 2 * band + 2):
            spent = load_one(cells, (now + g * offsets + r) * stride + row + 1)
            value = reach[narrower + r + row] - spent * weights[narrower + r, row]
            if value > most:
                most = value
                frames = row + r - band
    return frames, most


@kernel
def best_row(work: Float32, first: int, stop: int) -> int:
    """Return the row with the most advantage of ``first`` to ``stop``, which is not included."""
    best = first
    for j in range(first + 1, stop):
        if work[EVIDENCES, j] > work[EVIDENCES, best]:
            best = j
    return best


@kernel
def match_motion(
    cells: Float32,
    now: int,
    gains: int,
    energy: Float32,
    reach: Float32,
    weights: Float32,
    band: int,
    rows: int,
    work: Float32,
    past: int,
    matches: Float64,
    signature: int,
) -> None:
    """Write the matches of a signature whose prefixes' advantage is in ``work``.

    The other arguments are those of ``advance_cells``; ``energy`` is that of the last frames. ``past`` is 0 when
    nothing was completed lately, so that advantage and evidence are the same; 1 when something was; 2 when also the
    evidence of a whole without advantage is wanted. ``matches`` (n, 8) receives the answer.
    """
    k, last = signature, rows - 1
    front = (weights.shape[0] - 3) // 2
    best = best_row(work, FEWEST_ROWS - 1, rows)
    frames, most = frames_of_best(cells, now, gains, reach, weights, band, best)
    evidence = most
    if past > 0 and most > -_NEVER:
        evidence += energy[frames] - reach[front + frames]
    score = min(evidence / (energy[frames] + np.float32(1e-20)), 1.0)
    matches[k, SCORE], matches[k, EVIDENCE], matches[k, ADVANTAGE] = max(score, 0.0), evidence, most
    matches[k, PROGRESS], matches[k, FRAMES] = 0.0, 0.0
    if score > 0.0:
        matches[k, PROGRESS], matches[k, FRAMES] = (best + 1) / rows, frames
    whole = work[EVIDENCES, last] if last > 0 else -UNREACHED
    matches[k, WHOLE_SCORE], matches[k, WHOLE_EVIDENCE], matches[k, WHOLE_ADVANTAGE] = 0.0, whole, whole
    if whole > (-_NEVER if past == 2 else _ZERO):
        frames, most = frames_of_best(cells, now, gains, reach, weights, band, last)
        evidence = most + (energy[frames] - reach[front + frames] if past > 0 else _ZERO)
        matches[k, WHOLE_EVIDENCE] = evidence
        if evidence > _ZERO:
            matches[k, WHOLE_SCORE] = min(evidence / (energy[frames] + np.float32(1e-20)), 1.0)


@kernel
def match_rest(
    cells: Float32, now: int, band: int, rows: int, quiet_cost: float, matches: Float64, signature: int
) -> None:
    """Write how well the newest frames match a whole signature of rest, ``rows`` long, to ``matches`` (n, 8).

    The score is the cost that quiet frames have, over the normalised distance: 1 at rest, falling with any motion.
    """
    nearest = np.float64(UNREACHED)
    frames = 0
    stride = cells.shape[cells.ndim - 1]
    for r in range(1, 2 * band + 2):
        matched = rows - 1 + r - band
        spent = load_one(cells, (now + r) * stride + rows)
        if matched >= 1 and spent < UNREACHED / 2 and spent / (matched + rows) < nearest:
            nearest = spent / (matched + rows)
            frames = matched
    for column in range(matches.shape[1]):
        matches[signature, column] = 0.0
    if frames > 0:
        matches[signature, SCORE] = min(1.0, quiet_cost / (nearest + 1e-20))
        matches[signature, PROGRESS] = 1.0
        matches[signature, FRAMES] = frames
