"""Correlation graph of the slots: which access points vary together, and how clearly (ADR-022, stage 3).

ADR-022 runs a graph network over the correlations. Its untrained layer adds nothing to the correlations themselves;
what the later stages use are clusters (connected components of strong correlations) and the spectral gap.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.slots import SLOTS, SlotRecord, array_bytes, flags, floats, integers

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNITS_PER_DB = 100
"""Sums are over whole hundredths of a dB, the resolution of the wire, in doubles: exact, so that they never drift."""
GRAPH_READINGS = 10
"""Fresh readings among the last scans that a slot needs to be in the graph."""
DEVICE_EDGE = 0.9
"""Correlation from which slots on one channel are of one device."""
ITERATIONS = 3
"""Steps of orthogonal iteration a scan; the vectors start where the last scan left them."""


class CorrelationState(SlotRecord):
    """The newest scans of every slot and their sums; ``readings`` are those in the ring."""

    offset = floats()
    """(32,): a slot's first reading, hundredths of a dB, so that sums stay small."""
    total = floats()
    """(32,): sums over the ring."""
    products = floats(SLOTS, SLOTS)
    """(32, 32): sums of products over the ring."""
    known = flags()
    """(32,): the slot has an offset."""
    vectors = floats(2, SLOTS)
    """(2, 32): estimates of the two leading eigenvectors."""
    position = integers(1)
    """(1,): row of the ring that is written next."""

    def __init__(self, frames: int, memory: NDArray[np.void] | None = None) -> None:
        """Hold the newest ``frames`` scans, in arrays beside the record, whose shape is fixed."""
        super().__init__(memory)
        self.ring = np.zeros((frames, SLOTS))
        """(frames, 32): readings relative to ``offset``, hundredths of a dB; a slot's last one where it has no new."""
        self.fresh = np.zeros((frames, SLOTS), np.bool_)
        """(frames, 32): which elements of the ring are fresh readings."""
        self._start_vectors()

    def forget(self, slot: int) -> None:
        """Take a slot out of the graph."""
        super().forget(slot)
        self.ring[:, slot] = 0
        self.fresh[:, slot] = False
        self.total[slot] = 0
        self.products[slot] = self.products[:, slot] = 0
        self.known[slot] = False

    def clear(self) -> None:
        """Take all slots out of the graph."""
        for array in (self.ring, self.fresh, self.total, self.readings, self.products, self.known):
            array[:] = 0
        self._start_vectors()

    def _start_vectors(self) -> None:
        self.vectors[0] = 1.0
        self.vectors[1] = np.linspace(-1.0, 1.0, SLOTS)

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return super().nbytes + array_bytes(self.ring, self.fresh)


@kernel(
    "boolean[::1](float64[::1], boolean[::1], boolean[::1], float64[:,::1], boolean[:,::1], graph)",
    graph=CorrelationState.layout,
)
def push(
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    active: NDArray[np.bool_],
    ring: NDArray[np.float64],
    was_fresh: NDArray[np.bool_],
    state: CorrelationState,
) -> NDArray[np.bool_]:
    """Put a scan in the ring, in the place of its oldest; all but the first three arguments are state and change.

    A slot without a fresh reading repeats its last one; one that is new counts as constant before. 0.5 us for 32 slots.

    Returns:
        (32,): the slot takes part in the graph: it is active, with ``GRAPH_READINGS`` fresh readings in the ring.
    """
    offset, known, readings, total, products = state.offset, state.known, state.readings, state.total, state.products
    frames, slots = ring.shape
    row = state.position[0]
    before = row - 1 if row else frames - 1
    new = np.empty(slots)
    old = ring[row].copy()
    for i in range(slots):
        readings[i] -= was_fresh[row, i]
        was_fresh[row, i] = fresh[i]
        readings[i] += fresh[i]
        if fresh[i]:
            value = np.rint(rssi_dbm[i] * UNITS_PER_DB)
            if not known[i]:
                known[i], offset[i] = True, value
            new[i] = value - offset[i]
        else:
            new[i] = ring[before, i]
        total[i] += new[i] - old[i]
        ring[row, i] = new[i]
    for i in range(slots):
        for j in range(slots):
            products[i, j] += new[i] * new[j] - old[i] * old[j]
    state.position[0] = row + 1 if row + 1 < frames else 0
    takes_part = np.empty(slots, np.bool_)
    for i in range(slots):
        takes_part[i] = active[i] and readings[i] >= GRAPH_READINGS
    return takes_part


@kernel("float64[:,::1](float64[::1], float64[:,::1], boolean[::1], int64)")
def pearson(
    total: NDArray[np.float64], products: NDArray[np.float64], takes_part: NDArray[np.bool_], frames: int
) -> NDArray[np.float64]:
    """Correlation coefficients of the slots that take part, (32, 32); 0 with the others and with constant ones.

    1 on the diagonal of slots that take part. 0.7 us for 32 slots.
    """
    slots = len(total)
    r = np.zeros((slots, slots))
    inverse = np.zeros(slots)
    for i in range(slots):
        spread = frames * products[i, i] - total[i] * total[i]
        if takes_part[i]:
            r[i, i] = 1.0
            if spread > 0:
                inverse[i] = 1.0 / np.sqrt(spread)
    for i in range(slots):
        for j in range(i):
            value = (frames * products[i, j] - total[i] * total[j]) * inverse[i] * inverse[j]
            r[i, j] = value
            r[j, i] = value
    return r


@kernel("int64[::1](float64[:,::1], boolean[::1], float64)")
def clusters(r: NDArray[np.float64], takes_part: NDArray[np.bool_], edge: float) -> NDArray[np.int64]:
    """Connected components of the slots whose correlations have at least this size, whatever their sign.

    Returns:
        (32,): number of the lowest slot of the component; -1 for slots that take no part. 0.7 us for 32 slots.
    """
    slots = len(r)
    label = np.full(slots, -1, np.int64)
    pending = np.empty(slots, np.int64)
    for start in range(slots):
        if not takes_part[start] or label[start] >= 0:
            continue
        label[start] = start
        pending[0], count = start, 1
        while count:
            count -= 1
            i = pending[count]
            for j in range(slots):
                if takes_part[j] and label[j] < 0 and abs(r[i, j]) >= edge:
                    label[j] = start
                    pending[count] = j
                    count += 1
    return label


@kernel("float64(float64[:,::1], boolean[::1], float64[:,::1], int64)")
def spectral_gap(  # noqa: C901 - loops over arrays, which numba wants written out
    r: NDArray[np.float64], takes_part: NDArray[np.bool_], vectors: NDArray[np.float64], iterations: int
) -> float:
    """(l1 - l2) / l1 of the two largest eigenvalues of the correlations: 1 when all slots vary as one.

    30 scans of noise have a gap near 0, as their largest eigenvalues are alike; one cause that moves most slots stands
    alone. Orthogonal iteration from ``vectors`` (2, 32), which it improves; the answer is exact once they have settled,
    and follows correlations that change slowly. 0.3 us an iteration for 32 slots.

    Returns:
        0-1; 0 with fewer than two slots.
    """
    slots = len(r)
    count = 0
    for i in range(slots):
        count += takes_part[i]
    if count < 2:
        return 0.0
    image = np.empty((2, slots))
    first, second = 0.0, 0.0
    for _ in range(iterations):
        for k in range(2):
            for i in range(slots):
                value = 0.0
                for j in range(slots):
                    value += r[i, j] * vectors[k, j]
                image[k, i] = value
        # Gram-Schmidt; a vector that vanishes starts anew on the participants
        size = 0.0
        for i in range(slots):
            size += image[0, i] * image[0, i]
        size = np.sqrt(size)
        if size < 1e-9:
            for i in range(slots):
                vectors[0, i] = 1.0
                vectors[1, i] = i - 0.5 * slots
            continue
        overlap = 0.0
        for i in range(slots):
            vectors[0, i] = image[0, i] / size
            overlap += vectors[0, i] * image[1, i]
        rest = 0.0
        for i in range(slots):
            image[1, i] -= overlap * vectors[0, i]
            rest += image[1, i] * image[1, i]
        rest = np.sqrt(rest)
        for i in range(slots):
            vectors[1, i] = image[1, i] / rest if rest > 1e-9 else (1.0 if takes_part[i] else 0.0) * (i - 0.5 * slots)
        first, second = size, rest
    low = min(first, second)
    high = max(first, second)
    return (high - low) / high if high > 0.0 else 0.0


@kernel("int64[::1](float64[:,::1], int64[::1], int64[::1], boolean[::1], float64)")
def devices(
    r: NDArray[np.float64],
    channel: NDArray[np.int64],
    band: NDArray[np.int64],
    takes_part: NDArray[np.bool_],
    edge: float,
) -> NDArray[np.int64]:
    """(32,): lowest slot on the same channel whose correlation with this one has at least ``edge``; else the slot.

    Several BSSIDs of one radio share its antenna and its power. 0.3 us for 32 slots.
    """
    slots = len(channel)
    out = np.arange(slots)
    for i in range(slots):
        for j in range(i):
            if channel[j] == channel[i] and band[j] == band[i] and takes_part[i] and takes_part[j] and r[i, j] >= edge:
                out[i] = out[j]
                break
    return out


@kernel(
    "Tuple((float64, int64[::1], int64[::1]))(boolean[::1], int64, int64[::1], int64[::1], float64, graph)",
    graph=CorrelationState.layout,
)
def relate(
    takes_part: NDArray[np.bool_],
    frames: int,
    channel: NDArray[np.int64],
    band: NDArray[np.int64],
    edge: float,
    state: CorrelationState,
) -> tuple[float, NDArray[np.int64], NDArray[np.int64]]:
    """Spectral gap, clusters and devices of the graph as it is now. 3 us for 32 slots.

    Arguments as of the kernels above: :func:`pearson`, :func:`spectral_gap`, :func:`clusters`, :func:`devices`.
    """
    r = pearson(state.total[:], state.products[:], takes_part, frames)
    gap = spectral_gap(r, takes_part, state.vectors[:], ITERATIONS)
    return gap, clusters(r, takes_part, edge), devices(r, channel, band, takes_part, DEVICE_EDGE)
