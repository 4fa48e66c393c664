"""The empty room and how far from it the levels are; the odds of presence."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid import presence
from csi_events.multi_bssid.presence import CAP, PresenceState, shift_energy, shifts
from csi_events.multi_bssid.slots import SLOTS
from numpy.typing import NDArray
from unit.events.multi_bssid.arrays import slots


def play(
    state: PresenceState, rssi_dbm: NDArray[np.float64], start_s: float = 0.0, *, empty: bool = True
) -> tuple[NDArray[np.float64], float]:
    """Show (T, N) readings at ten a second; returns the last shifts and their energy."""
    found = (np.full(SLOTS, np.nan), 0.0)
    for k, row in enumerate(slots(rssi_dbm)):
        here = ~np.isnan(row)
        found = shifts(row, here, here, start_s + k / 10, empty, False, 3.0, state.record)
    return found


def test_an_empty_room_has_little_shift_and_a_body_has_much() -> None:
    """After a minute of an empty room, 4 dB less on three of ten slots stand out, signed, on these slots."""
    generator = np.random.default_rng(1)
    state = PresenceState()
    _, calm = play(state, generator.normal(-60, 0.7, (600, 10)))
    readings = generator.normal(-60, 0.7, (200, 10))
    readings[:, 4:7] -= 4.0
    z, energy = play(state, readings, 60.0, empty=False)
    assert calm < 1.0
    assert energy > 4.0
    assert (z[4:7] < -4).all()
    assert (np.abs(z[[0, 1, 2, 3, 7, 8, 9]]) < 2).all()
    assert np.isnan(z[10:]).all()


def test_only_an_empty_room_is_learnt() -> None:
    """Levels of an occupied room leave the reference where it is; those of an empty one move it."""
    state = PresenceState()
    play(state, np.full((600, 4), -60.0))
    play(state, np.full((600, 4), -70.0), 60.0, empty=False)
    assert state.reference_dbm[:4] == pytest.approx([-60.0] * 4)
    play(state, np.full((3000, 4), -70.0), 120.0)
    assert state.reference_dbm[:4] == pytest.approx([-70.0] * 4, abs=0.2)


def test_one_slot_counts_no_more_than_the_cap() -> None:
    """A slot that went away by 40 deviations counts ``CAP``; slots that are not there do not count."""
    z = np.full(SLOTS, np.nan)
    z[:4] = [40.0, 1.0, -1.0, 0.0]
    assert shift_energy(z) == pytest.approx((CAP + 2.0) / 4)
    assert shift_energy(np.full(SLOTS, np.nan)) == 0.0


def test_odds_sum_up_evidence() -> None:
    """Presence begins and ends after some time of evidence, not with one scan; doubt is kept in mind."""
    state = PresenceState()
    t = 0.0
    turned = []
    for evidence in [-2.0] * 100 + [2.0] * 100 + [-2.0] * 100:
        t += 0.05
        before = state.on
        if state.step(evidence, t, 0.05) != before:
            turned.append(t)
    assert len(turned) == 2
    assert 5.1 < turned[0] < 6.0
    assert 10.1 < turned[1] < 11.0
    assert 10.0 < state.doubt_s < 11.5
    assert state.odds == -presence.LIMIT


def test_levels_can_be_adopted() -> None:
    """What was a shift is the empty room, and nobody is there."""
    state = PresenceState()
    play(state, np.full((600, 4), -60.0))
    play(state, np.full((200, 4), -66.0), 60.0, empty=False)
    state.on = True
    state.adopt()
    _, energy = play(state, np.full((1, 4), -66.0), 80.0)
    assert energy < 0.01
    assert not state.on
