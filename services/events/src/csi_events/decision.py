"""Whether somebody moves: evidence gathered over time against a threshold that follows the stream's own quiet.

The quiet's scores have a level and, above it, a tail that is taken for exponential. Both are learnt from the windows
in which nothing moves: the level falls quickly and rises slowly, the tail's scale is a mean of what exceeds the level,
with a prior that counts as so many seconds. The thresholds are a margin plus so many scales of the tail, so a restless
stream needs more before it is called moving, and a steady one little. Evidence is what a score exceeds the threshold
by, times the time it does so, and begins anew at zero (a cumulative sum: Page, "Continuous inspection schemes", 1954):
one second well above it, or a sixth of a second far above it, say the same at any frame rate. The end of a motion is
judged by its strength as well: who settles after strong motion is louder than the empty room, but far below what moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_events._compile import kernel

LONGEST_STEP_S = 1.0
"""A window stands for the time since the one before it, but for no more than this, s."""
MOST_EVIDENCE = 2.0
"""Excess over the beginning threshold that counts at most, log energy: one bad window is not enough."""


class Rules(NamedTuple):
    """The constants of the decision; scores are log energies over the calibrated quiet."""

    begin_margin: float = 0.81
    """Threshold at which motion begins: this much over the level ..."""
    begin_tails: float = 2.18
    """... plus this many scales of the quiet's tail."""
    begin_evidence: float = 0.33
    """Evidence that begins motion: log energy x seconds."""
    last_margin: float = 0.45
    """Threshold below which motion ends: this much over the level, never above the one at which it begins ..."""
    last_tails: float = 1.01
    """... plus this many scales of the quiet's tail."""
    end_evidence: float = 0.04
    """Evidence that ends motion: log energy x seconds."""
    tail: float = 0.2
    """Scale of the tail before anything is known, log energy."""
    tail_prior_s: float = 31.0
    """Time for which that prior counts, s."""
    tail_memory_s: float = 146.0
    """Time over which the tail is remembered, s."""
    tail_most: float = 1.2
    """Largest scale that is believed: nobody is so restless that nothing is motion."""
    level_fall_s: float = 1.0
    """Time constant with which the level falls, s: what is quieter than the quiet cannot be motion."""
    level_rise_s: float = 60.0
    """Time constant with which it rises, s, once it is known so well; before that it is a mean."""
    level_trust: float = 2.0
    """Seconds of mean for which each second of calibration counts."""
    last_share: float = 0.31
    """Motion also ends below this share of its own strength, but never above the threshold at which it begins."""
    strength_s: float = 3.0
    """Time over which that strength is remembered, s."""


RULES = Rules()

ON, EVIDENCE, LEVEL, TAIL, LEVEL_S, TAIL_S, NEWEST_NS, STRENGTH = range(8)
"""Places in the state."""
FIELDS = 8


@kernel("Tuple((boolean, float64, float64, float64))(float64[::1], float64, float64, float64, float64[::1])")
def _decide_one(
    state: NDArray[np.float64], first_ns: float, last_ns: float, score: float, rules: NDArray[np.float64]
) -> tuple[bool, float, float, float]:
    """Decide one window, see :func:`decide`."""
    begin_margin, begin_tails, begin_evidence, last_margin, last_tails, end_evidence = rules[:6]
    tail_memory_s, tail_most, fall_s, rise_s = rules[8:12]
    last_share, strength_s = rules[13:15]
    tail = min(state[TAIL], tail_most)
    begin = begin_margin + begin_tails * tail
    last = min(begin, last_margin + last_tails * tail)
    if state[ON] > 0.0:
        last = min(begin, max(last, last_share * state[STRENGTH]))
    level = state[LEVEL]
    if np.isnan(score):
        return state[ON] > 0.0, level, begin, last
    before_ns = state[NEWEST_NS] if state[NEWEST_NS] > 0.0 else first_ns
    step_s = min(LONGEST_STEP_S, max(0.0, (last_ns - before_ns) * 1e-9))
    state[NEWEST_NS] = last_ns
    excess = score - level
    if state[ON] > 0.0:
        state[EVIDENCE] = max(0.0, state[EVIDENCE] + min(last - excess, 1.0) * step_s)
        state[STRENGTH] += (1.0 - np.exp(-step_s / strength_s)) * (excess - state[STRENGTH])
        if state[EVIDENCE] > end_evidence:
            state[ON], state[EVIDENCE] = 0.0, 0.0
    else:
        state[EVIDENCE] = max(0.0, state[EVIDENCE] + min(excess - begin, MOST_EVIDENCE) * step_s)
        if state[EVIDENCE] > begin_evidence:
            state[ON], state[EVIDENCE], state[STRENGTH] = 1.0, 0.0, excess
    if state[ON] > 0.0:
        return True, level, begin, last
    if excess < 0.0:
        state[LEVEL] += (1.0 - np.exp(-step_s / fall_s)) * excess
    else:
        if excess < begin and step_s > 0.0:
            state[LEVEL] += min(1.0, step_s / max(min(rise_s, state[LEVEL_S]), step_s)) * excess
        state[TAIL_S] += step_s
        state[TAIL] += min(1.0, step_s / min(tail_memory_s, state[TAIL_S])) * (min(excess, 3.0) - state[TAIL])
    state[LEVEL_S] += step_s
    return False, level, begin, last


@kernel(
    "Tuple((boolean[::1], float64[::1], float64[::1], float64[::1]))"
    "(float64[::1], float64[::1], float64[::1], float64[::1], float64[::1])"
)
def decide(
    state: NDArray[np.float64],
    first_ns: NDArray[np.float64],
    last_ns: NDArray[np.float64],
    score: NDArray[np.float64],
    rules: NDArray[np.float64],
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Decide windows one after another.

    Args:
        state: (``FIELDS``,) of the stream, changed in place; times in ns since the epoch, to a microsecond.
        first_ns: (windows,) time of each window's first frame.
        last_ns: (windows,) time of its last.
        score: (windows,) its score; NaN for one that cannot say, which keeps the state.
        rules: (rules,) in the order of :class:`Rules`.

    Returns:
        Per window: whether somebody moves after it, the level before it, and the thresholds at which motion begins and
        ends.
    """
    count = len(score)
    moving, level = np.empty(count, np.bool_), np.empty(count)
    begins, lasts = np.empty(count), np.empty(count)
    for i in range(count):
        moving[i], level[i], begins[i], lasts[i] = _decide_one(state, first_ns[i], last_ns[i], score[i], rules)
    return moving, level, begins, lasts


class Decided(NamedTuple):
    """What was decided on one window."""

    moving: bool
    level: float
    """The quiet's level, in scores."""
    begins: float
    """Score over the level from which evidence for motion counts."""
    lasts: float
    """Score over the level below which evidence against it counts."""


@dataclass(slots=True)
class MotionDecision:
    """The decision of one stream and what it has learnt of its quiet."""

    rules: Rules = RULES
    state: NDArray[np.float64] = field(init=False)
    """(``FIELDS``,)."""
    _numbers: NDArray[np.float64] = field(init=False)
    """The rules as the kernel takes them."""

    def __post_init__(self) -> None:
        """Begin with nothing learnt."""
        self._numbers = np.array(self.rules, np.float64)
        self.state = np.zeros(FIELDS)
        self.state[TAIL], self.state[TAIL_S] = self.rules.tail, self.rules.tail_prior_s

    def calibrated(self, seconds: float) -> None:
        """Take a new calibration of so many seconds: the level is zero again, the tail and the state stay."""
        self.state[LEVEL], self.state[LEVEL_S] = 0.0, self.rules.level_trust * seconds

    def window(self, first_ns: int, last_ns: int, score: float) -> Decided:
        """Take one window's score; NaN when it cannot say."""
        return Decided(*_decide_one(self.state, float(first_ns), float(last_ns), score, self._numbers))

    def raise_level(self, by: float) -> None:
        """Take what has never been quieter than this for the quiet; nearly always it is 0."""
        if by:
            self.state[LEVEL] += by

    def restore(self, level: float, tail: float, seconds: float) -> None:
        """Take up what was learnt before, with a calibration of so many seconds."""
        self.calibrated(seconds)
        self.state[LEVEL] = level
        if tail > 0.0:
            self.state[TAIL], self.state[TAIL_S] = tail, self.rules.tail_memory_s

    def rest(self) -> None:
        """Nothing moves any more, though nobody saw it end."""
        self.state[ON] = self.state[EVIDENCE] = 0.0

    @property
    def level(self) -> float:
        """The quiet's present level, in scores."""
        return float(self.state[LEVEL])

    @property
    def tail(self) -> float:
        """Mean excess of the quiet's scores over that level."""
        return float(self.state[TAIL])
