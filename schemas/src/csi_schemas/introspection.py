"""``csi.introspection.v1`` and ``csi.cluster.v1``: what the signal is doing right now."""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.common import Origin, Provenance

Regime = Literal["idle", "periodic", "transient", "chaotic", "unknown"]
MatchState = Literal["emerging", "confirmed", "retracted"]


class Similarity(msgspec.Struct):
    """How well the newest frames follow one signature."""

    signature_id: str
    score: float
    """0-1; 1 is an exact copy."""
    above_threshold: bool
    """The match is promoted: ``score`` reached the signature's promotion threshold and quiet hardly ever looks so."""
    progress: float = 0.0
    """Share of the signature the newest frames have gone through, 0-1."""
    label: str = ""
    """The signature's; several signatures may share one."""
    p_value: float | None = None
    """How often a second of this stream's past, calm or restless, has as much evidence; null while that is unknown."""
    state: MatchState | None = None
    """Promoted by its head (emerging), by the whole of it (confirmed), or taken back on this frame (retracted)."""


class NotApplicable(msgspec.Struct, frozen=True):
    """A signature that does not fit this stream."""

    signature_id: str
    reason: str
    """Which of feature kind, version or width differs, with both values."""


class IntrospectionSnapshot(msgspec.Struct, omit_defaults=True, tag_field="type", tag="introspection_snapshot"):
    """State of one stream after one frame (ADR-099); one is published for every frame."""

    timestamp_ns: int
    """Receive time of the frame, ns since the Unix epoch."""
    node_id: str
    frame_count: int
    """Frames of this stream since its state began."""
    regime: Regime
    lyapunov_exponent: float | None
    """Largest Lyapunov exponent of the tail, per frame (natural log); null where the data cannot say."""
    attractor_dim: float | None
    """Correlation dimension of the tail; null where the data cannot say."""
    attractor_confidence: float
    """0-1."""
    regime_changed: bool
    top_k_similarity: list[Similarity]
    """At most five, best first."""
    stream: str
    """Stream label, see ``StreamKey.label``."""
    sequence: int
    """Sequence number of the frame."""
    provenance: Provenance
    source: str
    origin: Origin
    not_applicable: list[NotApplicable] = []
    """Signatures whose feature kind, width or version does not fit this stream; never scored."""
    calibrating: bool = False
    """The stream's quiet is not known well enough: nothing is promoted."""
    onset: bool = False
    """A motion began: set on one frame."""
    motion_score: float = 0.0
    """Natural log of the newest frames' change energy over the quiet's; about 0 at rest."""
    moving: bool = False
    """Something moves, by ``motion_score`` with hysteresis."""
    attractor_age: int = 0
    """Frames since the tail that exponent and dimension describe."""


class ZoneMember(msgspec.Struct, omit_defaults=True, tag_field="type", tag="zone_member"):
    """One stream's snapshot, thinned, for the fusion of one zone: at most ten a second, and at once what is new."""

    zone: str
    """The record key."""
    timestamp_ns: int
    """Receive time of the frame, ns since the Unix epoch."""
    node_id: str
    stream: str
    """Stream label, see ``StreamKey.label``."""
    provenance: Provenance
    source: str
    regime: Regime
    attractor_confidence: float
    """0-1."""
    origin: Origin
    """The frame."""
    calibrating: bool = False
    """The stream's quiet is not known well enough."""
    moving: bool = False
    motion_score: float = 0.0
    """As in the snapshot."""
    onset_ns: int | None = None
    """Receive time of the newest frame on which a motion began; null when none did since the worker has this stream."""
    best_match: Similarity | None = None
    """The best promoted signature, else the best one."""


class ClusterMember(msgspec.Struct):
    """One node's part in a fused snapshot. A node has one vote, however many streams it sends."""

    node_id: str
    regime: Regime
    """What the node votes for."""
    age_ms: float
    """Age of the node's newest snapshot at fusion."""
    weight: float = 0.0
    """The node's share of all weight, 0-1; the shares of the members sum to 1."""
    last_seen_ns: int = 0
    """Receive time of the node's newest frame, ns since the Unix epoch; as records are thinned, up to 0.1 s and a
    frame older."""
    provenance: Provenance | None = None
    """Of the streams that took part: the most real of those that are fresh; the others are left out."""
    streams: list[str] = []
    """Labels of the streams that took part."""
    calibrating: bool = False
    """No stream of the node knows its quiet well enough."""
    moving: bool = False
    """A stream of the node moves."""
    motion_score: float = 0.0
    """The highest of the node's streams."""
    attractor_confidence: float = 0.0
    """The highest of the node's streams, 0-1."""


class LeftNode(msgspec.Struct):
    """A node of the zone that takes no part."""

    node_id: str
    last_seen_ns: int | None = None
    """Receive time of its newest frame, to 0.1 s; null for a node named in the settings that was not heard."""
    age_ms: float | None = None
    """Age of that frame at fusion."""
    provenance: Provenance | None = None
    """Of that frame."""


class ClusterSnapshot(msgspec.Struct, omit_defaults=True, tag_field="type", tag="cluster_snapshot"):
    """Fused snapshot over the nodes of a zone. Phase is never fused."""

    zone: str
    """The record key."""
    timestamp_ns: int
    """Time of fusion, ns since the Unix epoch: the receive time of the newest frame known, later after silence."""
    regime: Regime
    """By weighted vote; unknown where no node takes part."""
    agreement: float
    """Share of the weight behind ``regime``, 0-1; 0 where no node takes part."""
    members: list[ClusterMember]
    """The nodes that take part, by id."""
    provenance: Provenance
    """The least real of the members': synthetic before replay before live."""
    best_match: Similarity | None = None
    """The best of the members': promoted before others, confirmed before emerging, then by score."""
    origin: Origin | None = None
    """The frame that brought this about; null where the clock did, as when a node has fallen silent."""
    best_match_node: str | None = None
    """The node that ``best_match`` is of."""
    regime_changed: bool = False
    """``regime`` differs from the last fused snapshot's."""
    onset: bool = False
    """A motion began in the zone: set on one snapshot."""
    onset_ns: int | None = None
    """When the newest motion began: the earliest onset of its nodes, ns since the Unix epoch."""
    onset_node: str | None = None
    """The node of that onset. A node that reports late may still prove to have been the first."""
    moving: bool = False
    """Some member moves."""
    motion_score: float = 0.0
    """The highest of the members'."""
    left: list[LeftNode] = []
    """Nodes of the zone that take no part: silent for too long, or named in the settings and never heard."""
