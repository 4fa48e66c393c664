"""A stream's quiet over time: first calibration, a better quiet when there is one, and slow guarded adaptation."""

from __future__ import annotations

import statistics
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_events.learning import calibration_in_steps, unseen_gain_in_steps
from csi_events.quiet import Quiet
from csi_events.steps import Steps
from csi_events.stretch import Stretch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.stretch import Kept

QUIETER = -0.5
"""Median score of a stretch below which it is the better quiet: it has 0.6 times the energy of what was learnt."""
DISTURBED = 0.5
"""Score of a window that ends the stretch it is in: no better quiet is learnt from it."""
BLOCK_S = 60.0
BLOCK_NS = 60_000_000_000
"""Time over which one low quantile of the scores is taken."""
BLOCK_WINDOWS = 20
"""Fewest scored windows of a block."""
LOW_QUANTILE = 0.2
RISE_BLOCKS = 10
"""Blocks in a row whose low quantile must lie above the motion threshold before the level rises."""
URGENT_US, LEISURELY_US, BESIDE_US = 420.0, 100.0, 40.0
"""What one frame spends on a calibration under way, us, about; the second and third on looking for gain states, which
is tried for as long as somebody moves and mostly in vain: where nothing else is done with the frame, and beside it."""
URGENT_FRAMES = 28
"""Frames that are so urgent: two windows. What is then left of a calibration goes on at leisure, so that even of a wide
stream few frames are long."""
SUSPECT_BLOCKS = 3
"""After so many blocks in a row that never were quiet the calibration is suspect."""
UNSEEN_S = 10.0
"""Motion that lasts this long is asked whether it is a gain state that the calibration has not met."""


class Promise(NamedTuple):
    """Somebody's request to calibrate now."""

    id: str
    duration_s: float


@dataclass(slots=True)
class Baseline:
    """Calibration of one stream and what keeps it true.

    It can: calibrate on a first stretch that holds motion for less than half; recover from one that held more, once
    ``CALIBRATION_S`` of something quieter follow; learn a gain state that the calibration has not met, even while
    somebody moves; learn anew on request; follow a level that is louder for good, in steps, after ``RISE_BLOCKS``
    minutes without one quiet fifth, and say meanwhile that it is suspect. It cannot: know quiet from a motion that
    never pauses, or learn within those minutes that a new noise is not motion.
    """

    quiet: Quiet | None = None
    stretch: Stretch | None = field(default_factory=Stretch)
    """Frames of the calibration under way; ``None`` when there is none."""
    learnt: Stretch | None = None
    """What the present quiet was learnt from, without its frames; ``None`` when it came from elsewhere."""
    block_start_ns: int = 0
    block: array[float] = field(default_factory=lambda: array("d"))
    low: list[float] = field(default_factory=list)
    """Low quantiles of the excess in the newest blocks in a row that never were quiet."""
    learning: Steps[Quiet | None] | None = None
    """Steps of the calibration on the stretch, once it is complete."""
    widths: NDArray[np.int64] | None = None
    """Half-widths of what they will come to, once they have told the rate."""
    next_quiet: Quiet | None = None
    """What these steps came to."""
    due_us: float = 0.0
    """What their next step will take, about."""
    steps: int = 0
    """Frames in which a calibration was worked on, so far."""
    urgent: int = 0
    """Urgent frames that are left to the calibration under way."""

    @property
    def suspect(self) -> bool:
        """The quiet has not been seen for minutes."""
        return len(self.low) >= SUSPECT_BLOCKS

    @property
    def began_anew(self) -> bool:
        """The newest calibration moved level and profile; one that only leaves out a gain state does not."""
        return self.learnt is None or self.learnt.cause != "gain"

    def ask(self, promise: Promise) -> None:
        """Begin to learn anew because somebody promises quiet."""
        self._begin(Stretch("request", promise.duration_s, promise.id))

    def withdraw(self, request: str) -> None:
        """Stop learning for this request."""
        if self.stretch is not None and self.stretch.request == request:
            self._begin(Stretch() if self.quiet is None else None)

    def _begin(self, stretch: Stretch | None) -> None:
        """Put frames by for another calibration, or for none."""
        self.stretch, self.learning, self.next_quiet, self.widths = stretch, None, None, None

    @property
    def gathers(self) -> bool:
        """Frames are to be put by."""
        return self.stretch is not None and self.learning is None and self.next_quiet is None

    def gather(self, t_ns: NDArray[np.int64], amplitude: Kept) -> None:
        """Put by the frames of a window for the calibration under way, if there is one.

        When they suffice, :meth:`step` calibrates on them and :meth:`take_up` ends it.
        """
        stretch = self.stretch
        if stretch is None or not self.gathers:
            return
        rate_hz = self.quiet.rate_hz if self.quiet is not None and stretch.request is not None else None
        stretch.add(t_ns, amplitude, rate_hz)
        if stretch.complete:
            self.learning = self._learn(stretch)
            self.urgent = 0 if stretch.cause == "gain" else URGENT_FRAMES
            if self.learning is None:
                self._begin(None)

    def _learn(self, stretch: Stretch) -> Steps[Quiet | None] | None:
        """Begin to calibrate on a complete stretch, if that can give a better calibration than there is."""
        if stretch.cause == "gain":
            return None if self.quiet is None else unseen_gain_in_steps(self.quiet, stretch.kept)
        quieter = bool(stretch.scores) and statistics.median(stretch.scores) < QUIETER
        if self.quiet is None or stretch.request is not None or quieter:
            return calibration_in_steps(stretch.kept, stretch.seconds_of_frames, self._told)
        return None

    def _told(self, widths: NDArray[np.int64]) -> None:
        self.widths = widths

    def step(self, *, beside: bool = False) -> None:
        """Do what a frame can bear of a calibration under way, ``beside`` other work, or one step that takes longer."""
        if self.learning is None:
            return
        self.steps += 1
        bearable_us = URGENT_US if self.urgent else BESIDE_US if beside else LEISURELY_US
        self.urgent = max(0, self.urgent - 1)
        spent_us = 0.0
        while not spent_us or spent_us + self.due_us <= bearable_us:
            spent_us += self.due_us
            try:
                self.due_us = next(self.learning)
            except StopIteration as end:
                self.learning, self.next_quiet, self.due_us = None, end.value, 0.0
                if self.next_quiet is None:
                    self._begin(Stretch() if self.quiet is None else None)
                return

    def take_up(self) -> bool:
        """Between windows: make a finished calibration the stream's own; says whether there was one."""
        if self.next_quiet is None or self.stretch is None:
            return False
        self.stretch.let_go()
        self.quiet, self.learnt = self.next_quiet, self.stretch
        self._begin(None)
        del self.block[:]
        self.low.clear()
        return True

    def observe(self, score: float, excess: float, now_ns: int, threshold: float, moving_s: float = 0.0) -> float:
        """Take a window's score and see whether the quiet is still the quiet.

        Args:
            score: over the calibrated quiet.
            excess: over the level that is believed now.
            now_ns: receive time of the window's last frame.
            threshold: excess below which motion ends.
            moving_s: for how long somebody has been moving.

        Returns:
            By how much the level is to rise for good, log energy: nearly always 0.
        """
        self._keep_stretch(score, moving_s)
        if not self.block:
            self.block_start_ns = now_ns
        self.block.append(excess)
        if now_ns - self.block_start_ns >= BLOCK_NS and len(self.block) >= BLOCK_WINDOWS:
            return self._close_block(threshold)
        return 0.0

    def _keep_stretch(self, score: float, moving_s: float) -> None:
        """Begin to put frames by when there may be something to learn, and stop when there is not."""
        stretch = self.stretch
        if stretch is not None and not self.gathers:
            return
        if stretch is not None and stretch.cause in {"request", "gain"}:
            if stretch.cause == "gain" and not moving_s:
                self.stretch = None
            return
        if score >= DISTURBED:
            self.stretch = Stretch("gain") if moving_s >= UNSEEN_S and moving_s % BLOCK_S < UNSEEN_S * 2 else None
        elif stretch is not None:
            stretch.scores.append(score)
        elif score < QUIETER:
            self.stretch = Stretch("quieter")

    def _close_block(self, threshold: float) -> float:
        low = quantile(self.block, LOW_QUANTILE)
        del self.block[:]
        if low <= threshold:
            self.low.clear()
            return 0.0
        self.low.append(low)
        if len(self.low) < RISE_BLOCKS:
            return 0.0
        rise = 0.5 * min(self.low)
        self.low.clear()
        return rise


def quantile(values: Iterable[float], share: float) -> float:
    """Quantile of numbers, linear between two of its values. Of a few hundred numpy's takes 0.2 ms, this 0.02."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])
