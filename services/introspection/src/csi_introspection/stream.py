"""One stream's introspection: from a frame's samples to regime, onset, exponent, dimension and matches in one call."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan
from typing import TYPE_CHECKING, Any

import numpy as np
from csi_schemas.introspection import NotApplicable
from numba import float64, typeof

from csi_introspection import quiet, regime
from csi_introspection.arrays import Float32, Float64, Int8
from csi_introspection.attractor import new_attractor
from csi_introspection.bundle import bundle
from csi_introspection.changes import new_changes
from csi_introspection.features import (
    BINS,
    KINDS,
    Layout,
    Shape,
    amplitudes,
    learn_layout,
    scalar_axis,
    shape_of,
    why_not_applicable,
)
from csi_introspection.frame import (
    CALIBRATING,
    CLOCK_SIZE,
    DIMENSION,
    EXPONENT,
    INTERVAL_S,
    MATCHES,
    REGIME,
    RESULT_SIZE,
    TAIL,
    advance_frame,
)
from csi_introspection.matcher import Matcher, new_matcher, rescale
from csi_introspection.onset import new_onset
from csi_introspection.past import keep, new_past
from csi_introspection.seconds import set_limits
from csi_introspection.templates import KIND_NUMBER, Columns, template

if TYPE_CHECKING:
    from csi_schemas.signature import FeatureKind, Signature

LAYOUT_FRAMES = 16
"""Frames from which live sub-carriers and the frame rate are told."""
USUAL_RATE_HZ = 30.0
"""Frame rate of a stream whose frames carry no times."""

_INT8 = np.dtype(np.int8)
_NO_SAMPLES = np.frombuffer(b"", _INT8)
_NO_LAYOUT = Layout(np.zeros(0, np.int32), np.zeros(1, np.int32), 0)


def nothing_known() -> Float64:
    """Return the result of a stream of which nothing is known yet."""
    out = np.zeros(RESULT_SIZE)
    out[REGIME] = regime.UNKNOWN
    out[EXPONENT] = out[DIMENSION] = nan
    out[CALIBRATING] = 1.0
    return out


class VectorStream:
    """State of a stream of vectors of one width.

    Args:
        axis: (W) weights that make the attractor's scalar of a vector.
        signatures: Those that fit.
        layout: How amplitudes become vectors; by default frames are vectors already, and have the amplitude kind only.
        carriers: Antennas x sub-carriers of a frame; W for plain vectors.
        frame_rate_hz: Frames per second.
        every_kind: Compute the features of every kind, wanted by a signature or not.
    """

    def __init__(
        self,
        axis: Float64,
        signatures: Sequence[Signature],
        layout: Layout | None = None,
        *,
        carriers: int | None = None,
        frame_rate_hz: float = USUAL_RATE_HZ,
        every_kind: bool = False,
    ) -> None:
        width = axis.size
        self.shape = shape = (
            Shape(Columns(width), frame_rate_hz, frame_rate_hz) if layout is None else shape_of(layout, frame_rate_hz)
        )
        columns, stride = shape.columns, round(frame_rate_hz / shape.row_rate_hz)
        self.signatures: list[Signature] = []
        self.result = nothing_known()
        """(RESULT_SIZE), rewritten by each frame, see ``frame``."""
        self.quiet, self.moments, self.inverse_scale = quiet.new_quiet(width)
        self.attractor = new_attractor()
        self.onset = new_onset(width if layout is None else layout.live.size)
        self.clock = np.zeros(CLOCK_SIZE)
        self.clock[INTERVAL_S] = 1.0 / frame_rate_hz
        self.changes = new_changes(1 if layout is None else width // layout.bins, layout.bins if layout else 1, stride)
        self.row = np.zeros(columns.total, np.float32)
        """(columns) the newest feature row, all kinds side by side, in feature units."""
        self.mean = np.zeros(columns.total)
        self.unit = np.ones(columns.total, np.float32)
        self.vector = np.zeros(width, np.float32)
        self._every_kind = every_kind
        self._layout = _NO_LAYOUT if layout is None else layout
        self._axis = axis
        self._stride = stride
        self._latest = np.zeros((2, width), np.float32)
        self._tail = np.zeros((TAIL, width), np.float32)
        self._values = np.zeros(width if layout is None else layout.live.size, np.float32)
        self._amplitude = np.zeros(width if carriers is None else carriers, np.float32)
        self.matcher = self._match(signatures)

    def _match(self, signatures: Sequence[Signature]) -> Matcher:
        """Make the matcher of ``signatures`` and bundle it with the rest of the state."""
        self.signatures = list(signatures)
        shape = self.shape
        templates = [template(s, shape.columns, shape.row_rate_hz, shape.frame_rate_hz) for s in signatures]
        of_changes = self._every_kind or any(KINDS[s.feature_kind].of_changes for s in signatures)
        self._columns = shape.columns if of_changes else Columns(shape.columns.amplitude)
        matcher = new_matcher(templates, shape.columns.total, self._stride)
        self.past = new_past(templates, shape.row_rate_hz)
        rescale(matcher, self.unit)
        self._state = bundle(
            self._layout,
            self._values,
            self.vector,
            self._latest,
            self._axis,
            self._tail,
            self.quiet,
            self.moments,
            self.inverse_scale,
            self.attractor,
            self.onset,
            self.clock,
            self.changes,
            self.row,
            self.mean,
            self.unit,
            self._columns.ends(),
            matcher,
            self.past,
            self._amplitude,
            self.result,
        )
        # a call through the dispatcher tells the types of its arguments anew, which takes 0.6 us
        dispatcher: Any = advance_frame
        self._advance = dispatcher.compile((typeof(self._state), typeof(_NO_SAMPLES), float64))
        return matcher

    def replace_signatures(self, signatures: Sequence[Signature]) -> None:
        """Match these from the next frame on; what the quiet looks like to those that stay is kept."""
        known = {old.id: k for k, old in enumerate(self.signatures)}
        before, tails, others = self.past, self.matcher.tails, self.signatures
        self.matcher = self._match(signatures)
        for k, signature in enumerate(signatures):
            old = known.get(signature.id)
            if old is not None and others[old] == signature:
                self.matcher.tails[k] = tails[old]
                keep(self.past, k, before, old)
                # another number of signatures, another share of the false matches
                set_limits(self.matcher, self.past, k)

    def displacement(self, kind: FeatureKind) -> Float64 | None:
        """Return the newest row's features of one kind as signatures hold them; ``None`` while they are not known.

        Features of changes are known only where a signature or ``every_kind`` asks for them.
        """
        width = self._columns[KIND_NUMBER[kind]]
        if width == 0 or self.quiet[0]["calibrated"] == 0:
            return None
        first = int(self.shape.columns.ends()[KIND_NUMBER[kind]])
        part = slice(first, first + width)
        displaced: Float64 = self.row[part].astype(np.float64) - self.mean[part]
        return displaced

    def advance_iq(self, iq: Int8, dt_s: float) -> None:
        """Take one frame's samples: int8 I, Q interleaved, antenna-major, ``dt_s`` seconds after the last.

        Raises:
            TypeError: They are not int8, or not contiguous.
        """
        if iq.dtype != _INT8 or not iq.flags.c_contiguous:
            raise TypeError(f"samples must be contiguous int8; these are {iq.dtype}, strides {iq.strides}")
        self._advance(self._state, iq, dt_s)

    def advance_amplitude(self, amplitude: Float32, dt_s: float) -> None:
        """Take one frame's amplitudes, antenna-major, or a plain vector, (W) and finite."""
        self._amplitude[:] = amplitude
        self._advance(self._state, _NO_SAMPLES, dt_s)

    def advance(self, vector: Float32) -> None:
        """Take one plain vector, one usual interval after the last."""
        self.advance_amplitude(vector, 1.0 / self.shape.frame_rate_hz)


class FrameStream:
    """State of a stream of CSI frames of one shape.

    The first ``LAYOUT_FRAMES`` frames tell which sub-carriers are live and how fast frames come; the next block
    calibrates the quiet.

    Args:
        n_antennas: Antennas of every frame.
        n_subcarriers: Sub-carriers per antenna, null ones included.
        signatures: The library; those that do not fit are kept in ``not_applicable`` with the reason.
        every_kind: See ``VectorStream``.
    """

    def __init__(
        self, n_antennas: int, n_subcarriers: int, signatures: Sequence[Signature], *, every_kind: bool = False
    ) -> None:
        self.n_antennas = n_antennas
        self._every_kind = every_kind
        self.library = list(signatures)
        self.frame_count = 0
        self.stream: VectorStream | None = None
        self.not_applicable: list[NotApplicable] = []
        self._times: list[int] = []
        self._last_ns = 0
        self._sum = np.zeros(n_antennas * n_subcarriers)
        self.result = nothing_known()
        """(RESULT_SIZE) what the newest frame gave, see ``frame``."""

    @property
    def signatures(self) -> list[Signature]:
        """Signatures that fit; a match's number is its place here."""
        return [] if self.stream is None else self.stream.signatures

    def advance(self, iq: Int8, t_ns: int) -> None:
        """Take one frame: int8 I, Q interleaved, antenna-major, received at ``t_ns``."""
        self.frame_count += 1
        if self.stream is None:
            self._learn(amplitudes(iq), t_ns)
        else:
            self.stream.advance_iq(iq, (t_ns - self._last_ns) * 1e-9)
        self._last_ns = t_ns

    def advance_amplitude(self, amplitude: Float32, t_ns: int) -> None:
        """Take one frame of which only the amplitudes are known, antenna-major, received at ``t_ns``."""
        self.frame_count += 1
        if self.stream is None:
            self._learn(amplitude, t_ns)
        else:
            self.stream.advance_amplitude(amplitude, (t_ns - self._last_ns) * 1e-9)
        self._last_ns = t_ns

    def replace_library(self, signatures: Sequence[Signature]) -> None:
        """Match these signatures from now on; calibration and attractor stay."""
        self.library = list(signatures)
        if self.stream is not None:
            fits, self.not_applicable = applicable(self.library, self.stream.shape)
            self.stream.replace_signatures(fits)
            self.stream.result[MATCHES] = 0.0

    def _learn(self, amplitude: Float32, t_ns: int) -> None:
        """Count a frame towards layout and rate; with the last one, begin."""
        self._sum += amplitude
        self._times.append(t_ns)
        if len(self._times) < LAYOUT_FRAMES:
            return
        layout = learn_layout(self._sum / len(self._times), self.n_antennas)
        rate_hz = frame_rate(self._times)
        self._sum[:] = 0.0
        self._times.clear()
        shape = None
        if layout is not None:
            shape = shape_of(layout, rate_hz)
        fits, self.not_applicable = applicable(self.library, shape)
        if layout is not None:
            axis = scalar_axis(layout)
            self.stream = VectorStream(
                axis, fits, layout, carriers=self._sum.size, frame_rate_hz=rate_hz, every_kind=self._every_kind
            )
            self.result = self.stream.result


def frame_rate(times_ns: Sequence[int]) -> float:
    """Frames per second from receive times, by the mean interval without the two longest; ``USUAL_RATE_HZ`` if none."""
    intervals = np.sort(np.maximum(np.diff(np.array(times_ns, np.int64)), 0))[: max(1, len(times_ns) - 3)]
    mean_ns = float(intervals.mean()) if intervals.size else 0.0
    return 1e9 / mean_ns if mean_ns > 0 else USUAL_RATE_HZ


def applicable(library: Sequence[Signature], shape: Shape | None) -> tuple[list[Signature], list[NotApplicable]]:
    """Part a library into the signatures that fit a stream and those that do not, with the reason."""
    fits: list[Signature] = []
    others: list[NotApplicable] = []
    for signature in library:
        reason = why_not_applicable(signature, shape)
        if reason is None:
            fits.append(signature)
        else:
            others.append(NotApplicable(signature.id, reason))
    return fits, others


def warm_up() -> None:
    """Compile every kernel of the per-frame path, or load it from the cache."""
    stream = FrameStream(1, BINS, [])
    iq = np.frombuffer(bytes(range(2 * BINS)), np.int8)
    for number in range(LAYOUT_FRAMES + 1):
        stream.advance(iq, number * 33_000_000)
