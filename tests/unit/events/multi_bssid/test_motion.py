"""Energies of fluctuation, what is left out of them, and the models that judge them."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.multi_bssid.correlation import devices
from csi_events.multi_bssid.motion import (
    KINDS,
    LEAST_DB2,
    LOG_FLOOR,
    SCALES_S,
    MotionState,
    accumulate,
    conclude,
    features,
    level_chances,
)
from csi_events.multi_bssid.motion_model import LEVELS, PRESENCE
from csi_events.multi_bssid.slots import SLOTS
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events.multi_bssid.arrays import slots


def play(state: MotionState, residual_db: NDArray[np.float64], rate_hz: float = 10.0, *, learning: bool = True) -> None:
    """Show (T, N) residuals around -60 dBm."""
    for k, row in enumerate(slots(residual_db)):
        accumulate(-60.0 + row, row, k / rate_hz, False, learning, 3.0, state.record)


def with_energies(energy: NDArray[np.float64], quiet: NDArray[np.float64]) -> MotionState:
    """State in which the slots have these energies."""
    state = MotionState()
    state.energy[:], state.quiet[:] = energy, quiet
    return state


def test_energies_are_exponential_means() -> None:
    """Against the recursions written out: squares, half squared differences, products of neighbours, by scale."""
    r = np.random.default_rng(1).normal(0, 2, (300, 1))
    state = MotionState()
    play(state, r)
    now = np.stack([r[1:, 0] ** 2, np.diff(r[:, 0]) ** 2 / 2, r[1:, 0] * r[:-1, 0]])
    expected = np.zeros((3, KINDS))
    for k in range(now.shape[1]):
        share = np.maximum(1 - np.exp(-0.1 / SCALES_S), 1 / (k + 1))
        expected += share[:, None] * (now[:, k] - expected)
    np.testing.assert_allclose(state.energy[:, :, 0], expected, rtol=1e-9)
    assert state.quiet[:2, 0] == pytest.approx([4.0, 4.0], rel=0.2)


def test_white_noise_has_no_lasting_energy_and_slow_movement_has() -> None:
    """What lasts longer than a reading tells a slow sway of 1 dB from noise of the same variance."""
    t = np.arange(600) / 10
    generator = np.random.default_rng(2)
    both = np.column_stack([generator.normal(0, 0.7, 600), np.sin(2 * np.pi * 0.5 * t)])
    state = MotionState()
    play(state, both)
    assert state.energy[2, 0, :2] == pytest.approx([0.5, 0.5], rel=0.35)
    assert abs(state.energy[2, 2, 0]) < 0.15
    assert state.energy[2, 2, 1] > 0.4


@given(st.integers(0, 2**32 - 1))
def test_features_leave_the_loudest_device_out(seed: int) -> None:
    """Against the definition: weighted means over slots, relative to noise, without the device that has most."""
    generator = np.random.default_rng(seed)
    energy, quiet = generator.exponential(1.0, (3, KINDS, SLOTS)), generator.exponential(0.5, (KINDS, SLOTS))
    active = generator.random(SLOTS) < 0.7
    active[:4] = True
    device = np.minimum(np.arange(SLOTS), generator.integers(0, SLOTS, SLOTS))
    device = np.where(active & active[device], device[device], np.arange(SLOTS))
    device = np.where(device[device] == device, device, np.arange(SLOTS))
    weights = np.where(active, generator.random(SLOTS), 0.0)
    weights /= weights.sum()
    state = with_energies(energy, quiet)
    found, activity, _ = features(active, np.zeros(SLOTS, np.bool_), weights, device, 1.5, state.record)
    names = np.unique(device[active])
    for s in range(3):
        for k in range(KINDS):
            share = weights / (quiet[1] + LEAST_DB2) * (energy[s, k] - quiet[k])
            sums = np.array([share[active & (device == name)].sum() for name in names])
            mass = np.array([weights[active & (device == name)].sum() for name in names])
            kept = np.arange(len(names)) != sums.argmax() if len(names) >= 3 else np.ones(len(names), bool)
            mean = sums[kept].sum() / mass[kept].sum()
            assert found[s * KINDS + k] == pytest.approx(np.log(max(mean, 0.0) + LOG_FLOOR), abs=1e-6)
    assert found[-1] == pytest.approx(np.log(1.5 + LOG_FLOOR))
    excess = (energy[0, 0] - quiet[0]) / (quiet[1] + LEAST_DB2)
    np.testing.assert_allclose(activity, np.where(active, np.clip(np.log1p(np.maximum(excess, 0)) / 3, 0, 1), 0))


def test_a_carried_hotspot_moves_nothing_but_itself() -> None:
    """One slot that goes up and down by 10 dB leaves the features where they are; three slots do not."""
    quiet = np.full((KINDS, SLOTS), 0.5)
    active = np.arange(SLOTS) < 12
    weights, alone, no = active / 12.0, np.arange(SLOTS), np.zeros(SLOTS, np.bool_)
    still, one, three = np.full((3, 3, KINDS, SLOTS), 0.5)
    one[:, :, 5] = 50.0
    three[:, :, 5:8] = 50.0
    calm, carried, body = (
        features(active, no, weights, alone, 1.0, with_energies(energy, quiet).record)[0]
        for energy in (still, one, three)
    )
    np.testing.assert_allclose(carried, calm)
    assert (body[:-1] > calm[:-1] + 3).all()


def test_devices_share_channel_and_fate() -> None:
    """Slots are one device when they vary as one on one channel of one band, and not otherwise."""
    r = np.eye(SLOTS)
    r[0, 1] = r[1, 0] = r[0, 2] = r[2, 0] = r[0, 3] = r[3, 0] = 0.95
    channel = np.array([6, 6, 11, 6] + [0] * 28)
    band = np.array([1, 1, 1, 2] + [0] * 28)
    part = np.arange(SLOTS) < 4
    assert devices(r, channel, band, part, 0.9)[:5].tolist() == [0, 0, 2, 3, 4]
    assert devices(r, channel, band, part, 0.97)[:2].tolist() == [0, 1]


@given(st.integers(0, 2**32 - 1))
def test_conclusion_is_a_softmax_and_a_line(seed: int) -> None:
    """Chances by definition, smoothed by the share; the score is their mean level over 3; the evidence is linear."""
    generator = np.random.default_rng(seed)
    x, before = generator.normal(-1, 2, LEVELS.shape[2] - 1), np.full(4, 0.25)
    z = LEVELS[0, :, :-1] @ x + LEVELS[0, :, -1]
    chances = np.exp(z - z.max()) / np.exp(z - z.max()).sum()
    np.testing.assert_allclose(level_chances(x, LEVELS[0]), chances, atol=1e-12)
    expected = 0.7 * before + 0.3 * chances
    score, likeliest, evidence = conclude(x, LEVELS[0], PRESENCE[0], before, 0.3)
    np.testing.assert_allclose(before, expected)
    assert score == pytest.approx(expected @ [0, 1 / 3, 2 / 3, 1])
    assert likeliest == expected.argmax()
    assert evidence == pytest.approx(PRESENCE[0, :-1] @ x + PRESENCE[0, -1])
