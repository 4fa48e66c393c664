"""How much the channel changes, at several time scales: energies of Haar pairs."""

from __future__ import annotations

LAG_FRAMES = (4, 8)
"""Half-widths of the Haar pairs, in frames."""
LAG_SECONDS = (0.08, 0.16)
"""Half-widths in seconds, turned into frames with the stream's rate."""
MAX_LAG = 32
"""Longest half-width in frames; bounds the tail a stream keeps to ``2 * MAX_LAG - 1`` frames."""
KNOCK = 1.5
"""A first difference longer than this times the median one is shortened to it."""


def lags(rate_hz: float, frames: int) -> tuple[int, ...]:
    """Half-widths in frames for a stream of this rate, of which ``frames`` frames can hold three; (1,) if none can."""
    wanted = {*LAG_FRAMES, *(max(1, round(seconds * rate_hz)) for seconds in LAG_SECONDS)}
    return tuple(sorted(lag for lag in wanted if lag <= MAX_LAG and frames >= 3 * lag)) or (1,)
