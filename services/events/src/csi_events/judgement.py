"""What the windows of one stream amount to: who moves, whether somebody is there, how fast they breathe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from csi_events import confidence
from csi_events.breathing import Breathing, BreathingEstimate
from csi_events.decision import Decided, MotionDecision
from csi_events.drift import Drift
from csi_events.features import Features
from csi_events.result import Verdict, WindowResult
from csi_events.states import UNCONFIRMED_NS, Motion, Presence

if TYPE_CHECKING:
    import numpy as np
    from csi_schemas.sensing import MotionLevel
    from numpy.typing import NDArray

    from csi_events.baseline import Baseline
    from csi_events.quiet import Quiet

ACTIVE = 2.3
"""Excess over the quiet's level from which motion is called active: ten times its energy."""
BREATHING_FRESH_NS = 2_500_000_000
"""Age at which a breathing estimate is no longer shown: two attempts, and the window that shows the second's answer."""
BREATHING_EVENT_NS = 10_000_000_000
"""Passed estimates are announced as events at most this often."""
PERMIT = Verdict("Permit", None)
BREATHING_PASSES = 2
"""Attempts in a row that must pass before breathing is evidence of presence."""


@dataclass(slots=True)
class Judgement:
    """Motion, presence and breathing of one stream, and what they are decided with."""

    hold_ns: int
    breathing: Breathing = field(default_factory=Breathing)
    decision: MotionDecision = field(default_factory=MotionDecision)
    motion: Motion = field(default_factory=Motion)
    presence: Presence = field(init=False)
    drift: Drift | None = None
    decided_ns: int = 0
    """Receive time of the newest window that could say."""
    decided: Decided | None = None
    """The newest decision."""
    passes: int = 0
    """Breathing attempts in a row that passed."""
    estimate: BreathingEstimate | None = None
    announced_ns: int | None = None
    """When an estimate was last announced."""

    def __post_init__(self) -> None:
        """Give presence its hold."""
        self.presence = Presence(self.hold_ns)

    def calibrated(self, quiet: Quiet, now_ns: int) -> None:
        """Begin anew with another quiet, except for what is under way."""
        self.decision.calibrated(quiet.seconds)
        self.drift = Drift.start(quiet, now_ns)

    def forget(self, seconds: float) -> None:
        """After a silence of so many seconds, or a clock set back: what was estimated of breathing is over."""
        self.breathing.jump(seconds)
        self.passes, self.estimate = 0, None

    def end(self) -> WindowResult:
        """End what is under way, when the stream is forgotten; confidence 0, as nobody saw the end."""
        motion_turn, presence_turn = self.motion.expire(), self.presence.expire()
        result = self._result(Verdict("Deny", "the stream fell silent"), 0.0, Features())
        result.motion_turn, result.presence_turn = motion_turn, presence_turn
        return result

    def decide(  # noqa: PLR0917 - what one window is judged by
        self,
        score: float,
        first_ns: int,
        now_ns: int,
        share: float,
        features: Features,
        profile: Callable[[], NDArray[np.float64]],
        baseline: Baseline,
    ) -> WindowResult:
        """Judge a window with a change score.

        Args:
            score: see :meth:`csi_events.open_window.OpenWindow.score`.
            first_ns: receive time of the first of its usable frames.
            now_ns: that of the last.
            share: how many of its frames those are.
            features: of the window.
            profile: returns (live sub-carriers,) mean normalised amplitudes.
            baseline: of the stream; it takes note of the score.
        """
        self.decided_ns = now_ns
        decided = self.decision.window(first_ns, now_ns, score)
        self.decided = decided
        excess = score - decided.level
        motion_turn = self.motion.step(moving=decided.moving, now_ns=now_ns)
        moving_s = max(0.0, (now_ns - self.motion.since_ns) * 1e-9) if decided.moving else 0.0
        self.decision.raise_level(baseline.observe(score, excess, now_ns, decided.lasts, moving_s))
        passed = self._breathe(now_ns, quiet=not decided.moving and excess <= decided.begins)
        breathes = self.passes >= BREATHING_PASSES
        presence_turn = self.presence.step(evidence=decided.moving or breathes, now_ns=now_ns, certain=decided.moving)
        result = self._result(PERMIT, share, features)
        result.score, result.decided = score, decided
        result.motion_turn, result.presence_turn = motion_turn, presence_turn
        result.confidence = self._confidence(excess, now_ns, breathes=breathes)
        if self.estimate is not None and 0 <= now_ns - self.estimate.t_ns < BREATHING_FRESH_NS:
            result.breathing, result.breathing_is_news = self.estimate, passed and self._is_news(now_ns)
        if excess < decided.lasts and self.drift is not None and not self.presence.on:  # who sits there is no drift
            result.drift = self.drift.observe(profile(), now_ns)
        if result.motion_level == "present_moving" and excess >= ACTIVE:
            result.motion_level = "active"
        return result

    def _breathe(self, now_ns: int, *, quiet: bool) -> bool:
        """Attempt a breathing estimate when nothing moves; say whether a new one passed."""
        if not quiet:
            self.breathing.skip()
            self.passes, self.estimate = 0, None
            return False
        attempt = self.breathing.settle(now_ns)
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

    def undecided(self, verdict: Verdict, now_ns: int, share: float, features: Features | None = None) -> WindowResult:
        """Keep the last state: motion for ``UNCONFIRMED_NS``, presence for its hold."""
        motion_turn = None
        if now_ns - self.decided_ns > min(UNCONFIRMED_NS, self.hold_ns):
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
            tick=0,
            features=features,
            motion_level=level,
            presence=self.presence.on,
            confidence=0.0,
            verdict=verdict,
            usable=share,
            motion_since_ns=self.motion.since_ns,
            presence_since_ns=self.presence.since_ns,
        )
