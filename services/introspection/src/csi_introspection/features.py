"""Feature kinds: what a frame is turned into before it is matched, and which streams a signature of a kind fits.

``amplitude_l2_per_subcarrier``, version 1. Per antenna: amplitude of each live sub-carrier, divided by the antenna's
root mean square over its live sub-carriers (so gain drops out), then averaged over ``BINS`` equal runs of adjacent
live sub-carriers in packet order. Equal width for 64, 128 and 192 sub-carriers is what lets one signature fit all of
a node's streams. A signature stores such vectors minus the quiet mean of the stream it was captured from; matching
subtracts the stream's own quiet mean and divides both by its quiet deviation.
"""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8

if TYPE_CHECKING:
    from csi_schemas.signature import FeatureKind, Signature

BINS = 16
"""Bins per antenna of the amplitude feature."""
FEWEST_LIVE = 4
"""An antenna with fewer live sub-carriers says nothing about shape and is left out."""
LIVE_SHARE = 0.05
"""A sub-carrier is live when its mean amplitude exceeds this share of the antenna's median over non-zero ones."""

Int32 = NDArray[np.int32]


class Kind(NamedTuple):
    """One entry of the registry."""

    version: int
    """Raised whenever the same frame would give another vector; signatures of another version no longer fit."""
    unavailable: str | None = None
    """Why no stream has this feature, if none has."""


KINDS: dict[FeatureKind, Kind] = {
    "amplitude_l2_per_subcarrier": Kind(version=1),
    "lag": Kind(version=1, unavailable="not built yet"),
    "vec128": Kind(version=1, unavailable="csiflow has no encoder of this kind"),
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
            live = np.flatnonzero(row > LIVE_SHARE * np.median(heard))
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


def why_not_applicable(signature: Signature, width: int | None) -> str | None:
    """Return why ``signature`` cannot be scored on a stream of this feature width, ``None`` when it can.

    Args:
        signature: A valid signature.
        width: Width of the stream's amplitude feature; ``None`` when it has none.
    """
    kind = KINDS[signature.feature_kind]
    if kind.unavailable is not None:
        return f"feature kind {signature.feature_kind}: {kind.unavailable}"
    if signature.feature_version != kind.version:
        return f"feature version {signature.feature_version}; this stream's {signature.feature_kind} is {kind.version}"
    if width is None:
        return f"the stream has no antenna with {FEWEST_LIVE} live sub-carriers"
    if len(signature.vectors[0]) != width:
        return f"width {len(signature.vectors[0])}; this stream's vectors have {width}"
    return None


@kernel
def bins_of_amplitude(amplitude: Float32, live: Int32, edges: Int32, bins: int, out: Float32) -> bool:
    """Write the feature vector of one frame.

    Args:
        amplitude: (antennas x sub-carriers) antenna-major.
        live: See ``Layout``.
        edges: See ``Layout``.
        bins: See ``Layout``.
        out: (width) receives the vector; every antenna's live amplitudes have root mean square 1 before binning.

    Returns:
        False, with ``out`` untouched, when an antenna heard nothing at all.
    """
    width = edges.size - 1
    for first in range(0, width, bins):
        energy = 0.0
        for i in range(edges[first], edges[first + bins]):
            value = amplitude[live[i]]
            energy += value * value
        if energy <= 0.0:
            return False
    for first in range(0, width, bins):
        energy = 0.0
        for i in range(edges[first], edges[first + bins]):
            value = amplitude[live[i]]
            energy += value * value
        gain = sqrt((edges[first + bins] - edges[first]) / energy)
        for w in range(first, first + bins):
            total = 0.0
            for i in range(edges[w], edges[w + 1]):
                total += amplitude[live[i]]
            out[w] = np.float32(total * gain / (edges[w + 1] - edges[w]))
    return True


@kernel
def amplitude_of_iq(iq: Int8, out: Float32) -> None:
    """Write the amplitude of each sub-carrier, from interleaved int8 I, Q, to ``out``."""
    for k in range(out.size):
        i, q = np.float32(iq[2 * k]), np.float32(iq[2 * k + 1])
        out[k] = np.sqrt(i * i + q * q)
