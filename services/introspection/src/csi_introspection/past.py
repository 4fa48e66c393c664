"""What a stream's past seconds showed each signature, which is read when a second ends and not with every frame.

Apart from ``Matcher``, as every array of that is handed on several times a frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_introspection import tail
from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.matcher import KINDS

if TYPE_CHECKING:
    from csi_introspection.templates import Template


class Past(NamedTuple):
    """Arrays of n signatures; :mod:`csi_introspection.seconds` keeps them."""

    pending: Float32
    """(n, tail.PENDING) most advantage of the seconds of which nobody knows yet whether they were calm."""
    waiting: Int64
    """(1 + tail.PENDING) how many those are, and of each whether anything moved in it."""
    maxima: Float32
    """(n + 1, tail.KEPT) most advantage of calm seconds; the last row is work space."""
    counts: Int64
    """(n) calm seconds seen."""
    order: Int64
    """(n, tail.KEPT) places in ``maxima``, by their values when the tail was last fitted."""
    lately: Float32
    """(n, tail.PENDING) most advantage of the last seconds, newest first, as many as ``delay`` says."""
    lately_restless: Int64
    """(KINDS, tail.PENDING) whether something moved in each that no match of the kind has explained."""
    delay: Int64
    """(1) seconds after which no match that ends can explain a second any more."""
    restless: Float32
    """(n, tail.KEPT) most advantage of restless seconds."""
    restless_counts: Int64
    """(n) restless seconds seen."""
    restless_order: Int64
    """(n, tail.KEPT) as ``order``, of ``restless``."""
    restless_tails: Float64
    """(n, 7) their tails, of which no limits are used."""


def new_past(templates: Sequence[Template], row_rate_hz: float) -> Past:
    """Return the past of a stream of which nothing was seen.

    Args:
        templates: Signatures as this stream wants them; may be none.
        row_rate_hz: Rows a second.
    """
    n = len(templates)
    rows = max((len(t.rows) for t in templates), default=1) + max((t.band for t in templates), default=0)
    return Past(
        pending=np.zeros((n, tail.PENDING), np.float32),
        waiting=np.zeros(1 + tail.PENDING, np.int64),
        maxima=np.zeros((n + 1, tail.KEPT), np.float32),
        counts=np.zeros(n, np.int64),
        order=np.tile(np.arange(tail.KEPT), (n, 1)),
        lately=np.zeros((n, tail.PENDING), np.float32),
        lately_restless=np.zeros((KINDS, tail.PENDING), np.int64),
        delay=np.array([min(tail.PENDING, 1 + ceil(rows / row_rate_hz))], np.int64),
        restless=np.zeros((n, tail.KEPT), np.float32),
        restless_counts=np.zeros(n, np.int64),
        restless_order=np.tile(np.arange(tail.KEPT), (n, 1)),
        restless_tails=np.zeros((n, 7)),
    )


def keep(now: Past, k: int, before: Past, old: int) -> None:
    """Let signature ``k`` know what ``before`` knows of ``old``, but for the seconds that still waited."""
    for name in ("maxima", "counts", "order", "restless", "restless_counts", "restless_order", "restless_tails"):
        getattr(now, name)[k] = getattr(before, name)[old]
