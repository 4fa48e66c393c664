"""Signatures made ready for a stream."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.arrays import Float64
from csi_introspection.templates import Columns, template
from csi_schemas.signature import DtwParameters, FeatureKind, Signature


def signature(
    vectors: Float64, rate_hz: float | None = None, kind: FeatureKind = "amplitude_l2_per_subcarrier", window: int = 8
) -> Signature:
    """Wrap vectors as a signature."""
    return Signature(
        id="s",
        label="wave",
        captured_at="2026-11-22T00:00:00Z",
        feature_kind=kind,
        length=len(vectors),
        dtw=DtwParameters(window=window, gains=[0.5, 1.0]),
        vectors=vectors.tolist(),
        promotion_threshold=0.6,
        rate_hz=rate_hz,
    )


@pytest.mark.parametrize(("rate", "rows", "band"), [(15.0, 60, 16), (30.0, 30, 8), (60.0, 15, 4), (600.0, 2, 1)])
def test_rows_and_band_follow_the_rates(rate: float, rows: int, band: int) -> None:
    """At twice the signature's rate it has twice its rows and band; a band never shrinks to none."""
    made = template(signature(np.random.default_rng(1).normal(size=(30, 4)), rate), Columns(4), 30.0, 90.0)
    assert len(made.rows) == rows
    assert made.band == band


def test_no_band_stays_no_band_at_any_rate() -> None:
    """A signature that wants the diagonal only gets it at a rate near its own."""
    vectors = np.random.default_rng(2).normal(size=(30, 4))
    assert template(signature(vectors, 60.0, window=0), Columns(4), 30.0, 30.0).band == 0


@pytest.mark.parametrize("rate", [29.5, 30.0, 30.5])
def test_rates_within_two_per_cent_leave_rows_alone(rate: float) -> None:
    """What clocks and losses make of one nominal rate is not interpolated."""
    vectors = np.random.default_rng(3).normal(size=(200, 4))
    made = template(signature(vectors, rate), Columns(4), 30.0, 30.0)
    np.testing.assert_array_equal(made.rows, vectors)
    assert made.band == 8


@pytest.mark.parametrize("rate", [29.0, 31.0])
def test_rates_further_apart_are_resampled(rate: float) -> None:
    """Beyond two per cent the rows are as many as the stream takes in the same time."""
    made = template(signature(np.random.default_rng(4).normal(size=(200, 4)), rate), Columns(4), 30.0, 30.0)
    assert len(made.rows) == round(200 * 30.0 / rate)


def test_without_a_rate_a_row_is_a_frame() -> None:
    """A signature that names no rate was taken at the stream's frame rate, whatever that is."""
    vectors = np.random.default_rng(5).normal(size=(40, 4))
    np.testing.assert_array_equal(template(signature(vectors), Columns(4), 30.0, 30.0).rows, vectors)
    assert len(template(signature(vectors), Columns(4), 30.0, 120.0).rows) == 10


def test_the_feature_has_its_place_among_the_columns() -> None:
    """Kinds lie side by side in the order of their numbers; all else is as the signature says."""
    columns = Columns(32, 5, 128)
    assert columns.total == 165
    assert columns.ends().tolist() == [0, 32, 37, 165]
    rng = np.random.default_rng(6)
    kinds: list[tuple[FeatureKind, int, int, int]] = [
        ("amplitude_l2_per_subcarrier", 32, 0, 0),
        ("lag", 5, 1, 32),
        ("vec128", 128, 2, 37),
    ]
    for kind, width, number, first in kinds:
        made = template(signature(rng.normal(size=(6, width)), 30.0, kind), columns, 30.0, 30.0)
        assert (made.kind, made.first, made.rows.shape[1]) == (number, first, width)
        assert (made.label, made.gains, made.threshold, made.rest) == ("wave", (0.5, 1.0), 0.6, False)


def test_a_kind_the_stream_lacks_takes_no_columns() -> None:
    """A stream of amplitudes and lags ends with its lags."""
    assert Columns(16, 5).ends().tolist() == [0, 16, 21, 21]
