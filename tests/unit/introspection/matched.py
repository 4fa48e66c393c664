"""A matcher with its past, and the kernels on both under their own names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from csi_introspection import matcher as matching
from csi_introspection import promotion, seconds
from csi_introspection.arrays import Float32
from csi_introspection.past import new_past
from csi_introspection.templates import Template


class Matched:
    """Has the arrays of ``Matcher`` and of ``Past`` as attributes."""

    def __init__(self, templates: Sequence[Template], columns: int, stride: int = 1, row_rate_hz: float = 25.0) -> None:
        """Make both of the same signatures."""
        self.matcher = matching.new_matcher(templates, columns, stride)
        self.past = new_past(templates, row_rate_hz)

    def __getattr__(self, name: str) -> Any:
        """Return the array of that name."""
        return getattr(self.matcher if name in self.matcher._fields else self.past, name)


def promote(matched: Matched, *, trusted: bool) -> None:
    """See ``promotion.promote``."""
    promotion.promote(matched.matcher, trusted)


def forget(matched: Matched) -> None:
    """See ``matcher.forget``."""
    matching.forget(matched.matcher)


def rescale(matched: Matched, unit: Float32) -> None:
    """Put signatures, and what is known of their evidence, into other units."""
    seconds.rescale(matched.matcher, matched.past, matching.rescale(matched.matcher, unit))


def close_second(matched: Matched, moved: int) -> bool:
    """See ``seconds.close_second``."""
    return bool(seconds.close_second(matched.matcher, matched.past, moved))


def judge_seconds(matched: Matched, verdict: int) -> int:
    """See ``seconds.judge_seconds``."""
    return int(seconds.judge_seconds(matched.matcher, matched.past, verdict))


def fit_calm(matched: Matched, k: int) -> None:
    """See ``seconds.fit_calm``."""
    seconds.fit_calm(matched.matcher, matched.past, k)


def fit_restless(matched: Matched, k: int) -> None:
    """See ``seconds.fit_restless``."""
    seconds.fit_restless(matched.matcher, matched.past, k)


def set_limits(matched: Matched, k: int) -> None:
    """See ``seconds.set_limits``."""
    seconds.set_limits(matched.matcher, matched.past, k)


def unlearn(matched: Matched) -> None:
    """See ``seconds.unlearn``."""
    seconds.unlearn(matched.matcher, matched.past)


def log_p_of(matched: Matched, k: int, evidence: float) -> float:
    """See ``seconds.log_p_of``."""
    past = matched.past
    found = seconds.log_p_of(
        past.counts, matched.matcher.tails, past.restless_counts, past.restless_tails, k, np.float64(evidence)
    )
    return float(found)
