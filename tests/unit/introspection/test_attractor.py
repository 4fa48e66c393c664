"""Regimes, exponents and dimensions of series with known answers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
from csi_introspection import regime as regimes
from csi_introspection.arrays import Float64
from csi_introspection.attractor import advance_attractor, new_attractor, noise_floor
from csi_introspection.embedding import distance_row
from csi_introspection.tones import TAIL
from unit.introspection import signals
from unit.introspection.oracles import nolds_measures

DB40, DB20, DB10 = 0.01, 0.1, 10**-0.5
"""Noise deviations at 40, 20 and 10 dB below a unit signal."""


class Course(NamedTuple):
    """What each frame of a series would have published."""

    regime: list[str]
    changed: Float64
    invariants: Float64


def follow(x: Float64, floor: float) -> Course:
    """Analyse a whole series."""
    state = new_attractor(floor)[0]
    regime, changed, invariants = [], np.zeros(len(x)), np.zeros((len(x), 4))
    for t, value in enumerate(x.tolist()):
        advance_attractor(state, value)
        regime.append(regimes.NAMES[state["regime"]])
        changed[t] = state["changed"]
        invariants[t] = state["invariants"]
    return Course(regime, changed, invariants)


def noisy(series: signals.Series, seed: int, noise: float, count: int = 400) -> Float64:
    """Return a unit series plus noise."""
    rng = np.random.default_rng(seed)
    return signals.unit(series(count, rng)) + noise * rng.normal(size=count)


@pytest.mark.parametrize(
    ("series", "exponent", "per"),
    [(signals.logistic, 0.693, 1.0), (signals.henon, 0.419, 1.0), (signals.lorenz, 0.906, 0.1)],
)
def test_largest_exponent_at_40_db(series: signals.Series, exponent: float, per: float) -> None:
    """The median over 16 seeds is within 25 % of the known exponent."""
    found = [follow(noisy(series, seed, DB40), DB40**2).invariants[-1, 0] / per for seed in range(16)]
    assert np.isfinite(found).sum() >= 8
    assert np.nanmedian(found) == pytest.approx(exponent, rel=0.25)


def test_a_sine_has_exponent_zero() -> None:
    """A sine's exponent is 0 at 40 dB, where it is given."""
    found = [follow(noisy(signals.sine, seed, DB40), DB40**2).invariants[-1, 0] for seed in range(16)]
    assert np.isfinite(found).sum() >= 8
    assert np.nanmax(np.abs(found)) < 0.03


@pytest.mark.parametrize(
    ("series", "dimension"),
    [(signals.logistic, 1.0), (signals.henon, 1.22), (signals.lorenz, 2.05), (signals.sine, 1.0)],
)
def test_correlation_dimension_at_40_db(series: signals.Series, dimension: float) -> None:
    """The median over 16 seeds is within 25 % of the known dimension."""
    found = [follow(noisy(series, seed, DB40), DB40**2).invariants[-1, 2] for seed in range(16)]
    assert np.isfinite(found).sum() >= 4
    assert np.nanmedian(found) == pytest.approx(dimension, rel=0.25)


@pytest.mark.parametrize("series", [signals.logistic, signals.henon, signals.lorenz, signals.sine])
def test_no_number_where_noise_hides_the_answer(series: signals.Series) -> None:
    """At 10 dB neither exponent nor dimension is given."""
    for seed in range(8):
        assert np.isnan(follow(noisy(series, seed, DB10), DB10**2).invariants[-1, [0, 2]]).all()


@pytest.mark.parametrize("series", [signals.logistic, signals.henon])
def test_exponent_agrees_with_nolds(series: signals.Series) -> None:
    """On clean maps the exponent is that of nolds' implementation of the same method on the same tail."""
    nolds = nolds_measures()
    ours, theirs = [], []
    for seed in range(8):
        x = noisy(series, seed, DB40)
        ours.append(follow(x, DB40**2).invariants[-1, 0])
        tail = x[-TAIL:]
        theirs.append(nolds.lyap_r(tail, emb_dim=3, lag=1, min_tsep=3, trajectory_len=6, fit="poly"))
    assert np.nanmedian(ours) == pytest.approx(float(np.median(theirs)), rel=0.25)


REGIMES = [
    (signals.sine, "periodic"),
    (signals.two_tones, "periodic"),
    (signals.breathing, "periodic"),
    (signals.ramp, "transient"),
    (signals.step, "transient"),
    (signals.burst, "transient"),
    (signals.logistic, "chaotic"),
    (signals.henon, "chaotic"),
    (signals.lorenz, "chaotic"),
    (signals.loud_white, "unknown"),
    (signals.loud_coloured, "unknown"),
]


@pytest.mark.parametrize("noise", [DB40, DB20])
@pytest.mark.parametrize(("series", "expected"), REGIMES)
def test_regime(series: signals.Series, expected: str, noise: float) -> None:
    """Each kind of series gets its regime in at least 19 of 20 runs, at any scale and offset."""
    right = 0
    for seed in range(20):
        rng = np.random.default_rng([seed, 7])
        scale = 10 ** rng.uniform(-3, 3)
        offset = scale * rng.uniform(-50, 50)
        count = TAIL + 40
        body = series(count, rng)
        quiet = noise * rng.normal(size=200)
        x = np.concatenate([quiet, body + noise * rng.normal(size=count)]) * scale + offset
        floor = float(np.var(quiet * scale))
        right += follow(x, floor).regime[-1] == expected
    assert right >= 19


def test_quiet_noise_and_a_constant_are_idle() -> None:
    """Noise at the floor is idle in at least 99 % of frames; a constant in all."""
    rng = np.random.default_rng(0)
    noise = follow(rng.normal(size=5000), 1.0).regime[TAIL + 8 :]
    assert np.mean([name == "idle" for name in noise]) >= 0.99
    constant = follow(np.full(400, 7.3), noise_floor(0.0, 7.3)).regime
    assert set(constant[TAIL + 8 :]) == {"idle"}


def test_regime_does_not_depend_on_scale() -> None:
    """The same series times 2**k, floor and all, has the same regime in every frame."""
    rng = np.random.default_rng(1)
    x = np.concatenate([0.05 * rng.normal(size=200), signals.unit(signals.henon(200, rng))])
    expected = follow(x, 0.0025)
    for power in (-12, 12):
        scaled = follow(x * 2.0**power, 0.0025 * 4.0**power)
        assert scaled.regime == expected.regime
        np.testing.assert_array_equal(scaled.changed, expected.changed)


def test_adr_099_ramp_changes_the_regime_within_its_ten_frames() -> None:
    """After 200 frames of 0.05 sin(0.31 k), the ramp 1 2 3 4 5 5 5 5 5 5 flips regime_changed within itself."""
    trajectory = 0.05 * np.sin(0.31 * np.arange(200))
    motion = np.array([1, 2, 3, 4, 5, 5, 5, 5, 5, 5.0])
    course = follow(np.concatenate([trajectory, motion]), float(trajectory[:TAIL].var()))
    assert course.changed[200:].any()
    assert not course.changed[150:200].any()
    assert course.regime[-1] == "transient"


def test_changed_marks_exactly_the_frames_whose_regime_differs() -> None:
    """``changed`` is 1 if and only if the published regime is not the last frame's."""
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal(size=300), 30 * signals.sine(300, rng), rng.normal(size=300)])
    course = follow(x, 1.0)
    differs = [before != after for before, after in zip(course.regime, course.regime[1:], strict=False)]
    np.testing.assert_array_equal(course.changed[1:], differs)
    assert course.changed.sum() >= 2


def test_one_odd_frame_does_not_change_the_regime() -> None:
    """A single outlier is held back by hysteresis only as long as it must: no flapping between regimes follows."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=600)
    x[400] = 40.0
    course = follow(x, 1.0)
    names = [course.regime[399]]
    for name in course.regime[400:]:
        if name != names[-1]:
            names.append(name)
    assert names in (["idle"], ["idle", "transient"], ["idle", "transient", "idle"])


def test_nothing_is_said_before_the_tail_is_full_and_the_floor_known() -> None:
    """Regime unknown and no numbers for TAIL - 1 frames, or for ever without a floor."""
    rng = np.random.default_rng(4)
    course = follow(rng.normal(size=TAIL - 1), 1.0)
    assert set(course.regime) == {"unknown"}
    assert np.isnan(course.invariants[:, [0, 2]]).all()
    assert set(follow(rng.normal(size=300), 0.0).regime) == {"unknown"}


def test_the_distance_table_is_right_after_the_delay_has_changed() -> None:
    """Once refilled, every row a scan may read holds the distances of the new delay."""
    rng = np.random.default_rng(5)
    x = np.concatenate([signals.unit(signals.logistic(200, rng)), signals.unit(signals.lorenz(300, rng))])
    x += 0.01 * rng.normal(size=len(x))
    state = new_attractor(1e-4)
    record = state[0]
    for value in x:
        advance_attractor(record, value)
    delay = int(record["delay"])
    assert delay > 1
    assert record["refill"] == 0
    count = TAIL - 2 * delay
    newest = len(x) - 1
    blur = 1e-3 * np.sqrt(float(record["floor"])) + 1e-30
    scratch, row = np.zeros(TAIL, np.float32), np.zeros(TAIL, np.float32)
    for age in range(count):
        reach = count - age
        distance_row(x, newest - age, delay, reach, blur, scratch, row)
        np.testing.assert_array_equal(record["rows"][(newest - age) % (2 * TAIL), :reach], row[:reach])
