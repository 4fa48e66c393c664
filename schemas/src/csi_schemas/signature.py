"""A signature file, ``signatures/<id>.sig.json``: a short labelled sequence of feature vectors (ADR-099 D7)."""

from __future__ import annotations

from typing import Literal

import msgspec

from csi_schemas.common import Provenance

FeatureKind = Literal["amplitude_l2_per_subcarrier", "lag", "vec128"]


class DtwParameters(msgspec.Struct, forbid_unknown_fields=True):
    """How this signature wants to be compared."""

    window: int = 8
    """Sakoe-Chiba band, frames to either side of the diagonal."""
    step_pattern: Literal["symmetric2"] = "symmetric2"
    gains: list[float] = msgspec.field(default_factory=lambda: [1.0])
    """Sizes at which the motion is tried, 1 as captured; each costs another pass of the warping."""


class Signature(msgspec.Struct, omit_defaults=False):
    """One reference sequence."""

    id: str
    label: str
    captured_at: str
    """ISO 8601, UTC."""
    feature_kind: FeatureKind
    length: int
    """Rows of ``vectors``."""
    dtw: DtwParameters
    vectors: list[list[float]]
    """``length`` feature vectors of equal width, each minus the quiet mean of the stream it was captured from."""
    promotion_threshold: float = 0.78
    """Score from which the signature counts as recognised, 0-1."""
    provenance: Provenance = "live"
    """``synthetic`` for the reference signatures made by our own simulator."""
    feature_version: int = 1
    """Version of the feature kind; a signature of another version is not applicable."""
    rate_hz: float | None = None
    """Rows per second; null: one row a frame, whatever the stream's rate."""
    rest: bool = False
    """A room at rest: scored by how little the newest frames leave the quiet. Else a motion, scored by how much of the
    newest frames' departure from the quiet it explains."""
