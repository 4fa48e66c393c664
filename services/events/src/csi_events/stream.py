"""Everything csi_events knows about one stream, and what one more window makes of it."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from csi_schemas.sensing import Calibration, RadioHealth

from csi_events import confidence
from csi_events._compile import kernel
from csi_events.baseline import Baseline
from csi_events.breathing import GROUPS, Breathing, BreathingEstimate, antenna_products
from csi_events.change import MAX_LAG, change_scores
from csi_events.decision import Decided, MotionDecision
from csi_events.drift import Drift
from csi_events.features import FeatureMemory, Features
from csi_events.health import Health
from csi_events.normalise import gain_normalised, group_edges, group_means, live_subcarriers
from csi_events.quiet import CALIBRATION_S, Quiet
from csi_events.states import Motion, Presence, Transition

if TYPE_CHECKING:
    from csi_schemas.sensing import MotionLevel, QualityVerdict
    from numpy.typing import NDArray

ACTIVE = 2.3
"""Excess over the quiet's level from which motion is called active: ten times its energy."""
MIN_FRAMES = 4
"""A window of fewer usable frames does not decide anything."""
GAP_S = 3.0
"""Silence (or 10 frame intervals, if longer) after which earlier frames are no longer compared with."""
BREATHING_FRESH_NS = 2_000_000_000
"""Age at which a breathing estimate is no longer shown."""
BREATHING_EVENT_NS = 10_000_000_000
"""Passed estimates are announced as events at most this often."""
REMEDY = "run csiflow calibrate when nobody moves"
BREATHING_PASSES = 2
"""Attempts in a row that must pass before breathing is evidence of presence."""


@kernel("boolean(int64[::1])")
def ascending(t_ns: NDArray[np.int64]) -> bool:
    """Whether no time is earlier than the one before."""
    for i in range(1, len(t_ns)):  # noqa: SIM110 - numba compiles loops
        if t_ns[i] < t_ns[i - 1]:
            return False
    return True


class Verdict(NamedTuple):
    """Whether a window could be judged."""

    quality: QualityVerdict
    reason: str | None


@dataclass(slots=True)
class WindowResult:
    """What one window says."""

    tick: int
    features: Features
    motion_level: MotionLevel
    presence: bool
    confidence: float
    verdict: Verdict
    usable: float
    """Share of the window's frames that could be used."""
    score: float | None = None
    """Median change score of the window's frames, see :func:`csi_events.change.change_scores`."""
    decided: Decided | None = None
    """What was made of it."""
    calibrated: bool = False
    """A calibration was taken just before this window was judged."""
    learnt_s: float | None = None
    """The time that it was learnt from, s, when the quiet's level begins anew with it."""
    calibration: Calibration | None = None
    """What is thought of the calibration."""
    health: RadioHealth | None = None
    """The state of the radio, once there is a calibration to compare with."""
    degraded: list[str] = field(default_factory=list)
    """Troubles of the radio to announce."""
    motion_turn: Transition | None = None
    motion_since_ns: int = 0
    presence_turn: Transition | None = None
    presence_since_ns: int = 0
    breathing: BreathingEstimate | None = None
    """The newest passed estimate, while fresh."""
    breathing_is_news: bool = False
    """It is to be announced as an event."""
    drift: float | None = None


@dataclass(slots=True)
class Stream:
    """State of one stream (node id, antennas, sub-carriers, channel); about 0.1-0.5 MB."""

    hold_ns: int
    baseline: Baseline = field(default_factory=Baseline)
    memory: FeatureMemory = field(default_factory=FeatureMemory)
    breathing: Breathing = field(default_factory=Breathing)
    decision: MotionDecision = field(default_factory=MotionDecision)
    motion: Motion = field(default_factory=Motion)
    presence: Presence = field(init=False)
    drift: Drift | None = None
    health: Health = field(default_factory=Health)
    live: NDArray[np.bool_] | None = None
    """Live sub-carriers: provisional from the first frames, then the calibration's."""
    edges: NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, np.int64))
    """Groups of live sub-carriers, see :func:`csi_events.normalise.group_edges`."""
    tail: NDArray[np.float32] | None = None
    """Newest ``2 * MAX_LAG - 1`` normalised frames."""
    newest_ns: int = 0
    decided_ns: int = 0
    """Receive time of the newest window that could say."""
    learnt_ns: int | None = None
    """Receive time of the last frame that the calibration was learnt from."""
    decided: Decided | None = None
    """The newest decision."""
    ticks: int = 0
    passes: int = 0
    """Breathing attempts in a row that passed."""
    estimate: BreathingEstimate | None = None
    announced_ns: int | None = None
    """When an estimate was last announced."""

    def __post_init__(self) -> None:
        """Give presence its hold."""
        self.presence = Presence(self.hold_ns)

    def calibrate_with(self, quiet: Quiet) -> None:
        """Take a calibration made elsewhere, such as from an earlier part of a recording."""
        self.baseline = Baseline(quiet=quiet, stretch=None)
        self._adopt(quiet, self.newest_ns)

    def restore(self, quiet: Quiet, level: float, tail: float, learnt_ns: int) -> None:
        """Take up a stored calibration in place of the one under way."""
        self.baseline = Baseline(quiet=quiet, stretch=None)
        self._adopt(quiet, self.newest_ns)
        self.decision.restore(level, tail, quiet.seconds)
        self.learnt_ns = learnt_ns

    def calibration(self) -> Calibration:
        """Say what is thought of the calibration."""
        stretch = self.baseline.stretch
        quiet = self.baseline.quiet
        asked = stretch is not None and stretch.request is not None
        if stretch is not None and (quiet is None or asked):
            progress = round(stretch.progress, 3)
            return Calibration("calibrating", since_ns=self.learnt_ns, progress=progress, request=stretch.request)
        begins = None if self.decided is None else round(self.decided.begins, 3)
        reason = None
        if self.baseline.suspect:
            reason = f"nothing was as quiet as the calibration for {len(self.baseline.low)} minutes"
        elif self.health.announced & {"rate", "dead"}:
            reason = "the radio is not what it was when it was calibrated"
        if reason is not None:
            return Calibration("suspect", f"{reason}; {REMEDY}", self.learnt_ns, threshold=begins)
        return Calibration("ok", None, self.learnt_ns, threshold=begins)

    def window(
        self,
        amplitude: NDArray[np.float32],
        iq: NDArray[np.integer] | None,
        t_ns: NDArray[np.int64],
        missing: int = 0,
    ) -> WindowResult:
        """Take the frames of one closed window.

        Args:
            amplitude: (frames, antennas, sub-carriers), any unit.
            iq: (frames, antennas, sub-carriers, 2) of the same frames, if there is phase.
            t_ns: (frames,) receive times, in any order.
            missing: frames lost before them.
        """
        self.ticks += 1
        if not ascending(t_ns):
            order = np.argsort(t_ns, kind="stable")
            amplitude, t_ns, iq = amplitude[order], t_ns[order], None if iq is None else iq[order]
        self._forget_across_gap(t_ns)
        calibrated = self.baseline.gather(t_ns, amplitude)
        if calibrated and self.baseline.quiet is not None:
            self._adopt(self.baseline.quiet, int(t_ns[-1]))
            self.learnt_ns = int(t_ns[-1])
        self._guess_live(amplitude)
        result = self._window(amplitude, iq, t_ns)
        result.calibrated = calibrated
        if calibrated and self.baseline.quiet is not None and self.baseline.began_anew:
            result.learnt_s = self.baseline.quiet.seconds
        quiet = self.baseline.quiet
        if quiet is not None:
            result.degraded = self.health.observe(t_ns, missing, amplitude, quiet)
            result.health = self.health.report(quiet, 0.0 if self.drift is None else self.drift.shift)
        result.calibration = self.calibration()
        return result

    def _window(
        self, amplitude: NDArray[np.float32], iq: NDArray[np.integer] | None, t_ns: NDArray[np.int64]
    ) -> WindowResult:
        """Take frames ascending in time."""
        if self.live is None:
            if not amplitude.any():
                return self._undecided(Verdict("Deny", "no sub-carrier carries signal"), t_ns, 0.0)
            return self._undecided(Verdict("Defer", f"fewer than {MIN_FRAMES} frames of this stream so far"), t_ns, 1.0)
        x, usable = gain_normalised(amplitude, self.live)
        share = len(x) / len(t_ns)
        if not len(x):
            return self._undecided(Verdict("Deny", "no sub-carrier carries signal"), t_ns, share)
        return self._judge(x, None if iq is None else iq[usable], t_ns[usable], share)

    def end(self) -> WindowResult:
        """End what is under way, when the stream is forgotten; confidence 0, as nobody saw the end."""
        motion_turn, presence_turn = self.motion.expire(), self.presence.expire()
        result = self._result(Verdict("Deny", "the stream fell silent"), 0.0, Features())
        result.motion_turn, result.presence_turn = motion_turn, presence_turn
        return result

    def _judge(
        self, x: NDArray[np.float32], iq: NDArray[np.integer] | None, t_ns: NDArray[np.int64], share: float
    ) -> WindowResult:
        """Take usable frames, ascending in time."""
        assert self.live is not None  # noqa: S101 - the caller's condition, for the type checker
        quiet = self.baseline.quiet
        grouped = group_means(x, self.edges)
        features = self.memory.window(t_ns, x, grouped, None if quiet is None else quiet.inverse_noise)
        antenna_pairs = iq is not None and iq.shape[1] > 1
        self.breathing.add(t_ns, antenna_products(iq, self.live) if iq is not None and antenna_pairs else grouped)
        self.tail = x if self.tail is None else np.concatenate((self.tail, x))
        score = None
        if quiet is not None:
            first = len(self.tail) - len(x)
            scores = change_scores(
                self.tail, quiet.gain.read, quiet.gain.write, quiet.inverse_noise, quiet.widths, quiet.level, first
            ).tolist()
            known = [value for value in scores if not math.isnan(value)]
            score = statistics.median(known) if known else None
        self.tail = self.tail[-(2 * MAX_LAG - 1) :]
        if quiet is None:
            stretch = self.baseline.stretch
            done = 0.0 if stretch is None else stretch.seconds
            reason = f"calibrating: {done:.0f} of {CALIBRATION_S:g} s"
            return self._undecided(Verdict("Defer", reason), t_ns, share, features)
        if len(x) < MIN_FRAMES or score is None:
            reason = f"{len(x)} usable frames in the window; {MIN_FRAMES} are needed"
            return self._undecided(Verdict("Defer", reason), t_ns, share, features)
        return self._decide(score, x, t_ns, share, features)

    def _decide(
        self, score: float, x: NDArray[np.float32], t_ns: NDArray[np.int64], share: float, features: Features
    ) -> WindowResult:
        now_ns = int(t_ns[-1])
        self.decided_ns = now_ns
        decided = self.decision.window(int(t_ns[0]), now_ns, score)
        self.decided = decided
        excess = score - decided.level
        motion_turn = self.motion.step(moving=decided.moving, now_ns=now_ns)
        moving_s = max(0.0, (now_ns - self.motion.since_ns) * 1e-9) if decided.moving else 0.0
        self.decision.raise_level(self.baseline.observe(score, excess, now_ns, decided.lasts, moving_s))
        passed = self._breathe(now_ns, quiet=not decided.moving and excess <= decided.begins)
        breathes = self.passes >= BREATHING_PASSES
        presence_turn = self.presence.step(evidence=decided.moving or breathes, now_ns=now_ns, certain=decided.moving)
        result = self._result(Verdict("Permit", None), share, features)
        result.score, result.decided = score, decided
        result.motion_turn, result.presence_turn = motion_turn, presence_turn
        result.confidence = self._confidence(excess, now_ns, breathes=breathes)
        if self.estimate is not None and 0 <= now_ns - self.estimate.t_ns < BREATHING_FRESH_NS:
            result.breathing, result.breathing_is_news = self.estimate, passed and self._is_news(now_ns)
        if excess < decided.lasts and self.drift is not None:
            result.drift = self.drift.observe(x.mean(axis=0), now_ns)
        if result.motion_level == "present_moving" and excess >= ACTIVE:
            result.motion_level = "active"
        return result

    def _breathe(self, now_ns: int, *, quiet: bool) -> bool:
        """Attempt a breathing estimate when nothing moves; say whether a new one passed."""
        if not quiet:
            self.breathing.skip()
            self.passes, self.estimate = 0, None
            return False
        attempt = self.breathing.work(now_ns)
        if attempt is None:
            return False
        if attempt.reason != "ok":
            self.passes = 0
            return False
        self.passes, self.estimate = self.passes + 1, attempt
        return True

    def _is_news(self, now_ns: int) -> bool:
        if self.announced_ns is not None and 0 <= now_ns - self.announced_ns < BREATHING_EVENT_NS:
            return False
        self.announced_ns = now_ns
        return True

    def _confidence(self, excess: float, now_ns: int, *, breathes: bool) -> float:
        if self.motion.on:
            return confidence.of_moving(excess)
        if not self.presence.on:
            return confidence.of_absent(excess)
        if breathes and self.estimate is not None:
            return self.estimate.somebody
        return confidence.of_held(self.presence.held_share(now_ns))

    def _undecided(
        self, verdict: Verdict, t_ns: NDArray[np.int64], share: float, features: Features | None = None
    ) -> WindowResult:
        """Keep the last state, but not for longer than the hold."""
        now_ns = int(t_ns[-1])
        motion_turn = None
        if now_ns - self.decided_ns > self.hold_ns:
            motion_turn = self.motion.expire()
            self.decision.rest()
        presence_turn = self.presence.step(evidence=None, now_ns=now_ns)
        result = self._result(verdict, share, features or Features())
        result.motion_turn, result.presence_turn = motion_turn, presence_turn
        return result

    def _result(self, verdict: Verdict, share: float, features: Features) -> WindowResult:
        level: MotionLevel = "absent"
        if self.presence.on:
            level = "present_moving" if self.motion.on else "present_still"
        return WindowResult(
            tick=self.ticks,
            features=features,
            motion_level=level,
            presence=self.presence.on,
            confidence=0.0,
            verdict=verdict,
            usable=share,
            motion_since_ns=self.motion.since_ns,
            presence_since_ns=self.presence.since_ns,
        )

    def _forget_across_gap(self, t_ns: NDArray[np.int64]) -> None:
        """After a long silence, or a clock set back, the frames before are nothing to compare with."""
        first, newest = int(t_ns[0]), self.newest_ns
        self.newest_ns = int(t_ns[-1])
        rate_hz = self.baseline.quiet.rate_hz if self.baseline.quiet is not None else 100.0
        gap_s = max(GAP_S, 10.0 / rate_hz)
        if newest and not -gap_s < (first - newest) * 1e-9 < gap_s:
            self.tail = None
            self.memory.clear()
            self.breathing.clear()
            self.passes, self.estimate = 0, None

    def _guess_live(self, amplitude: NDArray[np.float32]) -> None:
        """Before the calibration: live sub-carriers of the first frames put by for it."""
        if self.live is not None:
            return
        stretch = self.baseline.stretch
        if stretch is not None and stretch.frames >= MIN_FRAMES:
            live = live_subcarriers(np.concatenate(stretch.amplitude))
        elif len(amplitude) >= MIN_FRAMES:
            live = live_subcarriers(amplitude)
        else:
            return
        if live.any():
            self._set_live(live)

    def _adopt(self, quiet: Quiet, now_ns: int) -> None:
        """Make a new calibration the stream's own."""
        if self.live is None or not np.array_equal(self.live, quiet.live):
            self._set_live(quiet.live)
        if self.baseline.began_anew:
            self.decision.calibrated(quiet.seconds)
            self.drift = Drift.start(quiet, now_ns)

    def _set_live(self, live: NDArray[np.bool_]) -> None:
        """Change which sub-carriers are looked at: rows kept so far have other columns."""
        self.live, self.edges, self.tail = live, group_edges(live, GROUPS), None
        self.memory.clear()
        self.breathing.clear()
