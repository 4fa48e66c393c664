"""Is the tail better told as a few straight pieces, or as one window of activity in a rest?

Every description is priced by its Bayesian information criterion (BIC): samples x log variance plus log n per
parameter, in nats, constants dropped. The tail is in deviations of the noise floor. Variances are shrunk towards the
floor by two pseudo-samples, and what is below the floor counts as the floor: noise that is calmer here than there is no
structure, and a room's noise is often calmer than when its floor was learnt.
"""

from __future__ import annotations

from math import log

import numpy as np

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64

SHORTEST = 4
"""Samples in the shortest piece."""
AT_FLOOR = 2.2
"""A piece rests when its variance is below this many floors."""
SPIKE = 8.0
"""Deviations of the floor by which a lone frame is beyond those around it."""
AGREED = 5.0
"""Deviations of the floor within which the four frames around it lie."""
MOST_SPIKES = 6
LOG_AT_FLOOR = np.float32(log(AT_FLOOR))
LONGEST = 128
"""Samples of the longest tail."""

_n = np.arange(LONGEST + 1, dtype=np.float64)
_n[0] = 1.0
PER_SAMPLE = 1.0 / _n
"""1 / n."""
PER_SLOPE = 12.0 / np.maximum(_n * (_n * _n - 1.0), 1.0)
"""1 / sum of squared times about their mean, of n samples."""
PER_SAMPLE_BACK, PER_SLOPE_BACK = PER_SAMPLE[::-1].copy(), PER_SLOPE[::-1].copy()
_PLACES = 7
"""Bits that hold a place in the tail: the best of many is found among whole numbers, value before place, by SIMD."""
_PER_NAT = np.float32(256.0)
_MANTISSA = np.float32(2.0**-23)
_LN2 = np.float32(log(2.0))


def _log_polynomial() -> Float32:
    """Coefficients of log(1 + f) / f - log(2), lowest first, over [0, 1) at Chebyshev points."""
    f = 0.5 - 0.5 * np.cos(np.pi * (np.arange(64) + 0.5) / 64)
    basis = np.vander(f, 7, increasing=True) * (1 - f)[:, None]
    coefficients = np.linalg.lstsq(basis, np.log1p(f) / f - log(2.0), rcond=None)[0]
    single: Float32 = coefficients.astype(np.float32)
    return single


C0, C1, C2, C3, C4, C5, C6 = _log_polynomial()


@kernel
def is_alone(value: float, a: float, b: float, c: float, d: float) -> bool:
    """Far off from four others that agree within the noise."""
    least = min(a, b, c, d)
    most = max(a, b, c, d)
    return bool((most - least < AGREED) & (max(value - most, least - value) > SPIKE))


@kernel
def without_spikes(x: Float64, out: Float64) -> int:
    """Copy a tail in deviations of the floor, without frames that stand alone; returns how many those are.

    One frame far off, between two before and two after that agree within the noise, is a fault of the receiver:
    whatever moves lasts for more than a frame. At the ends those on one side must do. More than ``MOST_SPIKES`` of
    them are the signal, a fast oscillation, and stay.
    """
    n = x.size
    earlier, before, now, after, later = x[: n - 4], x[1 : n - 3], x[2 : n - 2], x[3 : n - 1], x[4:]
    between = out[2 : n - 2]
    count = 0
    for t in range(n - 4):
        alone = is_alone(now[t], earlier[t], before[t], after[t], later[t])
        between[t] = 0.5 * (before[t] + after[t]) if alone else now[t]
        count += 1 if alone else 0
    out[n - 1] = x[n - 1]  # nothing shows yet that it stands alone
    for t in range(2):
        alone = is_alone(x[t], x[t + 1], x[t + 2], x[t + 3], x[t + 4])
        out[t] = x[t + 1] if alone else x[t]
        count += 1 if alone else 0
    alone = is_alone(x[n - 2], x[n - 4], x[n - 3], x[n - 1], x[n - 1])
    out[n - 2] = x[n - 3] if alone else x[n - 2]
    count += 1 if alone else 0
    if count > MOST_SPIKES:
        out[:] = x
    return count


@kernel
def prefix_sums(x: Float64, sums: Float64) -> None:
    """Write the running sums of x, t x and x squared to ``sums`` (3, n + 1)."""
    total, moment, energy = 0.0, 0.0, 0.0
    for t in range(x.size):
        value = x[t]
        total += value
        moment += t * value
        energy += value * value
        sums[0, t + 1] = total
        sums[1, t + 1] = moment
        sums[2, t + 1] = energy


@kernel
def line_variance(sums: Float64, start: int, stop: int) -> float:
    """Variance about the straight line through ``[start, stop)``, shrunk to the floor by two pseudo-samples."""
    n = stop - start
    y = sums[0, stop] - sums[0, start]
    slope_part = sums[1, stop] - sums[1, start] - 0.5 * (start + stop - 1) * y
    residual = sums[2, stop] - sums[2, start] - y * y * PER_SAMPLE[n] - slope_part * slope_part * PER_SLOPE[n]
    return float((max(residual, 0.0) + 2.0) * PER_SAMPLE[n])


@kernel
def log_into(values: Float32) -> None:
    """Replace positive ``values`` by their natural logarithms, to 1e-5; from the float's bits, so SIMD."""
    bits = values.view(np.int32)
    for i in range(values.size):
        word = bits[i]
        f = np.float32(word & 0x7FFFFF) * _MANTISSA
        bow = C0 + f * (C1 + f * (C2 + f * (C3 + f * (C4 + f * (C5 + f * C6)))))
        values[i] = np.float32((word >> 23) - 127) * _LN2 + f * (_LN2 + (np.float32(1.0) - f) * bow)


@kernel
def best_split(sums: Float64, start: int, stop: int, prices: Float32) -> tuple[float, int]:
    """Return the price of the best two lines over ``[start, stop)`` and where the second begins.

    Args:
        sums: Of ``prefix_sums``.
        start: First sample.
        stop: One past the last; at least ``2 * SHORTEST`` more.
        prices: (2 n) work space.
    """
    count = stop - start - 2 * SHORTEST + 1
    first, last = start + SHORTEST, stop - SHORTEST
    # slices that begin at 0: numba cannot see that start + k is not negative, and would not use SIMD
    y, m, e = sums[0, first : last + 1], sums[1, first : last + 1], sums[2, first : last + 1]
    y0, m0, e0 = sums[0, start], sums[1, start], sums[2, start]
    y1, m1, e1 = sums[0, stop], sums[1, stop], sums[2, stop]
    size, share = PER_SAMPLE[SHORTEST:], PER_SLOPE[SHORTEST:]
    left_prices, right_prices = prices[:count], prices[count : 2 * count]
    for k in range(count):
        level = y[k] - y0
        slope = m[k] - m0 - 0.5 * (start + first + k - 1) * level
        left = e[k] - e0 - level * level * size[k] - slope * slope * share[k]
        left_prices[k] = np.float32(max((max(left, 0.0) + 2.0) * size[k], 1.0))
    back = LONGEST - (stop - first)
    size, share = PER_SAMPLE_BACK[back:], PER_SLOPE_BACK[back:]
    for k in range(count):
        level = y1 - y[k]
        slope = m1 - m[k] - 0.5 * (stop + first + k - 1) * level
        right = e1 - e[k] - level * level * size[k] - slope * slope * share[k]
        right_prices[k] = np.float32(max((max(right, 0.0) + 2.0) * size[k], 1.0))
    log_into(prices[: 2 * count])
    best = np.int32(2**31 - 1)
    for k in range(count):
        left_size, right_size = np.float32(SHORTEST + k), np.float32(stop - start - SHORTEST - k)
        price = left_size * left_prices[k] + right_size * right_prices[k]
        best = min(best, (np.int32(price * _PER_NAT) << _PLACES) | np.int32(k))
    at = best & (2**_PLACES - 1)
    price = (SHORTEST + at) * prices[at] + (stop - start - SHORTEST - at) * prices[count + at]
    return float(price), start + SHORTEST + at


@kernel
def resting_samples(sums: Float64, start: int, stop: int) -> int:
    """Samples of ``[start, stop)`` if it rests at the floor, else 0."""
    if stop > start and line_variance(sums, start, stop) < AT_FLOOR:
        return stop - start
    return 0


@kernel
def price_line(sums: Float64, start: int, stop: int) -> float:
    """Price in nats of one line over ``[start, stop)``."""
    return (stop - start) * log(max(line_variance(sums, start, stop), 1.0))


@kernel
def tell_line(sums: Float64, start: int, stop: int) -> float:
    """As ``price_line``, below the floor too; 0 for no samples."""
    return (stop - start) * log(line_variance(sums, start, stop)) if stop > start else 0.0


@kernel
def price_lines(sums: Float64, n: int, nats: float, prices: Float32) -> tuple[float, float, float]:
    """Price the best one, two or three lines over the tail; returns as ``describe`` from the BIC on."""
    first, second = n, n
    parameters = nats
    bic = price_line(sums, 0, n) + nats
    two, middle = best_split(sums, 0, n, prices)
    if two + 5 * nats < bic:
        bic = two + 5 * nats
        parameters = 5 * nats
        first = middle
    gain_left, gain_right, left, right = 0.0, 0.0, middle, n
    if middle >= 2 * SHORTEST:
        cost, left = best_split(sums, 0, middle, prices)
        gain_left = price_line(sums, 0, middle) - cost
    if n - middle >= 2 * SHORTEST:
        cost, right = best_split(sums, middle, n, prices)
        gain_right = price_line(sums, middle, n) - cost
    three = two - max(gain_left, gain_right) + 9 * nats
    if three < bic:
        bic = three
        parameters = 9 * nats
        if gain_left > gain_right:
            first, second = left, middle
        else:
            first, second = middle, right
    calm = resting_samples(sums, 0, first)
    calm += resting_samples(sums, first, second)
    calm += resting_samples(sums, second, n)
    told = tell_line(sums, 0, first) + tell_line(sums, first, second) + tell_line(sums, second, n) + parameters
    return bic, told, calm / n


@kernel
def loudest_window(sums: Float64, n: int, width: int, energies: Float32) -> int:
    """Start of the window of ``width`` samples with the most energy; ``energies`` (>= n) is work space."""
    count = n - width + 1
    before, after = sums[2, :count], sums[2, width : width + count]
    for k in range(count):
        energies[k] = np.float32(after[k] - before[k])
    bits = energies.view(np.int32)
    most = np.int32(0)
    for k in range(count):
        most = max(most, (bits[k] >> _PLACES << _PLACES) | np.int32(k))
    return int(most & (2**_PLACES - 1))


@kernel
def price_windows(sums: Float64, n: int, nats: float, prices: Float32) -> tuple[float, float, float]:
    """Price one window of 4, 8, 16 ... n / 4 samples with a level and variance of its own, and the rest's.

    Args:
        sums: Of ``prefix_sums``.
        n: Samples.
        nats: log(n).
        prices: (2 n) work space.

    Returns:
        As ``describe`` from the BIC on.
    """
    work, variances = prices[:n], prices[n:]
    count = 0
    width = SHORTEST
    while width <= n // 4:
        at = loudest_window(sums, n, width, work)
        energy = sums[2, at + width] - sums[2, at]
        inside = sums[0, at + width] - sums[0, at]
        outside = sums[0, n] - inside
        rest = sums[2, n] - energy - outside * outside * PER_SAMPLE[n - width]
        window = energy - inside * inside * PER_SAMPLE[width]
        variances[count] = np.float32((max(rest, 0.0) + 2.0) * PER_SAMPLE[n - width + 1])
        variances[count + 1] = np.float32((max(window, 0.0) + 2.0) * PER_SAMPLE[width + 1])
        count += 2
        width *= 2
    log_into(variances[:count])
    best, told, calm = 1e300, 1e300, 0.0
    width = SHORTEST
    for k in range(0, count, 2):
        outside, inside = variances[k], variances[k + 1]
        bic = (n - width) * max(outside, np.float32(0.0)) + width * max(inside, np.float32(0.0)) + 5 * nats
        if bic < best:
            best = bic
            told = (n - width) * outside + width * inside + 5 * nats
            calm = (n - width) / n if variances[k] < LOG_AT_FLOOR else 0.0
        width *= 2
    return best, told, calm


@kernel
def describe(x: Float64, sums: Float64, prices: Float32) -> tuple[float, float, float, float, float]:
    """Price a tail as a constant and as pieces.

    Args:
        x: (n) the tail in deviations of the floor; its level does not matter.
        sums: (3, n + 1) work space whose first column is 0.
        prices: (2 n) work space.

    Returns:
        Variance; BIC of a constant; BIC of the best pieces or window; the same with what is below the floor told
        too, to be compared with other descriptions; share of the tail that rests at the floor in it.
    """
    n = x.size
    nats = log(n)
    prefix_sums(x, sums)
    spread = max(sums[2, n] - sums[0, n] * sums[0, n] / n, 0.0)
    constant = n * log(max((spread + 2.0) / (n + 1.0), 1.0))
    pieces, told, calm = price_lines(sums, n, nats, prices)
    bic, window, resting = price_windows(sums, n, nats, prices)
    if bic < pieces:
        return spread / n, constant, bic, window, resting
    return spread / n, constant, pieces, told, calm
