"""A stream's quiet over time: first calibration, a better quiet when there is one, and slow guarded adaptation."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events.quiet import CALIBRATION_FRAMES, CALIBRATION_MAX_FRAMES, CALIBRATION_S, Quiet, calibrate

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUIETER = -0.5
"""Median score of a stretch below which it is the better quiet: it has 0.6 times the energy of what was learnt."""
DISTURBED = 0.5
"""Score of a window that ends the stretch it is in: no better quiet is learnt from it."""
BLOCK_NS = 60_000_000_000
"""Time over which one low quantile of the scores is taken."""
BLOCK_WINDOWS = 20
"""Fewest scored windows of a block."""
LOW_QUANTILE = 0.2
RISE_BLOCKS = 10
"""Blocks in a row whose low quantile must lie above the motion threshold before the level rises."""


@dataclass(slots=True)
class Stretch:
    """Frames put by for a calibration."""

    amplitude: list[NDArray[np.float32]] = field(default_factory=list)
    t_ns: list[NDArray[np.int64]] = field(default_factory=list)
    frames: int = 0
    scores: list[float] = field(default_factory=list)
    """Scores of its windows, where a calibration existed."""

    def add(self, t_ns: NDArray[np.int64], amplitude: NDArray[np.float32]) -> None:
        """Add one window's frames, ascending in time."""
        self.t_ns.append(t_ns)
        self.amplitude.append(amplitude)
        self.frames += len(t_ns)

    @property
    def seconds(self) -> float:
        """Time between the first and the last frame."""
        return float(self.t_ns[-1][-1] - self.t_ns[0][0]) * 1e-9 if self.frames else 0.0

    @property
    def complete(self) -> bool:
        """Long enough to calibrate on."""
        enough = self.seconds >= CALIBRATION_S and self.frames >= CALIBRATION_FRAMES
        return enough or self.frames >= CALIBRATION_MAX_FRAMES

    def calibrate(self) -> Quiet | None:
        """See :func:`csi_events.quiet.calibrate`."""
        t_ns = np.concatenate(self.t_ns)
        return calibrate(np.concatenate(self.amplitude), (t_ns - t_ns[0]) * 1e-9)


@dataclass(slots=True)
class Baseline:
    """Calibration of one stream and what keeps it true.

    It can: calibrate on a first stretch that holds motion for less than half; recover from one that held more, once
    ``CALIBRATION_S`` of something quieter follow; follow a level that is louder for good, in steps, after
    ``RISE_BLOCKS`` minutes without one quiet fifth. It cannot: know quiet from a motion that never pauses, or learn
    within those minutes that a new noise is not motion. The way down is quick and the way up slow, so a stream settles
    on its quietest ten seconds, and what is restless beside them reads as motion.
    """

    quiet: Quiet | None = None
    stretch: Stretch | None = field(default_factory=Stretch)
    """Frames of the calibration under way; ``None`` when there is none."""
    block_start_ns: int = 0
    block: list[float] = field(default_factory=list)
    low: list[float] = field(default_factory=list)
    """Low quantiles of the excess in the newest blocks in a row that never were quiet."""

    def gather(self, t_ns: NDArray[np.int64], amplitude: NDArray[np.float32]) -> bool:
        """Put by frames for the calibration under way, if there is one.

        Returns:
            Whether ``quiet`` is new.
        """
        if self.stretch is None:
            return False
        stretch = self.stretch
        stretch.add(t_ns, amplitude)
        if not stretch.complete:
            return False
        better = self.quiet is None or (bool(stretch.scores) and statistics.median(stretch.scores) < QUIETER)
        learnt = stretch.calibrate() if better else None
        self.stretch = Stretch() if self.quiet is None and learnt is None else None
        if learnt is None:
            return False
        self.quiet = learnt
        self.block.clear()
        self.low.clear()
        return True

    def observe(self, score: float, excess: float, now_ns: int, threshold: float) -> float:
        """Take a window's score and see whether the quiet is still the quiet.

        Args:
            score: over the calibrated quiet.
            excess: over the level that is believed now.
            now_ns: receive time of the window's last frame.
            threshold: excess below which motion ends.

        Returns:
            By how much the level is to rise for good, log energy: nearly always 0.
        """
        if score >= DISTURBED:
            self.stretch = None
        elif self.stretch is not None:
            self.stretch.scores.append(score)
        elif score < QUIETER:
            self.stretch = Stretch()
        if not self.block:
            self.block_start_ns = now_ns
        self.block.append(excess)
        if now_ns - self.block_start_ns >= BLOCK_NS and len(self.block) >= BLOCK_WINDOWS:
            return self._close_block(threshold)
        return 0.0

    def _close_block(self, threshold: float) -> float:
        low = float(np.quantile(self.block, LOW_QUANTILE))
        self.block.clear()
        if low <= threshold:
            self.low.clear()
            return 0.0
        self.low.append(low)
        if len(self.low) < RISE_BLOCKS:
            return 0.0
        rise = 0.5 * min(self.low)
        self.low.clear()
        return rise
