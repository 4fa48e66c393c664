"""From frames to a signature: a quiet stretch, a take, and what tells the take from quiet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.signature import DtwParameters, Signature

from csi_introspection.arrays import Float64
from csi_introspection.clip import CaptureError, Clip, displaced_rows, quiet_row_count
from csi_introspection.features import KINDS
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
