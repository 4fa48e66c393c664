"""From frames to a signature: a quiet stretch, a take, and what tells the take from quiet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.signature import DtwParameters, Signature

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
from csi_introspection.likeness import resample

if TYPE_CHECKING:
    from csi_schemas.common import Provenance
    from csi_schemas.signature import FeatureKind

ROWS = 64
"""Rows of a captured signature."""
WINDOW = 8
"""Band of a captured signature, rows: an eighth of its length slower or faster."""
FEWEST_FRAMES = 16
"""Frames that a quiet stretch, and a take, must have."""
LONGEST_GAP_SHARE = 0.125
"""Longest silence within a take, as a share of its duration: as long as the band, which can make up for no more."""
DIFFERS = 2.0
"""A take differs from quiet when it departs from it this many times as far as quiet itself does."""
SMOOTHED_S = 0.1
"""Seconds over which the departure is averaged to find where the motion begins."""
_ROUNDING = 1e-4
"""Least quiet deviation, where features are about 1: less is rounding."""


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


@dataclass(frozen=True, slots=True)
class Cut:
    """Where in a clip the take is."""

    quiet_ns: int
    """Time at which the quiet before the take begins."""
    begin_ns: int
    """Time at which the quiet ends and the take begins."""
    duration_s: float
    """Seconds of the signature."""
    reaction_s: float = 0.0
    """The motion may begin this much later: the signature begins where it does."""


@dataclass(frozen=True, slots=True)
class Take:
    """One take, at ``ROWS / duration`` rows a second."""

    kind: FeatureKind
    vectors: Float64
    """(ROWS, D) displacement from the quiet mean, feature units."""
    stream: Float64
    """(R, D) the same of everything in the clip from the quiet to the last frame."""
    quiet_rows: int
    """Rows of ``stream`` that are the quiet's."""
    deviation: Float64
    """(D) the quiet's standard deviation: the unit in which the matcher compares."""
    rate_hz: float
    """Rows a second."""
    departure: float
    """Root mean square of the take's displacement, in quiet deviations: about 1 at rest."""
    quiet_departure: float
    """The same of each half of the quiet against the other: more than 1 when the quiet drifts or is not quiet."""
    late_s: float
    """Seconds from the beginning to the onset of the motion."""

    @property
    def differs(self) -> bool:
        """Whether the take departs clearly from quiet."""
        return self.departure >= DIFFERS * max(1.0, self.quiet_departure)


def why_outdated(signature: Signature) -> str | None:
    """Return why no stream has the feature of this signature; ``None`` when some may."""
    current = KINDS[signature.feature_kind].version
    if signature.feature_version != current:
        return (
            f"feature version {signature.feature_version} of {signature.feature_kind}; this csiflow makes {current}: "
            "capture it again"
        )
    return None


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


def cut_take(clip: Clip, cut: Cut, kind: FeatureKind) -> Take:
    """Turn a clip into a take.

    Raises:
        CaptureError: too few frames, a gap, or a kind that this stream does not have.
    """
    _check_frames(clip, cut)
    inside = clip.t_ns >= cut.quiet_ns
    clip = Clip(clip.amplitude[inside], clip.t_ns[inside], clip.n_antennas)
    displaced, row_hz = displaced_rows(kind, clip, cut.begin_ns)
    quiet_rows = quiet_row_count(clip, cut.begin_ns, row_hz)
    wanted = max(2, round(cut.duration_s * row_hz))
    quiet = displaced[:quiet_rows]
    _, deviation = _statistics(quiet)
    if KINDS[kind].of_changes:  # the matcher has one unit for the whole vector
        deviation = np.full_like(deviation, np.sqrt((quiet**2).mean()))
    departures = ((displaced / deviation) ** 2).mean(axis=1)
    start = quiet_rows + _late_rows(departures, quiet_rows, row_hz, cut.reaction_s)
    start = min(start, max(quiet_rows, len(displaced) - wanted))
    taken = displaced[start : start + wanted]
    rate_hz = ROWS / cut.duration_s
    return Take(
        kind=kind,
        vectors=resample(taken, ROWS),
        stream=resample(displaced, max(2, round(len(displaced) / row_hz * rate_hz))),
        quiet_rows=round(quiet_rows / row_hz * rate_hz),
        deviation=deviation,
        rate_hz=rate_hz,
        departure=float(np.sqrt(departures[start : start + wanted].mean())),
        quiet_departure=_own_departure(quiet),
        late_s=(start - quiet_rows) / row_hz,
    )


def _check_frames(clip: Clip, cut: Cut) -> None:
    end_ns = cut.begin_ns + int(cut.duration_s * 1e9)
    quiet = int(((clip.t_ns >= cut.quiet_ns) & (clip.t_ns < cut.begin_ns)).sum())
    take = clip.t_ns[(clip.t_ns >= cut.begin_ns) & (clip.t_ns <= end_ns)]
    for frames, what, option in ((quiet, "quiet before the take", "--countdown"), (len(take), "take", "--duration")):
        if frames < FEWEST_FRAMES:
            raise CaptureError(
                f"the {what} has {frames} frames; a signature needs at least {FEWEST_FRAMES}: "
                f"make {option} longer, or have the node send more often"
            )
    gap_s = float(np.diff(np.concatenate([[cut.begin_ns], take, [end_ns]])).max()) / 1e9
    longest = max(LONGEST_GAP_SHARE * cut.duration_s, 3 * cut.duration_s / len(take))
    if gap_s > longest:
        raise CaptureError(
            f"no frame for {gap_s:.2f} s within the take of {cut.duration_s:g} s (at most {longest:.2f} s): frames "
            "were lost or the recording ends; take it again, or begin elsewhere"
        )


def _statistics(rows: Float64) -> tuple[Float64, Float64]:
    """Mean and standard deviation of each dimension, (D) each."""
    mean: Float64 = rows.mean(axis=0)
    deviation: Float64 = np.maximum(rows.std(axis=0), _ROUNDING)
    return mean, deviation


def _own_departure(quiet: Float64) -> float:
    """Root mean square displacement of each half of the quiet from the other, in its deviations."""
    halves = quiet[: len(quiet) // 2], quiet[len(quiet) // 2 :]
    squares = []
    for known, judged in (halves, halves[::-1]):
        mean, deviation = _statistics(known)
        squares.append((((judged - mean) / deviation) ** 2).mean())
    return float(np.sqrt(np.mean(squares)))


def _late_rows(departures: Float64, quiet_rows: int, row_hz: float, reaction_s: float) -> int:
    """Rows after the quiet at which the departure leaves all that the quiet showed; 0 when it does not in time."""
    width = max(3, round(SMOOTHED_S * row_hz))
    smooth = np.convolve(departures, np.ones(width) / width)[: len(departures)]  # the mean of the newest rows
    bar = DIFFERS**2 * max(1.0, float(smooth[width - 1 : quiet_rows].max(initial=0.0)))
    last = quiet_rows + round(reaction_s * row_hz)
    left = np.flatnonzero(smooth[quiet_rows : last + 1] > bar)
    return max(0, int(left[0]) - width) if left.size and reaction_s > 0 else 0


def make_signature(
    take: Take,
    *,
    identity: str,
    label: str,
    captured_at: str,
    provenance: Provenance,
    threshold: float,
    rest: bool,
) -> Signature:
    """Make the signature of a take; numbers have five decimals, which is far below any quiet deviation."""
    vectors: list[list[float]] = (np.round(take.vectors, 5) + 0.0).tolist()
    return Signature(
        id=identity,
        label=label,
        captured_at=captured_at,
        feature_kind=take.kind,
        length=ROWS,
        dtw=DtwParameters(window=WINDOW),
        vectors=vectors,
        promotion_threshold=threshold,
        provenance=provenance,
        feature_version=KINDS[take.kind].version,
        rate_hz=take.rate_hz,
        rest=rest,
    )
