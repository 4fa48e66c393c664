"""Is the tail better told as a few straight pieces, or as one window of activity in a rest?

Every description is priced by its Bayesian information criterion (BIC): samples x log variance plus log n per
parameter, in nats, constants dropped. The tail is in deviations of the noise floor; variances are shrunk towards the
floor by two pseudo-samples, so that a piece of a few samples cannot be infinitely good.
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
        left_prices[k] = np.float32((max(left, 0.0) + 2.0) * size[k])
    back = LONGEST - (stop - first)
    size, share = PER_SAMPLE_BACK[back:], PER_SLOPE_BACK[back:]
    for k in range(count):
        level = y1 - y[k]
        slope = m1 - m[k] - 0.5 * (stop + first + k - 1) * level
        right = e1 - e[k] - level * level * size[k] - slope * slope * share[k]
        right_prices[k] = np.float32((max(right, 0.0) + 2.0) * size[k])
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
def price_lines(sums: Float64, n: int, nats: float, prices: Float32) -> tuple[float, float]:
    """Return the BIC of the best one, two or three lines over the tail, and the share of it that rests."""
    first, second = n, n
    bic = n * log(line_variance(sums, 0, n)) + nats
    two, middle = best_split(sums, 0, n, prices)
    if two + 5 * nats < bic:
        bic = two + 5 * nats
        first = middle
    gain_left, gain_right, left, right = 0.0, 0.0, middle, n
    if middle >= 2 * SHORTEST:
        cost, left = best_split(sums, 0, middle, prices)
        gain_left = middle * log(line_variance(sums, 0, middle)) - cost
    if n - middle >= 2 * SHORTEST:
        cost, right = best_split(sums, middle, n, prices)
        gain_right = (n - middle) * log(line_variance(sums, middle, n)) - cost
    three = two - max(gain_left, gain_right) + 9 * nats
    if three < bic:
        bic = three
        if gain_left > gain_right:
            first, second = left, middle
        else:
            first, second = middle, right
    calm = resting_samples(sums, 0, first)
    calm += resting_samples(sums, first, second)
    calm += resting_samples(sums, second, n)
    return bic, calm / n


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
def price_windows(sums: Float64, n: int, nats: float, prices: Float32) -> tuple[float, float]:
    """Price one window of 4, 8, 16 ... n / 4 samples with a level and variance of its own, and the rest's.

    Args:
        sums: Of ``prefix_sums``.
        n: Samples.
        nats: log(n).
        prices: (2 n) work space.

    Returns:
        BIC of the best; share of the tail that rests at the floor in it.
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
    best, calm = 1e300, 0.0
    width = SHORTEST
    for k in range(0, count, 2):
        bic = (n - width) * variances[k] + width * variances[k + 1] + 5 * nats
        if bic < best:
            best = bic
            calm = (n - width) / n if variances[k] < LOG_AT_FLOOR else 0.0
        width *= 2
    return best, calm


@kernel
def describe(x: Float64, sums: Float64, prices: Float32) -> tuple[float, float, float]:
    """Price a tail as a constant and as pieces.

    Args:
        x: (n) the tail in deviations of the floor; its level does not matter.
        sums: (3, n + 1) work space whose first column is 0.
        prices: (2 n) work space.

    Returns:
        BIC of a constant; BIC of the best pieces or window; share of the tail that rests at the floor in the latter.
    """
    n = x.size
    nats = log(n)
    prefix_sums(x, sums)
    spread = max(sums[2, n] - sums[0, n] * sums[0, n] / n, 0.0)
    constant = n * log((spread + 2.0) / (n + 1.0))
    pieces, calm = price_lines(sums, n, nats, prices)
    bic, resting = price_windows(sums, n, nats, prices)
    if bic < pieces:
        return constant, bic, resting
    return constant, pieces, calm
