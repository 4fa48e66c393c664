"""The pieces of the breathing path: lines, their background, the ridge, and the memory of swings."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.breathing.estimate import refined
from csi_events.breathing.lines import APART, STRONGER, VALLEY, fundamental, line_power, over_background, steadiness
from csi_events.breathing.plane import LINE_GRID, RIDGE_GRID
from csi_events.breathing.ridge import Ridge, evidence
from csi_events.breathing.rules import RULES
from csi_events.breathing.swings import BIN_NS, CAPACITY, CATCH_UP, LEARN, SPARE, Swings
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray


def uneven(seed: int, samples: int = 150, span_s: float = 30.0) -> NDArray[np.float64]:
    """Ascending times of so many seconds, the last at 0."""
    t = np.sort(np.random.default_rng(seed).uniform(0, span_s, samples))
    return np.asarray(t - t[-1])


@given(st.integers(0, 2**32 - 1), st.floats(0.1, 0.6), st.booleans())
def test_line_power_is_a_least_squares_fit(seed: int, frequency_hz: float, tapered: bool) -> None:  # noqa: FBT001
    """It is the drop in squared residual when a sinusoid joins the (weighted) quadratic trend, fitted by lstsq."""
    t = uneven(seed)
    x = np.random.default_rng(seed).standard_normal((len(t), 2)) + 0.1 * t[:, None]
    power = line_power(t, x, 100.0, frequency_hz - 0.05, 0.05, 2, tapered)[1]
    u = (t - (t[0] + t[-1]) / 2) / ((t[-1] - t[0]) / 2)
    weight = 0.5 + 0.5 * np.cos(0.98 * np.pi * u) if tapered else np.ones(len(t))
    trend = np.vander(u, 3)
    phase = 2 * np.pi * frequency_hz * t
    full = np.column_stack((trend, np.cos(phase), np.sin(phase)))
    for column in range(2):
        left = [float(np.linalg.lstsq(m * weight[:, None], x[:, column] * weight)[1][0]) for m in (trend, full)]
        assert power[column] == pytest.approx(left[0] - left[1], rel=1e-6, abs=1e-9)


def test_only_the_window_counts() -> None:
    """Samples before the window change nothing."""
    t = uneven(1, 300, 60.0)
    x = np.random.default_rng(1).standard_normal((300, 1))
    other = np.where(t[:, None] < -25, 99.0, x)
    np.testing.assert_allclose(
        line_power(t, x, 20.0, 0.1, 0.02, 9, False), line_power(t, other, 20.0, 0.1, 0.02, 9, False)
    )


@pytest.mark.parametrize("slope", [0.0, 1.0, 2.0])
def test_noise_comes_out_at_one(slope: float) -> None:
    """Exponentially distributed powers around a falling power law have a mean z near 1, whatever its slope."""
    rng = np.random.default_rng(2)
    frequency = LINE_GRID.per_minute / 60
    power = 7.0 * frequency[:, None] ** -slope * rng.exponential(size=(len(frequency), 300))
    z = over_background(frequency, power, np.full(len(frequency), 0.01), 0.1, 0.5, True)
    assert 0.8 < z.mean() < 1.6
    assert 0.9 < np.median(z) / np.log(2) < 1.2


def test_a_bend_is_background_and_a_line_is_not() -> None:
    """Drift that ends in white noise is fitted away by a convex background; a line in it stands out all the same."""
    frequency = RIDGE_GRID.per_minute / 60
    power = (frequency / 0.2) ** -3 + 1.0
    width = RIDGE_GRID.width_hz(60.0)
    bent = over_background(frequency, power[:, None], width, 0.1, 0.5, True)[:, 0]
    straight = over_background(frequency, power[:, None], width, 0.1, 0.5, False)[:, 0]
    slow = frequency < 0.1
    assert bent[slow].max() < 0.7 * straight[slow].max()
    line = power * (1 + 50 * np.exp(-0.5 * ((frequency - 0.3) / 0.01) ** 2))
    z = over_background(frequency, line[:, None], width, 0.1, 0.5, True)[:, 0]
    assert z.max() > 15
    assert frequency[z.argmax()] == pytest.approx(0.3, abs=0.01)


@given(st.integers(0, 2**32 - 1), st.floats(6.0, 30.0))
def test_a_rate_is_refined(seed: int, bpm: float) -> None:
    """From half a step beside it, a line in noise is found within 0.15 breaths a minute."""
    t = uneven(seed)
    y = np.sin(2 * np.pi * bpm / 60 * t + 1.0) + 0.1 * np.random.default_rng(seed).standard_normal(len(t))
    assert refined(t, y, bpm + 0.2, 30.0) == pytest.approx(bpm, abs=0.15)


def test_steadiness_of_a_line_and_of_half_a_line() -> None:
    """A line is alike in its thirds; one that ends is weak in one, one that flips has no common phase."""
    t = uneven(3)
    line = np.sin(2 * np.pi * 0.3 * t)
    coherence, weakest = steadiness(t, line, 0.3)
    assert coherence > 0.99
    assert weakest > 0.95
    assert steadiness(t, np.where(t < -10, line, 0.0), 0.3)[1] < 0.2
    assert steadiness(t, np.where(t < -15, line, -line), 0.3)[0] < 0.7


def test_evidence_favours_neither_in_noise() -> None:
    """The expected likelihood ratio under noise is 1: the density it is made of is one."""
    z = np.linspace(0, 200, 4001)
    for components in (1, 4):
        noise = components * (1 - np.exp(-z)) ** (components - 1) * np.exp(-z)
        assert np.trapezoid(noise * np.exp(evidence(components)), z) == pytest.approx(1.0, abs=0.02)


def test_the_ridge_follows_a_rate_and_forgets_it() -> None:
    """Weak evidence that drifts from 15 to 20 a minute is gathered, bounded, followed, and forgotten when it ends."""
    rate = RIDGE_GRID.per_minute[(RIDGE_GRID.per_minute >= 6) & (RIDGE_GRID.per_minute <= 30)]
    ridge = Ridge(rate)
    rng = np.random.default_rng(5)
    for second in range(120):
        z = rng.exponential(size=(4, len(rate))).max(axis=0)
        z[np.abs(rate - (15 + 5 * second / 120)).argmin()] += 8.0
        ridge.see(z, 4)
    assert 5.5 < ridge.log_odds <= RULES.max_odds + 1e-9
    assert ridge.best == pytest.approx(20, abs=1.0)
    assert ridge.chance.sum() + ridge.none == pytest.approx(1.0)
    for _ in range(300):
        ridge.see(rng.exponential(size=(4, len(rate))).max(axis=0), 4)
    assert ridge.log_odds < 3


def test_the_ridge_steps_as_a_plain_filter_would() -> None:
    """Every step is the product of wandering, turnover and likelihood, bounded in log odds, for any constants."""
    rng = np.random.default_rng(9)
    rate = RIDGE_GRID.per_minute[(RIDGE_GRID.per_minute >= 6) & (RIDGE_GRID.per_minute <= 30)]
    rules = RULES._replace(weight=0.2, most=4.0, least=-1.0, strong=12.0, turnover_s=30.0, max_odds=4.0, wander=0.04)
    for chosen in (RULES, rules):
        ridge = Ridge(rate, chosen)
        chance, none = ridge.chance.copy(), 1.0
        for second in range(60):
            z = rng.exponential(3.0, len(rate)) + (20.0 * (np.arange(len(rate)) == 17) if second > 5 else 0.0)
            ridge.see(z, 4)
            scaled = z * min(1.0, chosen.strong / z.max())
            ratio = evidence(4)[np.minimum((scaled * 20).astype(int), len(evidence(4)) - 1)]
            grown = np.exp(chosen.weight * np.clip(ratio, chosen.least, chosen.most))
            left = 1 - 1 / chosen.turnover_s
            chance = (left * ridge.spread @ chance + none * ridge.prior / chosen.turnover_s) * grown
            none = max(none * left, chance.sum() * np.exp(-chosen.max_odds))
            chance, none = chance / (chance.sum() + none), none / (chance.sum() + none)
            np.testing.assert_allclose(ridge.chance, chance, rtol=1e-9, atol=1e-15)
            assert ridge.none == pytest.approx(none)
    assert ridge.log_odds == pytest.approx(4.0)


def rows_of(values: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One frame a bin with these values in three columns of different scale."""
    t_ns = (np.arange(len(values), dtype=np.int64) + 7) * BIN_NS
    return t_ns, np.outer(values, [1.0, 20.0, 300.0]).astype(np.float32)


def test_levels_are_in_units_of_the_usual_step() -> None:
    """Columns that differ in scale only give the same levels; the bins that taught what is usual are among them."""
    values = np.cumsum(np.random.default_rng(6).standard_normal(200))
    swings = Swings()
    swings.add(*rows_of(values))
    t, levels = swings.read(60.0)
    assert len(t) == len(levels) == 200 - 1
    np.testing.assert_allclose(levels[:, 1], levels[:, 0], rtol=1e-3, atol=1e-3)
    assert np.corrcoef(np.diff(levels[:, 0]), np.diff(values[:-1]))[0, 1] > 0.9


def test_first_bins_are_caught_up_with_without_a_lump() -> None:
    """A bin that closes brings no more than two of those that waited; movement meanwhile forgets the ones that wait."""
    t_ns, rows = rows_of(np.random.default_rng(9).standard_normal(4 * LEARN))
    swings, taken = Swings(), []
    for frame in range(len(t_ns)):
        before = swings.bins
        swings.add(t_ns[frame : frame + 1], rows[frame : frame + 1])
        taken.append(swings.bins - before)
    assert taken[: LEARN + 1] == [0] * (LEARN + 1)
    assert max(taken) == CATCH_UP
    assert sum(taken) == len(t_ns) - 1
    moved = Swings()
    moved.add(t_ns[: LEARN + 2], rows[: LEARN + 2])
    moved.cut()
    moved.add(t_ns[LEARN + 4 :], rows[LEARN + 4 :])
    assert moved.bins == CATCH_UP + len(t_ns) - (LEARN + 4) - 1


def test_a_jump_and_a_bad_frame_leave_no_step() -> None:
    """A level that jumps for good, and one wild bin, are left out; what follows goes on from the level before."""
    values = np.random.default_rng(7).standard_normal(200)
    disturbed = values.copy()
    disturbed[80] += 500.0
    disturbed[120:] += 500.0
    clean, knocked = Swings(), Swings()
    clean.add(*rows_of(values))
    knocked.add(*rows_of(disturbed))
    assert knocked.bins == clean.bins - 3
    assert np.abs(knocked.read(60.0)[1]).max() < 3 * np.abs(clean.read(60.0)[1]).max()


def test_memory_is_bounded_and_ascending() -> None:
    """The newest ``CAPACITY`` bins are kept; times ascend to 0."""
    swings = Swings()
    swings.add(*rows_of(np.random.default_rng(8).standard_normal(CAPACITY * 2)))
    t, levels = swings.read(1000.0)
    assert len(t) == len(levels) == CAPACITY
    assert t[-1] == 0.0
    assert (np.diff(t) > 0).all()
    assert len(swings.read(10.0)[0]) == 51


def test_bins_outlive_the_frames_until_they_are_read() -> None:
    """Levels of bins named before up to ``SPARE`` more are taken are the same then; later the oldest are gone."""
    swings, noise = Swings(), np.random.default_rng(9).standard_normal(CAPACITY * 2)
    t_ns, rows = rows_of(noise)
    first = CAPACITY * 2 - SPARE - 20
    swings.add(t_ns[:first], rows[:first])
    t, bins = swings.times(1000.0)
    before = swings.levels_of(bins)
    assert len(t) == len(bins) == len(before) == CAPACITY
    taken, number = swings.bins, first
    while swings.bins < taken + SPARE:
        swings.add(t_ns[number : number + 1], rows[number : number + 1])
        number += 1
    np.testing.assert_array_equal(swings.levels_of(bins), before)
    swings.add(t_ns[number:], rows[number:])
    gone = swings.bins - taken - SPARE
    assert gone > 0
    np.testing.assert_array_equal(swings.levels_of(bins), before[gone:])


def test_other_columns_are_refused_until_cleared() -> None:
    """Rows of another width are an error that says what to do; after ``clear`` they are taken."""
    swings = Swings()
    swings.add(np.array([1], np.int64), np.zeros((1, 2), np.float32))
    with pytest.raises(ValueError, match="clear first"):
        swings.add(np.array([2], np.int64), np.zeros((1, 3), np.float32))
    swings.clear()
    swings.add(np.array([2], np.int64), np.zeros((1, 3), np.float32))
    assert swings.columns == 3


def naive_fundamental(
    rate: NDArray[np.float64], power: NDArray[np.float64], z: NDArray[np.float64], of: float
) -> tuple[int, int]:
    """The strongest peak near half or a third of a rate that is no less than half as strong and stands out."""
    own = power[np.abs(rate - of) <= 0.6].max(initial=0.0) + 1e-30
    found = []
    for times in (2, 3):
        for k in np.flatnonzero(np.abs(rate - of / times) <= 1.5 / times):
            c = int(power[k].argmax())
            if not 0 < k < len(rate) - 1 or power[k, c] < max(power[k - 1, c], power[k + 1, c]):
                continue
            valley = power[(rate >= 1.3 * rate[k]) & (rate <= 1.7 * rate[k])].max(axis=1)
            out = z[k].max() > APART or (len(valley) > 0 and power[k, c] > VALLEY * np.median(valley))
            if power[k, c] / own > STRONGER and out:
                found.append((power[k, c], int(k), c))
    strongest = max((each[0] for each in found), default=0.0)
    return next(((k, c) for size, k, c in found if size == strongest), (-1, -1))


@given(st.integers(0, 2**32 - 1), st.floats(3.0, 30.0))
def test_a_fundamental_is_the_naive_one(seed: int, of: float) -> None:
    """The kernel finds what the slow twin finds, in powers with and without lines."""
    rng = np.random.default_rng(seed)
    rate = LINE_GRID.per_minute
    power, z = rng.exponential(size=(2, len(rate), 3)) ** 2
    assert fundamental(rate, power, z, of) == naive_fundamental(rate, power, z, of)


@pytest.mark.parametrize("times", [2, 3])
def test_a_harmonic_belongs_to_what_is_stronger(times: int) -> None:
    """A line at half or a third of a rate makes it a harmonic when as strong; a weaker one, or drift, does not."""
    rate = LINE_GRID.per_minute

    def spectrum(fundamental_power: float) -> NDArray[np.float64]:
        low, high = (np.exp(-0.5 * ((rate - each) / 0.6) ** 2) for each in (7.0, 7.0 * times))
        return np.asarray(0.01 + fundamental_power * low + high)[:, None]

    row, column = fundamental(rate, spectrum(1.2), np.ones((len(rate), 1)), 7.0 * times)
    assert (rate[row], column) == (7.0, 0)
    assert fundamental(rate, spectrum(0.3), np.ones((len(rate), 1)), 7.0 * times) == (-1, -1)
    drift = (rate[:, None] / 7.0) ** -2.0
    assert fundamental(rate, drift, np.ones((len(rate), 1)), 7.0 * times) == (-1, -1)


def test_waiting_is_seeing_nothing() -> None:
    """A silence moves no rate; that somebody is still there afterwards is less likely the longer it lasts."""
    ridge = Ridge(np.arange(6.0, 30.0, 0.5))
    z = np.ones(len(ridge.rate))
    z[20] = 30.0
    for _ in range(40):
        ridge.see(z, 4)
    best, odds = ridge.best, ridge.log_odds
    ridge.wait(5.0)
    after = ridge.log_odds
    assert ridge.best == best
    stayed = np.exp(-5.0 / RULES.turnover_s)
    assert after == pytest.approx(np.log(stayed / (1.0 - stayed)), abs=0.1)
    assert 0.0 < after < odds
    ridge.wait(20.0)
    assert ridge.log_odds < after


def test_half_a_second_of_news_counts_for_half() -> None:
    """A share of a second's evidence is what a smaller weight would have made of it."""
    z = np.where(np.arange(30) == 7, 20.0, 1.0)
    half, light = Ridge(np.arange(6.0, 21.0, 0.5)), Ridge(np.arange(6.0, 21.0, 0.5), RULES._replace(weight=0.05))
    for _ in range(10):
        half.see(z, 2, 0.5)
        light.see(z, 2)
    np.testing.assert_allclose(half.chance, light.chance)


def test_a_clock_set_back_moves_what_is_kept() -> None:
    """Bins go on in step when times are moved with the clock; a rest keeps what is usual and no bin."""
    t_ns, rows = rows_of(np.random.default_rng(11).standard_normal(200))
    swings = Swings()
    swings.add(t_ns[:100], rows[:100])
    before = swings.bins
    swings.shift(-5_000_000_000)
    swings.add(t_ns[100:] - 5_000_000_000, rows[100:])
    t, _ = swings.read(60.0)
    assert len(t) >= before + 98
    np.testing.assert_allclose(np.diff(t), BIN_NS * 1e-9)
    swings.cut()
    usual = swings.usual
    swings.rest()
    assert swings.bins == 0
    assert swings.usual == usual
