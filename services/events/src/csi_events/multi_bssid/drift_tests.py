"""The tests behind a drift profile: which curve describes the means of blocks, and whether their variances grew."""

from __future__ import annotations

from math import erfc, log, sqrt
from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOG_ALPHA = log(1e-3)
"""Log of the chance with which a stable slot may get another profile, per judgement and test."""
SHORTEST_STEP = 4
"""Least blocks on each side of a step."""
LEAST_CYCLES = 2.0
"""Least cycles of an oscillation within the blocks: fewer are a bend."""
SHORTEST_PERIOD = 2.5
"""Blocks of the shortest period."""
CYCLE_STEP = 0.125
"""Cycles between two frequencies of the tables."""
COARSE = 4
"""Frequencies that are tried first, one in so many: half a cycle, half the resolution of the blocks."""
GROWTH = 2.0
"""Least ratio of later to earlier variance, 1.4 in deviation."""
TIMES = np.arange(64.0)
CYCLES = np.arange(LEAST_CYCLES, 64 / SHORTEST_PERIOD + 1e-9, CYCLE_STEP)
COSINES = np.cos(2 * np.pi * CYCLES[:, np.newaxis] * TIMES / 64)
"""(189, 64); an oscillation of c cycles over 64 blocks."""
SINES = np.sin(2 * np.pi * CYCLES[:, np.newaxis] * TIMES / 64)


@kernel("float64(float64[::1], float64[::1])")
def fit_line(away: NDArray[np.float64], fitted: NDArray[np.float64]) -> float:
    """Fit a line by least squares.

    Args:
        away: (n,) values with mean 0.
        fitted: (n,), the line is put here.

    Returns:
        Slope times n: how far the line goes.
    """
    n = len(away)
    middle = 0.5 * (n - 1)
    products = 0.0
    for i in range(n):
        products += (i - middle) * away[i]
    slope = products * 12.0 / (n * (n * n - 1.0))
    for i in range(n):
        fitted[i] = slope * (i - middle)
    return slope * n


@kernel("float64(float64[::1], float64[::1])")
def fit_step(away: NDArray[np.float64], fitted: NDArray[np.float64]) -> float:
    """Fit two constants by least squares, each over ``SHORTEST_STEP`` values at least; 0.1 us for 64 values.

    Args:
        away: (n,) values with mean 0.
        fitted: (n,), the constants are put here.

    Returns:
        The later one minus the earlier one.
    """
    n = len(away)
    total, most, place, before = 0.0, -1.0, SHORTEST_STEP, 0.0
    for i in range(n - SHORTEST_STEP):
        total += away[i]
        k = i + 1
        gain = total * total * n / (k * (n - k))
        if k >= SHORTEST_STEP and gain > most:
            most, place, before = gain, k, total
    low, high = before / place, -before / (n - place)
    fitted[:place] = low
    fitted[place:] = high
    return high - low


@kernel("float64(float64[::1], int64, float64[::1])")
def fit_sinusoid(away: NDArray[np.float64], row: int, fitted: NDArray[np.float64]) -> float:
    """Fit the sinusoid of one row of the tables, with a mean of its own, by least squares.

    Args:
        away: (n,) values with mean 0, n at most 64.
        row: place in ``CYCLES``.
        fitted: (n,), the sinusoid is put here.

    Returns:
        What it takes off the sum of squares.
    """
    n = len(away)
    c, s, cc, ss, cs, yc, ys = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        u, v = COSINES[row, i], SINES[row, i]
        c += u
        s += v
        cc += u * u
        ss += v * v
        cs += u * v
        yc += u * away[i]
        ys += v * away[i]
    cc -= c * c / n
    ss -= s * s / n
    cs -= c * s / n
    determinant = cc * ss - cs * cs
    a = (yc * ss - ys * cs) / determinant
    b = (ys * cc - yc * cs) / determinant
    for i in range(n):
        fitted[i] = a * (COSINES[row, i] - c / n) + b * (SINES[row, i] - s / n)
    return a * yc + b * ys


@kernel("Tuple((float64, float64))(float64[::1], float64[::1])")
def fit_oscillation(away: NDArray[np.float64], fitted: NDArray[np.float64]) -> tuple[float, float]:
    """Fit the sinusoid that leaves the least: the best of ``COARSE`` rows each, then its neighbours; 6 us.

    Args:
        away: (n,) values with mean 0, n at most 64; fewer than ``LEAST_CYCLES`` within n are left out.
        fitted: (n,), the sinusoid is put here.

    Returns:
        How far it goes, from peak to peak; and its frequency in radians a block.
    """
    n = len(away)
    first = 0
    while CYCLES[first] * n < LEAST_CYCLES * COSINES.shape[1]:
        first += 1
    most, best = -1.0, first
    for row in range(first, len(CYCLES), COARSE):
        gain = fit_sinusoid(away, row, fitted)
        if gain > most:
            most, best = gain, row
    step = COARSE // 2
    while step > 0:
        middle = best
        for row in (middle - step, middle + step):
            if first <= row < len(CYCLES):
                gain = fit_sinusoid(away, row, fitted)
                if gain > most:
                    most, best = gain, row
        step //= 2
    fit_sinusoid(away, best, fitted)
    return fitted.max() - fitted.min(), 2.0 * np.pi * CYCLES[best] / COSINES.shape[1]


@kernel("float64(float64[::1], float64[::1], float64, float64, float64, float64)")
def log_chance(
    away: NDArray[np.float64], fitted: NDArray[np.float64], floor: float, parameters: float, tried: float, omega: float
) -> float:
    """Log of a bound on the chance that noise around a constant is fitted so well.

    Two parameters beside the constant that fit noise leave SS1 / SS0 below x with chance x^(dof/2), exactly; one does
    so more rarely. Curves that were tried count each (Bonferroni). Degrees of freedom shrink by how much more power
    than white noise an AR(1) process has at the curve's frequency, with the residuals' correlation at one block.

    Args:
        away: (n,) values with mean 0.
        fitted: (n,) the curve.
        floor: variance that is taken for granted.
        parameters: of the curve, its mean among them.
        tried: curves that were tried.
        omega: frequency of the curve in radians a block, 0 for lines and steps.
    """
    n = len(away)
    before, after, neighbours = 0.0, 0.0, 0.0
    last = 0.0
    for i in range(n):
        rest = away[i] - fitted[i]
        before += away[i] * away[i]
        after += rest * rest
        neighbours += rest * last
        last = rest
    r = min(max(neighbours / max(after, 1e-12), 0.0), 0.95)
    power = (1.0 - r * r) / (1.0 - 2.0 * r * np.cos(omega) + r * r)
    dof = (n - parameters) / max(power, 1.0)
    chance: float = np.log(tried) + 0.5 * dof * np.log((after + n * floor) / (before + n * floor))
    return min(0.0, chance)


@kernel("float64(float64[::1], int64, float64)")
def growth(variances: NDArray[np.float64], split: int, floor: float) -> float:
    """Mean of the variances from ``split`` on, over that of those before; ``floor`` is added to each."""
    n = len(variances)
    earlier, later = 0.0, 0.0
    for i in range(split):
        earlier += variances[i]
    for i in range(split, n):
        later += variances[i]
    return (later / (n - split) + floor) / (earlier / split + floor)


@kernel("Tuple((float64[::1], float64))(float64[::1])")
def ranks_of(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Rank of every value from 1, equal ones sharing their mean rank; and the sum of t^3 - t over ties of t; 3 us."""
    n = len(values)
    rank = np.empty(n)
    ties = 0.0
    for i in range(n):
        below, equal = 0, 0
        for j in range(n):
            below += values[j] < values[i]
            equal += values[j] == values[i]
        rank[i] = below + 0.5 * (equal + 1)
        ties += equal * equal - 1.0
    return rank, ties


@kernel("boolean(float64[::1], float64)")
def grew(variances: NDArray[np.float64], floor: float) -> bool:
    """Whether later variances are larger than earlier ones: by ``GROWTH``, and in a rank-sum test at three places.

    0.2 us where the ratio says no, else 4 us for 64 variances.

    Args:
        variances: (n,).
        floor: variance of the quantisation, added to each for the ratio.
    """
    n = len(variances)
    rank, ties = np.empty(0), 0.0
    for quarter in range(1, 4):
        split = quarter * n // 4
        if growth(variances, split, floor) < GROWTH:
            continue
        if len(rank) == 0:
            rank, ties = ranks_of(variances)
        m = n - split
        spread2 = m * split / 12.0 * (n + 1.0 - ties / (n * (n - 1.0)))
        if spread2 > 0:
            z = (rank[split:].sum() - 0.5 * m * (n + 1.0)) / np.sqrt(spread2)
            if 3.0 * 0.5 * erfc(z / sqrt(2.0)) < np.exp(LOG_ALPHA):
                return True
    return False


@kernel("Tuple((int64, float64))(float64[::1], float64, float64)")
def curve_of(away: NDArray[np.float64], least: float, floor: float) -> tuple[int, float]:
    """Curve that describes values best: 0 none, 1 a line, 2 a step, 3 an oscillation; 8 us for 64 values.

    Args:
        away: (n,) values with mean 0, not all 0.
        least: what it must amount to from one end to the other.
        floor: variance of the quantisation.

    Returns:
        The curve's number; and the share of the sum of squares it leaves.
    """
    n = len(away)
    energy = (away * away).sum()
    best, chosen, chance, left = n * np.log(energy / n + floor) + np.log(n), 0, 0.0, 1.0
    fitted = np.empty(n)
    for curve in range(1, 4):
        omega = 0.0
        if curve == 1:
            size_db, parameters, tried = abs(fit_line(away, fitted)), 2.0, 1.0
        elif curve == 2:
            size_db, parameters, tried = abs(fit_step(away, fitted)), 3.0, n - 2.0 * SHORTEST_STEP + 1.0
        else:
            size_db, omega = fit_oscillation(away, fitted)
            parameters, tried = 4.0, len(CYCLES) * CYCLE_STEP
        rest = ((away - fitted) ** 2).sum()
        cost = n * np.log(rest / n + floor) + parameters * np.log(n)
        if cost < best:
            best, chosen, left = cost, curve if size_db >= least else 0, rest / energy
            chance = log_chance(away, fitted, floor / 4.0, parameters, tried, omega)
    return (chosen, left) if chance < LOG_ALPHA else (0, 1.0)


@kernel("int64(float32[::1], float32[::1], int64, float64, float64)")
def profile_of(
    means: NDArray[np.float32], variances: NDArray[np.float32], blocks: int, least_db: float, step_db: float
) -> int:
    """Profile of one slot: 0 Stable, 1 Linear, 2 StepChange, 3 Oscillating, 4 VarianceExpansion.

    1 us for a slot whose means vary too little to matter and whose variance did not grow, up to 12 us for others.

    Args:
        means: (64,) dBm, a ring.
        variances: (64,) dB squared, a ring.
        blocks: blocks so far, at least 32.
        least_db: what a line, a step or an oscillation must amount to from one end to the other.
        step_db: quantisation, dB.
    """
    size = len(means)
    n = min(blocks, size)
    first = blocks % size if blocks > size else 0
    away, spread = np.empty(n), np.empty(n)
    for i in range(n):
        place = (first + i) % size
        away[i], spread[i] = means[place], variances[place]
    away -= away.mean()
    floor = step_db * step_db / 12.0
    least = max(least_db, 2.0 * step_db)
    # the least energy of any curve: a step of ``least`` at the very end
    edge = SHORTEST_STEP / n
    chosen, left = 0, 1.0
    if (away * away).mean() >= edge * (1.0 - edge) * least * least:
        chosen, left = curve_of(away, least, floor)
    if (chosen == 0 or left > 0.5) and grew(spread, floor):
        return 4
    return chosen
