"""Signatures made ready for one stream: at its row rate, with the place of their feature in its vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_introspection.arrays import Float64, Int64
from csi_introspection.changes import LAG_WIDTH, VEC_WIDTH
from csi_introspection.likeness import resample
from csi_introspection.matcher import KINDS

if TYPE_CHECKING:
    from csi_schemas.signature import FeatureKind, Signature

KIND_NUMBER: dict[FeatureKind, int] = {"amplitude_l2_per_subcarrier": 0, "lag": 1, "vec128": 2}
"""Kinds in the order of their columns in a stream's vectors."""


class Columns(NamedTuple):
    """Width of each feature kind in a stream's vectors; 0 where the stream does not have it."""

    amplitude: int
    lag: int = 0
    vec128: int = 0

    @property
    def total(self) -> int:
        """Numbers in a vector."""
        return sum(self)

    def ends(self) -> Int64:
        """(KINDS + 1) where each kind's columns begin, and where the last ends."""
        return np.concatenate([[0], np.cumsum(self)]).astype(np.int64)


class Template(NamedTuple):
    """One signature as the matcher takes it."""

    rows: Float64
    """(rows, width) at the stream's row rate."""
    first: int
    """Column of the stream's vectors at which its feature begins."""
    kind: int
    """See ``KIND_NUMBER``."""
    label: str
    band: int
    """Rows to either side of the diagonal."""
    gains: Sequence[float]
    threshold: float
    rest: bool


def template(signature: Signature, columns: Columns, row_rate_hz: float, frame_rate_hz: float) -> Template:
    """Make ``signature``, which must fit the stream, ready for it.

    Args:
        signature: A valid one.
        columns: The stream's.
        row_rate_hz: Its rows per second.
        frame_rate_hz: Its frames per second; the rows of a signature that names no rate are frames.
    """
    ratio = row_rate_hz / (signature.rate_hz or frame_rate_hz)
    if abs(ratio - 1.0) < 0.02:
        ratio = 1.0
    kind = KIND_NUMBER[signature.feature_kind]
    band = signature.dtw.window
    return Template(
        rows=resample(np.array(signature.vectors, np.float64), max(2, round(signature.length * ratio))),
        first=int(columns.ends()[kind]),
        kind=kind,
        label=signature.label,
        band=band if ratio == 1.0 else max(min(band, 1), round(band * ratio)),
        gains=tuple(signature.dtw.gains),
        threshold=signature.promotion_threshold,
        rest=signature.rest,
    )


assert len(KIND_NUMBER) == KINDS  # noqa: S101 - one matcher serves all kinds; checked once, at import
assert (LAG_WIDTH, VEC_WIDTH) == (5, 128)  # noqa: S101 - what the names of the kinds promise
