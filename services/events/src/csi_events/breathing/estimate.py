"""Breathing rate of a still person: answered only when it stands out of the stream's own background."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from csi_events.breathing.decision import RIDGE_ROWS, BreathingDecision, BreathingEstimate, Line, Reason
from csi_events.breathing.ending import lasting
from csi_events.breathing.lines import APART, fundamental, line_power, over_background, steadiness
from csi_events.breathing.plane import (
    LINE_EDGE,
    LINE_GRID,
    LINE_HIGH,
    LINE_LOW,
    PER_MINUTE,
    RIDGE_GRID,
    RIDGE_HIGH,
    RIDGE_LOW,
)
from csi_events.breathing.ridge import evidence
from csi_events.breathing.swings import COMPONENTS, MEMORY_S, Swings

if TYPE_CHECKING:
    from numpy.typing import NDArray

INTERVAL_NS = 1_000_000_000
"""An attempt begins this long after the one before, ns of event time."""
EARLY_NS = 250_000_000
"""It may begin so much sooner with the window that ends then, so as not to wait for the next one's end."""
MIN_BINS_PER_S = 2.2
"""Filled bins per second below which a rate of 30 breaths/min is out of reach."""
MAX_HOLE_S = 5.0
FORGET_S = 60.0
"""After a longer silence, or a greater step of the clock, everything is forgotten: that is what bins are kept for."""
BEGIN_S = 12.0
"""Time after which the ridge begins to gather evidence."""
LINE_S = 22.0
"""Time after which lines are looked for."""

SLOW_BESIDE = 9.0
"""Rates under which a slow line is as near that its flank, or a movement of its own, may be what the ridge follows."""

for _components in range(1, COMPONENTS + 1):
    evidence(_components)  # a millisecond each, which no frame is to pay


@dataclass(frozen=True, slots=True)
class Spectra:
    """What an attempt saw, to be judged (:class:`csi_events.breathing.decision.Sight`)."""

    t: NDArray[np.float64]
    """(bins,) s."""
    y: NDArray[np.float64]
    """(bins, components)."""
    power: NDArray[np.float64]
    """(frequencies of the line's grid, components), per second of their windows."""
    z: NDArray[np.float64]
    """The same over background."""
    line: Line
    """The strongest."""
    below: Line | None
    """That of which it is a harmonic."""
    found: tuple[float, float] | None = None
    """A rate, and what :meth:`rate_near` says of it: found beforehand, as that takes long."""

    @classmethod
    def of(
        cls,
        t: NDArray[np.float64],
        y: NDArray[np.float64],
        power: NDArray[np.float64],
        z: NDArray[np.float64],
        *,
        alone: bool,
    ) -> Spectra:
        """Find the strongest line; one antenna ``alone`` is not asked for slow ones.

        Args:
            t: (bins,) s.
            y: (bins, components).
            power: (frequencies, components) of the line's grid.
            z: the same over background.
            alone: there is one antenna only.
        """
        per_minute = LINE_GRID.per_minute
        power = np.ascontiguousarray(power / np.minimum(LINE_GRID.window_s, float(t[-1] - t[0]))[:, None])
        inside = (per_minute >= (LINE_EDGE if alone else LINE_LOW)) & (per_minute <= LINE_HIGH)
        k, c = divmod(int((z * inside[:, None]).argmax()), z.shape[1])
        line = _line(t, y, k, c, float(z[k, c]))
        row, column = fundamental(per_minute, power, z, line.bpm)
        below = None if row < 0 else _line(t, y, row, column, line.z)
        return cls(t, y, power, z, line, below)

    @property
    def span_s(self) -> float:
        """Time that the bins cover, s."""
        return float(self.t[-1] - self.t[0])

    def steadiness(self, line: Line) -> tuple[float, float]:
        """How alike a line is in its thirds."""
        window = self.t >= self.t[-1] - line.window_s
        column = np.ascontiguousarray(self.y[window, line.component])
        return steadiness(self.t[window], column, line.bpm / PER_MINUTE)

    def lasting(self, rate: float) -> float:
        """How strong a rate is at the end of what was seen, over before."""
        return lasting(self.t, self.y, rate / PER_MINUTE)

    def overtone(self, rate: float) -> bool:
        """Whether a rate is a harmonic of a stronger line, or beside one slower than the ridge sees."""
        if fundamental(LINE_GRID.per_minute, self.power, self.z, rate)[0] >= 0:
            return True
        slow, own = LINE_GRID.per_minute < RIDGE_LOW - 0.25, np.abs(LINE_GRID.per_minute - rate) < 0.6
        return rate < SLOW_BESIDE and bool(
            self.z[slow].max() > APART and self.power[slow].max() > self.power[own].max()
        )

    def rate_near(self, rate: float) -> float:
        """Rate of the highest power near ``rate``, breaths per minute."""
        if self.found is not None and self.found[0] == rate:
            return self.found[1]
        near = np.flatnonzero(np.abs(np.log(LINE_GRID.per_minute / rate)) < 0.15)
        row, component = divmod(int(self.power[near].argmax()), self.power.shape[1])
        return refined(self.t, self.y[:, component], float(LINE_GRID.per_minute[near[row]]), 30.0)


@dataclass(slots=True)
class Breathing:
    """Breathing state of one stream: a minute of bins, the ridge followed through them, the attempt under way."""

    swings: Swings = field(default_factory=Swings)
    decision: BreathingDecision = field(default_factory=BreathingDecision)
    waiting: tuple[NDArray[np.int64], NDArray[Any]] | None = None
    """The newest window, until it is known whether somebody moved in it."""
    due_ns: int | None = None
    """When the next attempt may begin."""
    attempt: Iterator[BreathingEstimate | None] | None = None
    """The attempt under way."""
    quiet: bool = False
    """Nobody moved in the window that waits."""
    done: BreathingEstimate | None = None
    """The estimate that was completed since :meth:`settle`."""

    def add(self, t_ns: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Take a window: antenna products, or normalised amplitudes averaged in groups where there is one antenna."""
        self._keep()
        self.waiting = (t_ns, rows)

    def skip(self) -> None:
        """Somebody moves: the newest window says nothing of breathing, and what was seen before counts for less."""
        if self.waiting is not None:
            t_ns = self.waiting[0]
            self.decision.doubt(float(t_ns[-1] - t_ns[0]) * 1e-9)
            self.waiting = None
        self.swings.cut()
        self.decision.forget_lines()
        self.quiet = False
        self.attempt = self.done = None

    def jump(self, seconds: float) -> None:
        """Frames go on so long after the last: after a silence, or, where it is negative, a clock set back.

        A clock set back hides nothing. Of a silence it is not known how many breaths it held, or whether it was one:
        a clock set forward looks the same. Only what the ridge knows outlives it.
        """
        self._keep()
        self.attempt = self.done = self.due_ns = None
        if abs(seconds) > FORGET_S:
            self.clear()
        elif seconds < 0.0:
            self.swings.shift(int(seconds * 1e9))
            self.decision.forget_lines()
        else:
            self.swings.rest()
            self.decision.wait(seconds)

    def clear(self) -> None:
        """Forget everything."""
        self.swings.clear()
        self.decision.clear()
        self.quiet = False
        self.waiting = self.due_ns = self.attempt = self.done = None

    def settle(self, now_ns: int) -> BreathingEstimate | None:
        """Nobody moved up to ``now_ns``: the newest window counts; returns the estimate completed since last asked.

        An attempt begins a second after the one before; :meth:`step` does its work.
        """
        self.quiet = True
        estimate, self.done = self.done, None
        if self.attempt is None and (self.due_ns is None or not -INTERVAL_NS <= now_ns - self.due_ns < -EARLY_NS):
            late = self.due_ns is None or not -EARLY_NS <= now_ns - self.due_ns < INTERVAL_NS
            self.due_ns = (now_ns if late or self.due_ns is None else self.due_ns) + INTERVAL_NS
            self.attempt = self._attempt(now_ns)
        return estimate

    def step(self) -> bool:
        """Do one step, a tenth of a millisecond or less, of what is to do; ``False`` when there is nothing."""
        if self.quiet and self.waiting is not None:
            self._keep()
            return True
        if self.attempt is None:
            return False
        self.done = next(self.attempt)
        if self.done is not None:
            self.attempt = None
        return True

    def _keep(self) -> None:
        if self.waiting is not None:
            self.swings.add(*self.waiting)
            self.waiting = None
        self.quiet = False

    def _attempt(self, now_ns: int) -> Iterator[BreathingEstimate | None]:
        """Look for breathing in what is kept; yields ``None`` between steps and the estimate at the end."""
        t, bins = self.swings.times(MEMORY_S)
        span = float(t[-1] - t[0]) if len(t) else 0.0
        if span < BEGIN_S or not self.swings.columns:
            yield self._refuse(now_ns, "warming up")
            return
        recent = t[t >= -30.0]
        if len(recent) < max(2.0, MIN_BINS_PER_S * -recent[0]) or np.diff(recent).max() > MAX_HOLE_S:
            yield self._refuse(now_ns, "rate too low")
            return
        yield None
        yield from self.swings.follow()
        yield None
        y = self.swings.components(self.swings.levels_of(bins))
        t = t[-len(y) :]
        yield None
        powers = []
        for band in range(len(RIDGE_GRID.bands)):
            powers.append(RIDGE_GRID.power(band, t, y))
            yield None
        width, frequency = RIDGE_GRID.width_hz(span), RIDGE_GRID.per_minute / PER_MINUTE
        z = yield from _over_background(
            frequency, np.concatenate(powers), width, LINE_LOW / PER_MINUTE, RIDGE_HIGH / PER_MINUTE, convex=True
        )
        self.decision.see(z[RIDGE_ROWS].max(axis=1), y.shape[1])
        if span < LINE_S and not self.decision.known:
            yield self._refuse(now_ns, "warming up")
            return
        yield None
        powers = []
        for band in range(len(LINE_GRID.bands)):
            powers.append(LINE_GRID.power(band, t, y))
            yield None
        power = np.concatenate(powers)
        width, frequency = LINE_GRID.width_hz(span), LINE_GRID.per_minute / PER_MINUTE
        fast = yield from _over_background(
            frequency, power, width, LINE_EDGE / PER_MINUTE, LINE_HIGH / PER_MINUTE, convex=True
        )
        slow = yield from _over_background(
            frequency, power, width, LINE_LOW / PER_MINUTE, LINE_EDGE / PER_MINUTE, convex=False
        )
        z = np.where((LINE_GRID.per_minute >= LINE_EDGE)[:, None], fast, slow)
        alone = not np.iscomplexobj(self.swings.reference)
        seen = Spectra.of(t, y, power, z, alone=alone)
        yield None
        best = self.decision.ridge.best
        seen = replace(seen, found=(best, seen.rate_near(best)))
        yield None
        yield self.decision.conclude(now_ns, seen)

    def _refuse(self, now_ns: int, reason: Reason) -> BreathingEstimate:
        self.decision.forget_lines()
        return BreathingEstimate(now_ns, reason)


def _over_background(
    frequency_hz: NDArray[np.float64],
    power: NDArray[np.float64],
    width_hz: NDArray[np.float64],
    low_hz: float,
    high_hz: float,
    *,
    convex: bool,
) -> Generator[None, None, NDArray[np.float64]]:
    """Do what :func:`csi_events.breathing.lines.over_background` does, a column at a time; yields after each."""
    parts = []
    for c in range(power.shape[1]):
        column = np.ascontiguousarray(power[:, c : c + 1])
        parts.append(over_background(frequency_hz, column, width_hz, low_hz, high_hz, convex))
        yield None
    return np.concatenate(parts, axis=1)


def _line(t: NDArray[np.float64], y: NDArray[np.float64], row: int, component: int, z: float) -> Line:
    rate, window_s = float(LINE_GRID.per_minute[row]), float(LINE_GRID.window_s[row])
    return Line(refined(t, y[:, component], rate, window_s), z, rate < LINE_EDGE, window_s, component)


def refined(t: NDArray[np.float64], y: NDArray[np.float64], bpm: float, window_s: float) -> float:
    """Rate of the highest power near ``bpm`` in the last ``window_s``: parabolas over two narrowing combs."""
    step = 0.25
    column = np.ascontiguousarray(y[:, None])
    for _ in range(2):
        power = line_power(t, column, window_s, (bpm - 2 * step) / PER_MINUTE, step / PER_MINUTE, 5, False)[:, 0]
        k = min(max(int(power.argmax()), 1), 3)
        below, here, above = power[k - 1 : k + 2]
        bend = below - 2.0 * here + above
        shift = 0.5 * (below - above) / bend if bend < 0 else 0.0
        bpm += step * (k - 2 + min(max(shift, -1.0), 1.0))
        step /= 4.0
    return float(bpm)
