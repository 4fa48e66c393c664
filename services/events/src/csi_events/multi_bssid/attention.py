"""Which access points are worth listening to in this room: attention over slot embeddings (ADR-022, stages 2 and 8).

A slot's embedding describes it by ``DIMENSIONS`` numbers: what the packets say of it, how it fluctuates, and how it
fluctuated when somebody moved and when nobody did. A query scores the embeddings; a softmax over the scores gives the
weights. Feedback adapts the embeddings by a matrix of low rank (LoRA: Hu et al. 2021, arXiv:2106.09685), one gradient
step at a time; elastic weight consolidation (Kirkpatrick et al. 2017, doi:10.1073/pnas.1611835114) holds what earlier
rooms needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.motion import LEAST_DB2
from csi_events.multi_bssid.slots import SLOTS, array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.parameters import Parameters

DIMENSIONS = 16
"""ADR-022's d."""
MEMORY_S = 60.0
"""Time constant of how a slot fluctuates while somebody moves, and while nobody does, s."""
GAIN = 6.0
"""Steepness of the chance of motion in the weighted activity, for feedback."""
MIDDLE = 0.15
"""Weighted activity at which that chance is a half."""
LARGEST_GRADIENT = 1.0
"""A gradient that is longer is shortened to this."""


def body_query() -> NDArray[np.float64]:
    """(16,): what makes a slot worth listening to before anything was learnt: it moved with bodies, not by itself."""
    query = np.zeros(DIMENSIONS)
    query[8], query[9] = 4.0, -4.0
    query[10:] = 1.0
    return query


@dataclass(slots=True)
class Adaptation:
    """What was learnt from feedback; it belongs to the host and outlives its slots."""

    rank: int
    down: NDArray[np.float64] = field(init=False)
    """(rank, 16): LoRA's A."""
    up: NDArray[np.float64] = field(init=False)
    """(16, rank): LoRA's B; 0 at the start, so that nothing is changed."""
    anchor: NDArray[np.float64] = field(init=False)
    """(2 * 16 * rank,): the parameters when the last room ended."""
    importance: NDArray[np.float64] = field(init=False)
    """(2 * 16 * rank,): diagonal of the Fisher information, summed over earlier rooms."""
    room: NDArray[np.float64] = field(init=False)
    """(2 * 16 * rank,): sum of squared gradients in this room."""
    steps: int = 0
    """Feedback in this room."""

    def __post_init__(self) -> None:
        """Start from a fixed draw, so that answers can be repeated."""
        self.down = np.random.default_rng(22).normal(0.0, 1.0 / np.sqrt(DIMENSIONS), (self.rank, DIMENSIONS))
        self.up = np.zeros((DIMENSIONS, self.rank))
        self.anchor = self.parameters()
        self.importance, self.room = np.zeros((2, 2 * DIMENSIONS * self.rank))

    def parameters(self) -> NDArray[np.float64]:
        """Both matrices, flat."""
        return np.concatenate((self.down.ravel(), self.up.ravel()))

    def consolidate(self) -> None:
        """The room is another one: what this one needed is held from now on."""
        if not self.steps:
            return
        self.importance += self.room / self.steps
        self.anchor = self.parameters()
        self.room[:] = 0.0
        self.steps = 0

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.down, self.up, self.anchor, self.importance, self.room)


@dataclass(slots=True)
class AttentionState:
    """What describes the slots beside the scan."""

    adaptation: Adaptation
    moving: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): activity while somebody moves."""
    still: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): activity while nobody moves."""
    query: NDArray[np.float64] = field(default_factory=body_query)

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
        return array_bytes(self.moving, self.still, self.query) + self.adaptation.nbytes

    def learn(self, embedding: NDArray[np.float64], activity: NDArray[np.float64], active: NDArray[np.bool_], *,
              moves: bool, parameters: Parameters) -> float:  # fmt: skip
        """Adapt to one piece of feedback: whether somebody moved in this scan.

        Returns:
            The loss before the step: -ln of the chance that was given to what is true.
        """
        own = self.adaptation
        own.steps += 1
        return adapt(
            embedding, self.query, own.down, own.up, activity, active, 1.0 if moves else 0.0,
            parameters.lora_learning_rate, parameters.ewc_lambda, own.anchor, own.importance, own.room,
        )  # fmt: skip


@kernel(
    "float64[:,::1](float64[::1], float64[::1], float64[::1], float64[::1], float64[:,:,::1], float64[:,::1],"
    " int64[::1], int64[::1], int64[::1], float64[::1], float64[::1], boolean[::1])"
)
def embed(
    level_dbm: NDArray[np.float64],
    noise_db2: NDArray[np.float64],
    residual_db: NDArray[np.float64],
    shift: NDArray[np.float64],
    energy: NDArray[np.float64],
    quiet: NDArray[np.float64],
    channel: NDArray[np.int64],
    band: NDArray[np.int64],
    radio: NDArray[np.int64],
    moving: NDArray[np.float64],
    still: NDArray[np.float64],
    active: NDArray[np.bool_],
) -> NDArray[np.float64]:
    """Describe every slot, (32, 16): 0 level, 1 noise, 2 channel, 3 band, 4 radio, 5 velocity, 6 shift from the empty
    room, 7 lasting fluctuation, 8 activity while somebody moved, 9 while nobody did, 10 bias, 11 fast fluctuation, 12
    slow fluctuation, 13 to 15 one for each band. Each about -1 to 1; 0 where not active. 1 us for 32 slots.

    Args:
        level_dbm: (32,) predicted level.
        noise_db2: of the readings.
        residual_db: of the newest readings; NaN where there is none.
        shift: from the empty room, deviations; NaN where there is none.
        energy: (scales, kinds, 32), see :class:`csi_events.multi_bssid.motion.MotionState`; the shortest scale is used.
        quiet: (kinds, 32).
        channel: as in the scan.
        band: as in the scan.
        radio: as in the scan.
        moving: activity while somebody moved.
        still: activity while nobody moved.
        active: whether the slot was heard lately.
    """  # noqa: D205 - one sentence
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
    """Softmax over active slots of query . (x + up down x) / sqrt(d). 1 us for 32 slots of 16 dimensions, rank 2.

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


@kernel(
    "Tuple((float64, float64[::1]))(float64[:,::1], float64[::1], float64[:,::1], float64[:,::1], float64[::1],"
    " boolean[::1], float64)"
)
def feedback_gradient(
    embedding: NDArray[np.float64],
    query: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    activity: NDArray[np.float64],
    active: NDArray[np.bool_],
    truth: float,
) -> tuple[float, NDArray[np.float64]]:
    """Loss of the weighted activity as a statement about motion, and its gradient.

    The chance of motion is the logistic of ``GAIN`` * (sum of weight * activity - ``MIDDLE``); the loss is the
    cross-entropy with ``truth``, 0 or 1. 3 us for 32 slots.

    Returns:
        The loss, and (2 * rank * d,) its gradient by ``down`` and ``up``, flat, one after the other.
    """
    slots, d = embedding.shape
    rank = len(down)
    weight = weigh(embedding, query, down, up, active)
    heard = 0.0
    for i in range(slots):
        heard += weight[i] * activity[i]
    z = GAIN * (heard - MIDDLE)
    chance = 1.0 / (1.0 + np.exp(-z))
    loss = (np.log1p(np.exp(-abs(z))) + max(z, 0.0)) - truth * z
    outer = GAIN * (chance - truth)
    # by the effective query: sum over slots of weight (activity - heard) embedding / sqrt(d)
    by_query = np.zeros(d)
    for i in range(slots):
        part = outer * weight[i] * (activity[i] - heard) / np.sqrt(d)
        for k in range(d):
            by_query[k] += part * embedding[i, k]
    gradient = np.empty(2 * rank * d)
    for r in range(rank):
        seen, pulled = 0.0, 0.0
        for k in range(d):
            seen += up[k, r] * query[k]
            pulled += down[r, k] * by_query[k]
        for k in range(d):
            gradient[r * d + k] = seen * by_query[k]
            gradient[rank * d + k * rank + r] = query[k] * pulled
    return loss, gradient


@kernel(
    "float64(float64[:,::1], float64[::1], float64[:,::1], float64[:,::1], float64[::1], boolean[::1], float64,"
    " float64, float64, float64[::1], float64[::1], float64[::1])"
)
def adapt(
    embedding: NDArray[np.float64],
    query: NDArray[np.float64],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    activity: NDArray[np.float64],
    active: NDArray[np.bool_],
    truth: float,
    learning_rate: float,
    ewc_lambda: float,
    anchor: NDArray[np.float64],
    importance: NDArray[np.float64],
    room: NDArray[np.float64],
) -> float:
    """Take one gradient step with elastic weight consolidation; ``down``, ``up`` and ``room`` change. 3 us.

    The penalty is ``ewc_lambda`` / 2 * sum of importance * (parameter - anchor)^2. Its step is implicit: with an
    importance however large, it ends at the anchor and not beyond.

    Args: those of :func:`feedback_gradient`, and
        learning_rate: of the step.
        ewc_lambda: weight of what earlier rooms needed.
        anchor: (2 * rank * d,), see :class:`Adaptation`.
        importance: (2 * rank * d,).
        room: (2 * rank * d,).

    Returns:
        The loss before the step.
    """
    loss, gradient = feedback_gradient(embedding, query, down, up, activity, active, truth)
    length = np.sqrt(np.sum(gradient * gradient))
    shorten = LARGEST_GRADIENT / length if length > LARGEST_GRADIENT else 1.0
    rank, d = down.shape
    for k in range(len(gradient)):
        g = gradient[k] * shorten
        room[k] += g * g
        hold = learning_rate * ewc_lambda * importance[k]
        if k < rank * d:
            row, column = k // d, k % d
            down[row, column] = (down[row, column] - learning_rate * g + hold * anchor[k]) / (1.0 + hold)
        else:
            row, column = (k - rank * d) // rank, (k - rank * d) % rank
            up[row, column] = (up[row, column] - learning_rate * g + hold * anchor[k]) / (1.0 + hold)
    return loss


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
