"""How fast the room changes: the energy of a frame's change over several lags, in each bin of sub-carriers.

The features ``lag`` and ``vec128`` are logarithms of these energies relative to the stream's quiet. They know motion
and neither place nor posture, and they are means over antennas, so they fit streams of any number of antennas.

A row is the mean of the newest ``stride`` frames. The energy at a lag is the squared difference of two rows that many
rows apart, averaged over the antennas and over the frames of the last ``SMOOTH`` rows. It is kept by running sums, so
every frame has it at a cost that depends on none of these lengths.

Beside the energy of each bin there is that of the row's smooth part: of its first ``ORDERS`` cosines over the bins.
Whatever moves in a room changes neighbouring sub-carriers alike, because its echo comes at most a few hundred
nanoseconds after the others; a receiver's noise does not.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.embedding import log2_of_mantissa

LAGS = (1, 2, 3, 4, 6, 8, 12, 16)
"""Rows between the two sides of a change."""
SMOOTH = 8
"""Rows over which energies are averaged."""
BANDS = 16
"""Bins of sub-carriers per antenna that ``vec128`` needs; ``len(LAGS) * BANDS`` is 128."""
LAG_COLUMNS = (0, 1, 3, 5, 7)
"""Places in ``LAGS`` of the lags of the feature ``lag``: 1, 2, 4, 8, 16 rows."""
LAG_WIDTH = len(LAG_COLUMNS)
ORDERS = 3
"""Cosines over an antenna's bins (DCT-II, the mean included) whose energy ``lag`` is made of."""
VEC_WIDTH = len(LAGS) * BANDS
PROFILE = 0.5
"""Weight in ``vec128`` of a bin's departure from the mean over bins, which depends on place more than the mean does."""
LEAST_SPREAD = 0.01
"""Least variance at rest of a logarithm of energy: a recording that repeats itself has less, a radio never."""
_LAGS = np.array(LAGS, np.int64)
_LAG_COLUMNS = np.array(LAG_COLUMNS, np.int64)
_LN2 = np.float32(np.log(2.0))
_LEAST = 1e-12
"""Added to energies: what is left when a stream does not change at all."""


class Changes(NamedTuple):
    """State of one stream of W = antennas x bins values a frame, at S frames a row.

    A row has P = W + antennas x orders numbers: the bins, then each antenna's smooth part.
    """

    clock: Int64
    """(1) frames taken."""
    frames: Float32
    """(S, W) the newest frames."""
    row: Float64
    """(W) their sum."""
    rows: Float32
    """(16 S + 1, P) ring of the newest rows, one a frame."""
    cosines: Float32
    """(orders, bins) what makes the smooth part of an antenna's bins."""
    squares: Float32
    """(SMOOTH S, lags, bins + 1) ring of squared changes, the smooth part's last."""
    sums: Float64
    """(lags, bins + 1) their sum."""
    energy: Float32
    """(lags, bins + 1) mean squared change."""
    ratio: Float32
    """(lags x bins) work space."""
    level: Float64
    """(lags, bins + 1) energy at rest."""
    block: Float64
    """(lags, bins + 1) sum of energies over the running block."""
    counted: Int64
    """(1) frames in that sum."""
    spread: Float64
    """(2, 3) of ``lag`` and ``vec128``: variance at rest, then sum of squares and count over the running block."""


def smooth_cosines(bins: int) -> Float32:
    """Return the first ``ORDERS`` rows, or as many as there are bins, of the orthonormal DCT-II, (orders, bins)."""
    orders = np.arange(min(ORDERS, bins))[:, None]
    cosines = np.cos(np.pi * orders * (np.arange(bins) + 0.5) / bins)
    unit: Float32 = (cosines / np.linalg.norm(cosines, axis=1, keepdims=True)).astype(np.float32)
    return unit


def new_changes(antennas: int, bins: int, stride: int) -> Changes:
    """Return the state of a stream of which nothing was seen."""
    width = antennas * bins
    cosines = smooth_cosines(bins)
    shape = (len(LAGS), bins + 1)
    return Changes(
        clock=np.zeros(1, np.int64),
        frames=np.zeros((stride, width), np.float32),
        row=np.zeros(width),
        rows=np.zeros((LAGS[-1] * stride + 1, width + antennas * len(cosines)), np.float32),
        cosines=cosines,
        squares=np.zeros((SMOOTH * stride, *shape), np.float32),
        sums=np.zeros(shape),
        energy=np.zeros(shape, np.float32),
        ratio=np.zeros(len(LAGS) * bins, np.float32),
        level=np.zeros(shape),
        block=np.zeros(shape),
        counted=np.zeros(1, np.int64),
        spread=np.array([[0.25, 0.0, 0.0], [0.25, 0.0, 0.0]]),
    )


@kernel
def add_smooth_part(row: Float32, cosines: Float32, width: int) -> None:
    """Write each antenna's smooth part behind the ``width`` bins of a row, (P)."""
    orders, bins = cosines.shape
    for a in range(width // bins):
        for k in range(orders):
            total = np.float32(0.0)
            for b in range(bins):
                total += cosines[k, b] * row[a * bins + b]
            row[width + a * orders + k] = total


@kernel
def restart(state: Changes, vector: Float32) -> None:
    """Forget the recent past, as after a gap: the room looked like ``vector`` (W) all along. The quiet stays."""
    state.clock[0] = 0
    state.squares.fill(0.0)
    state.sums.fill(0.0)
    for w in range(vector.size):
        for s in range(state.frames.shape[0]):
            state.frames[s, w] = vector[w]
        state.row[w] = vector[w] * np.float64(state.frames.shape[0])
        state.rows[0, w] = vector[w]
    add_smooth_part(state.rows[0], state.cosines, vector.size)
    for r in range(1, state.rows.shape[0]):
        state.rows[r] = state.rows[0]


@kernel
def is_whole(state: Changes) -> bool:
    """Whether all that the newest energies look back on has been seen since the stream began or a gap ended."""
    return bool(state.clock[0] >= state.rows.shape[0] + state.squares.shape[0])


@kernel
def take_square(state: Changes, squares: Float32, k: int, b: int, square: np.float32, share: float) -> None:
    """Take a squared change in the place of the oldest one of the ring, whose row ``squares`` (lags, bins + 1) is."""
    state.sums[k, b] += np.float64(square) - squares[k, b]
    squares[k, b] = square
    state.energy[k, b] = np.float32(max(state.sums[k, b], 0.0) * share + _LEAST)


@kernel
def advance_changes(state: Changes, vector: Float32) -> None:
    """Take one frame's values, (W) antenna-major, and write ``energy``."""
    stride, width = state.frames.shape
    orders, bins = state.cosines.shape
    antennas = width // bins
    time = state.clock[0]
    state.clock[0] = time + 1
    oldest = state.frames[time % stride]
    reach = state.rows.shape[0]
    row = state.rows[time % reach]
    for w in range(width):
        state.row[w] += np.float64(vector[w]) - oldest[w]
        oldest[w] = vector[w]
        row[w] = np.float32(state.row[w] / stride)
    add_smooth_part(row, state.cosines, width)
    squares = state.squares[time % state.squares.shape[0]]
    part = np.float32(1.0 / antennas)
    share = 1.0 / state.squares.shape[0]
    for k in range(_LAGS.size):
        before = state.rows[(time + reach - _LAGS[k] * stride) % reach]
        for b in range(bins):
            moved = row[b] - before[b]
            total = moved * moved
            for a in range(1, antennas):
                moved = row[a * bins + b] - before[a * bins + b]
                total += moved * moved
            take_square(state, squares, k, b, total * part, share)
        smooth = np.float32(0.0)
        for p in range(width, width + antennas * orders):
            moved = row[p] - before[p]
            smooth += moved * moved
        take_square(state, squares, k, bins, smooth * part, share)


@kernel
def logarithms(values: Float32, out: Float32) -> None:
    """Write the natural logarithms of positive ``values`` to ``out``, exact to 0.002, from the bits (so SIMD)."""
    bits = values.view(np.int32)
    for i in range(values.size):
        out[i] = (np.float32((bits[i] >> 23) - 127) + log2_of_mantissa(bits[i])) * _LN2


@kernel
def describe_changes(state: Changes, lag: Float32, vec: Float32) -> None:
    """Write the features ``lag`` (LAG_WIDTH) and, where there are ``BANDS`` bins, ``vec128`` (VEC_WIDTH).

    Natural logarithms of (energy + quiet's) / (2 x quiet's): 0 at rest, and small changes of a small energy stay small.
    0 while the quiet is not known.
    """
    if state.level[0, 0] <= 0.0:
        lag.fill(0.0)
        vec.fill(0.0)
        return
    lags, bins = state.energy.shape[0], state.cosines.shape[1]
    for c in range(_LAG_COLUMNS.size):
        k = _LAG_COLUMNS[c]
        own, rest = np.float64(state.energy[k, bins]), state.level[k, bins]
        lag[c] = np.float32(np.log((own + rest) / (2.0 * rest)))
    if vec.size != lags * bins:
        return
    for k in range(lags):
        for b in range(bins):
            level = np.float32(state.level[k, b])
            state.ratio[k * bins + b] = (state.energy[k, b] + level) / (level + level)
    logarithms(state.ratio, vec)
    for k in range(lags):
        mean = np.float32(0.0)
        for b in range(bins):
            mean += vec[k * bins + b]
        mean /= np.float32(bins)
        for b in range(bins):
            vec[k * bins + b] = mean + np.float32(PROFILE) * (vec[k * bins + b] - mean)


@kernel
def count_block(state: Changes, lag: Float32, vec: Float32) -> None:
    """Add the newest frame to the running block, once its energies are whole."""
    if not is_whole(state):
        return
    state.counted[0] += 1
    for k in range(state.block.shape[0]):
        for b in range(state.block.shape[1]):
            state.block[k, b] += state.energy[k, b]
    if state.level[0, 0] > 0.0:
        for d in range(lag.size):
            state.spread[0, 1] += np.float64(lag[d]) * lag[d]
        for d in range(vec.size):
            state.spread[1, 1] += np.float64(vec[d]) * vec[d]
        state.spread[0, 2] += lag.size
        state.spread[1, 2] += vec.size


@kernel
def finish_block(state: Changes, weight: float) -> None:
    """Move the quiet towards the block by ``weight`` (0 leaves it), and begin a new block."""
    frames = state.counted[0]
    state.counted[0] = 0
    if frames == 0:
        weight = 0.0
    known = state.level[0, 0] > 0.0
    for k in range(state.block.shape[0]):
        for b in range(state.block.shape[1]):
            if weight > 0.0:
                part = weight if known else 1.0
                state.level[k, b] += part * (state.block[k, b] / frames - state.level[k, b])
            state.block[k, b] = 0.0
    for kind in range(2):
        if weight > 0.0 and state.spread[kind, 2] > 0.0:
            variance = state.spread[kind, 1] / state.spread[kind, 2]
            state.spread[kind, 0] += weight * (max(variance, LEAST_SPREAD) - state.spread[kind, 0])
        state.spread[kind, 1] = 0.0
        state.spread[kind, 2] = 0.0
