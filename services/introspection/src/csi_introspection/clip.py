"""Consecutive frames of one stream, and their features as signatures hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.changes import (
    LAG_WIDTH,
    LAGS,
    SMOOTH,
    VEC_WIDTH,
    advance_changes,
    count_block,
    describe_changes,
    finish_block,
    new_changes,
)
from csi_introspection.features import (
    BINS,
    FEWEST_LIVE,
    KINDS,
    ROW_RATE_HZ,
    Layout,
    bins_of_amplitude,
    frames_a_row,
    learn_layout,
    suits_changes,
)

if TYPE_CHECKING:
    from csi_schemas.signature import FeatureKind


class CaptureError(ValueError):
    """Nothing can be captured from these frames; the message says why, with the figures, and what to do."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Consecutive frames of one stream."""

    amplitude: Float32
    """(T, antennas x sub-carriers), antenna-major."""
    t_ns: Int64
    """(T) receive times, rising."""
    n_antennas: int


def displaced_rows(kind: FeatureKind, clip: Clip, begin_ns: int) -> tuple[Float64, float]:
    """Return a clip's feature vectors as signatures hold them, against the quiet before ``begin_ns``.

    The one place where frames become features outside of the per-frame path.

    Returns:
        (R, D) at equal intervals from the clip's first frame, and rows a second.

    Raises:
        CaptureError: the stream does not have this kind, or the clip nothing to encode.
    """
    layout = learn_layout(clip.amplitude.mean(axis=0, dtype=np.float64), clip.n_antennas)
    if layout is None:
        raise CaptureError(
            f"no antenna of this stream has {FEWEST_LIVE} live sub-carriers: its frames are empty; name another stream"
        )
    rows, rate_hz = _even_rows(clip, layout)
    quiet_rows = quiet_row_count(clip, begin_ns, rate_hz)
    if not KINDS[kind].of_changes:
        return rows - rows[:quiet_rows].mean(axis=0), rate_hz
    stride = frames_a_row(rate_hz)
    if not suits_changes(rate_hz / stride):
        raise CaptureError(
            f"{kind} is made of changes over rows of {1000 / ROW_RATE_HZ:.0f} ms, and this stream's {rate_hz:.1f} "
            f"frames/s give rows of {1000 * stride / rate_hz:.0f} ms; capture amplitude_l2_per_subcarrier"
        )
    if kind == "vec128" and layout.bins != BINS:
        raise CaptureError(f"vec128 needs {BINS} live sub-carriers an antenna; capture lag")
    return _change_rows(kind, rows.astype(np.float32), quiet_rows, layout.bins, stride), rate_hz


def _even_rows(clip: Clip, layout: Layout) -> tuple[Float64, float]:
    """Amplitude vectors, (T, width), at equal intervals, a silent frame bridged, and their rate in Hz."""
    rows = np.zeros((len(clip.amplitude), layout.width), np.float32)
    values = np.zeros(layout.live.size, np.float32)
    heard = np.array(
        [
            bins_of_amplitude(amplitude, layout.live, layout.edges, layout.bins, values, row)
            for amplitude, row in zip(clip.amplitude, rows, strict=True)
        ]
    )
    seconds = (clip.t_ns - clip.t_ns[0]) / 1e9
    rate_hz = float((len(seconds) - 1) / seconds[-1])
    grid = np.arange(len(seconds)) / rate_hz
    even = [np.interp(grid, seconds[heard], rows[heard, d].astype(np.float64)) for d in range(layout.width)]
    return np.stack(even, axis=1), rate_hz


def _change_rows(kind: FeatureKind, rows: Float32, quiet_rows: int, bins: int, stride: int) -> Float64:
    """Return ``lag`` or ``vec128`` of each frame, (T, D), with the energies of the quiet's frames as the level."""
    if stride > 1:  # as in the per-frame path: the median of three frames
        rows = np.median(np.stack([rows, np.roll(rows, 1, axis=0), np.roll(rows, 2, axis=0)]), axis=0)
        rows[:2] = rows[2]
    state = new_changes(rows.shape[1] // bins, bins, stride)
    warm = min((LAGS[-1] + SMOOTH) * stride, quiet_rows // 2)
    nothing = np.zeros(0, np.float32)
    for number, row in enumerate(rows[:quiet_rows]):
        advance_changes(state, row)
        if number >= warm:
            count_block(state, nothing, nothing)
    finish_block(state, 1.0)
    lag = np.zeros((len(rows), LAG_WIDTH), np.float32)
    vec = np.zeros((len(rows), VEC_WIDTH if kind == "vec128" else 0), np.float32)
    for number, row in enumerate(rows):  # the quiet again: its end stands in for what was before its beginning
        advance_changes(state, row)
        describe_changes(state, lag[number], vec[number])
    return (vec if kind == "vec128" else lag).astype(np.float64)


def quiet_row_count(clip: Clip, begin_ns: int, rate_hz: float) -> int:
    """Rows of a clip that are before ``begin_ns``."""
    return round((begin_ns - int(clip.t_ns[0])) / 1e9 * rate_hz)
