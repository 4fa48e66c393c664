"""The amplitude feature: gain-free, null-free, of one width."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csi_introspection.arrays import Float32
from csi_introspection.features import (
    BINS,
    KINDS,
    Layout,
    amplitude_of_iq,
    amplitudes,
    bins_of_amplitude,
    learn_layout,
    scalar_axis,
    why_not_applicable,
)
from csi_introspection.reference import references
from csi_schemas.signature import Signature
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
    """Return the kernel's feature vector."""
    out = np.full(layout.width, np.nan, np.float32)
    assert bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, out)
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
    out = np.full(layout.width, 7, np.float32)
    amplitude[64:] = 0
    assert not bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, out)
    assert (out == 7).all()


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


def vec128(signature: Signature) -> Signature:
    """Claim to be of the kind without an encoder."""
    return replace(signature, feature_kind="vec128", vectors=[[0.1] * 128] * signature.length)


@pytest.mark.parametrize(
    ("change", "width", "said"),
    [
        (lambda s: s, 16, None),
        (lambda s: s, 32, "width 16; this stream's vectors have 32"),
        (lambda s: s, None, "no antenna"),
        (
            lambda s: replace(s, feature_version=2),
            16,
            "feature version 2; this stream's amplitude_l2_per_subcarrier is 1",
        ),
        (vec128, 128, "no encoder"),
    ],
)
def test_a_signature_that_does_not_fit_is_told_why(change, width: int | None, said: str | None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a lambda
    """Kind, version and width decide, in that order, and the reason names both sides."""
    reason = why_not_applicable(change(references()[0]), width)
    if said is None:
        assert reason is None
    else:
        assert reason is not None
        assert said in reason


def test_every_kind_a_file_may_name_is_in_the_registry() -> None:
    """The registry and the message schema list the same feature kinds."""
    kinds = Signature.__annotations__["feature_kind"]
    assert kinds == "FeatureKind"
    from csi_schemas.signature import FeatureKind  # noqa: PLC0415 - read for its arguments

    assert set(KINDS) == set(FeatureKind.__args__)  # type: ignore[attr-defined]
