"""The gate: what changes passes, what jitters does not."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid.gate import GateState, predict
from csi_events.multi_bssid.slots import SLOTS
from numpy.typing import NDArray
from unit.events.multi_bssid.arrays import slots


def play(
    state: GateState, rssi_dbm: NDArray[np.float64], *, rate_hz: float = 20.0, start_s: float = 0.0, quiet: bool = True
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Show (T, N) readings; return the residuals and what differs, (T, 32) each."""
    residuals, differs = [], []
    for k, row in enumerate(slots(rssi_dbm)):
        r, d, _ = predict(row, ~np.isnan(row), start_s + k / rate_hz, quiet, 0.05, 0.5, 3.0, state.record)
        residuals.append(r)
        differs.append(d)
    return np.array(residuals), np.array(differs)


@pytest.mark.parametrize("rate_hz", [20.0, 2.0])
def test_jitter_of_half_a_decibel_is_no_change(rate_hz: float) -> None:
    """A tenth of the readings off by 0.5 dB, quantised in steps of 0.5 dB: at least 99.5 % do not differ."""
    generator = np.random.default_rng(1)
    off = generator.choice([-0.5, 0.0, 0.5], size=(2000, SLOTS), p=[0.05, 0.9, 0.05])
    _, differs = play(GateState(), -60.0 + off, rate_hz=rate_hz)
    assert differs.mean() < 5e-3


def test_a_body_in_the_path_is_a_change() -> None:
    """3 dB less on one slot differs there, at once, and nowhere else."""
    readings = np.full((400, 8), -60.0) + 0.5 * np.round(np.random.default_rng(2).normal(0, 0.6, (400, 8)))
    readings[300:, 5] -= 3.0
    _, differs = play(GateState(), readings)
    assert differs[300:304, 5].any()
    assert not differs[300:, [0, 1, 2, 3, 4, 6, 7]].sum() > 20
    assert not differs[:, 8:].any()


def test_residual_is_the_distance_to_an_exponential_mean() -> None:
    """Against the recursion written out: p += (1 - exp(-dt / 2 s)) (x - p)."""
    x = np.random.default_rng(3).normal(-70, 2, 200)
    residuals, _ = play(GateState(), x[:, None], rate_hz=10.0)
    p, expected = x[0], [np.nan]
    for value in x[1:]:
        expected.append(value - p)
        p += (1 - np.exp(-0.1 / 2.0)) * (value - p)
    np.testing.assert_allclose(residuals[:, 0], expected)


def test_noise_is_learnt_where_nobody_moves() -> None:
    """The learnt variance is that of the residuals; a slot ten times as noisy gets its own."""
    readings = np.random.default_rng(4).normal(-60, [1.0, 3.0], (8000, 2))
    state = GateState()
    play(state, readings)
    assert state.noise_db2[:2] == pytest.approx([1.0, 9.0], rel=0.25)


def test_moving_does_not_deafen() -> None:
    """A minute of 4 dB of movement raises the noise by little while the gate knows that somebody moves."""
    generator = np.random.default_rng(5)
    state = GateState()
    play(state, generator.normal(-60, 0.7, (1200, 4)))
    before = state.noise_db2[:4].copy()
    play(state, generator.normal(-60, 4.0, (1200, 4)), start_s=60.0, quiet=False)
    assert (state.noise_db2[:4] < 2.0 * before + 0.5).all()


def test_a_slot_that_was_silent_or_is_new_predicts_from_its_next_reading() -> None:
    """No residual after 3 s without a reading, nor after the slot was forgotten; the others are not touched."""
    state = GateState()
    play(state, np.full((100, 3), -60.0))
    residuals, _ = play(state, np.full((2, 3), -50.0), start_s=20.0)
    assert np.isnan(residuals[0, :3]).all()
    assert (residuals[1, :3] == 0.0).all()
    state.forget(1)
    residuals, _ = play(state, np.full((1, 3), -40.0), start_s=20.2)
    assert residuals[0, [0, 2]] == pytest.approx(10.0)
    assert np.isnan(residuals[0, 1])


def test_a_slot_is_active_while_it_is_heard() -> None:
    """Until ``silence_s`` after its newest reading; a slot that was never heard is not."""
    state = GateState()
    play(state, np.full((1, 3), -60.0), start_s=10.0)
    nothing = np.full(SLOTS, np.nan)

    def active(t_s: float) -> list[bool]:
        return list(predict(nothing, ~np.isnan(nothing), t_s, True, 0.05, 0.5, 3.0, state.record)[2][:4])

    assert active(12.9) == [True, True, True, False]
    assert not any(active(13.1))
