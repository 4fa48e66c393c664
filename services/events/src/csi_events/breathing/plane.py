"""Where the spectrum of breathing is looked at: frequencies, the window of each, and what stands out of noise there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.breathing.lines import line_power

if TYPE_CHECKING:
    from numpy.typing import NDArray

PER_MINUTE = 60.0
RIDGE_LOW, RIDGE_HIGH = 5.75, 30.75
"""Rates followed as a ridge, breaths per minute."""
LINE_LOW, LINE_EDGE, LINE_HIGH = 2.75, 6.5, 30.75
"""Rates looked for as a steady line; below the edge in windows of up to a minute."""


class Band(NamedTuple):
    """Frequencies that share a window: ``low + k * step``, breaths per minute."""

    low: float
    step: float
    rates: int
    window_s: float


RIDGE_BANDS = (
    Band(2.0, 0.25, 32, 60.0),
    Band(10.0, 0.5, 4, 45.0),
    Band(12.0, 0.5, 6, 36.0),
    Band(15.0, 0.5, 10, 28.0),
    Band(20.0, 0.5, 28, 24.0),
    Band(34.0, 4.0, 12, 24.0),
)
"""Windows of eight periods under a Hann window, 24 to 60 s: people wander in proportion to their rate."""
LINE_BANDS = (
    Band(2.0, 0.25, 18, 60.0),
    Band(6.5, 0.5, 56, 30.0),
    Band(34.5, 4.0, 12, 30.0),
)
"""Windows of half a minute, and up to a minute for slow rates, all samples alike: sharper, for lines that stand."""


class Grid(NamedTuple):
    """Bands one after another."""

    bands: tuple[Band, ...]
    tapered: bool
    per_minute: NDArray[np.float64]
    """(frequencies,) ascending."""
    window_s: NDArray[np.float64]
    """(frequencies,)."""

    @classmethod
    def of(cls, bands: tuple[Band, ...], *, tapered: bool) -> Grid:
        """Lay out bands."""
        frequency = np.concatenate([band.low + band.step * np.arange(band.rates) for band in bands])
        return cls(bands, tapered, frequency, np.repeat([b.window_s for b in bands], [b.rates for b in bands]))

    def width_hz(self, available_s: float) -> NDArray[np.float64]:
        """Width of a line at every frequency when so much time is there."""
        return (1.4 if self.tapered else 1.0) / np.minimum(self.window_s, available_s)

    def power(self, band: int, t_s: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Line power of one band, (rates, columns); see :func:`csi_events.breathing.lines.line_power`."""
        low, step, count, window_s = self.bands[band]
        return line_power(t_s, y, window_s, low / PER_MINUTE, step / PER_MINUTE, count, self.tapered)


RIDGE_GRID = Grid.of(RIDGE_BANDS, tapered=True)
LINE_GRID = Grid.of(LINE_BANDS, tapered=False)
