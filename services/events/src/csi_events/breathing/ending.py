"""Whether breathing still goes on at the end of a window that holds half a minute of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from csi_events._compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAST_S, LAST_PERIODS = 10.0, 1.25
"""The end that is looked at: so long, or so many periods of a slower rate."""
BEFORE_S = 24.0
"""Time before it that it is compared with."""
FEWEST = 8
"""Samples that either must have."""


@kernel("float64[::1](float64[::1], float64[::1])")
def _beside_line(values: NDArray[np.float64], since: NDArray[np.float64]) -> NDArray[np.float64]:
    """Take the straight line over times ``since``, whose mean is 0, out of ``values``."""
    slope = (since * values).sum() / (since * since).sum()
    return np.asarray(values - values.mean() - since * slope)


@kernel("float64(float64[::1], float64[:,::1], float64)")
def lasting(t_s: NDArray[np.float64], y: NDArray[np.float64], frequency_hz: float) -> float:
    """How strong a rate is at the end of ``y``, over how strong it was before: amplitudes, 1 while it goes on.

    Cosine and sine beside a straight line, by least squares, in the last ten seconds (or a period and a quarter) and in
    the 24 s before; the line is taken out of both first, which gives the same (Frisch and Waugh 1933). Columns count by
    their power before, so that those without the rate add no noise.

    Args:
        t_s: (samples,) ascending.
        y: (samples, columns).
        frequency_hz: the rate.

    Returns:
        The ratio; 1 where there are too few samples to say.
    """
    n, columns = y.shape
    edge = t_s[n - 1] - max(LAST_S, LAST_PERIODS / frequency_hz)
    power = np.zeros((2, columns))
    for part in range(2):
        low, high = (edge - BEFORE_S, edge) if part == 0 else (edge, t_s[n - 1] + 1.0)
        first, stop = np.searchsorted(t_s, low), np.searchsorted(t_s, high)
        if stop - first < FEWEST:
            return 1.0
        since = t_s[first:stop] - t_s[first:stop].mean()
        angle = 2.0 * np.pi * frequency_hz * since
        cosine, sine = _beside_line(np.cos(angle), since), _beside_line(np.sin(angle), since)
        cosines, sines, both = (cosine * cosine).sum(), (sine * sine).sum(), (cosine * sine).sum()
        scale = cosines * sines - both * both
        for c in range(columns):
            along, across = (cosine * y[first:stop, c]).sum(), (sine * y[first:stop, c]).sum()
            a, b = (sines * along - both * across) / scale, (cosines * across - both * along) / scale
            power[part, c] = a * a + b * b
    before, last = (power[0] * power[0]).sum(), (power[0] * power[1]).sum()
    return float(np.sqrt(last / before)) if before > 0.0 else 1.0
