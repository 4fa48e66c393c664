"""Onset inside what goes on: somebody who sits and breathes near a link comes to rest, and is seen getting up."""

from __future__ import annotations

import numpy as np
import pytest
from csi_ingest.synthetic import Scene, Segment
from csi_ingest.synthetic.simulator import default_links, simulated_node
from csi_introspection.onset import new_onset
from csi_introspection.onset_again import RISE, STRETCH_S, rises_again
from csi_introspection.onset_offline import follow_onsets
from csi_introspection.onset_rest import SLOT_S
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

RATE_HZ = 30.0
SEAT = (1.2, 1.0, 1.1)
QUIET_S, WALK_S, SIT_S = 30.0, 15.0, 45.0
UP_S = QUIET_S + WALK_S + SIT_S


def sitting(chest_m: float, breathing_hz: float = 0.25, sit_s: float = SIT_S) -> tuple[Segment, ...]:
    """Empty, somebody walks, sits and breathes, walks out."""
    return (
        Segment("empty", QUIET_S),
        Segment("walk", WALK_S),
        Segment("still", sit_s, (SEAT,), chest_m=chest_m, breathing_hz=breathing_hz),
        Segment("walk", 5.0, (SEAT, (5.6, 0.6, 1.1))),
    )


def answers(node: int, *segments: Segment) -> NDArray[np.int8]:
    """(T, 2) onset and moving of a node of the demo's room over one round of a scene."""
    scene = Scene(segments)
    sender = simulated_node(node, default_links(2)[node - 1], scene)
    t_s = np.arange(int(scene.duration * RATE_HZ)) / RATE_HZ
    iq = np.array([sender.receiver.receive(channel)[0] for channel in sender.channel(t_s)], np.float64)
    amplitude = np.hypot(*np.moveaxis(iq.reshape(len(t_s), -1, 2), -1, 0))
    live = amplitude[:, np.median(amplitude, 0) > 0]
    values = live / np.sqrt((live**2).mean(1, keepdims=True))
    return follow_onsets(values.astype(np.float32), t_s, new_onset(values.shape[1]))[0]


@pytest.mark.parametrize("node", [1, 2])
@pytest.mark.parametrize("chest_m", [0.006, 0.012])
def test_who_sits_is_at_rest_and_who_gets_up_is_seen_at_once(node: int, chest_m: float) -> None:
    """Two onsets, of who comes and of who gets up, within half a second; ``moving`` ends 9 to 26 s after who sits."""
    flagged = answers(node, *sitting(chest_m))
    came, rose = np.flatnonzero(flagged[:, 0]) / RATE_HZ
    assert 0.0 <= came - QUIET_S < 0.2
    assert 0.0 <= rose - UP_S < 0.5
    walked = round((QUIET_S + WALK_S) * RATE_HZ)
    assert flagged[int(came * RATE_HZ) + 1 : walked, 1].all()
    rested = np.flatnonzero(flagged[walked:, 1] == 0)[0] / RATE_HZ
    assert 2 * SLOT_S - 1.0 <= rested <= 5 * SLOT_S + 1.0  # slots begin with the onset
    assert not flagged[walked + int(rested * RATE_HZ) : int(rose * RATE_HZ), 1].any()


@pytest.mark.parametrize("node", [1, 2])
@pytest.mark.parametrize(("chest_m", "breathing_hz"), [(0.002, 0.25), (0.006, 0.1), (0.012, 0.1)])
def test_breath_about_the_threshold_is_no_chain_of_onsets(node: int, chest_m: float, breathing_hz: float) -> None:
    """Breath that comes and goes at the thresholds of the empty room is known in 25 s; getting up is seen as ever."""
    flagged = answers(node, *sitting(chest_m, breathing_hz, 120.0))
    onsets = np.flatnonzero(flagged[:, 0]) / RATE_HZ - QUIET_S - WALK_S
    within = onsets[(onsets > 0) & (onsets < 120.0)]
    assert len(within) <= 3
    assert (within < 25.0).all()
    assert 0.0 <= onsets[-1] - 120.0 < 0.5


@pytest.mark.parametrize("node", [1, 2])
def test_a_long_walk_begins_once(node: int) -> None:
    """Two minutes of walking have one onset: what goes on is as strong as it was."""
    flagged = answers(node, Segment("empty", QUIET_S), Segment("walk", 120.0))
    onsets = np.flatnonzero(flagged[:, 0])
    assert len(onsets) == 1
    assert flagged[onsets[0] :, 1].all()


@settings(deadline=None)  # the first call compiles
@given(st.lists(st.tuples(st.floats(-3.0, 6.0), st.floats(0.0, 4.0)), max_size=60), st.floats(0.0, 3.0))
def test_the_reference_is_the_greatest_of_two_whole_stretches(
    frames: list[tuple[float, float]], caution: float
) -> None:
    """As a list of stretches says: none rises before two are whole, then what exceeds both and the caution does."""
    state = new_onset(1).state
    state["caution"], state["moving"], state["onset"] = caution, 1, 1
    assert not rises_again(state[0], 9.0, 0.1)
    state["onset"] = 0
    whole: list[float] = []
    running: list[float] = []
    lasted = 0.0
    for excess, dt_s in frames:
        rises = len(whole) >= 2 and excess > max(*whole[-2:]) + RISE and excess > caution
        assert rises_again(state[0], excess, dt_s) == rises
        if rises:
            whole, running, lasted = [], [], 0.0
            continue
        running.append(excess)
        lasted += dt_s
        if lasted >= STRETCH_S:
            whole.append(max(running))
            running, lasted = [], 0.0


def test_nothing_rises_where_nothing_moves() -> None:
    """Without ``moving`` an onset is the thresholds' affair alone."""
    state = new_onset(1).state
    assert not rises_again(state[0], 9.0, 0.1)
