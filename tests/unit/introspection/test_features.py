"""The amplitude feature: gain-free, null-free, of one width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csi_introspection.arrays import Float32
from csi_introspection.changes import LAG_WIDTH, VEC_WIDTH
from csi_introspection.features import (
    BINS,
    KINDS,
    ROW_RATE_HZ,
    ROW_RATE_SLACK,
    SPIKE,
    Layout,
    Shape,
    amplitude_of_iq,
    amplitudes,
    bins_of_amplitude,
    columns_of,
    frames_a_row,
    learn_layout,
    scalar_axis,
    why_not_applicable,
)
from csi_introspection.reference import references
from csi_introspection.templates import KIND_NUMBER, Columns
from csi_schemas.signature import FeatureKind, Signature
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.introspection.rooms import room


def layout_of(amplitude: Float32, antennas: int) -> Layout:
    """Return the layout of a stream whose mean amplitudes are these."""
    layout = learn_layout(amplitude.astype(np.float64), antennas)
    assert layout is not None
    return layout


def vector_of(amplitude: Float32, layout: Layout) -> Float32:
    """Return the kernel's feature vector; what it makes of the live sub-carriers is checked on the way."""
    out = np.full(layout.width, np.nan, np.float32)
    values = np.full(layout.live.size, np.nan, np.float32)
    assert bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, values, out)
    for first in range(0, layout.width, layout.bins):
        own = slice(layout.edges[first], layout.edges[first + layout.bins])
        heard = amplitude[layout.live[own]].astype(np.float64)
        np.testing.assert_allclose(values[own], heard / np.sqrt((heard**2).mean()), rtol=1e-5)
    return out


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3), st.sampled_from([20, 52, 64, 128, 192]))
def test_vector_equals_a_plain_computation(seed: int, antennas: int, subcarriers: int) -> None:
    """Each antenna's live amplitudes over their root mean square, averaged in equal runs."""
    rng = np.random.default_rng(seed)
    amplitude = rng.uniform(5, 60, size=(antennas, subcarriers)).astype(np.float32)
    amplitude[:, rng.integers(0, subcarriers, size=3)] = 0
    layout = layout_of(amplitude.ravel(), antennas)
    expected = []
    for row in amplitude:
        live = row[row > 0].astype(np.float64)
        live /= np.sqrt((live**2).mean())
        edges = [(k * live.size) // layout.bins for k in range(layout.bins + 1)]
        expected += [live[a:b].mean() for a, b in pairwise(edges)]
    np.testing.assert_allclose(vector_of(amplitude.ravel(), layout), expected, rtol=1e-5)


@pytest.mark.parametrize("subcarriers", [52, 64, 128, 192])
def test_every_stream_of_a_node_has_one_width(subcarriers: int) -> None:
    """64, 128 and 192 sub-carriers give vectors of the same width."""
    amplitude = amplitudes(room(1, 3, subcarriers=subcarriers)[0])
    assert layout_of(amplitude, 1).width == BINS


def test_gain_drops_out_per_antenna() -> None:
    """Another gain on one antenna changes nothing."""
    amplitude = amplitudes(room(1, 4, antennas=2)[0])
    layout = layout_of(amplitude, 2)
    louder = amplitude.copy()
    louder[64:] *= 7.5
    np.testing.assert_allclose(vector_of(louder, layout), vector_of(amplitude, layout), rtol=1e-5)


def test_null_subcarriers_are_left_out() -> None:
    """Sub-carriers that carry nothing, or a trace of leakage, are in no bin."""
    amplitude = amplitudes(room(1, 5)[0])
    amplitude[10] = 0.02
    layout = layout_of(amplitude, 1)
    assert not set(layout.live) & {0, 1, 2, 3, 10}
    changed = amplitude.copy()
    changed[[0, 10]] = 1.0
    np.testing.assert_array_equal(vector_of(changed, layout), vector_of(amplitude, layout))


def test_amplitude_of_iq_is_the_modulus() -> None:
    """The kernel's amplitude is sqrt(I^2 + Q^2), for the extreme -128 too."""
    iq = np.array([3, 4, -128, -128, 0, 0, 127, -1], np.int8)
    out = np.zeros(4, np.float32)
    amplitude_of_iq(iq, out)
    np.testing.assert_allclose(out, [5, 128 * 2**0.5, 0, 16130**0.5], rtol=1e-6)
    np.testing.assert_allclose(amplitudes(iq), out, rtol=1e-6)


def test_a_silent_antenna_gives_no_vector() -> None:
    """A frame in which an antenna heard nothing is refused and the vector stays as it was."""
    amplitude = amplitudes(room(1, 6, antennas=2)[0])
    layout = layout_of(amplitude, 2)
    out, values = np.full(layout.width, 7, np.float32), np.full(layout.live.size, 7, np.float32)
    amplitude[64:] = 0
    assert not bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, values, out)
    assert (out == 7).all()
    assert (values == 7).all()


def test_an_antenna_that_is_always_silent_is_left_out() -> None:
    """The layout is of the antennas that hear; without any there is none."""
    amplitude = amplitudes(room(1, 7, antennas=2)[0]).astype(np.float64)
    amplitude[64:] = 0
    layout = learn_layout(amplitude, 2)
    assert layout is not None
    assert layout.width == BINS
    assert learn_layout(np.zeros(128), 2) is None


def test_the_scalar_is_a_unit_vector_blind_to_level() -> None:
    """The scalar's weights have norm 1 and sum 0: a change common to all bins does not move it."""
    layout = layout_of(amplitudes(room(1, 8, antennas=2)[0]), 2)
    axis = scalar_axis(layout)
    assert axis.size == layout.width
    assert np.linalg.norm(axis) == pytest.approx(1.0)
    assert axis.sum() == pytest.approx(0.0, abs=1e-12)


def of_changes(kind: FeatureKind, width: int) -> Signature:
    """Return a signature of a feature of change."""
    base = references()[1]
    return replace(base, feature_kind=kind, vectors=[[0.1] * width] * base.length)


def shape(*columns: int, row_hz: float = 30.0, frame_hz: float = 30.0) -> Shape:
    """Shape of a stream with these columns."""
    return Shape(Columns(*columns), row_hz, frame_hz)


ONE, TWO = shape(16, LAG_WIDTH, VEC_WIDTH), shape(32, LAG_WIDTH, VEC_WIDTH)
SLOW = shape(16, LAG_WIDTH, VEC_WIDTH, row_hz=10.0, frame_hz=10.0)


@pytest.mark.parametrize(
    ("signature", "stream", "said"),
    [
        (references()[0], ONE, None),
        (references()[0], SLOW, None),
        (references()[0], TWO, "width 16; this stream's vectors have 32"),
        (references()[0], None, "no antenna with 4 live sub-carriers"),
        (
            replace(references()[0], feature_version=1),
            TWO,
            "feature version 1; this stream's amplitude_l2_per_subcarrier is 2",
        ),
        (of_changes("lag", 5), ONE, None),
        (of_changes("lag", 5), TWO, None),
        (of_changes("vec128", 128), TWO, None),
        (of_changes("lag", 5), SLOW, "lag is made of changes over rows of 40 ms; this stream's 10.0 frames/s give"),
        (of_changes("vec128", 128), SLOW, "10.0 frames/s give rows of 100 ms"),
        (of_changes("vec128", 128), shape(8, LAG_WIDTH), "vec128 needs 16 live sub-carriers an antenna"),
        (of_changes("lag", 4), ONE, "width 4; this stream's vectors have 5"),
    ],
)
def test_a_signature_that_does_not_fit_is_told_why(
    signature: Signature, stream: Shape | None, said: str | None
) -> None:
    """Version, length of rows and width decide, and the reason names both sides."""
    reason = why_not_applicable(signature, stream)
    if said is None:
        assert reason is None
    else:
        assert reason is not None
        assert said in reason


@given(st.floats(1.0, 1000.0))
def test_rows_come_at_about_their_rate(frame_hz: float) -> None:
    """Streams faster than a row are brought to its rate within a third, which features of change allow; others stay."""
    stride = frames_a_row(frame_hz)
    rate = frame_hz / stride
    if frame_hz <= ROW_RATE_HZ:
        assert stride == 1
    else:
        assert (
            ROW_RATE_HZ / ROW_RATE_SLACK < ROW_RATE_HZ / 1.5 <= rate <= ROW_RATE_HZ * 1.5 < ROW_RATE_HZ * ROW_RATE_SLACK
        )


@pytest.mark.parametrize(
    ("subcarriers", "antennas", "expected"), [(64, 1, (16, 5, 128)), (64, 2, (32, 5, 128)), (14, 1, (10, 5, 0))]
)
def test_columns_of_a_stream(subcarriers: int, antennas: int, expected: tuple[int, int, int]) -> None:
    """Amplitudes grow with the antennas, changes do not; vec128 needs all its bins."""
    amplitude = amplitudes(room(1, 9, subcarriers=subcarriers, antennas=antennas)[0])
    columns = columns_of(layout_of(amplitude, antennas))
    assert columns == expected
    assert columns.ends().tolist() == [0, expected[0], expected[0] + 5, columns.total]


def test_every_kind_a_file_may_name_is_in_the_registry() -> None:
    """The registry and the message schema list the same feature kinds."""
    kinds = Signature.__annotations__["feature_kind"]
    assert kinds == "FeatureKind"
    assert set(KINDS) == set(FeatureKind.__args__)  # type: ignore[attr-defined]
    assert set(KIND_NUMBER) == set(KINDS)


@pytest.mark.parametrize("times", [SPIKE * 0.99, SPIKE * 1.01, 50.0])
def test_a_word_that_is_no_subcarrier_is_left_out(times: float) -> None:
    """A first sub-carrier far above all others is not live; a strong one is."""
    amplitude = np.ones((1, 64), np.float32)
    amplitude[0, 0] = times
    live = layout_of(amplitude, 1).live.tolist()
    assert live == list(range(0 if times < SPIKE else 1, 64))
