"""The attractor's small kernels against numpy and closed forms."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
from csi_introspection import embedding, invariants, known_series, nonlinearity, pairs, regression, segments, tones
from csi_introspection.arrays import Float64, Int64
from csi_introspection.known_series import Draw
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import naive

seeds = st.integers(0, 2**32 - 1)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(1, 8))
def test_least_squares_equals_numpy(seed: int, q: int) -> None:
    """Coefficients, and the part of the target each regressor explains, are those of an orthogonal fit."""
    rng = np.random.default_rng(seed)
    n = 40
    columns = rng.normal(size=(q + 1, n))
    factor, coefficients = np.zeros((q + 1, q + 1)), np.zeros(q + 1)
    regression.least_squares(columns, q, n, factor, coefficients)
    expected, residual, _, _ = np.linalg.lstsq(columns[:q].T, columns[q], rcond=None)
    np.testing.assert_allclose(coefficients[:q], expected, rtol=1e-6, atol=1e-8)
    left = factor[q, q] - (factor[q, :q] ** 2).sum()
    assert left == pytest.approx(residual[0], rel=1e-6)


def test_least_squares_survives_a_repeated_regressor() -> None:
    """Two equal columns do not break the fit: together they get the coefficient one would."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    columns = np.stack([x, x, 3 * x])
    factor, coefficients = np.zeros((3, 3)), np.zeros(3)
    regression.least_squares(columns, 2, 30, factor, coefficients)
    assert coefficients[:2].sum() == pytest.approx(3.0, rel=1e-4)


@settings(deadline=None, max_examples=50)
@given(seeds, st.integers(0, 20), st.integers(5, 40))
def test_line_variance_equals_a_fitted_line(seed: int, start: int, length: int) -> None:
    """Variance about a line from running sums is that of numpy's fitted line, shrunk to the floor."""
    x = np.random.default_rng(seed).normal(size=64).cumsum()
    sums = np.zeros((3, 65))
    segments.prefix_sums(x, sums)
    got = segments.line_variance(sums, start, start + length)
    assert got == pytest.approx(naive.line_variance(x[start : start + length], 1.0), rel=1e-6)


def test_logarithms_of_many_are_exact_to_a_hundred_thousandth() -> None:
    """The polynomial of the float's bits agrees with log over twenty-four decades."""
    values = np.geomspace(1e-12, 1e12, 20001).astype(np.float32)
    out = values.copy()
    segments.log_into(out)
    assert np.abs(out - np.log(values.astype(np.float64))).max() < 1e-5


def describe(x: Float64) -> tuple[float, float, float, float, float]:
    """Describe with fresh work space."""
    return segments.describe(x, np.zeros((3, x.size + 1)), np.zeros(2 * x.size, np.float32))


@settings(deadline=None, max_examples=40)
@given(seeds, st.integers(0, 60), st.integers(8, 68))
def test_the_best_split_is_the_best_of_all(seed: int, start: int, length: int) -> None:
    """No place to split has a lower price than the one found, but for the resolution of a 256th of a nat."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=128) + 3.0 * (np.arange(128) > rng.integers(128))
    sums = np.zeros((3, 129))
    segments.prefix_sums(x, sums)
    stop = start + length
    price, at = segments.best_split(sums, start, stop, np.zeros(256, np.float32))

    def priced(s: int) -> float:
        left = (s - start) * log(max(naive.line_variance(x[start:s], 1.0), 1.0))
        return left + (stop - s) * log(max(naive.line_variance(x[s:stop], 1.0), 1.0))

    assert price == pytest.approx(priced(at), abs=1e-2)
    assert price <= min(priced(s) for s in range(start + 4, stop - 3)) + 1e-2


@settings(deadline=None, max_examples=40)
@given(seeds, st.sampled_from([4, 8, 16, 32]))
def test_the_loudest_window_has_the_most_energy(seed: int, width: int) -> None:
    """No window of the width has more, but for one part in a thousand."""
    x = np.random.default_rng(seed).normal(size=128)
    sums = np.zeros((3, 129))
    segments.prefix_sums(x, sums)
    at = segments.loudest_window(sums, 128, width, np.zeros(128, np.float32))
    energies = np.convolve(x**2, np.ones(width), "valid")
    assert energies[at] >= energies.max() * (1 - 1e-3)


@settings(deadline=None, max_examples=30)
@given(st.integers(20, 108), seeds)
def test_a_step_is_split_where_it_is(at: int, seed: int) -> None:
    """Two lines meet at the step of a step, and describe it better than a constant by far."""
    x = np.random.default_rng(seed).normal(size=128)
    x[at:] += 100.0
    sums = np.zeros((3, 129))
    segments.prefix_sums(x, sums)
    _, found = segments.best_split(sums, 0, 128, np.zeros(256, np.float32))
    assert abs(found - at) <= 1
    _, constant, pieces, _, calm = describe(x)
    assert constant - pieces > 100
    assert calm > 0.9


def test_noise_is_no_better_in_pieces() -> None:
    """For noise at the floor the constant is the best description."""
    for seed in range(50):
        _, constant, pieces, _, _ = describe(np.random.default_rng(seed).normal(size=128))
        assert constant - pieces < 14


def test_frames_below_the_floor_are_no_structure() -> None:
    """A tail whose noise is calmer than the floor, here more than there, is a constant."""
    rng = np.random.default_rng(2)
    x = rng.normal(size=128) * np.where(np.arange(128) < 60, 0.1, 0.7)
    _, constant, pieces, _, _ = describe(x)
    assert constant - pieces < 0


def test_lone_frames_are_left_out_and_whatever_lasts_is_not() -> None:
    """One frame far off goes; two frames, an edge and a fast oscillation of any size stay as they are."""
    rng = np.random.default_rng(3)
    noise = rng.normal(size=128)
    out = np.zeros(128)
    spike = noise.copy()
    spike[[20, 70]] += [50.0, -30.0]
    assert segments.without_spikes(spike, out) == 2
    assert np.abs(out).max() < 5
    np.testing.assert_array_equal(np.delete(out, [20, 70]), np.delete(noise, [20, 70]))
    for lasting in (
        noise + 50.0 * ((np.arange(128) == 40) | (np.arange(128) == 41)),
        noise + 50.0 * (np.arange(128) > 64),
        noise + 50.0 * np.cos(np.pi / 2 * np.arange(128)),
        noise + 50.0 * np.cos(np.pi * np.arange(128)),
    ):
        segments.without_spikes(lasting, out)
        np.testing.assert_array_equal(out, lasting)


def test_a_short_window_of_activity_is_found() -> None:
    """Ten loud frames in a rest leave the rest calm."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=128)
    x[50:60] += 30 * rng.normal(size=10)
    _, constant, pieces, _, calm = describe(x)
    assert constant - pieces > 50
    assert calm > 0.85


def fit(x: Float64) -> tuple[float, float, Float64]:
    """Fit two tones to a series in deviations of the floor, with fresh work space."""
    work = np.zeros(1, tones.WORK)
    one, two = tones.fit_tones(x, work[0])
    return one, two, work["omega"][0]


@settings(deadline=None, max_examples=60)
@given(st.floats(2.2, 110.0), st.floats(0, 2 * pi))
def test_one_tone_is_fitted_between_grid_points(half_cycles: float, phase: float) -> None:
    """A noise-free sinusoid of any frequency leaves next to nothing of its variance, and its frequency is right."""
    omega = half_cycles * pi / tones.TAIL
    x = np.sin(omega * np.arange(tones.TAIL) + phase)
    x -= x.mean()
    one, _, found = fit(100.0 * x)
    assert one < 1e4 * 0.01 * (x**2).sum()
    assert found[0] == pytest.approx(omega, abs=0.05 * pi / tones.TAIL)


def test_two_tones_are_fitted() -> None:
    """Two incommensurate sinusoids in little noise leave about the noise."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        t = np.arange(tones.TAIL)
        x = np.sin(0.21 * t + rng.uniform(0, 6)) + 0.6 * np.sin(0.53 * t + rng.uniform(0, 6))
        _, two, omega = fit(100.0 * x + rng.normal(size=tones.TAIL))
        assert two / tones.TAIL < 4.0
        assert sorted(omega) == pytest.approx([0.21, 0.53], abs=0.002)


def cubic(x: Float64) -> tuple[float, float]:
    """Cubic gain with fresh work space."""
    size = nonlinearity.TERMS + 1
    centred = x - x.mean()
    return nonlinearity.cubic_gain(centred, np.zeros((size, len(x))), np.zeros((size, size)), np.zeros(size))


def test_a_chaotic_map_gains_from_cubic_terms_and_linear_noise_does_not() -> None:
    """128 x gain exceeds 22 for logistic and Henon maps always, for linear noise in at most a few of 200 runs."""
    false = 0
    for seed in range(100):
        draw = Draw(np.random.default_rng(seed), held_out=False)
        assert 128 * cubic(known_series.logistic(128, draw))[0] > 100
        assert 128 * cubic(known_series.henon(128, draw))[0] > 100
        false += 128 * cubic(known_series.white(128, draw))[0] > 22
        false += 128 * cubic(known_series.coloured(128, draw))[0] > 22
    assert false <= 4


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_cubic_gain_equals_two_regressions(seed: int) -> None:
    """The gain is the log ratio of the residuals of numpy's linear and cubic fits."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=128)
    x -= x.mean()
    gain, share = cubic(x)
    u = x / np.sqrt((x**2).mean())
    a, b = u[3:-1], u[2:-2]
    linear = np.stack([np.ones_like(a), a, b, u[1:-3], u[:-4]])
    full = np.vstack([linear, [a * a, a * b, b * b, a**3, a * a * b, a * b * b, b**3]])
    left = [np.linalg.lstsq(columns.T, u[4:], rcond=None)[1][0] for columns in (linear, full)]
    assert gain == pytest.approx(log(left[0] / left[1]), rel=1e-6)
    assert share == pytest.approx(left[1] / len(a), rel=1e-6)


def test_log2_is_exact_to_a_hundredth() -> None:
    """The bit trick agrees with log2 over forty octaves, to its rounding."""
    values = np.geomspace(1e-9, 1e4, 20001).astype(np.float32)
    out = np.empty(values.size, np.int16)
    embedding.log2_into(values, out)
    assert np.abs(out / embedding.OCTAVE - np.log2(values.astype(np.float64))).max() < 6e-3


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 8))
def test_distance_row_equals_the_embedding(seed: int, delay: int) -> None:
    """A row holds log2 of the maximum norm between delay vectors, by lag."""
    x = np.random.default_rng(seed).normal(size=200)
    newest, count = 190, 60
    row, scratch = np.zeros(count, np.int16), np.zeros(count, np.float32)
    embedding.distance_row(x, newest, delay, count, 1e-9, scratch, row)
    vectors = np.stack([x[2 * delay :], x[delay:-delay], x[: -2 * delay]], axis=1)
    own = vectors[newest - 2 * delay]
    away = np.abs(own - vectors[newest - 2 * delay - np.arange(count)]).max(axis=1) + 1e-9
    np.testing.assert_allclose(row / embedding.OCTAVE, np.log2(away), atol=6e-3)


@settings(deadline=None, max_examples=30)
@given(seeds)
def test_delay_is_where_the_correlation_falls_below_1_over_e(seed: int) -> None:
    """The delay is the first lag whose autocorrelation is below 0.37, at most the longest."""
    x = np.random.default_rng(seed).normal(size=300).cumsum()[-128:]
    x -= x.mean()
    correlation = [float((x[:-lag] * x[lag:]).sum() / (x**2).sum()) for lag in range(1, embedding.LONGEST_DELAY)]
    below = [lag for lag, value in enumerate(correlation, start=1) if value < 0.37]
    expected = below[0] if below else embedding.LONGEST_DELAY
    assert embedding.delay_by_correlation(x, float((x**2).mean())) == expected


def predicted_exponent(x: Float64) -> float:
    """Exponent of the cubic predictor of ``x``."""
    size = nonlinearity.TERMS + 1
    columns, coefficients = np.zeros((size, len(x))), np.zeros(size)
    nonlinearity.cubic_gain(x - x.mean(), columns, np.zeros((size, size)), coefficients)
    return nonlinearity.predictor_exponent(columns, len(x), coefficients)


def test_the_predictor_of_a_map_has_its_exponent() -> None:
    """The cubic predictor holds both maps exactly: its exponent over 2000 steps is the known one."""
    assert predicted_exponent(known_series.logistic_map(2000, 4.0, 0.2)) == pytest.approx(log(2), rel=0.01)
    assert predicted_exponent(known_series.henon_map(2000, 1.4, 0.2)) == pytest.approx(0.419, rel=0.03)


def doubling(start: float) -> Int64:
    """Sums over 50 neighbours whose distance doubles every two steps, from ``start``."""
    return np.array([50 * embedding.OCTAVE * (0.5 * k + start) for k in range(pairs.HORIZON + 1)]).astype(np.int64)


def test_exponential_divergence_gives_its_exponent() -> None:
    """Distances that double every two frames grow by ln(2) / 2 per frame."""
    growth, confidence = invariants.growth_of_neighbours(doubling(-7.0), 50, 0.0, 1, -12.0)
    assert growth == pytest.approx(log(2) / 2, rel=1e-9)
    assert confidence == pytest.approx(1.0)


def test_neighbours_inside_the_noise_have_no_confidence() -> None:
    """The same divergence that starts at the noise floor says nothing."""
    assert invariants.growth_of_neighbours(doubling(-7.0), 50, 0.0, 1, -6.0)[1] == 0.0


def test_divergence_that_saturates_at_once_has_no_exponent() -> None:
    """Fewer than three steps below the mean distance are no line."""
    assert np.isnan(invariants.growth_of_neighbours(doubling(-3.0), 50, 0.0, 1, -12.0)[0])


@pytest.mark.parametrize(
    ("growth", "predictor", "given"),
    [(0.4, 0.4, True), (0.4, 0.2, False), (0.12, 0.12, False), (0.001, -0.002, True), (0.4, np.nan, False)],
)
def test_an_exponent_is_given_only_where_two_ways_agree_and_the_tail_can_tell(
    growth: float, predictor: float, *, given: bool
) -> None:
    """Withheld: disagreement, no predictor, and growth too slow for 128 frames to tell."""
    exponent, confidence = invariants.lyapunov_exponent(growth, 1.0, predictor, 128)
    assert (exponent == growth and confidence > 0.3) if given else (np.isnan(exponent) and confidence == 0.0)


@pytest.mark.parametrize("dimension", [1.0, 2.0])
def test_a_power_law_of_distances_gives_its_dimension(dimension: float) -> None:
    """A histogram whose sum grows as r to the d has dimension d."""
    edges = -10 + (np.arange(pairs.BINS) + 1) / pairs.PER_OCTAVE
    count = 1_000_000
    total = np.minimum(count * 2.0 ** (dimension * (edges - 2)), count)
    histogram = np.diff(total, prepend=0).astype(np.int64)
    found, confidence = invariants.correlation_dimension(histogram, count, -10.0, -8.0)
    assert found == pytest.approx(dimension, rel=0.02)
    assert confidence > 0.5
