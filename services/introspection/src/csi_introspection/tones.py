"""Is the tail a level plus one or two sinusoids?

The strongest sinusoid on a half-bin grid, then the strongest of what is left; frequencies refined jointly by one
Gauss-Newton step between two linear least-squares fits (Rife & Boorstyn 1974, doi:10.1109/TIT.1974.1055282, for the
grid; the step is the usual linearisation). Time runs from the middle of the tail, so that a cosine is even and a sine
odd: each half of a problem lives on half the samples.
"""

from __future__ import annotations

from math import cos, pi, sin, sqrt

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Record
from csi_introspection.regression import gram, solve

TAIL = 128
"""Samples the tables below are made for."""
HALF = TAIL // 2
ROWS = 6
"""Most columns of an even or odd half: level, two cosines, two slopes of frequency, the target."""
UNKNOWNS = 7
"""Most unknowns of a joint step: level, two cosines, two sines, two frequencies."""
NOTHING_LEFT = 1.1
"""After the first sinusoid, a residual below this many floors has no second."""
_LOWEST = 1.5
"""Lowest frequency the refinement may reach, in half cycles a tail."""
_LANES = 8
TIMES = np.arange(HALF, dtype=np.float32) + np.float32(0.5)


def _tables() -> Float32:
    frequency = np.arange(TAIL)[:, None]
    phase = np.pi * frequency * TIMES.astype(np.float64)[None] / TAIL
    return np.stack([np.cos(phase), np.sin(phase)], axis=1).astype(np.float32)


GRID = _tables()
"""(TAIL, 2, HALF) cosine and sine of k half cycles a tail."""

WORK = np.dtype(
    [
        ("even", "f4", (ROWS, HALF)),  # columns of the even half, the target last
        ("odd", "f4", (ROWS, HALF)),
        ("tail_even", "f4", (HALF,)),
        ("tail_odd", "f4", (HALF,)),
        ("even_left", "f4", (HALF,)),  # what the fit leaves of the tail, even and odd half
        ("odd_left", "f4", (HALF,)),
        ("power", "f4", (TAIL,)),
        ("even_gram", "f8", (ROWS, ROWS)),
        ("odd_gram", "f8", (ROWS, ROWS)),
        ("factor", "f8", (UNKNOWNS + 1, UNKNOWNS + 1)),
        ("coefficients", "f8", (UNKNOWNS,)),  # level, cosines, sines, and in a joint step frequencies
        ("even_column", "i8", (UNKNOWNS + 1,)),
        ("odd_column", "i8", (UNKNOWNS + 1,)),
        ("even_weight", "f8", (UNKNOWNS + 1,)),
        ("odd_weight", "f8", (UNKNOWNS + 1,)),
        ("omega", "f8", (2,)),  # angular frequencies found, rad per sample
    ],
    align=True,
)
"""Work space of ``fit_tones``; nothing in it outlives a call."""


@kernel
def power_at(work: Record, f: int) -> float:
    """Squared length of what is left of the tail on ``f`` half cycles a tail."""
    even = np.float32(0.0)
    odd = np.float32(0.0)
    for t in range(HALF):
        even += GRID[f, 0, t] * work.even_left[t]
        odd += GRID[f, 1, t] * work.odd_left[t]
    return float(even * even + odd * odd)


@kernel
def strongest(work: Record) -> float:
    """Return the angular frequency of the strongest sinusoid in what is left, interpolated.

    Whole cycles first, then the half cycles beside the best of them.
    """
    power = work.power
    best = np.float32(-1.0)
    at = 2
    for f in range(2, TAIL, 2):
        power[f] = power_at(work, f)
        if power[f] > best:
            best = power[f]
            at = f
    power[at - 1] = power_at(work, at - 1)
    power[at + 1] = power_at(work, at + 1)
    if power[at - 1] > best or power[at + 1] > best:
        at = at - 1 if power[at - 1] > power[at + 1] else at + 1
    shift = 0.0
    if 1 < at < TAIL - 1:
        below, here, above = sqrt(power[at - 1]), sqrt(power[at]), sqrt(power[at + 1])
        curvature = below - 2.0 * here + above
        if curvature < 0.0:
            shift = 0.5 * (below - above) / curvature
    return max(at + shift, 1.6) * pi / TAIL


@kernel
def write_sinusoid(omega: float, cosine: Float32, sine: Float32) -> None:
    """Write cos and sin of ``omega`` times ``TIMES`` to (HALF) arrays: ``_LANES`` rotations side by side."""
    c, s = cos(omega), sin(omega)
    re, im = cos(0.5 * omega), sin(0.5 * omega)
    for t in range(_LANES):
        cosine[t], sine[t] = np.float32(re), np.float32(im)
        re, im = re * c - im * s, im * c + re * s
    c8, s8 = np.float32(cos(_LANES * omega)), np.float32(sin(_LANES * omega))
    for block in range(0, HALF - _LANES, _LANES):
        before_cosine, before_sine = cosine[block : block + _LANES], sine[block : block + _LANES]
        after_cosine = cosine[block + _LANES : block + 2 * _LANES]
        after_sine = sine[block + _LANES : block + 2 * _LANES]
        for t in range(_LANES):
            after_cosine[t] = before_cosine[t] * c8 - before_sine[t] * s8
            after_sine[t] = before_sine[t] * c8 + before_cosine[t] * s8


@kernel
def write_columns(work: Record, count: int, tail_even: Float32, tail_odd: Float32, slopes: int) -> None:
    """Write the columns of ``count`` sinusoids and the level to the work space, and the halves of the tail after them.

    Even: level, cosines, with ``slopes`` 1 also time times sines. Odd: sines, time times cosines.
    """
    even, odd = work.even, work.odd
    for j in range(count):
        write_sinusoid(work.omega[j], even[1 + j], odd[j])
    if slopes == 1:
        for j in range(count):
            for t in range(HALF):
                even[1 + count + j, t] = TIMES[t] * odd[j, t]
                odd[count + j, t] = TIMES[t] * even[1 + j, t]
    even_target, odd_target = 1 + (1 + slopes) * count, (1 + slopes) * count
    for t in range(HALF):
        even[0, t] = np.float32(1.0)
        even[even_target, t] = tail_even[t]
        odd[odd_target, t] = tail_odd[t]


@kernel
def fit_halves(work: Record, count: int, slopes: int) -> None:
    """Fit level and amplitudes, from the inner products in the work space."""
    factor, coefficients = work.factor, work.coefficients
    target = 1 + (1 + slopes) * count
    for i in range(1 + count):
        for j in range(i + 1):
            factor[i, j] = work.even_gram[i, j]
        factor[1 + count, i] = work.even_gram[target, i]
    solve(factor, 1 + count, coefficients)
    for i in range(count):
        for j in range(i + 1):
            factor[i, j] = work.odd_gram[i, j]
        factor[count, i] = work.odd_gram[target - 1, i]
    solve(factor, count, coefficients[1 + count :])


@kernel
def step_frequencies(work: Record, count: int) -> None:
    """One joint Gauss-Newton step of the frequencies, given a fit of level and amplitudes."""
    factor, coefficients = work.factor, work.coefficients
    even_column, odd_column = work.even_column, work.odd_column
    even_weight, odd_weight = work.even_weight, work.odd_weight
    unknowns = 1 + 3 * count
    for i in range(unknowns + 1):
        even_column[i], odd_column[i], even_weight[i], odd_weight[i] = 0, 0, 0.0, 0.0
    even_weight[0] = 1.0
    for j in range(count):
        even_column[1 + j], even_weight[1 + j] = 1 + j, 1.0
        odd_column[1 + count + j], odd_weight[1 + count + j] = j, 1.0
        slope = 1 + 2 * count + j
        even_column[slope], even_weight[slope] = 1 + count + j, -coefficients[1 + j]
        odd_column[slope], odd_weight[slope] = count + j, coefficients[1 + count + j]
    even_column[unknowns], even_weight[unknowns] = 1 + 2 * count, 1.0
    odd_column[unknowns], odd_weight[unknowns] = 2 * count, 1.0
    for i in range(unknowns + 1):
        for j in range(i + 1):
            a, b = max(even_column[i], even_column[j]), min(even_column[i], even_column[j])
            p, q = max(odd_column[i], odd_column[j]), min(odd_column[i], odd_column[j])
            factor[i, j] = even_weight[i] * even_weight[j] * work.even_gram[a, b]
            factor[i, j] += odd_weight[i] * odd_weight[j] * work.odd_gram[p, q]
    solve(factor, unknowns, coefficients)
    for j in range(count):
        step = min(max(coefficients[1 + 2 * count + j], -pi / TAIL), pi / TAIL)
        work.omega[j] = min(max(work.omega[j] + step, _LOWEST * pi / TAIL), pi)


@kernel
def leave(work: Record, count: int) -> float:
    """Write what level and ``count`` sinusoids leave to the work space and return its sum of squares over the tail."""
    even, odd, coefficients = work.even, work.odd, work.coefficients
    even_left, odd_left = work.even_left, work.odd_left
    level = np.float32(coefficients[0])
    for t in range(HALF):
        even_left[t] = even[1 + count, t] - level
        odd_left[t] = odd[count, t]
    for j in range(count):
        a, b = np.float32(coefficients[1 + j]), np.float32(coefficients[1 + count + j])
        for t in range(HALF):
            even_left[t] -= a * even[1 + j, t]
            odd_left[t] -= b * odd[j, t]
    total = np.float32(0.0)
    for t in range(HALF):
        total += even_left[t] * even_left[t] + odd_left[t] * odd_left[t]
    return float(2.0 * total)


@kernel
def fit_sinusoids(work: Record, count: int, tail_even: Float32, tail_odd: Float32) -> float:
    """Fit ``count`` sinusoids near ``work.omega``, refine the frequencies once, fit again; return what is left."""
    write_columns(work, count, tail_even, tail_odd, 1)
    gram(work.even, 2 + 2 * count, HALF, work.even_gram)
    gram(work.odd, 1 + 2 * count, HALF, work.odd_gram)
    fit_halves(work, count, 1)
    step_frequencies(work, count)
    write_columns(work, count, tail_even, tail_odd, 0)
    gram(work.even, 2 + count, HALF, work.even_gram)
    gram(work.odd, 1 + count, HALF, work.odd_gram)
    fit_halves(work, count, 0)
    return leave(work, count)


@kernel
def fit_tones(x: Float64, work: Record) -> tuple[float, float]:
    """Fit one, then two sinusoids plus a level.

    Args:
        x: (TAIL) the tail about its mean, in deviations of the floor.
        work: A record of ``WORK``; ``omega`` receives the angular frequencies.

    Returns:
        Residual sums of squares with one and with two sinusoids.
    """
    tail_even, tail_odd = work.tail_even, work.tail_odd
    for t in range(HALF):
        after, before = x[HALF + t], x[HALF - 1 - t]
        tail_even[t] = np.float32(0.5 * (after + before))
        tail_odd[t] = np.float32(0.5 * (after - before))
        work.even_left[t] = tail_even[t]
        work.odd_left[t] = tail_odd[t]
    work.omega[0] = strongest(work)
    one = fit_sinusoids(work, 1, tail_even, tail_odd)
    if one < NOTHING_LEFT * TAIL:
        return one, one
    work.omega[1] = strongest(work)
    return one, fit_sinusoids(work, 2, tail_even, tail_odd)
