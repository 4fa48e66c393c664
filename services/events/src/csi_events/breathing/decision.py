"""Whether a spectrum is somebody's breathing: the ridge is fed every second, the line must stand still."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from csi_events.breathing import confidence
from csi_events.breathing.confidence import Sure
from csi_events.breathing.plane import RIDGE_GRID, RIDGE_HIGH, RIDGE_LOW
from csi_events.breathing.ridge import Ridge, excess
from csi_events.breathing.rules import RULES, Rules

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANSWER_S = 27.0
"""Time after which something is answered."""
LOWEST, HIGHEST = 3.0, 30.5
"""Rates answered, breaths per minute."""
STEADY = 5
"""Attempts in a row of which the strongest lines agree within 1 breath/min."""

Reason = Literal["ok", "warming up", "rate too low", "movement", "not significant", "unstable"]

RIDGE_ROWS = (RIDGE_GRID.per_minute >= RIDGE_LOW) & (RIDGE_GRID.per_minute <= RIDGE_HIGH)
"""(frequencies,): those of the ridge's grid that it follows."""
RIDGE_RATES = RIDGE_GRID.per_minute[RIDGE_ROWS]
_EXCESS = excess(RIDGE_RATES)


@dataclass(frozen=True, slots=True)
class BreathingEstimate:
    """One attempt; ``bpm`` is ``None`` unless ``reason`` is ok."""

    t_ns: int
    reason: Reason
    bpm: float | None = None
    confidence: float = 0.0
    """0-1: chance that ``bpm`` is within half a breath per minute of the mean rate of its window."""
    somebody: float = 0.0
    """0-1: chance that somebody breathes, at whatever rate."""
    z: float = 0.0
    """Power of the strongest steady line over the background."""
    log_odds: float = 0.0
    """Evidence that somebody breathes at a rate that may wander."""


def likeness(coherence: float, weakest: float) -> float:
    """What the power of a slow line counts for: 1 at a coherence of 0.97 when its thirds are of the same amplitude.

    Drift is as high over its background as slow breathing, but does not keep in step. The powers are those of a
    logistic regression between simulated people and simulated drift (docs/breathing.md).
    """
    return float((0.05 / (1.02 - min(coherence, 1.0))) ** 1.35 * weakest**1.3)


class Line(NamedTuple):
    """The strongest line of an attempt."""

    bpm: float
    z: float
    """Power over background."""
    slow: bool
    """It was found under 6.5 a minute, in a window of its own length."""


class Sight(Protocol):
    """What an attempt saw."""

    @property
    def span_s(self) -> float:
        """Time that the bins cover, s."""

    @property
    def line(self) -> Line:
        """The strongest line."""

    def steadiness(self) -> tuple[float, float]:
        """How alike it is in its thirds, see :func:`csi_events.breathing.lines.steadiness`."""

    def rate_near(self, rate: float) -> float:
        """Rate of the highest power near one that the ridge follows, breaths per minute."""


@dataclass(slots=True)
class BreathingDecision:
    """What one stream's attempts have come to."""

    rules: Rules = RULES
    ridge: Ridge = field(init=False)
    lines: list[float] = field(default_factory=list)
    """Rates of the strongest lines of the last attempts."""
    stood: bool = False
    """The last attempt was answered with a line."""

    def __post_init__(self) -> None:
        """Begin with no breathing."""
        self.ridge = Ridge(RIDGE_RATES, self.rules)

    def see(self, z: NDArray[np.float64], components: int) -> None:
        """Feed the ridge with a second: (rates,), the highest power over background of so many components."""
        self.ridge.see(z / _EXCESS, components)

    def doubt(self, seconds: float) -> None:
        """Somebody moves for so many seconds."""
        self.ridge.doubt(seconds)

    def forget_lines(self) -> None:
        """Nothing stands any more."""
        self.lines.clear()
        self.stood = False

    def clear(self) -> None:
        """Forget everything."""
        self.ridge.clear()
        self.forget_lines()

    def conclude(self, now_ns: int, sight: Sight) -> BreathingEstimate:
        """Answer with the steady line if there is one, else with the ridge if it is sure."""
        rules, (bpm, z, _) = self.rules, sight.line
        steady = len(self.lines) >= STEADY - 1 and all(abs(line - bpm) <= 1.0 for line in self.lines)
        self.lines = [*self.lines, bpm][-(STEADY - 1) :]
        log_odds = self.ridge.log_odds
        if sight.span_s < ANSWER_S:
            return BreathingEstimate(now_ns, "warming up", z=z, log_odds=log_odds)
        sure = self._stands(sight) if steady and LOWEST <= bpm <= HIGHEST else None
        self.stood = sure is not None
        if sure is not None:
            return BreathingEstimate(now_ns, "ok", bpm, sure.rate, sure.somebody, z, log_odds)
        if log_odds < rules.min_odds:
            return BreathingEstimate(now_ns, "not significant", z=z, log_odds=log_odds)
        sure = confidence.of_ridge(log_odds)
        bpm = sight.rate_near(self.ridge.best)
        return BreathingEstimate(now_ns, "ok", bpm, sure.rate, sure.somebody, z, log_odds)

    def _stands(self, sight: Sight) -> Sure | None:
        """Judge the strongest line by its height and by how alike its thirds are; ``None`` when it does not stand."""
        rules, (_, z, slow) = self.rules, sight.line
        ease = rules.ease if self.stood else 1.0
        coherence, weakest = sight.steadiness()
        if slow:
            height = z * likeness(coherence, weakest)
            return confidence.of_slow_line(height) if height >= rules.min_z_slow else None
        alike = coherence >= ease * rules.min_coherence and weakest >= ease * rules.min_weakest
        return confidence.of_line(z, weakest) if alike and z >= ease * rules.min_z else None
