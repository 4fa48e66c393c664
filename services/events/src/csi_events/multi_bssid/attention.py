"""Which access points are worth listening to in this room: attention over slot embeddings (ADR-022, stages 2 and 8).

A slot's embedding describes it by ``DIMENSIONS`` numbers: what the packets say of it, how it fluctuates, and how it
fluctuated when somebody moved and when nobody did. A query scores the embeddings; a softmax over the scores gives the
weights. What feedback changes of them is in ``adaptation``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.gate import GateState
from csi_events.multi_bssid.motion import LEAST_DB2, MotionState
from csi_events.multi_bssid.slots import Record, floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.adaptation import Adaptation

DIMENSIONS = 16
"""ADR-022's d."""
MEMORY_S = 60.0
"""Time constant of how a slot fluctuates while somebody moves, and while nobody does, s."""


def body_query() -> NDArray[np.float64]:
    """(16,): what makes a slot worth listening to before anything was learnt: it moved with bodies, not by itself."""
    query = np.zeros(DIMENSIONS)
    query[8], query[9] = 4.0, -4.0
    query[10:] = 1.0
    return query


class AttentionState(Record):
    """What describes the slots beside the scan."""

    moving = floats()
    """(32,): activity while somebody moves."""
    still = floats()
    """(32,): activity while nobody moves."""
    query = floats(DIMENSIONS)

    def __init__(self, adaptation: Adaptation, memory: NDArray[np.void] | None = None) -> None:
        """Know nothing of the room yet."""
        super().__init__(memory)
        self.adaptation = adaptation
        self.query[:] = body_query()

    def forget(self, slot: int) -> None:
        """Forget how a slot fluctuated."""
        self.moving[slot] = self.still[slot] = 0.0

    def clear(self) -> None:
        """Forget how all slots fluctuated; the adaptation stays, held as that of an earlier room."""
        self.moving[:] = 0.0
        self.still[:] = 0.0
        self.adaptation.consolidate()

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return super().nbytes + self.adaptation.nbytes


@kernel(
    "float64[:,::1](float64[::1], float64[::1], int64[::1], int64[::1], int64[::1], boolean[::1], gate, motion,"
    " attention)",
    gate=GateState.layout,
    motion=MotionState.layout,
    attention=AttentionState.layout,
    composed=True,
)
def embed(
    residual_db: NDArray[np.float64],
    shift: NDArray[np.float64],
    channel: NDArray[np.int64],
    band: NDArray[np.int64],
    radio: NDArray[np.int64],
    active: NDArray[np.bool_],
    gate: GateState,
    motion: MotionState,
    state: AttentionState,
) -> NDArray[np.float64]:
    """Describe every slot, (32, 16): 0 level, 1 noise, 2 channel, 3 band, 4 radio, 5 velocity, 6 shift from the empty
    room, 7 lasting fluctuation, 8 activity while somebody moved, 9 while nobody did, 10 bias, 11 fast fluctuation, 12
    slow fluctuation, 13 to 15 one for each band. Each about -1 to 1; 0 where not active. 0.6 us for 32 slots.

    Args:
        residual_db: (32,) of the newest readings; NaN where there is none.
        shift: (32,) from the empty room, deviations; NaN where there is none.
        channel: (32,) as in the scan.
        band: as in the scan.
        radio: as in the scan.
        active: whether the slot was heard lately.
        gate: level and noise.
        motion: energies over the shortest time, and quiet.
        state: activity while somebody moved, and while nobody did.
    """  # noqa: D205 - one sentence
    level_dbm, noise_db2 = gate.predicted_dbm, gate.noise_db2
    energy, quiet = motion.energy, motion.quiet
    moving, still = state.moving, state.still
    out = np.zeros((len(level_dbm), 16))
    for i in range(len(level_dbm)):
        if not active[i]:
            continue
        out[i, 0] = (level_dbm[i] + 65.0) / 30.0
        out[i, 1] = 0.5 * np.log(noise_db2[i] + 0.1)
        out[i, 2] = min(channel[i], 196) / 196.0
        out[i, 3] = band[i] / 3.0
        out[i, 4] = radio[i] / 7.0
        if not np.isnan(residual_db[i]):
            out[i, 5] = max(-1.0, min(1.0, residual_db[i] / 4.0))
        if not np.isnan(shift[i]):
            out[i, 6] = min(abs(shift[i]), 4.0) / 4.0
        out[i, 7] = max(-1.0, min(1.0, (energy[0, 2, i] - quiet[2, i]) / (quiet[1, i] + LEAST_DB2)))
        out[i, 8] = moving[i]
        out[i, 9] = still[i]
        out[i, 10] = 1.0
        out[i, 11] = max(-1.0, min(1.0, (energy[0, 1, i] - quiet[1, i]) / (quiet[1, i] + LEAST_DB2)))
        out[i, 12] = max(-1.0, min(1.0, (energy[0, 0, i] - quiet[0, i]) / (quiet[1, i] + LEAST_DB2)))
        if 1 <= band[i] <= 3:
            out[i, 12 + band[i]] = 1.0
    return out


@kernel("float64[::1](float64[:,::1], float64[::1], float64[:,::1], float64[:,::1], boolean[::1])")
def weigh(  # noqa: C901 - loops over arrays, which numba wants written out
    embedding: NDArray[np.float64],
    query: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    active: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Softmax over active slots of query . (x + up down x) / sqrt(d). 0.5 us for 32 slots of 16 dimensions, rank 2.

    Args:
        embedding: (slots, d).
        query: (d,).
        down: (rank, d).
        up: (d, rank).
        active: (slots,).

    Returns:
        (slots,), summing to 1 over the active ones; all 0 when none is.
    """
    slots, d = embedding.shape
    rank = len(down)
    # query . (x + up down x) = (query + down' up' query) . x
    effective = query.copy()
    for r in range(rank):
        seen = 0.0
        for k in range(d):
            seen += up[k, r] * query[k]
        for k in range(d):
            effective[k] += down[r, k] * seen
    weight = np.zeros(slots)
    highest = -np.inf
    for i in range(slots):
        if active[i]:
            score = 0.0
            for k in range(d):
                score += effective[k] * embedding[i, k]
            weight[i] = score / np.sqrt(d)
            highest = max(highest, weight[i])
    total = 0.0
    for i in range(slots):
        if active[i]:
            weight[i] = np.exp(weight[i] - highest)
            total += weight[i]
    if total > 0.0:
        for i in range(slots):
            weight[i] /= total
    return weight


@kernel("void(float64[::1], float64[::1], boolean[::1], float64, float64, float64)")
def remember(
    memory: NDArray[np.float64],
    activity: NDArray[np.float64],
    active: NDArray[np.bool_],
    elapsed_s: float,
    time_constant_s: float,
    share: float,
) -> None:
    """Move ``memory`` (32,) of active slots to their activity above the mean of all; ``share`` weighs the scan."""
    mean, count = 0.0, 0
    for i in range(len(memory)):
        if active[i]:
            mean += activity[i]
            count += 1
    if count == 0:
        return
    mean /= count
    step = share * (1.0 - np.exp(-elapsed_s / time_constant_s))
    for i in range(len(memory)):
        if active[i]:
            memory[i] += step * (activity[i] - mean - memory[i])


@kernel("float64(int64, float64[::1], float64)")
def signal_quality(count: int, weights: NDArray[np.float64], gap: float) -> float:
    """ADR-022's 0.3 diversity + 0.4 concentration + 0.3 spectral gap, 0-1.

    Diversity is the number of access points over 20; concentration how far the largest weight is above the mean one,
    six times it and more being 1.

    Args:
        count: access points in the scan.
        weights: (32,) attention, summing to 1 over those that are active.
        gap: spectral gap of the correlations, 0-1.
    """
    active, largest = 0, 0.0
    for weight in weights:
        active += weight > 0.0
        largest = max(largest, weight)
    concentration = min(max(largest * active - 1.0, 0.0), 5.0) / 5.0
    return 0.3 * min(count / 20.0, 1.0) + 0.4 * concentration + 0.3 * min(max(gap, 0.0), 1.0)
