"""Whether a spectrum is somebody's breathing: the ridge is fed every second, the line must stand still."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

from csi_events.breathing import confidence
from csi_events.breathing.confidence import Sure
from csi_events.breathing.plane import RIDGE_GRID, RIDGE_HIGH, RIDGE_LOW
from csi_events.breathing.ridge import Ridge, excess
from csi_events.breathing.rules import RULES, Rules
from csi_events.breathing.swings import MEMORY_S

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ANSWER_S = 27.0
"""Time after which something is answered."""
LOWEST, HIGHEST = 3.0, 30.5
"""Rates answered, breaths per minute."""
STEADY = 5
"""Attempts in a row of which the strongest lines agree within 1 breath/min."""

ANEW_S = 24
"""Time after movement until a second's spectrum is new as a whole: before, it shows again what was doubted."""
FADES = 5
"""Attempts in a row in which a rate is missing at the window's end, until breathing is taken to have stopped."""
WINDOW_PERIODS = 8.0
"""Periods that the ridge's windows hold: so long what has stopped is seen in them."""
PERIODS = 6.0
"""Periods of a rate after which the ridge may be answered: two of the slowest that it could be a harmonic of."""
VOTES = 30
"""Sights of a rate, the newest, of which fewer than half may have shown it as a harmonic of another."""
NEAR = 0.15
"""Rates are the same while they are apart by no more, relatively."""

Reason = Literal["ok", "warming up", "rate too low", "movement", "not significant", "overtone", "unstable"]

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
    """0-1: chance that ``bpm`` is within a breath per minute of the mean rate of its window."""
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
    """Power over background, or that of its harmonic."""
    slow: bool
    """It was found under 6.5 a minute, in a window of its own length."""
    window_s: float = 30.0
    component: int = 0
    """Where it is strongest."""


class Sight(Protocol):
    """What an attempt saw."""

    @property
    def span_s(self) -> float:
        """Time that the bins cover, s."""

    @property
    def line(self) -> Line:
        """The strongest line."""

    @property
    def below(self) -> Line | None:
        """A line of which that is a harmonic, as strong as it at least."""

    def steadiness(self, line: Line) -> tuple[float, float]:
        """How alike either is in its thirds, see :func:`csi_events.breathing.lines.steadiness`."""

    def rate_near(self, rate: float) -> float:
        """Rate of the highest power near one that the ridge follows, breaths per minute."""

    def lasting(self, rate: float) -> float:
        """How strong a rate is at the end of what was seen, over before, see :func:`.ending.lasting`."""

    def overtone(self, rate: float) -> bool:
        """Whether a rate is a harmonic of a stronger line."""


@dataclass(slots=True)
class BreathingDecision:
    """What one stream's attempts have come to."""

    rules: Rules = RULES
    ridge: Ridge = field(init=False)
    lines: list[float] = field(default_factory=list)
    """Rates of the strongest lines of the last attempts."""
    stood: bool = False
    """The last attempt was answered with a line."""
    still_s: float = math.inf
    """Seconds seen since somebody moved."""
    held_s: float = 0.0
    """Time, s, for which windows still hold breathing that has stopped."""
    fading: int = 0
    """Attempts in a row in which what could be answered was missing at the window's end."""
    known: bool = False
    """A silence came after something had been seen: the ridge may be answered before ``ANSWER_S``."""
    doubts: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=2 * VOTES))
    """Rates that could have been answered, and whether each was a harmonic of a stronger line."""

    def __post_init__(self) -> None:
        """Begin with no breathing."""
        self.ridge = Ridge(RIDGE_RATES, self.rules)

    def see(self, z: NDArray[np.float64], components: int) -> None:
        """Feed the ridge with a second: (rates,), the highest power over background of so many components."""
        self.still_s += 1.0
        self.ridge.see(z / _EXCESS, components, min(1.0, self.still_s / ANEW_S))

    def doubt(self, seconds: float) -> None:
        """Somebody moves for so many seconds."""
        self.still_s = 0.0
        self.ridge.doubt(seconds)

    def wait(self, seconds: float) -> None:
        """Nothing is seen for so many seconds."""
        self.ridge.wait(seconds)
        self.still_s, self.known = math.inf, self.ridge.log_odds > 0.0
        self.forget_lines()

    def forget_lines(self) -> None:
        """Nothing stands any more."""
        self.lines.clear()
        self.stood = False

    def clear(self) -> None:
        """Forget everything."""
        self.ridge.clear()
        self.doubts.clear()
        self.fading, self.held_s = 0, 0.0
        self.still_s, self.known = math.inf, False
        self.forget_lines()

    def conclude(self, now_ns: int, sight: Sight) -> BreathingEstimate:
        """Answer with the steady line if there is one, else with the ridge if it is sure."""
        rules, line, log_odds = self.rules, sight.line, self.ridge.log_odds
        followed = sight.rate_near(self.ridge.best)
        self.held_s = max(self.held_s - 1.0, 0.0)
        self._look(sight, followed)
        if sight.below is not None and self._overtone(line.bpm):
            line = sight.below
        bpm, z = line.bpm, line.z
        steady = len(self.lines) >= STEADY - 1 and all(abs(other - bpm) <= 1.0 for other in self.lines)
        self.lines = [*self.lines, bpm][-(STEADY - 1) :]
        if sight.span_s < ANSWER_S and not self.known:
            return BreathingEstimate(now_ns, "warming up", z=z, log_odds=log_odds)
        stands = sight.span_s >= ANSWER_S and steady and LOWEST <= bpm <= HIGHEST and not self._overtone(bpm)
        sure = self._stands(sight, line) if stands else None
        self.stood = sure is not None
        if (sure is not None or log_odds >= rules.min_odds) and self._ends(
            sight, bpm if sure is not None else followed
        ):
            return BreathingEstimate(now_ns, "unstable", z=z, log_odds=log_odds)
        if sure is not None:
            return BreathingEstimate(now_ns, "ok", bpm, sure.rate, sure.somebody, z, log_odds)
        if log_odds < rules.min_odds:
            return BreathingEstimate(now_ns, "not significant", z=z, log_odds=log_odds)
        early = sight.span_s < PERIODS * 60.0 / followed and not self.known
        if early or self._overtone(followed):
            return BreathingEstimate(now_ns, "overtone", z=z, log_odds=log_odds)
        sure = confidence.of_ridge(log_odds, self.ridge.near(followed))
        return BreathingEstimate(now_ns, "ok", followed, sure.rate, sure.somebody, z, log_odds)

    def _ends(self, sight: Sight, rate: float) -> bool:
        """Whether a rate that could be answered has left the end of the window; what was seen of it is doubted then."""
        self.fading = self.fading + 1 if sight.lasting(rate) < self.rules.min_lasting else 0
        if self.fading < FADES:
            return self.held_s > 0.0
        self.held_s = min(WINDOW_PERIODS * 60.0 / rate, MEMORY_S)
        self.still_s, self.stood = 0.0, False  # not by doubt(): a trace writes down what it is told, not this
        self.ridge.doubt(1.0)
        self.lines.clear()
        return True

    def _look(self, sight: Sight, followed: float) -> None:
        """Note whether what could be answered is a harmonic of something stronger."""
        self.doubts.append((sight.line.bpm, sight.below is not None))
        if not _same(sight.line.bpm, followed):
            self.doubts.append((followed, sight.overtone(followed)))

    def _overtone(self, rate: float) -> bool:
        """Whether a rate was a harmonic of something stronger in half of the newest sights of it or more."""
        low, high = rate * math.exp(-NEAR), rate * math.exp(NEAR)
        seen = [overtone for other, overtone in self.doubts if low < other < high][-VOTES:]
        return 2 * sum(seen) >= len(seen) > 0

    def _stands(self, sight: Sight, line: Line) -> Sure | None:
        """Judge a line by its height and by how alike its thirds are; ``None`` when it does not stand."""
        rules, z, slow = self.rules, line.z, line.slow
        ease = rules.ease if self.stood else 1.0
        coherence, weakest = sight.steadiness(line)
        if slow:
            height = z * likeness(coherence, weakest)
            return confidence.of_slow_line(z, coherence, weakest, height) if height >= rules.min_z_slow else None
        alike = coherence >= ease * rules.min_coherence and weakest >= ease * rules.min_weakest
        return confidence.of_line(z, coherence, weakest) if alike and z >= ease * rules.min_z else None


def _same(rate: float, other: float) -> bool:
    return abs(math.log(rate / other)) < NEAR
