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
    """How often a frame of this stream's own quiet has as much evidence; null while the quiet is not known."""
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


class ClusterMember(msgspec.Struct):
    """One node's part in a fused snapshot."""

    node_id: str
    regime: Regime
    age_ms: float
    """Age of the node's newest snapshot at fusion."""


class ClusterSnapshot(msgspec.Struct, omit_defaults=True, tag_field="type", tag="cluster_snapshot"):
    """Fused snapshot over the nodes of a zone. Phase is never fused."""

    zone: str
    """The record key."""
    timestamp_ns: int
    """Time of fusion, ns since the Unix epoch."""
    regime: Regime
    agreement: float
    """Share of the weight behind ``regime``, 0-1."""
    members: list[ClusterMember]
    provenance: Provenance
    """The least real of the members': synthetic before replay before live."""
    best_match: Similarity | None = None
    """Highest score of any member."""
    origin: Origin | None = None
    """The newest frame that took part."""
