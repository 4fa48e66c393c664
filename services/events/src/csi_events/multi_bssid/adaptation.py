"""What feedback changes: embeddings of the slots, adapted to the room by a matrix of low rank (ADR-022, stage 8).

LoRA (Hu et al. 2021, arXiv:2106.09685), one gradient step at a time; elastic weight consolidation (Kirkpatrick et al.
2017, doi:10.1073/pnas.1611835114) holds what earlier rooms needed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.attention import DIMENSIONS, weigh
from csi_events.multi_bssid.slots import array_bytes

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.parameters import Parameters

GAIN = 6.0
"""Steepness of the chance of motion in the weighted activity, for feedback."""
MIDDLE = 0.15
"""Weighted activity at which that chance is a half."""
LARGEST_GRADIENT = 1.0
"""A gradient that is longer is shortened to this."""


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

    def learn(self, embedding: NDArray[np.float64], query: NDArray[np.float64], activity: NDArray[np.float64],
              active: NDArray[np.bool_], *, moves: bool, parameters: Parameters) -> float:  # fmt: skip
        """Adapt to one piece of feedback: whether somebody moved in the scan the arrays are of.

        Returns:
            The loss before the step: -ln of the chance that was given to what is true.
        """
        self.steps += 1
        return adapt(
            embedding, query, self.down, self.up, activity, active, 1.0 if moves else 0.0,
            parameters.lora_learning_rate, parameters.ewc_lambda, self.anchor, self.importance, self.room,
        )  # fmt: skip

    @property
    def nbytes(self) -> int:
        """Memory of the arrays, bytes."""
        return array_bytes(self.down, self.up, self.anchor, self.importance, self.room)


@kernel(
    "Tuple((float64, float64[::1]))(float64[:,::1], float64[::1], float64[:,::1], float64[:,::1], float64[::1],"
    " boolean[::1], float64)",
    composed=True,
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
    " float64, float64, float64[::1], float64[::1], float64[::1])",
    composed=True,
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
