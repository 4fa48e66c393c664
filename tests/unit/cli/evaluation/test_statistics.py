"""Shares, rates and medians."""

from __future__ import annotations

import math

import pytest
from csiflow.evaluation.statistics import median, per_hour, poisson_interval, share, wilson
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest, chi2


@settings(deadline=None)
@given(st.integers(1, 2000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_is_scipys(counts: tuple[int, int]) -> None:
    """The interval of a share is the one scipy computes, for any counts."""
    interval = wilson(*counts)
    theirs = binomtest(*counts).proportion_ci(0.95, "wilson")
    assert interval == pytest.approx((theirs.low, theirs.high), abs=6e-5)


@settings(deadline=None)
@given(st.integers(0, 400))
def test_poisson_is_the_chi_square_interval(count: int) -> None:
    """The interval of a mean count is half the chi-square quantiles of 2n and 2n + 2 degrees of freedom."""
    low = chi2.ppf(0.025, 2 * count) / 2 if count else 0.0
    assert poisson_interval(count) == pytest.approx((low, chi2.ppf(0.975, 2 * count + 2) / 2), rel=1e-6)


def test_nothing_counted_says_nothing() -> None:
    """Without trials, time or values there is no figure: not zero."""
    assert (share(0, 0), wilson(0, 0), per_hour(0, 0.0), median([])) == (None, None, None, None)


@given(st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1))
def test_a_median_knows_never(values: list[float]) -> None:
    """Infinity sorts last; a median that would be never is no number."""
    ordered = sorted(values)
    middle = (ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2
    assert median(values) == (pytest.approx(middle) if math.isfinite(middle) else None)
