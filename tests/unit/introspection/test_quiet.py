"""The tracked quiet: calibrated, refined, replaced, and left alone by motion."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from csi_introspection import quiet
from csi_introspection.arrays import Float32, Float64

WIDTH = 6


@dataclass
class Tracker:
    """One quiet, fed by rows."""

    width: int = WIDTH
    rows: list[Float32] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.state, self.moments, self.inverse = quiet.new_quiet(self.width)

    def feed(self, rows: Float64) -> list[int]:
        """Take rows; the scalar is each row's first number. Returns the verdicts."""
        verdicts = []
        for row in rows.astype(np.float32):
            self.rows.append(row)
            before = self.rows[-2] if len(self.rows) > 1 else row
            earlier = self.rows[-1 - quiet.LAG] if len(self.rows) > quiet.LAG else self.rows[0]
            verdicts.append(
                quiet.advance_quiet(self.state[0], self.moments, self.inverse, row, before, earlier, float(row[0]))
            )
        return verdicts


def noise(blocks: float, seed: int, deviation: float = 1.0, mean: float = 50.0) -> Float64:
    """White noise of so many blocks."""
    rng = np.random.default_rng(seed)
    return mean + deviation * rng.normal(size=(int(blocks * quiet.BLOCK), WIDTH))


def test_the_first_block_calibrates() -> None:
    """Mean, variance and steps are numpy's over the first block, and are adopted on its last frame."""
    rows = noise(1, 0)
    tracker = Tracker()
    verdicts = tracker.feed(rows)
    assert verdicts == [quiet.KEPT] * (quiet.BLOCK - 1) + [quiet.ADOPTED]
    rows = rows.astype(np.float32).astype(np.float64)
    np.testing.assert_allclose(tracker.moments[quiet.MEAN], rows.mean(0), rtol=1e-9)
    np.testing.assert_allclose(tracker.moments[quiet.VARIANCE], rows.var(0), rtol=1e-6)
    steps = (np.diff(rows, axis=0) ** 2).sum(0) / quiet.BLOCK
    np.testing.assert_allclose(tracker.moments[quiet.STEP], steps, rtol=1e-6)
    np.testing.assert_allclose(tracker.inverse, 1 / rows.std(0), rtol=1e-5)
    assert tracker.state["scalar_variance"][0] == pytest.approx(rows[:, 0].var(), rel=1e-6)


def test_motion_leaves_the_quiet_alone() -> None:
    """Ten blocks of motion move the variance by the leak only, and the mean not at all."""
    tracker = Tracker()
    tracker.feed(noise(1, 1))
    before = tracker.moments[[quiet.MEAN, quiet.VARIANCE]].copy()
    moving = noise(10, 2) + 20 * np.sin(0.4 * np.arange(10 * quiet.BLOCK))[:, None]
    verdicts = tracker.feed(moving)
    assert quiet.KEPT in verdicts
    assert verdicts.count(quiet.MOVED) + verdicts.count(quiet.AWAY) == 10
    np.testing.assert_array_equal(tracker.moments[quiet.MEAN], before[0])
    np.testing.assert_allclose(tracker.moments[quiet.VARIANCE], before[1] * quiet.LEAK**10, rtol=1e-9)


def test_a_start_in_motion_is_corrected_by_the_first_quiet_block() -> None:
    """When the first block moved, the first one that is clearly calmer replaces it whole."""
    tracker = Tracker()
    tracker.feed(noise(1, 3) + 20 * np.sin(0.4 * np.arange(quiet.BLOCK))[:, None])
    assert tracker.feed(noise(1, 4))[-1] == quiet.ADOPTED
    np.testing.assert_allclose(tracker.moments[quiet.VARIANCE], 1.0, rtol=0.5)
    np.testing.assert_allclose(tracker.moments[quiet.MEAN], 50.0, atol=0.5)


def test_a_new_resting_place_is_adopted_without_its_noise() -> None:
    """A still block elsewhere moves the mean at once and keeps the variances; the next one there only refines it."""
    tracker = Tracker()
    tracker.feed(noise(1, 5))
    variance = tracker.moments[quiet.VARIANCE].copy()
    assert tracker.feed(noise(1, 6, mean=58.0))[-1] in (quiet.MOVED, quiet.AWAY, quiet.PLACED)  # it has the jump in it
    tracker.moments[quiet.MEAN] = 50.0
    assert tracker.feed(noise(1, 7, mean=58.0))[-1] == quiet.PLACED
    np.testing.assert_allclose(tracker.moments[quiet.MEAN], 58.0, atol=0.5)
    np.testing.assert_allclose(tracker.moments[quiet.VARIANCE], variance, rtol=2 * (quiet.LEAK - 1))


@pytest.mark.parametrize("kind", ["restless", "changing", "swinging"])
def test_what_moves_away_from_the_quiet_is_no_resting_place(kind: str) -> None:
    """More restless than the quiet, changing from block to block or within each: it is away, and nothing is learnt."""
    tracker = Tracker()
    tracker.feed(noise(4, 1))
    if kind == "restless":
        rows = noise(4, 2, deviation=1.6, mean=80.0)
    elif kind == "changing":
        rows = np.concatenate([noise(1, 3 + k, deviation=3.0, mean=80.0 + 15.0 * (k % 2)) for k in range(4)])
    else:
        rows = noise(4, 9, deviation=3.0, mean=80.0)
        rows += 25.0 * np.sign(np.sin(np.arange(len(rows)) / 5.0))[:, None]
    assert set(tracker.feed(rows)) == {quiet.KEPT, quiet.AWAY}
    assert tracker.moments[quiet.MEAN] == pytest.approx(50.0, abs=0.6)


def test_slow_drift_is_followed() -> None:
    """A mean that drifts by a deviation every 20 blocks is followed within a deviation."""
    tracker = Tracker()
    rows = noise(100, 8)
    tracker.feed(rows + np.linspace(0, 5, len(rows))[:, None])
    np.testing.assert_allclose(tracker.moments[quiet.MEAN], 55.0, atol=1.0)


def test_breathing_does_not_become_the_floor() -> None:
    """A slow swing of six deviations, still by its changes, leaves the variance at the noise's."""
    tracker = Tracker()
    tracker.feed(noise(2, 9))
    rows = noise(20, 10)
    tracker.feed(rows + 6 * np.sin(2 * np.pi * np.arange(len(rows)) / 120)[:, None])
    assert tracker.moments[quiet.VARIANCE].max() < 2.0


def test_a_room_gone_noisy_for_good_is_accepted_in_the_end() -> None:
    """Noise that doubles for ever is the quiet after some hundred blocks."""
    tracker = Tracker()
    tracker.feed(noise(1, 11))
    tracker.feed(noise(260, 12, deviation=1.5))
    np.testing.assert_allclose(np.sqrt(tracker.moments[quiet.VARIANCE]), 1.5, rtol=0.15)


def test_a_constant_has_a_deviation_above_zero() -> None:
    """A stream that never changes has a finite scale, so that nothing divides by zero."""
    tracker = Tracker()
    tracker.feed(np.full((quiet.BLOCK, WIDTH), 3.0))
    assert np.isfinite(tracker.inverse).all()
    assert (tracker.inverse > 0).all()


def test_quiet_cell_cost_is_the_mean_energy_of_quiet_vectors() -> None:
    """A quiet frame's mean cost against rest is its mean energy, values and steps, in deviations."""
    tracker = Tracker()
    rows = noise(1, 13)
    tracker.feed(rows)
    z = (rows - rows.mean(0)) / rows.std(0)
    energy = (z**2).sum(1).mean() + (np.diff(z, axis=0) ** 2).sum() / len(z)
    assert quiet.quiet_cell_cost(tracker.moments, np.float32(1.0)) == pytest.approx(energy, rel=1e-3)
