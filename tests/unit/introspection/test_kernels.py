"""The attractor's small kernels against numpy and closed forms."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest
from csi_introspection import embedding, invariants, nonlinearity, regression, segments, tones
from csi_introspection.arrays import Float64
from hypothesis import given, settings
from hypothesis import strategies as st
from unit.introspection import naive, signals

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
    got = segments.line_variance(sums, start, start + length, 0.3)
    assert got == pytest.approx(naive.line_variance(x[start : start + length], 0.3), rel=1e-6)


@settings(deadline=None, max_examples=30)
@given(st.integers(20, 108), seeds)
def test_a_step_is_split_where_it_is(at: int, seed: int) -> None:
    """Two lines meet at the step of a step, and describe it better than one by far."""
    x = 0.01 * np.random.default_rng(seed).normal(size=128)
    x[at:] += 1.0
    sums = np.zeros((3, 129))
    segments.prefix_sums(x, sums)
    _, found = segments.best_split(sums, 0, 128, 1e-4)
    assert abs(found - at) <= 1
    constant, pieces, calm = segments.describe(x, 1e-4, np.zeros((3, 129)))
    assert constant - pieces > 100
    assert calm > 0.9


def test_noise_is_no_better_in_pieces() -> None:
    """For noise at the floor the constant is the best description."""
    for seed in range(50):
        x = np.random.default_rng(seed).normal(size=128)
        constant, pieces, _ = segments.describe(x, 1.0, np.zeros((3, 129)))
        assert constant - pieces < 14


def test_a_short_window_of_activity_is_found() -> None:
    """Ten loud frames in a rest leave the rest calm."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=128)
    x[50:60] += 30 * rng.normal(size=10)
    constant, pieces, calm = segments.describe(x, 1.0, np.zeros((3, 129)))
    assert constant - pieces > 50
    assert calm > 0.85


def fit(x: Float64, floor: float) -> tuple[float, float, Float64]:
    """Fit two tones with fresh work space."""
    omega = np.zeros(2)
    one, two = tones.fit_tones(
        x,
        floor,
        np.zeros((9, tones.TAIL)),
        np.zeros((9, 9)),
        np.zeros(9),
        np.zeros(tones.TAIL),
        np.zeros(tones.TAIL, np.float32),
        np.zeros(tones.TAIL, np.float32),
        omega,
    )
    return one, two, omega


@settings(deadline=None, max_examples=60)
@given(st.floats(2.2, 110.0), st.floats(0, 2 * pi))
def test_one_tone_is_fitted_between_grid_points(half_cycles: float, phase: float) -> None:
    """A noise-free sinusoid of any frequency leaves next to nothing of its variance, and its frequency is right."""
    omega = half_cycles * pi / tones.TAIL
    x = np.sin(omega * np.arange(tones.TAIL) + phase)
    x -= x.mean()
    one, _, found = fit(x, 1e-4)
    assert one < 0.01 * (x**2).sum()
    assert found[0] == pytest.approx(omega, abs=0.05 * pi / tones.TAIL)


def test_two_tones_are_fitted() -> None:
    """Two incommensurate sinusoids in little noise leave about the noise."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x = signals.two_tones(tones.TAIL, rng) + 0.01 * rng.normal(size=tones.TAIL)
        _, two, omega = fit(x, 1e-4)
        assert two / tones.TAIL < 4e-4
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
        rng = np.random.default_rng(seed)
        assert 128 * cubic(signals.logistic(128, rng))[0] > 100
        assert 128 * cubic(signals.henon(128, rng))[0] > 100
        false += 128 * cubic(signals.loud_white(128, rng))[0] > 22
        false += 128 * cubic(signals.loud_coloured(128, rng))[0] > 22
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


def test_log2_is_exact_to_two_thousandths() -> None:
    """The bit trick agrees with log2 over forty octaves."""
    values = np.geomspace(1e-9, 1e4, 20001).astype(np.float32)
    out = np.empty_like(values)
    embedding.log2_into(values, out)
    assert np.abs(out - np.log2(values.astype(np.float64))).max() < 2e-3


@settings(deadline=None, max_examples=30)
@given(seeds, st.integers(1, 8))
def test_distance_row_equals_the_embedding(seed: int, delay: int) -> None:
    """A row holds log2 of the maximum norm between delay vectors, by lag."""
    x = np.random.default_rng(seed).normal(size=200)
    newest, count = 190, 60
    row, scratch = np.zeros(count, np.float32), np.zeros(count, np.float32)
    embedding.distance_row(x, newest, delay, count, 1e-9, scratch, row)
    vectors = np.stack([x[2 * delay :], x[delay:-delay], x[: -2 * delay]], axis=1)
    own = vectors[newest - 2 * delay]
    away = np.abs(own - vectors[newest - 2 * delay - np.arange(count)]).max(axis=1) + 1e-9
    np.testing.assert_allclose(row, np.log2(away), atol=3e-3)


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


@settings(deadline=None, max_examples=15)
@given(seeds, st.integers(1, 4))
def test_a_scan_equals_the_full_distance_matrix(seed: int, delay: int) -> None:
    """Divergence and histogram from the table by lag are those of a full matrix of the same distances."""
    tail = 128
    x = np.random.default_rng(seed).normal(size=tail)
    count = tail - 2 * delay
    rows = np.zeros((2 * tail, tail), np.float32)
    scratch = np.zeros(tail, np.float32)
    first = 2 * delay
    for number in range(count):
        embedding.distance_row(x, first + number, delay, number + 1, 1e-9, scratch, rows[number % (2 * tail)])
    matrix = np.full((count, count), np.inf)
    for i in range(count):
        for j in range(i + 1):
            matrix[i, j] = matrix[j, i] = rows[i, i - j]
    step, theiler, lowest = (delay + 1) // 2, max(2 * delay, 3), -20.0
    divergence = np.zeros(invariants.HORIZON + 1)
    histogram = np.zeros(invariants.BINS, np.int64)
    neighbours = sum(
        invariants.follow_reference(rows, count - 1, i, count, theiler, step, lowest, divergence, histogram)
        for i in range(count)
    )
    expected = naive.scan(matrix, theiler, step, lowest, horizon=invariants.HORIZON, bins=invariants.BINS)
    assert neighbours == expected.neighbours
    np.testing.assert_array_equal(histogram, expected.histogram)
    np.testing.assert_allclose(divergence, expected.divergence, rtol=1e-5)


def test_exponential_divergence_gives_its_exponent() -> None:
    """Distances that double every two frames have exponent ln(2) / 2 per frame."""
    neighbours = 50
    divergence = np.array([neighbours * (0.5 * k - 6.0) for k in range(invariants.HORIZON + 1)])
    exponent, confidence = invariants.lyapunov_exponent(divergence, neighbours, 0.0, 1, -12.0)
    assert exponent == pytest.approx(log(2) / 2, rel=1e-9)
    assert confidence == pytest.approx(1.0)


def test_neighbours_inside_the_noise_give_no_exponent() -> None:
    """The same divergence that starts at the noise floor is withheld."""
    neighbours = 50
    divergence = np.array([neighbours * (0.5 * k - 6.0) for k in range(invariants.HORIZON + 1)])
    exponent, confidence = invariants.lyapunov_exponent(divergence, neighbours, 0.0, 1, -5.5)
    assert np.isnan(exponent)
    assert confidence == 0.0


@pytest.mark.parametrize("dimension", [1.0, 2.0])
def test_a_power_law_of_distances_gives_its_dimension(dimension: float) -> None:
    """A histogram whose sum grows as r to the d has dimension d."""
    edges = -10 + (np.arange(invariants.BINS) + 1) / invariants.PER_OCTAVE
    pairs = 1_000_000
    total = np.minimum(pairs * 2.0 ** (dimension * (edges - 2)), pairs)
    histogram = np.diff(total, prepend=0).astype(np.int64)
    found, confidence = invariants.correlation_dimension(histogram, pairs, -10.0, -8.0)
    assert found == pytest.approx(dimension, rel=0.02)
    assert confidence > 0.5
