"""All stages on one scan of one node."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from csi_events.multi_bssid import stages
from csi_events.multi_bssid.adaptation import Adaptation
from csi_events.multi_bssid.attention import MEMORY_S, AttentionState, remember
from csi_events.multi_bssid.breathing import BreathingState
from csi_events.multi_bssid.correlation import CorrelationState
from csi_events.multi_bssid.drift import DriftState
from csi_events.multi_bssid.fingerprint.levels import LevelState
from csi_events.multi_bssid.fingerprint.matcher import UNKNOWN, Match, Matcher
from csi_events.multi_bssid.gate import GateState
from csi_events.multi_bssid.history import History
from csi_events.multi_bssid.motion import MotionState
from csi_events.multi_bssid.motion_model import COMMAND, NATIVE
from csi_events.multi_bssid.motion_model import LEVELS as LEVEL_MODELS
from csi_events.multi_bssid.motion_model import PRESENCE as PRESENCE_MODELS
from csi_events.multi_bssid.presence import EMPTY_S, PresenceState
from csi_events.multi_bssid.quality import QualityState
from csi_events.multi_bssid.result import BreathingEstimate, Result
from csi_events.multi_bssid.scan import Changed, Identity, Scan
from csi_events.multi_bssid.stages import NODE, Limits, Newest

if TYPE_CHECKING:
    from csi_schemas.sensing import EnhancedMotionLevel
    from numpy.typing import NDArray

    from csi_events.multi_bssid.fingerprint.document import Fingerprints
    from csi_events.multi_bssid.parameters import Parameters
    from csi_events.multi_bssid.slots import SlotState

LEVELS: tuple[EnhancedMotionLevel, ...] = ("None", "Minimal", "Moderate", "High")
CHANCES_S = 1.5
"""Time constant over which the chances of the motion levels are averaged, s."""
CALIBRATION_SCANS = 40
"""Fewest scans of the calibration; a slow host takes longer."""
BREATHING_EVIDENCE = 4.0
"""Logarithm of the odds of presence that a significant breathing rate gives."""
MOVING_EVIDENCE = 1.0
"""The least that a scan gives in which the whole body moves, however near the levels are to the empty room's."""
FRESH_S = 3.0
"""Age at which a breathing estimate is no longer shown, s."""
SINGLE_CONFIDENCE = 0.5
"""Factor on the confidence of the single-AP mode."""
FEEDBACK_S = 1.0
"""The pipeline's own conclusions are feedback at most this often, s."""
SURE_MOVING, SURE_STILL = 0.6, 0.05
"""Motion scores beyond which they are sure enough for that."""


MODELS: Final = tuple((LEVEL_MODELS[rate], PRESENCE_MODELS[rate]) for rate in (COMMAND, NATIVE))
"""Models of motion levels and presence: of commands, and of native scans."""


@dataclass(slots=True)
class Pipeline:
    """State of one node, and what one more scan makes of it. About 40 us a scan of 32 access points."""

    parameters: Parameters
    identity: Identity = field(default_factory=Identity)
    memory: NDArray[np.void] = field(default_factory=lambda: np.zeros(1, NODE))
    """(1,): what :func:`csi_events.multi_bssid.stages.observe` works on, shared with the stages."""
    gate: GateState = field(init=False)
    graph: CorrelationState = field(init=False)
    energies: MotionState = field(init=False)
    levels: PresenceState = field(init=False)
    attention: AttentionState = field(init=False)
    breath: BreathingState = field(init=False)
    quality: QualityState = field(init=False)
    drift: DriftState = field(init=False)
    fingerprints: Matcher = field(init=False)
    history: History = field(init=False)
    documents: tuple[Fingerprints, ...] = ()
    """Fingerprints learnt of this node; the caller puts another tuple here when they changed."""
    match: Match = UNKNOWN
    """What the room resembled in the newest scan."""
    started_s: float | None = None
    """Time of the first scan."""
    scans: int = 0
    """Scans so far."""
    newest_s: float = -math.inf
    """Time of the newest scan."""
    interval_s: float = 0.0
    """Mean time between scans."""
    score: float = 0.0
    """Motion score of the newest scan."""
    taught_s: float = -math.inf
    """Time of the newest feedback."""
    newest: Newest = field(init=False)
    """What the stages made of the newest scan."""
    estimate: tuple[float, BreathingEstimate] | None = None
    """Newest breathing estimate and its time."""
    level: EnhancedMotionLevel = "None"
    """Motion level of the newest scan."""
    permitted: bool = False
    """The newest scan's verdict was Permit."""
    chance: tuple[float, float] | None = None
    """Time and p-value of the newest attempt."""

    def __post_init__(self) -> None:
        """Make the stages that need parameters."""
        own, memory = self.parameters, self.memory
        for name in Limits.layout.names or ():
            memory["limits"][name] = getattr(own, name)
        self.gate = GateState(memory["gate"])
        self.graph = CorrelationState(own.correlation_frames, memory["graph"])
        self.energies = MotionState(memory["energies"])
        self.levels = PresenceState(memory["levels"])
        self.attention = AttentionState(Adaptation(own.lora_rank), memory["attention"])
        self.quality = QualityState(memory["quality"])
        self.drift = DriftState(memory["drift"])
        self.newest = Newest(memory["newest"])
        self.breath = BreathingState(own.breathing_low_hz, own.breathing_high_hz)
        self.fingerprints = Matcher(own.expiry_s, LevelState(memory["fingerprints"]))
        self.history = History(own.history_bytes)

    @property
    def stages(self) -> tuple[SlotState, ...]:
        """Everything that remembers slots."""
        return (
            self.gate, self.graph, self.energies, self.levels, self.attention, self.breath,
            self.quality, self.drift, self.fingerprints, self.history,
        )  # fmt: skip

    @property
    def nbytes(self) -> int:
        """Memory of the node's arrays, bytes."""
        return self.identity.nbytes + self.newest.nbytes + sum(stage.nbytes for stage in self.stages)

    def scan(self, scan: Scan) -> Result:
        """Take one scan, later than those before.

        Raises:
            ValueError: the scan is earlier than the one before.
        """
        if scan.t_s < self.newest_s:
            raise ValueError(
                f"a scan of {scan.t_s:.3f} s after one of {self.newest_s:.3f} s: scans must ascend in time"
            )
        own = self.parameters
        changed = self.identity.observe(scan)
        if changed.everything or changed.slots:
            self._forget(changed)
        count = scan.count
        if self.started_s is None:
            self.started_s = self.newest_s = scan.t_s
        elapsed_s = scan.t_s - self.newest_s
        silence_s = max(own.gap_s, 10.0 * self.interval_s)
        if elapsed_s > silence_s:
            self.breath.clear()
            elapsed_s = 0.0
        elif elapsed_s > 0.0:
            self.interval_s += (elapsed_s - self.interval_s) * (0.05 if self.interval_s else 1.0)
        self.newest_s = scan.t_s
        self.scans += 1
        learning = scan.t_s - self.started_s < own.calibrate_s or self.scans < CALIBRATION_SCANS
        share = 1.0 if learning else 1.0 - math.exp(-elapsed_s / CHANCES_S)
        graph, adaptation = self.graph, self.attention.adaptation
        heard, (self.score, likeliest, evidence), contributing, signal_quality, profiled = stages.observe(
            scan.t_s, scan.rssi_dbm, changed.fresh, scan.channel, scan.band, scan.radio, count, silence_s,
            scan.t_s - self.levels.doubt_s > EMPTY_S, learning, share, *MODELS[scan.native], graph.ring, graph.fresh,
            adaptation.down, adaptation.up, self.memory,
        )  # fmt: skip
        verdict, reason = self.quality.judge(scan.t_s, heard, own.min_bssids)
        if profiled:
            self.drift.name()
        moves = likeliest > 0 and self.score >= own.motion_threshold and not learning
        level = LEVELS[likeliest] if moves else "None"
        self._breathe(scan, changed.fresh, level)
        if level in {"Moderate", "High"}:
            evidence = max(evidence, MOVING_EVIDENCE)
        self._settle(evidence, elapsed_s, learning=learning)
        self.history.push(scan.t_s, scan.rssi_dbm)
        self.match = self.fingerprints.recognise(scan, self.documents if own.fingerprint else ())
        if learning and verdict != "Deny":
            done = scan.t_s - self.started_s
            verdict, reason = (
                "Defer",
                f"calibrating: {done:.0f} of {own.calibrate_s:g} s, {self.scans} of {CALIBRATION_SCANS} scans",
            )
        self.level, self.permitted = level, verdict == "Permit"
        return Result(
            present=self.levels.on,
            motion_level=level,
            motion_score=0.0 if learning else self.score,
            confidence=self._confidence(count, learning=learning),
            breathing=None if self.estimate is None else self.estimate[1],
            breathing_p=None if self.chance is None else self.chance[1],
            posture=self.match.posture,
            signal_quality=signal_quality,
            verdict=verdict,
            reason=reason,
            bssid_count=count,
            contributing_bssids=contributing if moves else 0,
            drift=self.drift.names,
            mode="multi" if count >= own.min_bssids else "single",
        )

    def feedback(self, *, moves: bool) -> None:
        """Take the truth about the newest scan: whether somebody moved in it."""
        if self.permitted:
            self.quality.tune(correct=(self.level != "None") == moves)
        if self.parameters.adaptation:
            self._adapt(moves=moves)

    def _adapt(self, *, moves: bool) -> None:
        newest, attention = self.newest, self.attention
        if self.scans:
            attention.adaptation.learn(
                newest.embedding, attention.query, newest.activity, newest.active, moves=moves,
                parameters=self.parameters,
            )  # fmt: skip

    def _forget(self, changed: Changed) -> None:
        for stage in self.stages:
            if changed.everything:
                stage.clear()
            else:
                for slot in changed.slots:
                    stage.forget(slot)
        if changed.everything:
            self.started_s, self.scans = None, 0
            self.estimate = self.chance = None
            self.score = 0.0

    def _breathe(self, scan: Scan, fresh: NDArray[np.bool_], level: EnhancedMotionLevel) -> None:
        """Look for breathing where somebody may hold still."""
        own = self.parameters
        if not own.breathing or not scan.native:
            return
        if level == "High":
            self.breath.clear()
            self.estimate = self.chance = None
            return
        due = self.breath.add(scan.rssi_dbm, fresh, scan.t_s)
        if level == "Moderate":
            self.breath.candidates, self.estimate, self.chance = (), None, None
        elif due:
            found, chance = self.breath.attempt(self.newest.active, own.breathing_p)
            self.chance = None if chance is None else (scan.t_s, chance)
            if found is not None:
                self.estimate = (scan.t_s, found)
        if self.estimate is not None and scan.t_s - self.estimate[0] > FRESH_S:
            self.estimate = None

    def _settle(self, evidence: float, elapsed_s: float, *, learning: bool) -> None:
        """Sum up the evidence for presence, and learn from what is certain."""
        own, levels, t_s = self.parameters, self.levels, self.newest_s
        if learning:
            return
        moves = self.score >= own.motion_threshold
        if moves or self.estimate is not None or not levels.on:
            levels.evidence_s = t_s
        levels.step(evidence + (BREATHING_EVIDENCE if self.estimate is not None else 0.0), t_s, elapsed_s)
        if levels.on and t_s - levels.evidence_s > own.adopt_s:
            levels.adopt()
        sure_moving, sure_still = self.score > SURE_MOVING, self.score < SURE_STILL and not levels.on
        if not own.adaptation or not (sure_moving or sure_still):
            return
        memory = self.attention.moving if sure_moving else self.attention.still
        remember(memory, self.newest.activity, self.newest.active, elapsed_s, MEMORY_S, 1.0)
        if t_s - self.taught_s >= FEEDBACK_S:
            self.taught_s = t_s
            self._adapt(moves=sure_moving)

    def _confidence(self, count: int, *, learning: bool) -> float:
        if learning or count == 0:
            return 0.0
        chance = 1.0 / (1.0 + math.exp(-abs(self.levels.odds)))
        return chance if count >= self.parameters.min_bssids else SINGLE_CONFIDENCE * chance
