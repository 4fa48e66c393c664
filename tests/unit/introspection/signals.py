"""Series with known answers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from csi_introspection.arrays import Float64


def logistic(count: int, rng: np.random.Generator) -> Float64:
    """Logistic map at r = 4: exponent ln 2, dimension 1."""
    x = rng.uniform(0.1, 0.3)
    values = []
    for _ in range(count + 100):
        x = 4 * x * (1 - x)
        if not 1e-9 < x < 1 - 1e-9:
            x = rng.uniform(0.1, 0.9)
        values.append(x)
    return np.array(values[100:])


def henon(count: int, rng: np.random.Generator) -> Float64:
    """Henon map, a = 1.4, b = 0.3: exponent 0.419, dimension 1.22."""
    x, y = rng.uniform(0.1, 0.3), 0.0
    values = []
    for _ in range(count + 100):
        x, y = 1 - 1.4 * x * x + y, 0.3 * x
        values.append(x)
    return np.array(values[100:])


def lorenz(count: int, rng: np.random.Generator) -> Float64:
    """First coordinate of the Lorenz system every 0.1 time units: exponent 0.906 per time unit, dimension 2.05."""
    state = np.array([1.0, 1.0, 25.0]) + rng.normal(size=3)
    h = 0.01

    def slope(s: Float64) -> Float64:
        return np.array([10 * (s[1] - s[0]), s[0] * (28 - s[2]) - s[1], s[0] * s[1] - 8 / 3 * s[2]])

    values = []
    for step in range(10 * (count + 200)):
        a = slope(state)
        b = slope(state + h / 2 * a)
        c = slope(state + h / 2 * b)
        state = state + h / 6 * (a + 2 * b + 2 * c + slope(state + h * c))
        if step % 10 == 0:
            values.append(state[0])
    return np.array(values[200:])


def sine(count: int, rng: np.random.Generator) -> Float64:
    """Sine of 0.2 rad per frame: exponent 0, dimension 1."""
    return np.asarray(np.sin(0.2 * np.arange(count) + rng.uniform(0, 2 * np.pi)))


def two_tones(count: int, rng: np.random.Generator) -> Float64:
    """Two incommensurate sines."""
    t = np.arange(count)
    return np.asarray(np.sin(0.21 * t + rng.uniform(0, 6)) + 0.6 * np.sin(0.53 * t + rng.uniform(0, 6)))


def breathing(count: int, rng: np.random.Generator) -> Float64:
    """Fifteen breaths a minute at 30 frames/s, with a second harmonic."""
    phase = 2 * np.pi * 0.25 / 30 * np.arange(count) + rng.uniform(0, 6)
    return np.asarray(np.sin(phase) + 0.25 * np.sin(2 * phase + 0.7))


def ramp(count: int, rng: np.random.Generator) -> Float64:
    """Rest, then a rise that takes the last 20-60 frames."""
    length = int(rng.integers(20, 60))
    return np.concatenate([np.zeros(count - length), np.linspace(0, 2, length)])


def step(count: int, rng: np.random.Generator) -> Float64:
    """Rest, then another level for the last 10-40 frames."""
    length = int(rng.integers(10, 40))
    return np.concatenate([np.zeros(count - length), np.full(length, 1.5)])


def burst(count: int, rng: np.random.Generator) -> Float64:
    """Rest, 15 frames of commotion, rest."""
    x = np.zeros(count)
    start = count - int(rng.integers(20, 60))
    x[start : start + 15] = 1.5 * rng.normal(size=15)
    x[start : start + 3] = 1.5
    return x


def loud_white(count: int, rng: np.random.Generator) -> Float64:
    """White noise far above the floor."""
    return rng.normal(size=count)


def loud_coloured(count: int, rng: np.random.Generator) -> Float64:
    """First-order autoregressive noise far above the floor."""
    x = rng.normal(size=count + 50)
    for t in range(1, len(x)):
        x[t] += 0.8 * x[t - 1]
    return x[50:]


Series = Callable[[int, np.random.Generator], Float64]


def unit(x: Float64) -> Float64:
    """Zero mean, unit variance."""
    return np.asarray((x - x.mean()) / x.std())
