"""Everything csi_events knows about one stream, and what one more window makes of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from csi_events.baseline import Baseline
from csi_events.calibration_state import calibration_state
from csi_events.chores import Chores, shares_after
from csi_events.features import FeatureMemory
from csi_events.health import Health
from csi_events.history import recall, rest
from csi_events.judgement import Judgement
from csi_events.normalise import live_in_steps
from csi_events.open_window import Layout, OpenWindow
from csi_events.quiet import CALIBRATION_S, Quiet
from csi_events.result import Verdict, WindowResult
from csi_events.steps import at_once
from csi_events.windows import WindowRule

if TYPE_CHECKING:
    from csi_schemas.sensing import Calibration
    from numpy.typing import NDArray

MIN_FRAMES = 4
"""A window of fewer usable frames does not decide anything, nor, where that is less, one of
fewer than half of what it should hold, or of one."""
GAP_S = 3.0
"""Silence (or 10 frame intervals, if longer) after which earlier frames are no longer compared with."""
SILENT = Verdict("Deny", "no sub-carrier carries signal")


@dataclass(slots=True)
class Stream:
    """State of one stream (node id, antennas, sub-carriers, channel).

    ``csiflow bench windows`` measures how much memory it takes.
    """

    hold_ns: int
    rule: WindowRule = field(default_factory=WindowRule)
    """When its windows close: how many frames one should hold follows from that and the rate."""
    baseline: Baseline = field(default_factory=Baseline)
    memory: FeatureMemory = field(default_factory=FeatureMemory)
    judgement: Judgement = field(init=False)
    health: Health = field(default_factory=Health)
    open: OpenWindow = field(default_factory=OpenWindow)
    layout: Layout | None = None
    """Live sub-carriers: provisional from the first frames, then the calibration's."""
    chores: Chores = field(default_factory=Chores)
    """Spectra, which the next window shows, and looking for dead sub-carriers."""
    frame_ns: int = 0
    """Receive time of the newest frame."""
    usable_ns: NDArray[np.int64] | None = None
    """Receive times of the usable frames of a window that is judged and not yet put by."""
    gathered: bool = False
    """The closed window was put by for a calibration."""
    calibrated: bool = False
    """The open window is the first of a new calibration."""
    newest_ns: int = 0
    """Receive time of the newest frame of the closed windows."""
    learnt_ns: int | None = None
    """Receive time of the last frame that the calibration was learnt from."""
    ticks: int = 0

    def __post_init__(self) -> None:
        """Give presence its hold."""
        self.judgement = Judgement(self.hold_ns)

    def calibrate_with(self, quiet: Quiet) -> None:
        """Take a calibration made elsewhere, such as from an earlier part of a recording."""
        self._between_windows(quiet)
        self.baseline = Baseline(quiet=quiet, stretch=None)
        self._adopt(quiet, self.newest_ns)

    def restore(self, quiet: Quiet, level: float, tail: float, learnt_ns: int) -> None:
        """Take up a stored calibration in place of the one under way."""
        self._between_windows(quiet)
        self.baseline = Baseline(quiet=quiet, stretch=None)
        self._adopt(quiet, self.newest_ns)
        self.judgement.decision.restore(level, tail, quiet.seconds)
        self.learnt_ns = learnt_ns

    def calibration(self) -> Calibration:
        """Say what is thought of the calibration."""
        decided = self.judgement.decided
        begins = None if decided is None else decided.begins
        return calibration_state(self.baseline, self.health, begins, self.learnt_ns)

    def window(
        self,
        amplitude: NDArray[np.float32],
        iq: NDArray[np.integer] | None,
        t_ns: NDArray[np.int64],
        missing: int = 0,
        *,
        completes: bool = True,
    ) -> WindowResult:
        """Take the frames of one window one by one and close it.

        Args:
            amplitude: (frames, antennas, sub-carriers), any unit.
            iq: (frames, antennas, sub-carriers, 2) of the same frames, if there is phase.
            t_ns: (frames,) receive times, in any order.
            missing: frames lost before them.
            completes: the last of them closes the window, see :meth:`frame`; not the next one, or a silence.
        """
        last = len(t_ns) - 1
        frames = amplitude if iq is None else iq
        for number, (frame, now_ns) in enumerate(zip(frames, t_ns.tolist(), strict=True)):
            self.frame(now_ns, frame, completes=completes and number == last)
        return self.close(missing)

    def end(self) -> WindowResult:
        """End what is under way, when the stream is forgotten."""
        result = self.judgement.end()
        result.tick = self.ticks
        return result

    @property
    def opens(self) -> bool:
        """The next frame is the first of a window."""
        return self.open.closed or not self.open.t_ns

    def frame(self, t_ns: int, frame: NDArray[Any], *, completes: bool = False) -> None:
        """Take one frame into the open window, and do a share of what is to do.

        Args:
            t_ns: receive time; frames may come in any order.
            frame: I/Q (antennas, sub-carriers, 2), int8 or int16, or amplitudes (antennas, sub-carriers) in any unit.
            completes: it is known to be the last of its window, which is judged next: nothing else is done then.
        """
        if self.open.closed:
            self._open_next()
        opened = not self.open.t_ns
        if opened:
            self._forget_across_gap(t_ns)
        self.open.add(t_ns, frame)
        if self.layout is not None:
            self.open.prepare(self.layout, self.baseline.quiet)
        since_ns, self.frame_ns = abs(t_ns - self.frame_ns), t_ns
        if not completes:
            self._work(since_ns, opened=opened)

    def close(self, missing: int = 0) -> WindowResult:
        """Judge the open window, which has a frame at least.

        Args:
            missing: frames lost before its frames.
        """
        self.chores.finish_awaited()
        self.ticks += 1
        window, quiet = self.open, self.baseline.quiet
        window.sort(self.layout, quiet)
        t_ns = np.array(window.t_ns, np.int64)
        self.newest_ns = window.t_ns[-1]
        self.gathered = self.baseline.gathers
        if self.gathered:
            self.baseline.gather(t_ns, window.frames)
        self._guess_live(window.frames)
        result = self._window(t_ns)
        result.tick, result.profile = self.ticks, window.binned
        result.calibrated, self.calibrated = self.calibrated, False
        if quiet is not None:
            if result.calibrated and self.baseline.began_anew:
                result.learnt_s = quiet.seconds
            result.degraded = self.health.observe(window.t_ns, missing, quiet)
            drift = self.judgement.drift
            result.health = self.health.report(quiet, 0.0 if drift is None else drift.shift)
        result.calibration = self.calibration()
        window.closed = True
        return result

    def _open_next(self) -> None:
        """Make ready for another window, with a new calibration if one has been made."""
        self._keep()
        rest(self.open, self.baseline, gathered=self.gathered)
        if self.baseline.next_quiet is not None:
            recall(self.open, self.baseline, self.layout, self.baseline.next_quiet)
        if self.baseline.take_up() and self.baseline.quiet is not None:
            self._adopt(self.baseline.quiet, self.newest_ns)
            self.learnt_ns = None if self.baseline.learnt is None else self.baseline.learnt.last_ns
            self.calibrated = True

    def _keep(self) -> None:
        """Put by what later windows need of the one that was judged: it did not have to wait for that."""
        window, quiet = self.open, self.baseline.quiet
        if self.usable_ns is not None:
            grouped = window.grouped[: len(window.usable)]
            self.chores.add(self.memory.add(self.usable_ns, window.x, grouped), awaited=True)
            self.usable_ns = None
        if quiet is not None:
            self.chores.add(self.health.look(window.frames, quiet, self.newest_ns))

    def _between_windows(self, quiet: Quiet) -> None:
        """Make ready for another calibration.

        Raises:
            RuntimeError: frames wait in the open window: they were prepared with the calibration there was.
        """
        if self.open.closed:
            self._open_next()
        if self.open.t_ns:
            raise RuntimeError(f"{len(self.open.t_ns)} frames wait in the open window; calibrate between windows")
        recall(self.open, self.baseline, self.layout, quiet)

    def _work(self, since_ns: int, *, opened: bool) -> None:
        """Do what is due of chores, breathing and a calibration: more when frames come slowly.

        A share is one of the chores or, when there is none, a step of an attempt on breathing. To have ``opened`` a
        window, which puts by the one before, counts as a share.
        """
        shares = shares_after(since_ns) - opened
        if not shares:
            return
        worked = False
        for _ in range(shares):
            if not self.chores.share() and not self.judgement.breathing.step():
                break
            worked = True
        self.baseline.step(beside=worked)

    def _window(self, t_ns: NDArray[np.int64]) -> WindowResult:
        """Judge the frames, ascending in time."""
        window = self.open
        if self.layout is None:
            if not window.frames.any():
                return self.judgement.undecided(SILENT, self.newest_ns, 0.0)
            return self.judgement.undecided(
                Verdict("Defer", f"fewer than {MIN_FRAMES} frames of this stream so far"), self.newest_ns, 1.0
            )
        window.prepare(self.layout, self.baseline.quiet)
        share = len(window.usable) / len(t_ns)
        if not window.usable:
            return self.judgement.undecided(SILENT, self.newest_ns, share)
        return self._judge(t_ns if share == 1.0 else t_ns[window.usable], share)

    def _judge(self, t_ns: NDArray[np.int64], share: float) -> WindowResult:
        """Judge usable frames, ascending in time."""
        window, quiet = self.open, self.baseline.quiet
        count = len(window.usable)
        first_ns, now_ns = window.t_ns[window.usable[0]], window.t_ns[window.usable[-1]]
        grouped = window.grouped[:count]
        self.usable_ns = t_ns
        features = self.memory.features(window.variance, window.change_points)
        pairs = window.antenna_pairs
        self.judgement.breathing.add(t_ns, grouped.copy() if pairs is None else pairs[:count].copy())
        score = window.score()
        if quiet is None:
            stretch = self.baseline.stretch
            done = 0.0 if stretch is None else stretch.seconds
            reason = f"calibrating: {done:.0f} of {CALIBRATION_S:g} s"
            return self.judgement.undecided(Verdict("Defer", reason), now_ns, share, features)
        needed = min(MIN_FRAMES, max(2, math.ceil(0.5 * self.rule.holds(quiet.rate_hz))))
        if count < needed or score is None:
            reason = f"{count} usable frames in the window; {needed} are needed"
            return self.judgement.undecided(Verdict("Defer", reason), now_ns, share, features)
        return self.judgement.decide(score, first_ns, now_ns, share, features, window.row_mean, self.baseline)

    def _forget_across_gap(self, first_ns: int) -> None:
        """After a long silence, or a clock set back, the frames before are nothing to compare with."""
        newest = self.newest_ns
        rate_hz = self.baseline.quiet.rate_hz if self.baseline.quiet is not None else 100.0
        gap_s = max(GAP_S, 10.0 / rate_hz)
        since_s = (first_ns - newest) * 1e-9
        if newest and not -gap_s < since_s < gap_s:
            self.open.forget()
            self.chores.clear()
            self.memory.clear()
            self.judgement.forget(since_s)

    def _guess_live(self, amplitude: NDArray[np.float32]) -> None:
        """Before the calibration: live sub-carriers of the first frames put by for it."""
        if self.layout is not None:
            return
        stretch = self.baseline.stretch
        if stretch is not None and stretch.frames >= MIN_FRAMES:
            live = at_once(live_in_steps(stretch.kept))
        elif len(amplitude) >= MIN_FRAMES:
            live = at_once(live_in_steps(amplitude))
        else:
            return
        if live.any():
            self._set_live(live)

    def _adopt(self, quiet: Quiet, now_ns: int) -> None:
        """Make a new calibration the stream's own."""
        if self.layout is None or not np.array_equal(self.layout.live, quiet.live):
            self._set_live(quiet.live)
        if self.baseline.began_anew:
            self.judgement.calibrated(quiet, now_ns)

    def _set_live(self, live: NDArray[np.bool_]) -> None:
        """Change which sub-carriers are looked at: rows kept so far have other columns."""
        self.layout = Layout.of(live)
        self.open.forget()
        self.chores.clear()
        self.memory.clear()
        self.judgement.breathing.clear()
