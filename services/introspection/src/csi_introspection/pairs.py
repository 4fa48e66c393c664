"""The pairs of delay vectors in a tail, kept up to date as vectors enter and leave.

Two things are kept, exactly as a fresh look at the whole tail would find them: the histogram of distances
(Grassberger & Procaccia 1983, doi:10.1016/0167-2789(83)90298-1) and, of each reference vector, its nearest neighbour
and how their distance grows (Rosenstein, Collins & De Luca 1993, doi:10.1016/0167-2789(93)90009-P). Both leave out
pairs closer in time than the Theiler window. A vector that enters costs a row of distances; one that leaves, a diagonal
of the table and a new search for those, about one, whose neighbour it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64, Record
from csi_introspection.embedding import OCTAVE, distance_row
from csi_introspection.tones import TAIL

HORIZON = 8
"""Steps over which neighbours are followed."""
PER_OCTAVE = 4
"""Bins of the distance histogram in a factor of two."""
BINS = 160
_WIDTH = OCTAVE // PER_OCTAVE
_FAR = np.int16(2**15 - 1)

STATE = np.dtype(
    [
        ("delay", "i8"),  # tau of the embedding
        ("step", "i8"),  # frames per step of the horizon
        ("theiler", "i8"),  # pairs closer in time than this are left out
        ("oldest", "i8"),  # time of the oldest vector in
        ("newest", "i8"),  # of the newest; oldest - 1 when there is none
        ("lowest", "i8"),  # distance of the histogram's first bin, in 1 / OCTAVE
        ("pairs", "i8"),
        ("neighbours", "i8"),  # reference vectors that have one
        ("divergence", "i8", (HORIZON + 1,)),  # sums of log distance after 0, 1 ... steps, in 1 / OCTAVE
        ("histogram", "i8", (BINS,)),
        ("neighbour", "i8", (TAIL,)),  # of the reference vector t at t % TAIL: time of its nearest, -1 if none
        ("nearest", "i2", (TAIL,)),  # and its distance
        ("rows", "i2", (TAIL, TAIL)),  # distances of vector t to those before it, at t % TAIL, by lag
        ("distances", "f4", (TAIL,)),  # work space
    ],
    align=True,
)


def new_pairs(delay: int = 1, lowest: int = 0) -> NDArray[np.void]:
    """Return a state, shape (1,), that holds no vector."""
    state = np.zeros(1, STATE)
    begin_pairs(state[0], delay, lowest)
    return state


@kernel
def begin_pairs(state: Record, delay: int, lowest: int) -> None:
    """Forget every vector; those to come are of this delay."""
    state.delay = delay
    state.step = (delay + 1) // 2
    state.theiler = max(2 * delay, 3)
    state.oldest = 0
    state.newest = -1
    state.lowest = lowest
    state.pairs = 0
    state.neighbours = 0
    state.divergence.fill(0)
    state.histogram.fill(0)


@kernel
def bin_of(distance: np.int16, lowest: int) -> int:
    """Bin of the histogram; the first and the last also hold what is beyond them."""
    return min(max((int(distance) - lowest) // _WIDTH, 0), BINS - 1)


@kernel
def follow(state: Record, reference: int, sign: int) -> None:
    """Add (``sign`` 1) or take away (-1) how the distance of a reference vector and its neighbour grows."""
    other = state.neighbour[reference % TAIL]
    if other < 0:
        return
    later, lag = max(reference, other), abs(reference - other)
    for k in range(HORIZON + 1):
        state.divergence[k] += sign * state.rows[(later + k * state.step) % TAIL, lag]
    state.neighbours += sign


@kernel
def find_neighbour(state: Record, reference: int, oldest: int) -> None:
    """Find the nearest of the vectors from ``oldest`` to the last that can be followed; of equals, the oldest."""
    rows = state.rows
    last = state.newest - HORIZON * state.step
    nearest = _FAR
    found = -1
    own = rows[reference % TAIL]
    for lag in range(reference - oldest, state.theiler - 1, -1):
        if own[lag] < nearest:
            nearest = own[lag]
            found = reference - lag
    for lag in range(state.theiler, last - reference + 1):
        value = rows[(reference + lag) % TAIL, lag]
        if value < nearest:
            nearest = value
            found = reference + lag
    state.neighbour[reference % TAIL] = found
    state.nearest[reference % TAIL] = nearest


@kernel
def take_reference(state: Record, reference: int) -> None:
    """Let the newest vector that can be followed be a reference, and the neighbour of those it is nearest to."""
    find_neighbour(state, reference, state.oldest)
    follow(state, reference, 1)
    own = state.rows[reference % TAIL]
    for lag in range(state.theiler, reference - state.oldest + 1):
        place = (reference - lag) % TAIL
        if own[lag] < state.nearest[place]:
            follow(state, reference - lag, -1)
            state.nearest[place] = own[lag]
            state.neighbour[place] = reference
            follow(state, reference - lag, 1)


@kernel
def enter(state: Record, ring: Float64, blur: float) -> None:
    """Take in the vector after the newest.

    Args:
        state: A record of ``STATE`` whose vectors, this one included, are all in the ring.
        ring: (2 TAIL) every sample twice: that of time t at ``t % TAIL`` and ``TAIL`` further.
        blur: Added to every distance, see ``distance_row``.
    """
    newest = state.newest + 1
    state.newest = newest
    count = newest - state.oldest + 1
    row = state.rows[newest % TAIL]
    distance_row(ring, newest % TAIL + TAIL, state.delay, count, blur, state.distances, row)
    lowest = state.lowest
    for lag in range(state.theiler, count):
        state.histogram[bin_of(row[lag], lowest)] += 1
    state.pairs += max(count - state.theiler, 0)
    reference = newest - HORIZON * state.step
    if reference >= state.oldest:
        take_reference(state, reference)


@kernel
def leave(state: Record) -> None:
    """Let the oldest vector go."""
    oldest = state.oldest
    lowest = state.lowest
    rows = state.rows
    for lag in range(state.theiler, state.newest - oldest + 1):
        state.histogram[bin_of(rows[(oldest + lag) % TAIL, lag], lowest)] -= 1
    state.pairs -= max(state.newest - oldest + 1 - state.theiler, 0)
    last = state.newest - HORIZON * state.step
    if oldest <= last:
        follow(state, oldest, -1)
    state.oldest = oldest + 1
    for reference in range(oldest + state.theiler, last + 1):
        if state.neighbour[reference % TAIL] == oldest:
            follow(state, reference, -1)
            find_neighbour(state, reference, oldest + 1)
            follow(state, reference, 1)


@kernel
def advance_pairs(state: Record, ring: Float64, time: int, blur: float, most: int) -> bool:
    """Bring the vectors in line with a tail whose newest sample is of ``time - 1``, taking in at most ``most``.

    Returns:
        True when every vector of the tail is in.
    """
    oldest = time - TAIL + 2 * state.delay
    while state.oldest < oldest and state.oldest <= state.newest:
        leave(state)
    if state.oldest > state.newest:
        state.oldest = oldest
        state.newest = oldest - 1
    for _ in range(min(most, time - 1 - state.newest)):
        enter(state, ring, blur)
    return bool(state.newest == time - 1)
