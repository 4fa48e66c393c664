"""All stages on one scan of one node."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from csi_events.multi_bssid import breathing, correlation, motion, presence
from csi_events.multi_bssid.attention import (
    MEMORY_S,
    Adaptation,
    AttentionState,
    embed,
    remember,
    signal_quality,
    weigh,
)
from csi_events.multi_bssid.drift import DriftState
from csi_events.multi_bssid.fingerprint.matcher import UNKNOWN, Match, Matcher
from csi_events.multi_bssid.gate import GateState, predict
from csi_events.multi_bssid.history import History
from csi_events.multi_bssid.motion_model import COMMAND, NATIVE
from csi_events.multi_bssid.motion_model import LEVELS as LEVEL_MODELS
from csi_events.multi_bssid.motion_model import PRESENCE as PRESENCE_MODELS
from csi_events.multi_bssid.quality import QualityState
from csi_events.multi_bssid.result import BreathingEstimate, Result
from csi_events.multi_bssid.scan import Changed, Identity, Scan
from csi_events.multi_bssid.slots import SLOTS

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


@dataclass(slots=True)
class Pipeline:
    """State of one node, and what one more scan makes of it. About 65 us a scan of 32 access points."""

    parameters: Parameters
    identity: Identity = field(default_factory=Identity)
    gate: GateState = field(default_factory=GateState)
    graph: correlation.CorrelationState = field(init=False)
    energies: motion.MotionState = field(default_factory=motion.MotionState)
    levels: presence.PresenceState = field(default_factory=presence.PresenceState)
    attention: AttentionState = field(init=False)
    breath: breathing.BreathingState = field(init=False)
    quality: QualityState = field(default_factory=QualityState)
    drift: DriftState = field(default_factory=DriftState)
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
    chances: NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    """(4,): smoothed chances of the motion levels."""
    score: float = 0.0
    """Motion score of the newest scan."""
    taught_s: float = -math.inf
    """Time of the newest feedback."""
    weights: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): attention of the newest scan."""
    clusters: NDArray[np.int64] = field(default_factory=lambda: np.full(SLOTS, -1, np.int64))
    """(32,): clusters of the newest scan, see :func:`correlation.clusters`."""
    active: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(SLOTS, np.bool_))
    """(32,): slots heard lately."""
    activity: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SLOTS))
    """(32,): how much each slot fluctuates in the newest scan, 0-1."""
    embedding: NDArray[np.float64] | None = None
    """(32, 16) of the newest scan."""
    features: NDArray[np.float64] = field(default_factory=lambda: np.zeros(motion.FEATURES + 1))
    """What the motion level of the newest scan was judged by, see :func:`motion.features`; then the levels' shift."""
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
        own = self.parameters
        self.graph = correlation.CorrelationState(own.correlation_frames)
        self.attention = AttentionState(Adaptation(own.lora_rank))
        self.breath = breathing.BreathingState(own.breathing_low_hz, own.breathing_high_hz)
        self.fingerprints = Matcher(own.expiry_s)
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
        return self.identity.nbytes + sum(stage.nbytes for stage in self.stages)

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
        judged = self.quality.judge(scan, changed.fresh, own)
        gap, contributing = self._stages(scan, changed.fresh, silence_s, learning=learning)
        model = NATIVE if scan.native else COMMAND
        share = 1.0 if learning else 1.0 - math.exp(-elapsed_s / CHANCES_S)
        self.score, likeliest, evidence = motion.conclude(
            self.features, LEVEL_MODELS[model], PRESENCE_MODELS[model], self.chances, share
        )
        moves = likeliest > 0 and self.score >= own.motion_threshold and not learning
        level = LEVELS[likeliest] if moves else "None"
        self._breathe(scan, changed.fresh, level)
        if level in {"Moderate", "High"}:
            evidence = max(evidence, MOVING_EVIDENCE)
        self._settle(evidence, elapsed_s, learning=learning)
        profiles = self.drift.observe(scan, changed.fresh, least_db=own.drift_db, step_db=own.quantisation_db)
        self.history.push(scan.t_s, scan.rssi_dbm)
        self.match = self.fingerprints.observe(scan, changed.fresh, self.documents if own.fingerprint else ())
        verdict, reason = judged.verdict, judged.reason
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
            signal_quality=signal_quality(count, self.weights, gap),
            verdict=verdict,
            reason=reason,
            bssid_count=count,
            contributing_bssids=contributing if moves else 0,
            drift=profiles,
            mode="multi" if count >= own.min_bssids else "single",
        )

    def feedback(self, *, moves: bool) -> None:
        """Take the truth about the newest scan: whether somebody moved in it."""
        if self.permitted:
            self.quality.tune(correct=(self.level != "None") == moves)
        if self.parameters.adaptation:
            self._adapt(moves=moves)

    def _adapt(self, *, moves: bool) -> None:
        if self.embedding is not None:
            self.attention.learn(self.embedding, self.activity, self.active, moves=moves, parameters=self.parameters)

    def _forget(self, changed: Changed) -> None:
        for stage in self.stages:
            if changed.everything:
                stage.clear()
            else:
                for slot in changed.slots:
                    stage.forget(slot)
        if changed.everything:
            self.started_s, self.scans = None, 0
            self.estimate = self.chance = self.embedding = None
            self.score = 0.0

    def _stages(self, scan: Scan, fresh: NDArray[np.bool_], silence_s: float, *, learning: bool) -> tuple[float, int]:
        """Run gate, graph, levels, energies and attention; return the gap and how many moved."""
        own, gate, graph, energies, levels = self.parameters, self.gate, self.graph, self.energies, self.levels
        empty = scan.t_s - levels.doubt_s > presence.EMPTY_S
        residual, differs, active = predict(
            scan.rssi_dbm, fresh, scan.t_s, empty or learning, own.gate_residual, own.quantisation_db, silence_s,
            gate.predicted_dbm, gate.noise_db2, gate.readings, gate.heard_s,
        )  # fmt: skip
        self.active = active
        part = correlation.push(
            scan.rssi_dbm, fresh, active, graph.ring, graph.offset, graph.total, graph.products, graph.readings,
            graph.fresh, graph.known, graph.position,
        )  # fmt: skip
        gap, self.clusters, device = correlation.relate(
            graph.total, graph.products, part, own.correlation_frames, scan.channel, scan.band, graph.vectors,
            own.correlation_edge, correlation.DEVICE_EDGE, correlation.ITERATIONS,
        )  # fmt: skip
        z, shift = presence.shifts(
            scan.rssi_dbm, fresh, active, scan.t_s, empty, learning, silence_s,
            levels.mean_dbm, levels.reference_dbm, levels.spread_db2, levels.heard_s, levels.readings,
        )  # fmt: skip
        motion.accumulate(
            scan.rssi_dbm, residual, scan.t_s, empty, learning, silence_s, motion.SCALES_S,
            energies.energy, energies.quiet, energies.previous_dbm, energies.previous_db, energies.heard_s,
            energies.readings,
        )  # fmt: skip
        attention = self.attention
        self.embedding = embed(
            gate.predicted_dbm, gate.noise_db2, residual, z, energies.energy, energies.quiet, scan.channel, scan.band,
            scan.radio, attention.moving, attention.still, active,
        )  # fmt: skip
        adaptation = attention.adaptation
        self.weights = weigh(self.embedding, attention.query, adaptation.down, adaptation.up, active)
        self.features, self.activity, contributing = motion.features(
            energies.energy, energies.quiet, active, differs, self.weights, device, shift
        )
        return gap, contributing

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
            found, chance = self.breath.attempt(self.active, own.breathing_p)
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
        remember(memory, self.activity, self.active, elapsed_s, MEMORY_S, 1.0)
        if t_s - self.taught_s >= FEEDBACK_S:
            self.taught_s = t_s
            self._adapt(moves=sure_moving)

    def _confidence(self, count: int, *, learning: bool) -> float:
        if learning or count == 0:
            return 0.0
        chance = 1.0 / (1.0 + math.exp(-abs(self.levels.odds)))
        return chance if count >= self.parameters.min_bssids else SINGLE_CONFIDENCE * chance
