"""The stages whose state is arrays over slots, one after the other in one kernel.

From Python most of these kernels cost more to call than to run: 0.1 us for each array and more for each that is
returned, against 0.2 to 3 us for the work on 32 slots. Each is written and tested by itself all the same; here it is
said what takes what from which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, get_type_hints

import numpy as np

from csi_events._compile import kernel
from csi_events.multi_bssid.attention import DIMENSIONS, AttentionState, embed, signal_quality, weigh
from csi_events.multi_bssid.correlation import CorrelationState, push, relate
from csi_events.multi_bssid.drift import DriftState, add_readings, judge_in_turn
from csi_events.multi_bssid.fingerprint.levels import LevelState, follow
from csi_events.multi_bssid.gate import GateState, predict
from csi_events.multi_bssid.motion import FEATURES, MotionState, accumulate, conclude, features
from csi_events.multi_bssid.presence import PresenceState, shifts
from csi_events.multi_bssid.quality import QualityState
from csi_events.multi_bssid.quality import weigh as weigh_evidence
from csi_events.multi_bssid.slots import SLOTS, Record, flags, floats, integers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from csi_events.multi_bssid.quality import Evidence

LEVELS = 4
"""Motion levels."""


class Limits(Record):
    """Numbers of ``Parameters`` that kernels need, by their names; (1,) each."""

    gate_residual = floats(1)
    quantisation_db = floats(1)
    expiry_s = floats(1)
    shadow_db = floats(1)
    correlation_edge = floats(1)
    drift_db = floats(1)


class Newest(Record):
    """What the stages made of the newest scan."""

    active = flags()
    """(32,): slots heard lately."""
    weights = floats()
    """(32,): attention."""
    embedding = floats(SLOTS, DIMENSIONS)
    """(32, 16)."""
    activity = floats()
    """(32,): how much each slot fluctuates, 0-1."""
    clusters = integers()
    """(32,), see :func:`csi_events.multi_bssid.correlation.clusters`."""
    features = floats(FEATURES + 1)
    """(10,): what the motion level was judged by, see :func:`csi_events.multi_bssid.motion.features`."""
    chances = floats(LEVELS)
    """(4,): smoothed chances of the motion levels."""


class Node(NamedTuple):
    """What :func:`observe` sees of a node."""

    limits: Limits
    quality: QualityState
    gate: GateState
    graph: CorrelationState
    levels: PresenceState
    energies: MotionState
    attention: AttentionState
    drift: DriftState
    fingerprints: LevelState
    newest: Newest


NODE = np.dtype([(name, stage.layout) for name, stage in get_type_hints(Node).items()], align=True)


@kernel(
    "Tuple((Tuple((int64, int64, int64, float64, float64)), Tuple((float64, int64, float64)), int64, float64, boolean))"
    "(float64, float64[::1], boolean[::1], int64[::1], int64[::1], int64[::1], int64, float64, boolean, boolean,"
    " float64, float64[:,::1], float64[::1], float64[:,::1], boolean[:,::1], float64[:,::1], float64[:,::1],"
    " node[::1])",
    node=NODE,
    composed=True,
)
def observe(
    t_s: float,
    rssi_dbm: NDArray[np.float64],
    fresh: NDArray[np.bool_],
    channel: NDArray[np.int64],
    band: NDArray[np.int64],
    radio: NDArray[np.int64],
    count: int,
    silence_s: float,
    empty: bool,  # noqa: FBT001 - kernels take positional arguments
    learning: bool,  # noqa: FBT001
    share: float,
    level_model: NDArray[np.float64],
    presence_model: NDArray[np.float64],
    ring: NDArray[np.float64],
    was_fresh: NDArray[np.bool_],
    down: NDArray[np.float64],
    up: NDArray[np.float64],
    nodes: NDArray[np.void],
) -> tuple[Evidence, tuple[float, int, float], int, float, bool]:
    """Run every stage on one scan. 10 us for 32 slots, and 3 us for the call from Python.

    Args:
        t_s: time of the scan, s.
        rssi_dbm: (32,), and so on, as in :class:`csi_events.multi_bssid.scan.Scan`.
        fresh: (32,): the reading is a new one.
        channel: (32,).
        band: (32,).
        radio: (32,).
        count: access points in the scan.
        silence_s: after so long without a reading, the next one is not compared with what was before.
        empty: nobody is there as far as is known.
        learning: the node is calibrating.
        share: how far the chances of the motion levels move to those of this scan.
        level_model: of the host's scan rate, see :mod:`csi_events.multi_bssid.motion_model`.
        presence_model: of the host's scan rate.
        ring: state of the graph, changed, as are the others.
        was_fresh: state of the graph.
        down: of the adaptation, not changed.
        up: of the adaptation, not changed.
        nodes: (1,) the node's state, see :class:`Node`.

    Returns:
        What :func:`csi_events.multi_bssid.quality.weigh` and :func:`csi_events.multi_bssid.motion.conclude` return; how
        many slots carry motion; the signal quality; and whether a drift profile changed.
    """
    node: Node = nodes[0]
    limits, newest = node.limits, node.newest
    step_db = limits.quantisation_db[0]
    evidence = weigh_evidence(t_s, rssi_dbm, fresh, limits.expiry_s[0], step_db, limits.shadow_db[0], node.quality)
    residual, differs, active = predict(
        rssi_dbm, fresh, t_s, empty or learning, limits.gate_residual[0], step_db, silence_s, node.gate
    )
    part = push(rssi_dbm, fresh, active, ring, was_fresh, node.graph)
    gap, clusters, device = relate(part, len(ring), channel, band, limits.correlation_edge[0], node.graph)
    z, shift = shifts(rssi_dbm, fresh, active, t_s, empty, learning, silence_s, node.levels)
    accumulate(rssi_dbm, residual, t_s, empty, learning, silence_s, node.energies)
    embedding = embed(residual, z, channel, band, radio, active, node.gate, node.energies, node.attention)
    weights = weigh(embedding, node.attention.query[:], down, up, active)
    x, activity, contributing = features(active, differs, weights, device, shift, node.energies)
    concluded = conclude(x, level_model, presence_model, newest.chances[:], share)
    add_readings(t_s, rssi_dbm, fresh, node.drift)
    profiled = judge_in_turn(t_s, limits.drift_db[0], step_db, node.drift)
    follow(t_s, rssi_dbm, fresh, node.fingerprints)
    newest.active[:] = active
    newest.weights[:] = weights
    newest.embedding[:] = embedding
    newest.activity[:] = activity
    newest.clusters[:] = clusters
    newest.features[:] = x
    return evidence, concluded, contributing, signal_quality(count, weights, gap), profiled
