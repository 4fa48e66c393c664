"""The state of one zone: its streams, the motion that began last, and what was said of it last."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from csi_schemas.common import REALITY, Provenance
from csi_schemas.introspection import ClusterSnapshot, LeftNode

from csi_introspection.cluster.fusion import Fusion, fuse, is_fresh, promoted, speaking

if TYPE_CHECKING:
    from csi_schemas.common import Origin
    from csi_schemas.introspection import Regime, ZoneMember

StreamId = tuple[str, str, Provenance]
"""Node id, stream label, provenance."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Times of a zone, ns."""

    stale_after_ns: int
    """Age from which a stream takes no part."""
    interval_ns: int
    """Least time between two snapshots with nothing new to tell."""
    onset_gap_ns: int
    """Onsets closer than this to the one before belong to one motion."""
    forget_ns: int
    """Silence after which a node that the settings do not name is no longer listed."""


@dataclass(slots=True)
class Motion:
    """The newest motion of a zone: onsets of its nodes that follow each other closely."""

    first_ns: int
    node_id: str
    """Of the first onset."""
    last_ns: int
    announced: bool = False


class Zone:
    """Takes the members' records in any order; answers with snapshots when there is something to say.

    Args:
        name: The zone's name.
        named: Nodes the settings name for it: listed as absent even if never heard.
        pace: Its times.
    """

    def __init__(self, name: str, named: frozenset[str], pace: Pace) -> None:
        self.name = name
        self.streams: dict[StreamId, ZoneMember] = {}
        self.motion: Motion | None = None
        self.regime: Regime | None = None
        self._named = named
        self._pace = pace
        self._said: tuple[Any, ...] | None = None
        self._said_ns = 0
        self._said_left: list[str] = []

    def take(self, member: ZoneMember, now_ns: int) -> bool:
        """Take one record; return whether the zone may have something new to tell at once.

        A record taken before changes nothing: after a crash of its producer records come twice.
        """
        identity = (member.node_id, member.stream, member.provenance)
        before = self.streams.get(identity)
        if before is not None and _is_repeated(member, before):
            return False
        self.streams[identity] = member
        began = self._take_onset(member, before, now_ns)
        return (
            began
            or before is None
            or before.regime != member.regime
            or before.moving != member.moving
            or promoted(before.best_match) != promoted(member.best_match)
            or not is_fresh(before, now_ns, self._pace.stale_after_ns)
        )

    @property
    def has_spoken(self) -> bool:
        """Whether a snapshot was made from this state."""
        return self._said is not None

    def is_due(self, now_ns: int) -> bool:
        """Whether the last snapshot is old enough for another without news."""
        return now_ns - self._said_ns >= self._pace.interval_ns

    def catch_up(self) -> None:
        """Take the motion known now as announced: it was, before this state was rebuilt."""
        if self.motion is not None:
            self.motion.announced = True

    def answer(self, now_ns: int, origin: Origin | None) -> ClusterSnapshot | None:
        """Fuse, and return the snapshot if it is due or tells something new.

        Args:
            now_ns: The moment, ns since the Unix epoch.
            origin: The frame that gave rise to this; ``None`` when only time has passed: then only news is told.
        """
        self._forget(now_ns)
        if not self.streams:
            return None
        fusion = fuse(self.streams.values(), now_ns, self._pace.stale_after_ns, self.regime)
        members = {member.node_id for member in fusion.members}
        left = sorted((self._named | {node for node, _, _ in self.streams}) - members)
        news = self._news(fusion, tuple(left))
        if news == self._said and (origin is None or not self.is_due(now_ns)):
            return None
        snapshot = self._snapshot(fusion, left, now_ns, origin)
        self._said, self._said_ns, self._said_left, self.regime = news, now_ns, left, fusion.regime
        self.catch_up()
        return snapshot

    def forget_oldest(self) -> StreamId:
        """Make room: drop the stream heard longest ago and return which it was."""
        oldest = min(self.streams, key=lambda identity: self.streams[identity].timestamp_ns)
        del self.streams[oldest]
        return oldest

    def _take_onset(self, member: ZoneMember, before: ZoneMember | None, now_ns: int) -> bool:
        """Take a new onset into the zone's newest motion, or begin another; return whether that changes anything."""
        at_ns, stale_after_ns = member.onset_ns, self._pace.stale_after_ns
        if at_ns is None or (before is not None and before.onset_ns == at_ns) or now_ns - at_ns >= stale_after_ns:
            return False
        own = (stream for identity, stream in self.streams.items() if identity[0] == member.node_id)
        if member not in speaking(own, now_ns, stale_after_ns).get(member.node_id, ()):
            return False  # a replay of a node that is heard live
        motion, gap_ns = self.motion, self._pace.onset_gap_ns
        if motion is None or at_ns - motion.last_ns > gap_ns:
            self.motion = Motion(at_ns, member.node_id, at_ns)
            return True
        motion.last_ns = max(motion.last_ns, at_ns)
        if motion.first_ns - gap_ns <= at_ns < motion.first_ns:
            motion.first_ns, motion.node_id = at_ns, member.node_id
            return True
        return False

    def _news(self, fusion: Fusion, left: tuple[str, ...]) -> tuple[Any, ...]:
        """What is told at once when it changes."""
        match = promoted(fusion.best_match)
        return (
            fusion.regime,
            tuple(member.node_id for member in fusion.members),
            left,
            any(member.moving for member in fusion.members),
            match and (match, fusion.best_match_node),
            self.motion and (self.motion.first_ns, self.motion.node_id),
        )

    def _snapshot(self, fusion: Fusion, left: list[str], now_ns: int, origin: Origin | None) -> ClusterSnapshot:
        motion = self.motion
        return ClusterSnapshot(
            zone=self.name,
            timestamp_ns=now_ns,
            regime=fusion.regime,
            agreement=fusion.agreement,
            members=fusion.members,
            provenance=fusion.provenance or self._least_real(),
            best_match=fusion.best_match,
            origin=origin,
            best_match_node=fusion.best_match_node,
            regime_changed=self.regime is not None and fusion.regime != self.regime,
            onset=motion is not None and not motion.announced,
            onset_ns=None if motion is None else motion.first_ns,
            onset_node=None if motion is None else motion.node_id,
            moving=any(member.moving for member in fusion.members),
            motion_score=max((member.motion_score for member in fusion.members), default=0.0),
            left=[self._left(node_id, now_ns) for node_id in left],
        )

    def _least_real(self) -> Provenance:
        """Of all streams known: what there is to say of a zone that nobody takes part in."""
        return max((provenance for _, _, provenance in self.streams), key=REALITY.index)

    def _left(self, node_id: str, now_ns: int) -> LeftNode:
        heard = [member for (known, _, _), member in self.streams.items() if known == node_id]
        if not heard:
            return LeftNode(node_id)
        newest = max(heard, key=lambda member: member.timestamp_ns)
        age_ms = max(0, now_ns - newest.timestamp_ns) / 1e6
        return LeftNode(node_id, newest.timestamp_ns, age_ms, newest.provenance)

    def _forget(self, now_ns: int) -> None:
        """Drop streams of unnamed nodes that have been silent for long, once it was told that they left."""
        for identity, member in list(self.streams.items()):
            told = identity[0] in self._said_left and identity[0] not in self._named
            if told and now_ns - member.timestamp_ns >= self._pace.forget_ns:
                del self.streams[identity]


def _is_repeated(member: ZoneMember, before: ZoneMember) -> bool:
    """Whether a record is no newer than the one before, by its frame and by the clock (a topic may begin anew)."""
    return (
        member.origin.partition == before.origin.partition
        and member.origin.offset <= before.origin.offset
        and member.timestamp_ns <= before.timestamp_ns
    )
