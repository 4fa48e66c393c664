"""The fusion of the streams of one zone at one moment: a pure function of what was last heard of each.

A stream's weight is a product of three factors, each with its reason:

- *freshness*: 1 for the first half of the time after which a stream counts as silent, then falling linearly to 0 at
  its end, so that a node fades out instead of breaking off;
- *certainty*: one half where the tail gave no answer about its attractor and up to 1 with ``attractor_confidence``;
  halved while the stream does not know its own quiet, because every regime is judged against that; a quarter for the
  regime ``unknown``, which says that the stream cannot say;
- *motion*: 1, and for a stream that moves up to 4 more with ``motion_score`` (nats over quiet). A link that sees motion
  has evidence of it; one that sees none may only look elsewhere.

The streams of a node are views of one place by one radio, so a node has one vote: for the regime with the most weight
among its streams, with the weight of the heaviest stream behind it. Motion is the node's if any stream moves. Only the
most real provenance among a node's fresh streams takes part: live and replayed streams never mix in one vote.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import fsum
from typing import TYPE_CHECKING

from csi_schemas.common import REALITY
from csi_schemas.introspection import ClusterMember, Regime, Similarity, ZoneMember

if TYPE_CHECKING:
    from csi_schemas.common import Provenance

MARGIN = 0.1
"""Share of all weight by which another regime must lead the one that stands, so that two nodes of about equal weight
do not make their zone flicker."""
MOST_MOTION = 4.0
"""Nats of ``motion_score`` beyond which more motion is no more evidence."""
_LIVELINESS: tuple[Regime, ...] = ("transient", "chaotic", "periodic", "idle", "unknown")
"""Which of two regimes of equal weight is said: the one with more to tell."""
_STATES = ("confirmed", "emerging")


@dataclass(frozen=True, slots=True)
class Fusion:
    """What a zone's streams say together."""

    regime: Regime
    agreement: float
    """Share of the weight behind ``regime``, 0-1."""
    members: list[ClusterMember]
    """By node id; their weights sum to 1. Empty when no stream is fresh."""
    provenance: Provenance | None
    """Least real of the members'; ``None`` without members."""
    best_match: Similarity | None
    best_match_node: str | None


def is_fresh(member: ZoneMember, now_ns: int, stale_after_ns: int) -> bool:
    """Whether a stream still takes part."""
    return now_ns - member.timestamp_ns < stale_after_ns


def weight(member: ZoneMember, now_ns: int, stale_after_ns: int) -> float:
    """Return the weight of a stream, at least 0 and at most ``1 + MOST_MOTION``; see the module."""
    age = max(0, now_ns - member.timestamp_ns) / stale_after_ns
    freshness = min(1.0, max(0.0, 2.0 * (1.0 - age)))
    certainty = 0.5 + 0.5 * member.attractor_confidence
    if member.calibrating:
        certainty *= 0.5
    if member.regime == "unknown":
        certainty *= 0.25
    motion = 1.0 + (min(MOST_MOTION, max(0.0, member.motion_score)) if member.moving else 0.0)
    return freshness * certainty * motion


def speaking(streams: Iterable[ZoneMember], now_ns: int, stale_after_ns: int) -> dict[str, list[ZoneMember]]:
    """Return the streams that take part, by node id: the fresh ones of each node's most real provenance.

    Nodes and streams come in order of their names, so that no sum depends on the order of arrival.
    """
    nodes: dict[str, list[ZoneMember]] = {}
    for member in sorted(streams, key=_name):
        if is_fresh(member, now_ns, stale_after_ns):
            nodes.setdefault(member.node_id, []).append(member)
    for node_id, members in nodes.items():
        most_real = min((member.provenance for member in members), key=REALITY.index)
        nodes[node_id] = [member for member in members if member.provenance == most_real]
    return nodes


def fuse(streams: Iterable[ZoneMember], now_ns: int, stale_after_ns: int, standing: Regime | None = None) -> Fusion:
    """Fuse what was last heard of each stream.

    Args:
        streams: The newest record of each stream of the zone, in any order.
        now_ns: The moment, ns since the Unix epoch.
        stale_after_ns: Age from which a stream takes no part; positive.
        standing: The regime that holds, which another one replaces only by ``MARGIN``.
    """
    nodes = speaking(streams, now_ns, stale_after_ns)
    if not nodes:
        return Fusion("unknown", 0.0, [], None, None, None)
    members = [_node(node_id, heard, now_ns, stale_after_ns) for node_id, heard in nodes.items()]
    total = fsum(member.weight for member in members)
    for member in members:
        member.weight /= total
    regime = _elect(_tally((member.regime, member.weight) for member in members), standing)
    match, match_node = _best_match(nodes)
    return Fusion(
        regime,
        min(1.0, fsum(member.weight for member in members if member.regime == regime)),
        members,
        max((heard[0].provenance for heard in nodes.values()), key=REALITY.index),
        match,
        match_node,
    )


def promoted(match: Similarity | None) -> tuple[str, str | None] | None:
    """What makes a promoted match another one: its signature and state; ``None`` for one that is not promoted."""
    return (match.signature_id, match.state) if match is not None and match.above_threshold else None


def _name(member: ZoneMember) -> tuple[str, str, str]:
    return member.node_id, member.stream, member.provenance


def _node(node_id: str, streams: list[ZoneMember], now_ns: int, stale_after_ns: int) -> ClusterMember:
    weights = [(stream.regime, weight(stream, now_ns, stale_after_ns)) for stream in streams]
    regime = _elect(_tally(weights))
    newest_ns = max(stream.timestamp_ns for stream in streams)
    return ClusterMember(
        node_id=node_id,
        regime=regime,
        age_ms=max(0, now_ns - newest_ns) / 1e6,
        weight=max(heavy for voted, heavy in weights if voted == regime),
        last_seen_ns=newest_ns,
        provenance=streams[0].provenance,
        streams=[stream.stream for stream in streams],
        calibrating=all(stream.calibrating for stream in streams),
        moving=any(stream.moving for stream in streams),
        motion_score=max(stream.motion_score for stream in streams),
        attractor_confidence=max(stream.attractor_confidence for stream in streams),
    )


def _tally(votes: Iterable[tuple[Regime, float]]) -> dict[Regime, float]:
    behind: dict[Regime, list[float]] = {}
    for regime, heavy in votes:
        behind.setdefault(regime, []).append(heavy)
    return {regime: fsum(weights) for regime, weights in behind.items()}


def _elect(behind: dict[Regime, float], standing: Regime | None = None) -> Regime:
    most = max(behind, key=lambda regime: (behind[regime], -_LIVELINESS.index(regime)))
    if standing in behind and behind[most] - behind[standing] < MARGIN * fsum(behind.values()):
        return standing
    return most


def _best_match(nodes: dict[str, list[ZoneMember]]) -> tuple[Similarity | None, str | None]:
    found = [
        (stream.best_match, node_id)
        for node_id, streams in nodes.items()
        for stream in streams
        if stream.best_match is not None
    ]
    return max(found, key=lambda pair: _rank(pair[0]), default=(None, None))


def _rank(match: Similarity) -> tuple[bool, int, float]:
    state = -_STATES.index(match.state) if match.state in _STATES else -len(_STATES)
    return match.above_threshold, state, match.score
