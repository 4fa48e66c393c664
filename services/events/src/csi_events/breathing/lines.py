"""Power of sinusoids in short, unevenly sampled windows, and the background that noise and drift would give."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

TREND = 3
"""Constant, slope and curvature float in every fit."""
BEND = 0.2
"""Log power within which a residual counts as small: least absolute deviations beyond it."""
ROUNDS = 5
STRONGER = 0.5
"""Power of a line at half or a third of a rate, in that of the rate's own, from which the rate is a harmonic of it."""
APART = 4.0
"""Such a line is none unless it is so high over the background, which lines themselves raise, or ..."""
VALLEY = 8.0
"""... over the valley that a harmonic leaves between itself and the next, and drift does not."""


@kernel("Tuple((float64[:,::1], float64[:,::1]))(float64[::1], float64[::1], float64[:,::1])")
def _without_trend(
    u: NDArray[np.float64], weight: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weigh ``y`` (samples, columns) and take a quadratic trend out of it, by Gram and Schmidt.

    Returns:
        The trend's orthonormal basis, (``TREND``, samples), and what is left, (columns, samples).
    """
    n, columns = y.shape
    q, x = np.empty((TREND, n)), np.empty((columns, n))
    for i in range(n):
        power = weight[i]
        for d in range(TREND):
            q[d, i] = power
            power *= u[i]
        for c in range(columns):
            x[c, i] = weight[i] * y[i, c]
    for d in range(TREND):
        for e in range(d):
            q[d] -= (q[d] * q[e]).sum() * q[e]
        q[d] /= np.sqrt((q[d] * q[d]).sum() + 1e-30)
        for c in range(columns):
            x[c] -= (x[c] * q[d]).sum() * q[d]
    return q, x


@kernel("float64[:,::1](float64[::1], float64[:,::1], float64, float64, float64, int64, boolean)")
def line_power(  # noqa: PLR0917 - a kernel takes no structs
    t_s: NDArray[np.float64],
    y: NDArray[np.float64],
    span_s: float,
    low_hz: float,
    step_hz: float,
    count: int,
    tapered: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> NDArray[np.float64]:
    """Sum of squares that a sinusoid explains in the last ``span_s`` beside a quadratic trend, (count, columns).

    The Lomb-Scargle periodogram with a floating trend (Zechmeister & Kuerster 2009, doi:10.1051/0004-6361:200811296) at
    ``low_hz + k * step_hz``; with ``tapered``, samples and model are weighted by a Hann window, which keeps steps and
    drift from leaking in and costs half of the resolution.

    Args:
        t_s: (samples,) ascending.
        y: (samples, columns).
        span_s: length of the window, s.
        low_hz: first frequency.
        step_hz: between frequencies.
        count: of frequencies.
        tapered: weigh by a Hann window.
    """
    newest = len(t_s) - 1
    first = 0
    while first < newest and t_s[first] < t_s[newest] - span_s:
        first += 1
    t = t_s[first:] - 0.5 * (t_s[newest] + t_s[first])
    u = t / max(t[-1], 1e-9)
    weight = 0.5 + 0.5 * np.cos(0.98 * np.pi * u) if tapered else np.ones(len(t))
    q, x = _without_trend(u, weight, y[first:])
    n, columns = len(t), y.shape[1]
    cosine, sine = weight * np.cos(2.0 * np.pi * low_hz * t), weight * np.sin(2.0 * np.pi * low_hz * t)
    turn_c, turn_s = np.cos(2.0 * np.pi * step_hz * t), np.sin(2.0 * np.pi * step_hz * t)
    explained = np.empty((count, columns))
    for k in range(count):
        cc, cs, ss = 0.0, 0.0, 0.0
        for i in range(n):
            cc += cosine[i] * cosine[i]
            cs += cosine[i] * sine[i]
            ss += sine[i] * sine[i]
        for d in range(TREND):
            qc, qs = 0.0, 0.0
            for i in range(n):
                qc += q[d, i] * cosine[i]
                qs += q[d, i] * sine[i]
            cc -= qc * qc
            cs -= qc * qs
            ss -= qs * qs
        determinant = cc * ss - cs * cs
        for c in range(columns):
            xc, xs = 0.0, 0.0
            for i in range(n):
                xc += x[c, i] * cosine[i]
                xs += x[c, i] * sine[i]
            explained[k, c] = (xc * xc * ss - 2.0 * xc * xs * cs + xs * xs * cc) / (determinant + 1e-30)
        for i in range(n):
            turned = cosine[i] * turn_c[i] - sine[i] * turn_s[i]
            sine[i] = cosine[i] * turn_s[i] + sine[i] * turn_c[i]
            cosine[i] = turned
    return explained


@kernel("float64[::1](float64[::1], float64[::1], float64[::1], boolean)")
def _fit(
    log_f: NDArray[np.float64],
    log_p: NDArray[np.float64],
    mass: NDArray[np.float64],
    convex: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> NDArray[np.float64]:
    """Log power over the fitted background at every frequency; ``mass`` 0 leaves one out of the fit."""
    weight = mass.copy()
    slope, bend = 0.0, 0.0
    top = log_f[-1]
    for _ in range(ROUNDS):
        total, mean_u, mean_v, mean_y = 1e-30, 0.0, 0.0, 0.0
        for k in range(len(log_f)):
            total += weight[k]
            mean_u += weight[k] * log_f[k]
            mean_v += weight[k] * log_f[k] ** 2
            mean_y += weight[k] * log_p[k]
        mean_u, mean_v, mean_y = mean_u / total, mean_v / total, mean_y / total
        uu, uv, vv, uy, vy = 1e-12, 0.0, 1e-12, 0.0, 0.0
        for k in range(len(log_f)):
            u, v, y = log_f[k] - mean_u, log_f[k] ** 2 - mean_v, log_p[k] - mean_y
            uu += weight[k] * u * u
            uv += weight[k] * u * v
            vv += weight[k] * v * v
            uy += weight[k] * u * y
            vy += weight[k] * v * y
        bend = (uu * vy - uv * uy) / (uu * vv - uv * uv + 1e-12) if convex else 0.0
        slope = (uy - max(bend, 0.0) * uv) / uu
        if bend <= 0.0:
            bend, slope = 0.0, min(max(slope, -6.0), 0.0)
        elif slope + 2.0 * bend * top > 0.0:  # it would rise at the upper end: level there instead
            bend = max((vy - 2.0 * top * uy) / (vv - 4.0 * top * uv + 4.0 * top * top * uu), 0.0)
            slope = -2.0 * bend * top
        rest = log_p - slope * log_f - bend * log_f * log_f
        middle = np.median(rest[mass > 0.0])
        for k in range(len(log_f)):
            weight[k] = mass[k] / max(abs(rest[k] - middle), BEND)
    rest = log_p - slope * log_f - bend * log_f * log_f
    order = np.argsort(rest)
    left = 0.5 * mass.sum()
    middle = rest[order[-1]]
    for k in order:
        left -= mass[k]
        if left <= 0.0:
            middle = rest[k]
            break
    over: NDArray[np.float64] = rest - (middle - np.log(np.log(2.0)))
    return over


@kernel("float64[:,::1](float64[::1], float64[:,::1], float64[::1], float64, float64, boolean)")
def over_background(  # noqa: PLR0917 - a kernel takes no structs
    frequency_hz: NDArray[np.float64],
    power: NDArray[np.float64],
    width_hz: NDArray[np.float64],
    low_hz: float,
    high_hz: float,
    convex: bool,  # noqa: FBT001 - a kernel takes no keywords
) -> NDArray[np.float64]:
    """Power over a background fitted to every column of ``power`` (frequencies, columns).

    The background is smooth in logarithms and never rises: a straight line, log p = a + b log f, or with ``convex`` a
    parabola that opens upwards: drift below and white noise above make such a bend, a line in between never does. Least
    absolute deviations by reweighting; the strongest peak in [low, high] and its double are left out of the fit. The
    power of noise is exponentially distributed, its median ln 2 of its mean: noise gives values of mean 1.

    Args:
        frequency_hz: (frequencies,) ascending.
        power: (frequencies, columns).
        width_hz: (frequencies,): width of a line there; a frequency weighs what is new in it.
        low_hz: lower end of the search.
        high_hz: upper end.
        convex: let the background bend.
    """
    count, columns = power.shape
    log_f = np.log(frequency_hz)
    log_f -= log_f.mean()
    z = np.empty((count, columns))
    mass = np.empty(count)
    for c in range(columns):
        log_p = np.log(power[:, c] + 1e-300)
        for k in range(count):
            gap = frequency_hz[min(k + 1, count - 1)] - frequency_hz[max(k - 1, 0)]
            mass[k] = min((gap if k in (0, count - 1) else 0.5 * gap) / width_hz[k], 1.0)
        over = _fit(log_f, log_p, mass, convex) if convex else log_p + log_f
        best = -1
        for k in range(count):
            if low_hz <= frequency_hz[k] <= high_hz and (best < 0 or over[k] > over[best]):
                best = k
        if best >= 0:
            for k in range(count):
                near = abs(frequency_hz[k] - frequency_hz[best]) < 1.3 * width_hz[best]
                if near or abs(frequency_hz[k] - 2.0 * frequency_hz[best]) < 1.3 * width_hz[best]:
                    mass[k] = 0.0
            over = _fit(log_f, log_p, mass, convex)
        for k in range(count):
            z[k, c] = np.exp(over[k])
    return z


@kernel("UniTuple(int64, 2)(float64[::1], float64[:,::1], float64[:,::1], float64)")
def fundamental(
    rate: NDArray[np.float64], power: NDArray[np.float64], z: NDArray[np.float64], of: float
) -> tuple[int, int]:
    """Find the line of which the rate ``of`` is the second or third harmonic; -1, -1 when there is none.

    A harmonic is weaker than what it belongs to, but may stand higher over a falling background, and backgrounds are
    raised by lines: powers are compared as they are.

    Args:
        rate: (rates,) ascending.
        power: (rates, columns) of lines there, per second of their window.
        z: the same over background.
        of: a rate in the same unit, per minute.

    Returns:
        Row and column of the strongest such line.
    """
    own, most, row, column = 0.0, 0.0, -1, -1
    for k in range(len(rate)):
        if abs(rate[k] - of) <= 0.6:
            own = max(own, power[k].max())
    for times in (2.0, 3.0):
        for k in range(1, len(rate) - 1):
            if abs(rate[k] - of / times) > 1.5 / times:
                continue
            c = int(power[k].argmax())
            share = power[k, c] / (own + 1e-30)
            if share <= max(STRONGER, most) or power[k, c] < max(power[k - 1, c], power[k + 1, c]):
                continue
            between = (rate >= 1.3 * rate[k]) & (rate <= 1.7 * rate[k])
            valley = np.empty(between.sum())
            n = 0
            for j in range(len(rate)):
                if between[j]:
                    valley[n] = power[j].max()
                    n += 1
            if z[k].max() > APART or (n > 0 and power[k, c] > VALLEY * np.median(valley)):
                most, row, column = share, k, c
    return row, column


@kernel("UniTuple(float64, 2)(float64[::1], float64[::1], float64)")
def steadiness(t_s: NDArray[np.float64], y: NDArray[np.float64], frequency_hz: float) -> tuple[float, float]:
    """How alike a line is in the thirds of ``y`` (samples,): its phase's coherence, 0-1, and the weakest over the mean.

    Amplitudes of cosine and sine beside a constant, by least squares, third by third.
    """
    n = len(t_s)
    span = t_s[n - 1] - t_s[0] + 1e-9
    real, imaginary, size, least = 0.0, 0.0, 0.0, np.inf
    first = 0
    for third in range(3):
        stop = first
        while stop < n and (third == 2 or t_s[stop] - t_s[0] < span * (third + 1) / 3.0):
            stop += 1
        m = stop - first
        if m < 4:
            return 0.0, 0.0
        sums = np.zeros(9)
        for i in range(first, stop):
            c, s = np.cos(2.0 * np.pi * frequency_hz * t_s[i]), np.sin(2.0 * np.pi * frequency_hz * t_s[i])
            sums += np.array([c, s, y[i], c * c, c * s, s * s, c * y[i], s * y[i], 0.0])
        mc, ms, my = sums[0] / m, sums[1] / m, sums[2] / m
        cc, cs, ss = sums[3] - m * mc * mc, sums[4] - m * mc * ms, sums[5] - m * ms * ms
        cy, sy = sums[6] - m * mc * my, sums[7] - m * ms * my
        determinant = cc * ss - cs * cs + 1e-30
        a, b = (cy * ss - sy * cs) / determinant, (sy * cc - cy * cs) / determinant
        real, imaginary = real + a, imaginary - b
        length = np.sqrt(a * a + b * b)
        size, least = size + length, min(least, length)
        first = stop
    return np.sqrt(real * real + imaginary * imaginary) / (size + 1e-30), 3.0 * least / (size + 1e-30)
