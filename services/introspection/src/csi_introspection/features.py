"""Feature kinds: what a frame is turned into before it is matched, and which streams a signature of a kind fits.

Features come in rows. A row averages as many frames as bring the stream to about ``ROW_RATE_HZ``; every frame ends one.

``amplitude_l2_per_subcarrier``, version 2. Per antenna: amplitude of each live sub-carrier, divided by the antenna's
root mean square over its live sub-carriers (so gain drops out), then averaged over ``BINS`` equal runs of adjacent
live sub-carriers in packet order. Equal width for 64, 128 and 192 sub-carriers is what lets one signature fit all of
a node's streams. A signature stores such vectors minus the quiet mean of the stream it was captured from; matching
subtracts the stream's own quiet mean and divides both by its quiet deviation.

``lag`` and ``vec128``, version 2. See ``changes``: logarithms of the energy of change over several lags, over the
quiet's; ``lag`` of the part that is smooth over the bins at 5 lags, ``vec128`` in 16 bins at 8 lags. Signatures hold
them as they are.

Version 1 took sub-carriers of more than ``SPIKE`` times the usual amplitude for live ones (all kinds), did not take the
middle of three frames, and made ``lag`` of every bin alike.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8
from csi_introspection.changes import BANDS, LAG_WIDTH, VEC_WIDTH
from csi_introspection.templates import KIND_NUMBER, Columns

if TYPE_CHECKING:
    from csi_schemas.signature import FeatureKind, Signature

BINS = 16
"""Bins per antenna of the amplitude feature."""
FEWEST_LIVE = 4
"""An antenna with fewer live sub-carriers says nothing about shape and is left out."""
LIVE_SHARE = 0.05
"""A sub-carrier is live when its mean amplitude exceeds this share of the antenna's median over non-zero ones."""

SPIKE = 5.0
"""A sub-carrier whose mean amplitude exceeds this many times that median is none: the channel varies less over its
sub-carriers, and an ESP32 may put words of its own in the place of the first ones."""

Int32 = NDArray[np.int32]


ROW_RATE_HZ = 25.0
"""Feature rows a second that streams of more frames than that are brought to."""
ROW_RATE_SLACK = 1.6
"""A feature made of changes over rows fits streams whose rows are at most this many times longer or shorter."""


class Kind(NamedTuple):
    """One entry of the registry."""

    version: int
    """Raised whenever the same frame would give another vector; signatures of another version no longer fit."""
    of_changes: bool
    """Made of changes over rows, so that the length of a row matters."""


KINDS: dict[FeatureKind, Kind] = {
    "amplitude_l2_per_subcarrier": Kind(version=2, of_changes=False),
    "lag": Kind(version=2, of_changes=True),
    "vec128": Kind(version=2, of_changes=True),
}
"""Every feature kind a signature may have."""


class Layout(NamedTuple):
    """Which sub-carriers of a stream are live and how they are binned."""

    live: Int32
    """Indices into the antenna-major amplitudes, in packet order, antenna after antenna."""
    edges: Int32
    """(width + 1) bin w averages ``live[edges[w]:edges[w + 1]]``."""
    bins: int
    """Bins per antenna in use."""

    @property
    def width(self) -> int:
        """Length of the stream's feature vectors."""
        return self.edges.size - 1


def amplitudes(iq: Int8) -> Float32:
    """Amplitude of each sub-carrier from interleaved int8 I, Q."""
    pairs = iq.reshape(-1, 2).astype(np.float32)
    amplitude: Float32 = np.hypot(pairs[:, 0], pairs[:, 1])
    return amplitude


def learn_layout(mean_amplitude: Float64, n_antennas: int) -> Layout | None:
    """Find live sub-carriers and their bins from mean amplitudes, (antennas x sub-carriers) antenna-major.

    Returns:
        The layout, or ``None`` when no antenna has ``FEWEST_LIVE`` live sub-carriers.
    """
    per_antenna = mean_amplitude.reshape(n_antennas, -1)
    live_sets = []
    for antenna, row in enumerate(per_antenna):
        heard = row[row > 0]
        if heard.size:
            usual = np.median(heard)
            live = np.flatnonzero((row > LIVE_SHARE * usual) & (row < SPIKE * usual))
            if live.size >= FEWEST_LIVE:
                live_sets.append(live + antenna * row.size)
    if not live_sets:
        return None
    bins = min(BINS, *(live.size for live in live_sets))
    edges = [0]
    for live in live_sets:
        start = edges[-1]
        edges.extend(start + (np.arange(1, bins + 1) * live.size) // bins)
    return Layout(np.concatenate(live_sets).astype(np.int32), np.array(edges, np.int32), bins)


def scalar_axis(layout: Layout) -> Float64:
    """Weights, (width), that turn a feature vector into the attractor's scalar.

    The second cosine (DCT-II) coefficient of the amplitude's shape over each antenna's bins. It is signed, free of
    gain and needs nothing learnt. On labelled recordings of three sources the variance of its 64-frame windows told
    motion from quiet with an area under the curve of 0.92-1.0 in the worst recording of each; the mean amplitude that
    ADR-099 proposes got 0.33-0.94.
    """
    positions = np.arange(layout.bins) + 0.5
    axis = np.tile(np.cos(2 * np.pi * positions / layout.bins), layout.width // layout.bins)
    unit: Float64 = axis / np.linalg.norm(axis)
    return unit


class Shape(NamedTuple):
    """What decides which signatures fit a stream."""

    columns: Columns
    """Width of each feature kind it has."""
    row_rate_hz: float
    frame_rate_hz: float


def why_not_applicable(signature: Signature, shape: Shape | None) -> str | None:
    """Return why ``signature`` cannot be scored on a stream of this shape, ``None`` when it can.

    Args:
        signature: A valid signature.
        shape: The stream's; ``None`` when it has no features.
    """
    kind = KINDS[signature.feature_kind]
    if signature.feature_version != kind.version:
        return f"feature version {signature.feature_version}; this stream's {signature.feature_kind} is {kind.version}"
    if shape is None:
        return f"the stream has no antenna with {FEWEST_LIVE} live sub-carriers"
    width = shape.columns[KIND_NUMBER[signature.feature_kind]]
    if kind.of_changes and not suits_changes(shape.row_rate_hz):
        return (
            f"{signature.feature_kind} is made of changes over rows of {1000 / ROW_RATE_HZ:.0f} ms; this stream's "
            f"{shape.frame_rate_hz:.1f} frames/s give rows of {1000 / shape.row_rate_hz:.0f} ms"
        )
    if width == 0:
        return f"{signature.feature_kind} needs {BINS} live sub-carriers an antenna; this stream has fewer"
    if len(signature.vectors[0]) != width:
        return f"width {len(signature.vectors[0])}; this stream's vectors have {width}"
    return None


def frames_a_row(frame_rate_hz: float) -> int:
    """Frames that a feature row averages, so that rows come at about ``ROW_RATE_HZ`` or at the stream's own rate."""
    return max(1, round(frame_rate_hz / ROW_RATE_HZ))


def suits_changes(row_rate_hz: float) -> bool:
    """Whether changes over rows that come so often are those that features are made of."""
    return ROW_RATE_HZ / ROW_RATE_SLACK <= row_rate_hz <= ROW_RATE_HZ * ROW_RATE_SLACK


def shape_of(layout: Layout, frame_rate_hz: float) -> Shape:
    """Shape of a stream with this layout and frame rate."""
    return Shape(columns_of(layout), frame_rate_hz / frames_a_row(frame_rate_hz), frame_rate_hz)


def columns_of(layout: Layout) -> Columns:
    """Widths of the feature kinds of a stream with this layout."""
    return Columns(layout.width, LAG_WIDTH, VEC_WIDTH if layout.bins == BANDS else 0)


@kernel
def bins_of_amplitude(amplitude: Float32, live: Int32, edges: Int32, bins: int, values: Float32, out: Float32) -> bool:
    """Write the normalised amplitudes and the feature vector of one frame.

    Args:
        amplitude: (antennas x sub-carriers) antenna-major.
        live: See ``Layout``.
        edges: See ``Layout``.
        bins: See ``Layout``.
        values: (live) receives the amplitudes of the live sub-carriers; every antenna's have root mean square 1.
        out: (width) receives the vector, their means over the bins.

    Returns:
        False, with everything untouched, when an antenna heard nothing at all.
    """
    width = edges.size - 1
    for first in range(0, width, bins):
        heard = False
        for i in range(edges[first], edges[first + bins]):
            heard = heard or amplitude[live[i]] > 0.0
        if not heard:
            return False
    for first in range(0, width, bins):
        energy = np.float32(0.0)
        for i in range(edges[first], edges[first + bins]):
            value = amplitude[live[i]]
            values[i] = value
            energy += value * value
        gain = np.float32(sqrt((edges[first + bins] - edges[first]) / energy))
        for w in range(first, first + bins):
            total = np.float32(0.0)
            for i in range(edges[w], edges[w + 1]):
                values[i] *= gain
                total += values[i]
            out[w] = total / np.float32(edges[w + 1] - edges[w])
    return True


@kernel
def amplitude_of_iq(iq: Int8, out: Float32) -> None:
    """Write the amplitude of each sub-carrier, from interleaved int8 I, Q, to ``out``."""
    for k in range(out.size):
        i, q = np.float32(iq[2 * k]), np.float32(iq[2 * k + 1])
        out[k] = np.sqrt(i * i + q * q)
