"""From a stream's result to the bytes of an ``IntrospectionSnapshot``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from csi_schemas.common import Origin
from csi_schemas.introspection import IntrospectionSnapshot, Similarity

from csi_introspection.frame import (
    AGE,
    CALIBRATING,
    CHANGED,
    CONFIDENCE,
    DIMENSION,
    EXPONENT,
    MATCH_FIELDS,
    MATCHES,
    MOVING,
    ONSET,
    REGIME,
    RESULT_SIZE,
    SCORE,
    TOP,
)
from csi_introspection.regime import NAMES, UNKNOWN
from csi_introspection.states import CONFIRMED, EMERGING, RETRACTED

if TYPE_CHECKING:
    from csi_schemas.common import Provenance
    from csi_schemas.introspection import MatchState
    from csi_schemas.signature import Signature

    from csi_introspection.stream import FrameStream

_STATES: dict[float, MatchState] = {EMERGING: "emerging", CONFIRMED: "confirmed", RETRACTED: "retracted"}
_ACTIVE = (EMERGING, CONFIRMED)
_NOWHERE = Origin("", 0, 0)
_NOTHING = [-1.0] * RESULT_SIZE
"""A result of no signatures."""
encode = msgspec.json.Encoder().encode


class SnapshotWriter:
    """One stream's snapshot, rewritten in place for every frame: most of it never changes.

    Args:
        node_id: The stream's node.
        label: The stream's label.
        provenance: Of its frames.
        source: Of its frames.
    """

    def __init__(self, node_id: str, label: str, provenance: Provenance, source: str) -> None:
        self.snapshot = IntrospectionSnapshot(
            timestamp_ns=0,
            node_id=node_id,
            frame_count=0,
            regime=NAMES[UNKNOWN],
            lyapunov_exponent=None,
            attractor_dim=None,
            attractor_confidence=0.0,
            regime_changed=False,
            top_k_similarity=[],
            stream=label,
            sequence=0,
            provenance=provenance,
            source=source,
            origin=_NOWHERE,
        )
        self._places = [Similarity("", 0.0, above_threshold=False) for _ in range(TOP)]
        self._lists = [self._places[:count] for count in range(TOP + 1)]
        self._signatures: list[Signature] = []
        self._result = _NOTHING

    def update(self, stream: FrameStream, timestamp_ns: int, sequence: int, origin: Origin) -> IntrospectionSnapshot:
        """Say what ``stream`` knows after its newest frame. The answer is the same object every time."""
        result = stream.result.tolist()
        snapshot = self.snapshot
        snapshot.timestamp_ns = timestamp_ns
        snapshot.sequence = sequence
        snapshot.origin = origin
        snapshot.frame_count = stream.frame_count
        snapshot.regime = NAMES[int(result[REGIME])]
        snapshot.regime_changed = result[CHANGED] == 1.0
        exponent, dimension = result[EXPONENT], result[DIMENSION]
        snapshot.lyapunov_exponent = None if exponent != exponent else exponent  # noqa: PLR0124 - nan, at 20 ns
        snapshot.attractor_dim = None if dimension != dimension else dimension  # noqa: PLR0124
        snapshot.attractor_confidence = result[CONFIDENCE]
        snapshot.attractor_age = int(result[AGE])
        snapshot.calibrating = result[CALIBRATING] == 1.0
        snapshot.onset = result[ONSET] == 1.0
        snapshot.moving = result[MOVING] == 1.0
        snapshot.motion_score = result[SCORE]
        snapshot.not_applicable = stream.not_applicable
        before, self._result = self._result, result
        if stream.signatures is not self._signatures or result[MATCHES] != before[MATCHES]:
            self._signatures, before = stream.signatures, _NOTHING
        similarities = self._lists[int(result[MATCHES])]
        at = MATCHES + 1
        for similarity in similarities:
            similarity.score = result[at + 1]
            similarity.progress = result[at + 3]
            p = result[at + 4]
            similarity.p_value = None if p != p else p  # noqa: PLR0124
            state = result[at + 2]
            if result[at] != before[at] or state != before[at + 2]:
                signature = self._signatures[int(result[at])]
                similarity.signature_id = signature.id
                similarity.label = signature.label
                similarity.state = _STATES.get(state)
                similarity.above_threshold = state in _ACTIVE
            at += MATCH_FIELDS
        snapshot.top_k_similarity = similarities
        return snapshot
