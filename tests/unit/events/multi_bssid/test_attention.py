"""Attention: the softmax it claims to be, gradients by differences, and rooms that are not forgotten."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid.adaptation import GAIN, MIDDLE, Adaptation, feedback_gradient
from csi_events.multi_bssid.attention import DIMENSIONS, AttentionState, weigh
from csi_events.multi_bssid.parameters import Parameters
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

Room = list[tuple[NDArray[np.float64], NDArray[np.float64], bool]]
ACTIVE = np.arange(SLOTS) < 12


def naive_loss(  # noqa: PLR0917 - the kernel's own arguments
    embedding: NDArray[np.float64],
    query: NDArray[np.float64],
    theta: NDArray[np.float64],
    activity: NDArray[np.float64],
    active: NDArray[np.bool_],
    truth: float,
) -> float:
    """The definition: embeddings adapted one by one, softmax, logistic, cross-entropy."""
    cut = len(theta) // 2
    down, up = theta[:cut].reshape(-1, DIMENSIONS), theta[cut:].reshape(DIMENSIONS, -1)
    adapted = embedding + embedding @ down.T @ up.T
    score = (adapted @ query / np.sqrt(DIMENSIONS))[active]
    weight = np.exp(score) / np.exp(score).sum()
    chance = 1 / (1 + np.exp(-GAIN * (weight @ activity[active] - MIDDLE)))
    return float(-np.log(chance if truth else 1 - chance))


def drawn(seed: int, rank: int = 2) -> tuple[NDArray[np.float64], ...]:
    """Embedding, query, LoRA's matrices and activity, at random."""
    generator = np.random.default_rng(seed)
    return (
        generator.normal(size=(SLOTS, DIMENSIONS)),
        generator.normal(size=DIMENSIONS),
        generator.normal(size=(rank, DIMENSIONS)),
        generator.normal(size=(DIMENSIONS, rank)),
        generator.random(SLOTS),
    )


@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.booleans())
def test_gradient_is_that_of_the_definition(seed: int, rank: int, truth: bool) -> None:  # noqa: FBT001 - hypothesis
    """Loss and gradient agree with the definition and its central differences."""
    embedding, query, down, up, activity = drawn(seed, rank)
    down, up = 0.3 * down, 0.3 * up
    loss, gradient = feedback_gradient(embedding, query, down, up, activity, ACTIVE, float(truth))
    theta = np.concatenate((down.ravel(), up.ravel()))
    assert loss == pytest.approx(naive_loss(embedding, query, theta, activity, ACTIVE, truth), rel=1e-6)
    for k in np.random.default_rng(seed).choice(len(theta), 8, replace=False):
        step = np.zeros(len(theta))
        step[k] = 1e-5
        above, below = (naive_loss(embedding, query, theta + sign * step, activity, ACTIVE, truth) for sign in (1, -1))
        assert gradient[k] == pytest.approx((above - below) / 2e-5, rel=1e-3, abs=1e-6)


def test_weights_are_a_softmax_over_active_slots() -> None:
    """They sum to 1, are 0 where a slot is not active, and are all 0 when none is."""
    embedding, query, down, up, _ = drawn(5)
    weight = weigh(embedding, query, down, up, ACTIVE)
    score = ((embedding + embedding @ down.T @ up.T) @ query / 4.0)[ACTIVE]
    np.testing.assert_allclose(weight[ACTIVE], np.exp(score) / np.exp(score).sum())
    assert not weight[~ACTIVE].any()
    assert not weigh(embedding, query, down, up, np.zeros(SLOTS, np.bool_)).any()


def room(kind: int, seed: int, size: int = 400) -> Room:
    """Feedback of a room in which the slots of one kind (a dimension of their embedding) move with bodies, and the
    others move whenever they like.
    """  # noqa: D205 - one sentence
    generator = np.random.default_rng(seed)
    pieces: Room = []
    sensitive = np.arange(SLOTS) % 3 == 0
    for _ in range(size):
        embedding = 0.1 * generator.normal(size=(SLOTS, DIMENSIONS))
        embedding[:, 10] = 1.0
        embedding[sensitive, kind] += 1.0
        moves = bool(generator.random() < 0.5)
        activity = np.where(sensitive, 0.5 if moves else 0.0, 0.5 * (generator.random(SLOTS) < 0.3))
        pieces.append((embedding, activity, moves))
    return pieces


def teach(state: AttentionState, pieces: Room, parameters: Parameters) -> None:
    """Give the feedback of a room, twice."""
    for embedding, activity, moves in pieces + pieces:
        state.adaptation.learn(embedding, state.query, activity, ACTIVE, moves=moves, parameters=parameters)


def loss(state: AttentionState, pieces: Room) -> float:
    """Mean loss over a room, without learning."""
    own = state.adaptation
    return float(
        np.mean([feedback_gradient(e, state.query, own.down, own.up, a, ACTIVE, float(m))[0] for e, a, m in pieces])
    )


def test_feedback_makes_the_room_heard() -> None:
    """In a room whose sensitive slots share a trait, feedback puts the weight on them, and the loss falls."""
    state = AttentionState(Adaptation(2))
    parameters = Parameters(lora_learning_rate=0.05)
    pieces, unseen = room(3, 1), room(3, 2)
    before = loss(state, unseen)
    teach(state, pieces, parameters)
    assert loss(state, unseen) < 0.7 * before
    own = state.adaptation
    weight = weigh(unseen[0][0], state.query, own.down, own.up, ACTIVE)
    assert weight[ACTIVE & (np.arange(SLOTS) % 3 == 0)].sum() > 0.7


@pytest.mark.parametrize(("ewc_lambda", "keeps"), [(100.0, True), (0.0, False)])
def test_an_earlier_room_is_kept_with_ewc_and_lost_without(ewc_lambda: float, *, keeps: bool) -> None:
    """A second room, in which slots with the first one's trait move by themselves, is learnt; what was gained in the
    first is kept with ADR-022's lambda of 100, and half of it and more is lost without the penalty.
    """  # noqa: D205 - one sentence
    parameters = Parameters(lora_learning_rate=0.05, ewc_lambda=ewc_lambda)
    state = AttentionState(Adaptation(4))
    first, second = room(3, 1), opposed(3, 5, 2)
    untaught_first, untaught_second = loss(state, first), loss(state, second)
    teach(state, first, parameters)
    learnt = loss(state, first)
    state.clear()
    teach(state, second, parameters)
    kept = (untaught_first - loss(state, first)) / (untaught_first - learnt)
    assert loss(state, second) < 0.9 * untaught_second
    assert kept > 0.8 if keeps else kept < 0.5


def opposed(distrusted: int, trusted: int, seed: int) -> Room:
    """Return a room in which slots with one trait move by themselves, and slots with another move with bodies."""
    generator = np.random.default_rng(seed)
    pieces: Room = []
    sensitive = np.arange(SLOTS) % 3 == 0
    for embedding, _, moves in room(trusted, seed):
        embedding[~sensitive, distrusted] += 1.0
        activity = np.where(sensitive, 0.5 if moves else 0.0, 0.5 * (generator.random(SLOTS) < 0.3))
        pieces.append((embedding, activity, moves))
    return pieces
