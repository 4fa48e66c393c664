"""What the breathing path saw in a recording, kept so that it can be judged again by other constants.

The windowed path runs once. Everything that its decision is told (``csi_events.breathing.decision``) is written down in
order; replayed with other rules it says what the product would have shown, second by second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

import numpy as np
from csi_events.breathing import Breathing, BreathingDecision, BreathingEstimate
from csi_events.breathing.decision import RIDGE_RATES, Line, Sight
from csi_events.breathing.rules import RULES, Rules
from csi_events.judgement import BREATHING_FRESH_NS
from csi_events.offline import HOLD_NS, run
from csi_events.stream import Stream
from numpy.typing import NDArray

from csiflow.evaluation.breaths import WAIT_S

if TYPE_CHECKING:
    from csiflow.evaluation.breaths import Streamed


@dataclass(frozen=True, slots=True)
class Kept:
    """A sight, worked out for every answer that rules may ask of it."""

    span_s: float
    line: Line
    below: Line | None
    thirds: dict[Line, tuple[float, float]]
    """How alike each is in its thirds."""
    near: NDArray[np.float32]
    """(rates that the ridge follows,): the rate answered near each."""
    overtones: NDArray[np.bool_]
    """(rates,): whether that is a harmonic of a stronger line."""
    lasts: dict[float, float]
    """How strong every rate that may be answered is at the end, over before."""

    @classmethod
    def of(cls, sight: Sight) -> Kept:
        """Work a sight out."""
        near = np.array([sight.rate_near(float(rate)) for rate in RIDGE_RATES], np.float32)
        overtones = np.array([sight.overtone(float(rate)) for rate in near])
        thirds = {line: sight.steadiness(line) for line in (sight.line, sight.below) if line is not None}
        lasts = {rate: sight.lasting(rate) for rate in {*map(float, near), *(line.bpm for line in thirds)}}
        return cls(sight.span_s, sight.line, sight.below, thirds, near, overtones, lasts)

    def steadiness(self, line: Line) -> tuple[float, float]:
        """How alike a line is in its thirds."""
        return self.thirds[line]

    def rate_near(self, rate: float) -> float:
        """Rate of the highest power near one that the ridge follows."""
        return float(self.near[int(np.abs(RIDGE_RATES - rate).argmin())])

    def lasting(self, rate: float) -> float:
        """How strong a rate that may be answered is at the end, over before."""
        return self.lasts[rate]

    def overtone(self, rate: float) -> bool:
        """Whether a rate answered is a harmonic of a stronger line."""
        return bool(self.overtones[int(np.abs(self.near - rate).argmin())])


class Seen(NamedTuple):
    """The ridge was fed."""

    z: NDArray[np.float64]
    components: int


class Doubted(NamedTuple):
    """Somebody moved for so long."""

    seconds: float


class Waited(NamedTuple):
    """Nothing was seen for so long."""

    seconds: float


class Concluded(NamedTuple):
    """An attempt was complete."""

    t_ns: int
    kept: Kept


class Forgot(NamedTuple):
    """Lines were forgotten, or everything."""

    everything: bool


class Window(NamedTuple):
    """A window ended."""

    second: int
    t_ns: int
    still: bool
    """Nothing moved: what was estimated last is shown while it is fresh."""
    judged: bool
    """Whether it could say."""


Step: TypeAlias = Seen | Doubted | Waited | Concluded | Forgot | Window


@dataclass(slots=True)
class Recorder(BreathingDecision):
    """The product's decision, writing down what it is told."""

    steps: list[Step] = field(default_factory=list)

    def see(self, z: NDArray[np.float64], components: int) -> None:
        """Feed the ridge."""
        self.steps.append(Seen(z, components))
        BreathingDecision.see(self, z, components)

    def doubt(self, seconds: float) -> None:
        """Somebody moves."""
        self.steps.append(Doubted(seconds))
        BreathingDecision.doubt(self, seconds)

    def wait(self, seconds: float) -> None:
        """Nothing is seen."""
        self.steps.append(Waited(seconds))
        BreathingDecision.wait(self, seconds)

    def forget_lines(self) -> None:
        """Nothing stands any more."""
        self.steps.append(Forgot(everything=False))
        BreathingDecision.forget_lines(self)

    def clear(self) -> None:
        """Forget everything."""
        self.steps.append(Forgot(everything=True))
        BreathingDecision.clear(self)

    def conclude(self, now_ns: int, sight: Sight) -> BreathingEstimate:
        """Answer."""
        kept = Kept.of(sight)
        self.steps.append(Concluded(now_ns, kept))
        return BreathingDecision.conclude(self, now_ns, kept)


@dataclass(frozen=True, slots=True)
class BreathTrace:
    """One stream, to be judged again."""

    name: str
    group: str
    source: str
    """Folder of the recordings it is made of; empty for what is made of none."""
    truth: NDArray[np.float64] | None
    """(seconds,) breaths per minute, from ``since_s`` on."""
    null: bool
    """Nobody breathes undisturbed in it: whatever is answered is false."""
    steps: tuple[Step, ...]
    seconds: int
    since_s: int = WAIT_S
    """Seconds are counted from here on."""


def trace(stream: Streamed) -> BreathTrace:
    """Run the windowed path over a stream and keep what its breathing saw."""
    recorder = Recorder()
    state = Stream(HOLD_NS)
    state.judgement.breathing = Breathing(decision=recorder)
    t_ns = stream.recording.t_ns
    start = int(t_ns[0])
    for window in run(stream.recording, stream=state):
        now_ns, decided = int(t_ns[window.stop - 1]), window.result.decided
        still = False
        if decided is not None and window.result.score is not None:
            still = not decided.moving and window.result.score - decided.level <= decided.begins
        recorder.steps.append(Window(int((now_ns - start) * 1e-9), now_ns, still, decided is not None))
    seconds = int((int(t_ns[-1]) - start) * 1e-9) + 1
    rate = None if stream.truth is None else np.broadcast_to(np.asarray(stream.truth, float), seconds)
    truth = None if rate is None else rate[stream.since_s :]
    steps = tuple(recorder.steps)
    return BreathTrace(stream.name, stream.group, stream.source, truth, stream.null, steps, seconds, stream.since_s)


class Shown(NamedTuple):
    """What was shown, second by second, of those that are counted."""

    rate: NDArray[np.float64]
    """(seconds,) breaths per minute, nan for none."""
    confidence: NDArray[np.float64]
    """(seconds,) given with it, nan for none."""
    stood: NDArray[np.bool_]
    """(seconds,) it was a line, not the ridge."""


def shown(found: BreathTrace, rules: Rules = RULES) -> Shown:
    """Return what these rules would have shown."""
    said = Shown(np.full(found.seconds, np.nan), np.full(found.seconds, np.nan), np.zeros(found.seconds, bool))
    for window, estimate, stood in _windows(found, rules):
        if estimate is not None and 0 <= window.t_ns - estimate.t_ns < BREATHING_FRESH_NS:
            second = window.second
            said.rate[second], said.confidence[second], said.stood[second] = estimate.bpm, estimate.confidence, stood
    counted = slice(found.since_s, None)
    return Shown(said.rate[counted], said.confidence[counted], said.stood[counted])


def _windows(found: BreathTrace, rules: Rules) -> Iterator[tuple[Window, BreathingEstimate | None, bool]]:
    """Yield every window that could say, the newest estimate that passed, and whether that was a line."""
    decision = BreathingDecision(rules)
    estimate: BreathingEstimate | None = None
    stood = False
    for step in found.steps:
        match step:
            case Concluded(t_ns, kept):
                concluded = decision.conclude(t_ns, kept)
                if concluded.bpm is not None:
                    estimate, stood = concluded, decision.stood
            case Window(judged=True):
                estimate = estimate if step.still else None
                yield step, estimate, stood
            case Window():
                pass
            case _:
                _tell(decision, step)
                estimate = None if isinstance(step, Forgot) and step.everything else estimate


def _tell(decision: BreathingDecision, step: Seen | Doubted | Waited | Forgot) -> None:
    """Tell a decision what was seen, or forgotten."""
    match step:
        case Seen(z, components):
            decision.see(z, components)
        case Doubted(seconds):
            decision.doubt(seconds)
        case Waited(seconds):
            decision.wait(seconds)
        case Forgot(everything=True):
            decision.clear()
        case Forgot():
            decision.forget_lines()
