r"""Does the phase of I/Q tell motion from quiet better than amplitude does? Measured on labelled recordings.

    cd RECORDINGS; python bench/motion_phase.py F... [--share REGEX ...]

Every kind of column goes through what the windowed path does with amplitudes: gain states left out, noise, Haar pairs
at the same lags, log energy over the quiet's, median of a window. Printed are, for each folder with I/Q, the area under
the curve of motion against quiet windows, and the windows of motion above the 99th percentile of the quiet ones; then
motion by the second with the decision's constants, and with constants chosen without the folder, as
``csiflow eval --leave-one-source-out`` does, but searched for on recordings as they are only. Folders without I/Q keep
their amplitude.

The kinds: amplitude; ``quadrature``, the part of the channel that is turned by 90 degrees from the quiet's mean after
the offset and the slope over the sub-carriers that fit it best were taken from every frame, in units of amplitude (one
antenna is enough); ``line``, the phase unwrapped over the sub-carriers less its least-squares line; ``both``, amplitude
and quadrature as columns side by side; ``antennas``, the quadrature of neighbouring antennas' product, where there are
two or more; and joined scores: ``mean`` and ``larger`` of amplitude's and quadrature's, and of amplitude's and
``antennas``'.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from csi_events.arrival import newest_score
from csi_events.change import lags
from csi_events.learning import gain_states_in_steps, level_in_steps, noise_in_steps
from csi_events.normalise import gain_normalised, window_amplitude
from csi_events.offline import windows
from csi_events.rows import GivenRows, take_out
from csi_events.steps import at_once
from csi_events.stream import MIN_FRAMES
from csi_events.windows import WindowRule
from csiflow.evaluation.calibration import Calibration
from csiflow.evaluation.labels import MOTION, QUIET, Labelling
from csiflow.evaluation.left_out import rows
from csiflow.evaluation.motion_trace import Trace, trace
from csiflow.evaluation.outcome import Chosen
from csiflow.evaluation.recording import LabelledRecording, load
from csiflow.output import console
from labelled_runs import parser, runs
from numpy.typing import NDArray
from rich.table import Table
from scipy.stats import mannwhitneyu

Float64 = NDArray[np.float64]
Complex = NDArray[np.complex128]
STEEPEST, STEPS = 12.0, 193
"""Slopes tried, radians from the middle of the band to its edge: up to this, in so many steps."""
JOINED = {
    "mean": ("quadrature", np.add, 0.5),
    "larger": ("quadrature", np.fmax, 1.0),
    "mean, antennas": ("antennas", np.add, 0.5),
    "larger, antennas": ("antennas", np.fmax, 1.0),
}


@dataclass
class Scored:
    """The windows of one recording by kind of column."""

    source: str
    trace: Trace
    truth: NDArray[np.int8]
    """(windows,): 1 motion, 0 quiet, -1 not counted."""
    scores: dict[str, Float64]


def aligned(z: Complex, reference: Complex) -> Complex:
    """``z`` (frames, sub-carriers) turned by the offset and slope that fit ``reference`` best; slopes from a grid."""
    place = np.linspace(-1.0, 1.0, len(reference))
    product = z * np.conj(reference)
    slopes = np.linspace(-STEEPEST, STEEPEST, STEPS)
    size = np.abs(product @ np.exp(-1j * np.outer(place, slopes)))
    best = size.argmax(axis=1).clip(1, STEPS - 2)
    before, here, after = (size[np.arange(len(z)), best + step] for step in (-1, 0, 1))
    bend = np.minimum(before - 2 * here + after, -1e-12)
    slope = slopes[best] + 0.5 * (before - after) / bend * (slopes[1] - slopes[0])
    turned = z * np.exp(-1j * slope[:, None] * place)
    offset = np.angle((turned * np.conj(reference)).sum(axis=1))
    return np.asarray(turned * np.exp(-1j * offset)[:, None])


def antennas_of(iq: NDArray[np.integer], live: NDArray[np.bool_]) -> list[Complex]:
    """Per antenna (frames, live sub-carriers) of root mean square 1."""
    h = iq[..., 0] + 1j * iq[..., 1]
    parts = [h[:, a, live[a]] for a in range(h.shape[1]) if live[a].any()]
    return [z / np.sqrt(np.mean(np.abs(z) ** 2, axis=1, keepdims=True)) for z in parts]


def quadrature(parts: list[Complex], quiet: slice) -> Float64:
    """Part of the aligned channel at right angles to the quiet's mean, all antennas side by side."""
    columns = []
    for z in parts:
        reference = z[0]
        for _ in range(4):
            reference = aligned(z[quiet], reference).mean(axis=0)
        towards = reference / np.maximum(np.abs(reference), 1e-9)
        columns.append((aligned(z, reference) * np.conj(towards)).imag)
    return np.hstack(columns)


def line(parts: list[Complex], _quiet: slice) -> Float64:
    """Unwrapped phase less its least-squares line over the sub-carriers."""
    columns = []
    for z in parts:
        phase = np.unwrap(np.angle(z), axis=1)
        design = np.column_stack([np.ones(z.shape[1]), np.linspace(-1, 1, z.shape[1])])
        columns.append(phase - (design @ np.linalg.lstsq(design, phase.T, rcond=None)[0]).T)
    return np.hstack(columns)


def antenna_quadrature(parts: list[Complex], quiet: slice) -> Float64:
    """Turn between neighbouring antennas from its quiet mean, times the root of the product's size."""
    columns = []
    for z, y in pairwise(parts):
        product = z * np.conj(y)
        product *= np.exp(-1j * np.angle(product[quiet].mean(axis=0)))
        columns.append(product.imag / np.sqrt(np.maximum(np.abs(product), 1e-6)))
    return np.hstack(columns)


KINDS: dict[str, Callable[[list[Complex], slice], Float64]] = {"quadrature": quadrature, "line": line}


def frame_scores(x: Float64, quiet: slice, rate_hz: float) -> Float64:
    """Score the change of columns ``x`` (frames, columns) over their quiet, as the windowed path does."""
    columns = np.ascontiguousarray(x, dtype=np.float32)
    learnt = columns[quiet].copy()
    gain = at_once(gain_states_in_steps(GivenRows(learnt), switches_only=False))
    take_out(learnt, *gain, np.zeros((len(learnt), len(gain.read))))
    noise = at_once(noise_in_steps(GivenRows(learnt))).scale
    widths = np.array(lags(rate_hz, len(learnt)), dtype=np.int64)
    level = at_once(level_in_steps(GivenRows(learnt), noise, widths))
    inverse_noise = (1.0 / noise).astype(np.float32)
    counts = range(1, len(columns) + 1)
    return np.array([newest_score(columns, count, *gain, inverse_noise, widths, level) for count in counts])


def by_kind(labelled: LabelledRecording, calibration: Calibration, cuts: list[tuple[int, int]]) -> dict[str, Float64]:
    """Score every window of a recording with I/Q by each kind of column."""
    assert labelled.recording.iq is not None  # noqa: S101 - the caller's condition, for the type checker
    own = calibration.recording == labelled.name
    taught = labelled if own else load(Path(calibration.recording), calibration.recording, Labelling())
    assert taught.recording.iq is not None  # noqa: S101 - of the same radio
    begin = int(np.searchsorted(taught.seconds, calibration.start_s))
    iq = np.concatenate([taught.recording.iq[begin : begin + calibration.frames], labelled.recording.iq])
    quiet, live = slice(0, calibration.frames), calibration.quiet.live
    amplitude, usable = gain_normalised(window_amplitude(np.ascontiguousarray(iq)), live)
    if not usable.all():
        raise ValueError(f"{labelled.name} has frames with a silent antenna; leave it out")
    parts = antennas_of(iq, live)
    columns = {"amplitude": amplitude.astype(np.float64), **{name: kind(parts, quiet) for name, kind in KINDS.items()}}
    columns["both"] = np.hstack([columns["amplitude"], columns["quadrature"]])
    if len(parts) > 1 and len({part.shape[1] for part in parts}) == 1:
        columns["antennas"] = antenna_quadrature(parts, quiet)
    found = {}
    for name, x in columns.items():
        scores = frame_scores(x, quiet, calibration.quiet.rate_hz)[calibration.frames :]
        found[name] = np.full(len(cuts), np.nan)
        for i, (first, stop) in enumerate(cuts):
            known = scores[first:stop][~np.isnan(scores[first:stop])]
            if len(known) and stop - first >= MIN_FRAMES:
                found[name][i] = np.median(known)
    for name, (other, join, share) in JOINED.items():
        if other in found:
            found[name] = share * join(found["amplitude"], found[other])
    return found


def scored(labelled: LabelledRecording, chosen: Chosen) -> Scored:
    """Score one recording, by amplitude alone where there is no phase."""
    assert chosen.calibration is not None  # noqa: S101 - ``runs`` gives no other
    source = labelled.path.resolve().parent.name
    cuts = [(first, stop) for first, stop, _ in windows(labelled.recording.t_ns, WindowRule())]
    truth = np.full(len(cuts), -1, np.int8)
    for i, (first, stop) in enumerate(cuts):
        part = labelled.truth[first:stop]
        if first >= chosen.counted and ((part == MOTION).all() or (part == QUIET).all()):
            truth[i] = part[0] == MOTION
    scores = by_kind(labelled, chosen.calibration, cuts) if labelled.recording.iq is not None else {}
    kept = trace(labelled, chosen.calibration, chosen.since_s, chosen.counted, source)
    return Scored(source, kept, truth, scores)


def separation(found: list[Scored], name: str) -> str:
    """Area under the curve, %, and the motion above 99 % of the quiet, %, of windows of one folder."""
    moves, rests = (np.concatenate([each.scores[name][each.truth == answer] for each in found]) for answer in (1, 0))
    moves, rests = moves[~np.isnan(moves)], rests[~np.isnan(rests)]
    if not len(moves) or not len(rests):
        return "-"
    area = mannwhitneyu(moves, rests).statistic / len(moves) / len(rests)
    return f"{100 * area:.2f} / {100 * (moves > np.quantile(rests, 0.99)).mean():.0f}"


given = parser(__doc__ or "").parse_args()
recorded = [scored(labelled, chosen) for labelled, chosen in runs(given)]
with_phase = sorted({each.source for each in recorded if each.scores})
names = list(dict.fromkeys(name for each in recorded for name in each.scores))
table = Table("columns", *with_phase, title="windows: area under the curve / motion above 99 % of quiet, %")
for name in names:
    sources = {
        source: [each for each in recorded if each.source == source and name in each.scores] for source in with_phase
    }
    table.add_row(name, *(separation(own, name) if own else "" for own in sources.values()))
console.print(table)
everything = sorted({each.source for each in recorded})
table = Table("columns", *everything, title="seconds: F1 / false %, in sample; left out")
for name in names:
    traces = [
        replace(each.trace, score=each.scores.get(name, each.scores["amplitude"])) if each.scores else each.trace
        for each in recorded
    ]
    cells = []
    for row in rows(sorted(traces, key=lambda each: (each.source, each.begin_ns.tolist()))):
        sides = (row.own.motion.figures(), row.left_out.motion.figures())
        cells.append(
            "; ".join(
                " / ".join("-" if f[k] is None else f"{100 * f[k]:.1f}" for k in ("f1", "false_positive_rate"))
                for f in sides
            )
        )
    table.add_row(name, *cells)
console.print(table)
