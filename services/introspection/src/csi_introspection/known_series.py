"""Series whose regime theory or construction gives, for tests and benchmarks; never read by the service.

Every series draws its parameters from ``Draw``, which keeps two disjoint halves of each range apart: what thresholds
were chosen on, and what is held out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from math import log, pi
from typing import NamedTuple

import numpy as np
from csi_schemas.introspection import Regime

from csi_introspection.arrays import Float64
from csi_introspection.attractor import noise_floor

QUIET = 200
"""Frames of rest before every series; its floor is learnt from them."""
COUNT = 168
"""Frames of the series itself, more than a tail."""
_SLICES = 16
"""Parts a parameter's range is cut into; even ones are for tuning, odd ones held out."""


@dataclass
class Draw:
    """Source of random numbers and parameters.

    Args:
        rng: Generator.
        held_out: Draw parameters from the held-out half of their ranges.
    """

    rng: np.random.Generator
    held_out: bool

    def uniform(self, low: float, high: float) -> float:
        """Return a parameter between ``low`` and ``high``, from this draw's half of the range."""
        part = 2 * int(self.rng.integers(_SLICES // 2)) + int(self.held_out)
        return low + (high - low) * (part + float(self.rng.uniform())) / _SLICES

    def log_uniform(self, low: float, high: float) -> float:
        """As ``uniform``, of the logarithm."""
        return float(np.exp(self.uniform(log(low), log(high))))

    def phase(self) -> float:
        """Any angle: not a parameter of the kind of series."""
        return float(self.rng.uniform(0, 2 * pi))

    def noise(self, count: int) -> Float64:
        """Return white Gaussian noise of variance 1."""
        return self.rng.normal(size=count)


def rest(count: int, draw: Draw) -> Float64:  # noqa: ARG001 - every series has these two
    """Nothing."""
    return np.zeros(count)


def sine(count: int, draw: Draw) -> Float64:
    """One sine, 4 to 85 frames a period."""
    return np.asarray(np.sin(2 * pi * np.arange(count) / draw.log_uniform(4, 85) + draw.phase()))


def slow_sine(count: int, draw: Draw) -> Float64:
    """One sine whose period is 0.8 to 1.2 of the tail of 128."""
    return np.asarray(np.sin(2 * pi * np.arange(count) / draw.uniform(102, 154) + draw.phase()))


def two_tones(count: int, draw: Draw) -> Float64:
    """Two sines at least two cycles a tail apart, the second at 0.4 to 0.9 of the first's amplitude."""
    t = np.arange(count)
    first = draw.uniform(0.1, 1.2)
    second = first + draw.uniform(0.12, 1.2)
    return np.asarray(np.sin(first * t + draw.phase()) + draw.uniform(0.4, 0.9) * np.sin(second * t + draw.phase()))


def breathing(count: int, draw: Draw) -> Float64:
    """12 to 24 breaths a minute, a harmonic of up to 0.35 and a rate that wanders by 3 %; 10 to 30 frames a second."""
    rate = draw.uniform(12, 24) / 60 / draw.uniform(10, 30)
    wander = np.cumsum(draw.noise(count)) * 0.03 / np.sqrt(128)
    phase = draw.phase() + 2 * pi * rate * np.cumsum(1 + wander)
    return np.asarray(np.sin(phase) + draw.uniform(0, 0.35) * np.sin(2 * phase + draw.phase()))


def ramp(count: int, draw: Draw) -> Float64:
    """Rest, then a rise that takes the last 15 to 60 frames."""
    length = int(draw.uniform(15, 60))
    return np.concatenate([np.zeros(count - length), np.linspace(0, 1, length)])


def step(count: int, draw: Draw) -> Float64:
    """Rest, then another level for the last 10 to 100 frames."""
    length = int(draw.uniform(10, 100))
    return np.concatenate([np.zeros(count - length), np.ones(length)])


def burst(count: int, draw: Draw) -> Float64:
    """Rest, 10 to 30 frames of commotion that ended 5 to 60 frames ago, rest."""
    x = np.zeros(count)
    length = int(draw.uniform(10, 30))
    start = count - length - int(draw.uniform(5, 60))
    x[start : start + length] = draw.noise(length)
    return x


def door(count: int, draw: Draw) -> Float64:
    """Rest, a swing through 20 to 50 frames with two or three fringes, another level."""
    length = int(draw.uniform(20, 50))
    start = count - length - int(draw.uniform(0, 40))
    u = np.clip((np.arange(count) - start) / length, 0, 1)
    fringes = draw.uniform(1.5, 3)
    swing = np.sin(2 * pi * fringes * (3 * u**2 - 2 * u**3)) * np.sin(pi * u)
    return np.asarray(draw.uniform(0.3, 0.8) * u + swing)


def logistic_map(count: int, r: float, x: float) -> Float64:
    """Orbit of x -> r x (1 - x) after 100 steps."""
    values = np.empty(count + 100)
    for t in range(values.size):
        x = r * x * (1 - x)
        if not 1e-9 < x < 1 - 1e-9:  # r = 4 in floating point can fall into the fixed point
            x = 0.1 + 0.8 * ((t * 0.618034) % 1.0)
        values[t] = x
    return values[100:]


def logistic(count: int, draw: Draw) -> Float64:
    """Logistic map, r 3.7 to 4, where its exponent is above 0.25 (periodic windows left out)."""
    while True:
        r = draw.uniform(3.7, 4.0)
        x = logistic_map(2000 + count, r, float(draw.rng.uniform(0.1, 0.3)))
        if np.log(np.abs(r * (1 - 2 * x)) + 1e-12).mean() > 0.25:
            return x[-count:]


def henon_map(count: int, a: float, x: float) -> Float64:
    """First coordinate of the Henon map with b = 0.3 after 100 steps."""
    y = 0.0
    values = np.empty(count + 100)
    for t in range(values.size):
        x, y = 1 - a * x * x + y, 0.3 * x
        values[t] = x
    return values[100:]


def henon(count: int, draw: Draw) -> Float64:
    """Henon map, a 1.25 to 1.4, where its exponent is above 0.2 (periodic windows left out)."""
    while True:
        a = draw.uniform(1.25, 1.4)
        x = henon_map(2000 + count, a, float(draw.rng.uniform(0.1, 0.3)))
        u, v, total = 1.0, 0.0, 0.0
        for value in x.tolist():
            u, v = -2 * a * value * u + v, 0.3 * u
            size = abs(u) + abs(v)
            u, v, total = u / size, v / size, total + log(size)
        if total / x.size > 0.2:
            return x[-count:]


def lorenz_flow(count: int, rho: float, interval: float, start: Float64) -> Float64:
    """First coordinate of the Lorenz system every ``interval`` time units after 20, by Runge-Kutta of fourth order."""
    x, y, z = (float(value) for value in start)
    steps = max(int(np.ceil(interval / 0.012)), 1)
    h = interval / steps
    skip = int(20 / interval)
    values = np.empty(count + skip)

    def slope(x: float, y: float, z: float) -> tuple[float, float, float]:
        return 10 * (y - x), x * (rho - z) - y, x * y - 8 / 3 * z

    for t in range(values.size):
        for _ in range(steps):
            ax, ay, az = slope(x, y, z)
            bx, by, bz = slope(x + h / 2 * ax, y + h / 2 * ay, z + h / 2 * az)
            cx, cy, cz = slope(x + h / 2 * bx, y + h / 2 * by, z + h / 2 * bz)
            dx, dy, dz = slope(x + h * cx, y + h * cy, z + h * cz)
            x += h / 6 * (ax + 2 * bx + 2 * cx + dx)
            y += h / 6 * (ay + 2 * by + 2 * cy + dy)
            z += h / 6 * (az + 2 * bz + 2 * cz + dz)
        values[t] = x
    return values[skip:]


def lorenz(count: int, draw: Draw) -> Float64:
    """Lorenz system, rho 28 to 40, sampled every 0.08 to 0.13 time units."""
    start = np.array([1.0, 1.0, 25.0]) + draw.rng.normal(size=3)
    return lorenz_flow(count, draw.uniform(28, 40), draw.uniform(0.08, 0.13), start)


def white(count: int, draw: Draw) -> Float64:
    """White noise, far above the floor."""
    return draw.noise(count)


def autoregressive(count: int, coefficients: Iterable[float], draw: Draw) -> Float64:
    """Gaussian autoregression after 200 steps."""
    weights = list(coefficients)
    x = draw.noise(count + 200)
    for t in range(len(weights), x.size):
        x[t] += sum(weight * x[t - lag] for lag, weight in enumerate(weights, start=1))
    return x[200:]


def coloured(count: int, draw: Draw) -> Float64:
    """First-order autoregression, coefficient 0.2 to 0.85."""
    return autoregressive(count, [draw.uniform(0.2, 0.85)], draw)


def resonant(count: int, draw: Draw) -> Float64:
    """Second-order autoregression, 4 to 16 frames a period, pole radius 0.6 to 0.8."""
    radius = draw.uniform(0.6, 0.8)
    weights = [2 * radius * np.cos(2 * pi / draw.uniform(4, 16)), -(radius**2)]
    return autoregressive(count, weights, draw)


class Row(NamedTuple):
    """One kind of series and what it must be called."""

    name: str
    series: Callable[[int, Draw], Float64]
    expected: Regime
    event: bool = False
    """Lasts for a part of the tail; its power is that while it lasts."""
    any_amplitude: bool = False
    """Its amplitude is anything from that of 10 dB up, whatever the noise."""


ROWS = (
    Row("constant", rest, "idle"),
    Row("quiet noise", rest, "idle"),
    Row("sine", sine, "periodic"),
    Row("sine, about one cycle a tail", slow_sine, "periodic"),
    Row("sine, any amplitude", sine, "periodic", any_amplitude=True),
    Row("two tones", two_tones, "periodic"),
    Row("breathing", breathing, "periodic"),
    Row("ramp", ramp, "transient", event=True),
    Row("step", step, "transient", event=True),
    Row("burst", burst, "transient", event=True),
    Row("door", door, "transient", event=True),
    Row("logistic map", logistic, "chaotic"),
    Row("Henon map", henon, "chaotic"),
    Row("Lorenz system", lorenz, "chaotic"),
    Row("loud white noise", white, "unknown"),
    Row("loud AR(1) noise", coloured, "unknown"),
    Row("loud AR(2) noise", resonant, "unknown"),
)

NOISES = {40: 0.01, 20: 0.1, 10: 10**-0.5}
"""Deviation of the noise beside a series of power 1, by dB."""


class Case(NamedTuple):
    """One series as a stream would meet it."""

    x: Float64
    """(QUIET + COUNT) rest, then the series, in noise; at any scale and offset."""
    floor: float
    """Noise floor of the rest."""


def make_case(row: Row, noise: float, draw: Draw) -> Case:
    """Draw one series of a kind.

    Args:
        row: The kind.
        noise: Deviation of the white noise; the series has power 1.
        draw: Where parameters, scale (1e-3 to 1e3) and offset (up to 50 times as much) come from.
    """
    body = row.series(COUNT, draw)
    scale = float(10 ** draw.rng.uniform(-3, 3))
    offset = scale * float(draw.rng.uniform(-50, 50))
    if row.any_amplitude:
        body = body * noise * 10 ** draw.rng.uniform(0.65, 4)
    elif row.event:
        body = body / np.sqrt(np.mean(body[body != 0] ** 2))
    elif body.any():
        body = (body - body.mean()) / body.std()
    if row.name == "constant":
        noise = 0.0
    quiet = noise * draw.noise(QUIET)
    x = np.concatenate([quiet, body + noise * draw.noise(COUNT)]) * scale + offset
    return Case(x, noise_floor(float(np.var(quiet * scale)), offset))
