"""One stream's introspection: from a frame's samples to regime, exponent, dimension and matches in one call."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from csi_schemas.introspection import NotApplicable
from numpy.typing import NDArray

from csi_introspection import dtw, quiet, regime
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int8, Record
from csi_introspection.attractor import advance_attractor, new_attractor, noise_floor
from csi_introspection.features import (
    BINS,
    Int32,
    Layout,
    amplitude_of_iq,
    amplitudes,
    bins_of_amplitude,
    learn_layout,
    scalar_axis,
    why_not_applicable,
)
from csi_introspection.matcher import Matcher, advance_matcher, forget, new_matcher, rescale

if TYPE_CHECKING:
    from csi_schemas.signature import Signature

TAIL = 64
"""Feature vectors kept."""
LAYOUT_FRAMES = 16
"""Frames from which live sub-carriers are told."""
TOP = 5
"""Signatures reported, best first."""

REGIME, CHANGED, EXPONENT, DIMENSION, CONFIDENCE, CALIBRATING, MATCHES = range(7)
"""Places in the result; ``TOP`` matches of ``(signature, score, above threshold, progress)`` follow."""
MATCH_FIELDS = 4
RESULT_SIZE = MATCHES + 1 + TOP * MATCH_FIELDS

_NO_SAMPLES = np.frombuffer(b"", np.int8)


@kernel
def rounded(value: float) -> float:
    """Round to four decimals: what is published has no more, and a short number is cheap to encode."""
    return float(np.floor(value * 1e4 + 0.5) / 1e4)


@kernel
def report(attractor: Record, calibrated: int, matches: Float64, thresholds: Float64, out: Float64) -> None:
    """Write what a snapshot says to ``out`` (RESULT_SIZE), see ``REGIME``; nan where the data cannot say."""
    out[REGIME] = attractor.regime
    out[CHANGED] = attractor.changed
    out[CALIBRATING] = 1 - calibrated
    exponent, dimension = attractor.invariants[0], attractor.invariants[2]
    if attractor.regime not in (regime.PERIODIC, regime.CHAOTIC):
        exponent, dimension = nan, nan
    confidence = 0.0
    if not np.isnan(exponent) and not np.isnan(dimension):
        confidence = min(attractor.invariants[1], attractor.invariants[3])
    elif not np.isnan(exponent):
        confidence = attractor.invariants[1]
    elif not np.isnan(dimension):
        confidence = attractor.invariants[3]
    out[EXPONENT], out[DIMENSION], out[CONFIDENCE] = rounded(exponent), rounded(dimension), rounded(confidence)
    count = min(TOP, matches.shape[0]) if calibrated == 1 else 0
    out[MATCHES] = count
    for place in range(count):
        best = -1
        for k in range(matches.shape[0]):
            taken = False
            for earlier in range(place):
                taken = taken or out[MATCHES + 1 + earlier * MATCH_FIELDS] == k
            if not taken and (best < 0 or matches[k, dtw.SCORE] > matches[best, dtw.SCORE]):
                best = k
        at = MATCHES + 1 + place * MATCH_FIELDS
        score = matches[best, dtw.SCORE]
        out[at] = best
        out[at + 1] = rounded(score)
        out[at + 2] = 1.0 if score >= thresholds[best] and matches[best, dtw.PROGRESS] > 0.0 else 0.0
        out[at + 3] = rounded(matches[best, dtw.PROGRESS])


@kernel
def advance_frame(
    iq: Int8,
    amplitude: Float32,
    live: Int32,
    edges: Int32,
    bins: int,
    vector: Float32,
    axis: Float64,
    tail: Float32,
    rest_state: NDArray[np.void],
    moments: Float64,
    inverse_scale: Float32,
    attractor_state: NDArray[np.void],
    out: Float64,
    *matcher_arrays: Any,
) -> None:
    """Take one frame into a stream's state: the one kernel that Python calls per frame.

    The matcher's arrays come one by one: a tuple of arrays passed as one argument costs several times as much. All
    three kinds of input go through one entry, as each entry would be compiled with everything it calls.

    Args:
        iq: Interleaved I, Q, antenna-major. Empty: ``amplitude`` holds the frame's amplitudes.
        amplitude: (antennas x sub-carriers).
        live: See ``features.Layout``.
        edges: See ``features.Layout``.
        bins: See ``features.Layout``. 0: ``vector`` holds the frame's features.
        vector: (D) features of the frame, finite.
        axis: (D) weights of the attractor's scalar.
        tail: (2 TAIL, D) every vector twice, TAIL apart, so that the newest TAIL are contiguous.
        rest_state: (1) ``quiet.STATE``.
        moments: (7, D), see ``quiet``.
        inverse_scale: (D), see ``quiet``.
        attractor_state: (1) ``attractor.STATE``.
        out: (RESULT_SIZE) receives the result, see ``report``. A frame in which an antenna heard nothing leaves it,
            and the state, as they were, but for ``CHANGED``.
        matcher_arrays: The fields of a ``Matcher``.
    """
    if iq.size > 0:
        amplitude_of_iq(iq, amplitude)
    if bins > 0 and not bins_of_amplitude(amplitude, live, edges, bins, vector):
        out[CHANGED] = 0.0
        return
    rest, attractor, matcher = rest_state[0], attractor_state[0], Matcher(*matcher_arrays)
    place = attractor.time % TAIL
    newest = place + TAIL
    held = min(attractor.time, TAIL - 1)
    scalar = 0.0
    for d in range(vector.size):
        tail[place, d] = vector[d]
        tail[newest, d] = vector[d]
        scalar += axis[d] * vector[d]
    before, earlier = tail[newest - min(held, 1)], tail[newest - min(held, quiet.LAG)]
    verdict = quiet.advance_quiet(rest, moments, inverse_scale, vector, before, earlier, scalar)
    first = newest
    if verdict != quiet.KEPT:
        attractor.floor = noise_floor(rest.scalar_variance, rest.scalar_mean)
        rescale(matcher, inverse_scale)
    if verdict == quiet.ADOPTED:
        forget(matcher)
        first = newest - held  # what older frames are worth against the new quiet is told by matching them again
    advance_attractor(attractor, scalar)
    if rest.calibrated == 1:
        cost = quiet.quiet_cell_cost(moments, dtw.STEP_WEIGHT)
        for t in range(first, newest + 1):
            advance_matcher(matcher, tail[t], moments[quiet.MEAN], inverse_scale, cost)
    report(attractor, rest.calibrated, matcher.matches, matcher.thresholds, out)


def nothing_known() -> Float64:
    """Return the result of a stream of which nothing is known yet."""
    out = np.zeros(RESULT_SIZE)
    out[REGIME] = regime.UNKNOWN
    out[EXPONENT] = out[DIMENSION] = nan
    out[CALIBRATING] = 1.0
    return out


class VectorStream:
    """State of a stream of feature vectors of one width.

    Args:
        axis: (D) weights that make the attractor's scalar of a vector.
        signatures: Those that fit.
        layout: How amplitudes become vectors; ``None`` when only vectors are given.
        carriers: Antennas x sub-carriers of a frame.
    """

    def __init__(
        self, axis: Float64, signatures: Sequence[Signature], layout: Layout | None = None, carriers: int = 0
    ) -> None:
        width = axis.size
        self.signatures = list(signatures)
        self.result = nothing_known()
        """(RESULT_SIZE), rewritten by each frame."""
        self.tail = np.zeros((2 * TAIL, width), np.float32)
        self.quiet, self.moments, self.inverse_scale = quiet.new_quiet(width)
        self.attractor = new_attractor()
        self.matcher = new_matcher(self.signatures, width)
        self._amplitude = np.zeros(carriers, np.float32)
        self._vector = np.zeros(width, np.float32)
        state = (
            self._vector,
            axis,
            self.tail,
            self.quiet,
            self.moments,
            self.inverse_scale,
            self.attractor,
            self.result,
            *self.matcher,
        )
        unused = np.zeros(0, np.int32)
        live, edges, bins = (unused, unused, 0) if layout is None else layout
        self._of_frame = (self._amplitude, live, edges, bins, *state)
        self._of_vector = (_NO_SAMPLES, self._amplitude, unused, unused, 0, *state)

    def advance_iq(self, iq: Int8) -> None:
        """Take one frame's samples: int8 I, Q interleaved, antenna-major."""
        advance_frame(iq, *self._of_frame)

    def advance_amplitude(self, amplitude: Float32) -> None:
        """Take one frame's amplitudes, antenna-major."""
        self._amplitude[:] = amplitude
        advance_frame(_NO_SAMPLES, *self._of_frame)

    def advance(self, vector: Float32) -> None:
        """Take one feature vector, (D) and finite."""
        self._vector[:] = vector
        advance_frame(*self._of_vector)


class FrameStream:
    """State of a stream of CSI frames of one shape.

    The first ``LAYOUT_FRAMES`` frames tell which sub-carriers are live; the quiet is calibrated on the next block.

    Args:
        n_antennas: Antennas of every frame.
        n_subcarriers: Sub-carriers per antenna, null ones included.
        signatures: The library; those that do not fit are kept in ``not_applicable`` with the reason.
    """

    def __init__(self, n_antennas: int, n_subcarriers: int, signatures: Sequence[Signature]) -> None:
        self.n_antennas = n_antennas
        self.library = list(signatures)
        self.frame_count = 0
        self.stream: VectorStream | None = None
        self.not_applicable: list[NotApplicable] = []
        self._learnt = 0
        self._sum = np.zeros(n_antennas * n_subcarriers)
        self._unknown = nothing_known()

    @property
    def result(self) -> Float64:
        """(RESULT_SIZE) what the newest frame gave, see ``report``."""
        return self._unknown if self.stream is None else self.stream.result

    @property
    def signatures(self) -> list[Signature]:
        """Signatures that fit; a match's number is its place here."""
        return [] if self.stream is None else self.stream.signatures

    def advance(self, iq: Int8) -> None:
        """Take one frame: int8 I, Q interleaved, antenna-major."""
        self.frame_count += 1
        if self.stream is None:
            self._learn(amplitudes(iq))
        else:
            self.stream.advance_iq(iq)

    def advance_amplitude(self, amplitude: Float32) -> None:
        """Take one frame of which only the amplitudes are known, antenna-major."""
        self.frame_count += 1
        if self.stream is None:
            self._learn(amplitude)
        else:
            self.stream.advance_amplitude(amplitude)

    def _learn(self, amplitude: Float32) -> None:
        """Count a frame towards the layout; with the last one, begin."""
        self._sum += amplitude
        self._learnt += 1
        if self._learnt < LAYOUT_FRAMES:
            return
        layout = learn_layout(self._sum / self._learnt, self.n_antennas)
        self._sum[:] = 0.0
        self._learnt = 0
        fits, self.not_applicable = applicable(self.library, None if layout is None else layout.width)
        if layout is None:
            return
        self.stream = VectorStream(scalar_axis(layout), fits, layout, self._sum.size)


def applicable(library: Sequence[Signature], width: int | None) -> tuple[list[Signature], list[NotApplicable]]:
    """Part a library into the signatures that fit vectors of ``width`` and those that do not, with the reason."""
    fits: list[Signature] = []
    others: list[NotApplicable] = []
    for signature in library:
        reason = why_not_applicable(signature, width)
        if reason is None:
            fits.append(signature)
        else:
            others.append(NotApplicable(signature.id, reason))
    return fits, others


def warm_up() -> None:
    """Compile every kernel of the per-frame path, or load it from the cache."""
    stream = FrameStream(1, BINS, [])
    iq = np.frombuffer(bytes(range(2 * BINS)), np.int8)
    for _ in range(LAYOUT_FRAMES + 1):
        stream.advance(iq)
