r"""Fit how sure the windowed path is, judge the fit without each source, and write the constants.

    cd RECORDINGS; python bench/fit_confidence.py F... [--share REGEX ...] [--to confidence.py]

Two logistic regressions of "somebody moves" on the excess over the quiet's level: one on the windows above the
threshold at which motion begins, for what is said while something moves; one on all windows, for what is said while
nothing does. Every source weighs alike, and in it quiet and motion do: the windows above the threshold keep the weight
they have among all. A source is a folder. What is printed as left out was fitted without the source it judges.
"""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import csi_events.confidence
import numpy as np
from csi_events.offline import Judged, run
from csi_schemas.events import MotionStarted
from csiflow.evaluation.labels import MOTION, NEITHER, QUIET
from csiflow.evaluation.left_out import CONFIDENCE_EDGES
from csiflow.evaluation.onsets import EARLY_S
from csiflow.evaluation.recording import LabelledRecording
from csiflow.output import console
from labelled_runs import parser, runs
from numpy.typing import NDArray
from scipy.optimize import minimize

Float64 = NDArray[np.float64]
MODULE = Path(csi_events.confidence.__file__)
RIDGE = 1e-3
SURE = np.arange(0.99, 0.895, -0.01)
"""Highest confidences that are tried, from above."""


class Window(NamedTuple):
    """One window of a recording that could be judged."""

    source: str
    excess: float
    above: bool
    """The excess is more than motion needs to begin."""
    moves: float
    """The truth: 1 or 0; nan where the labels do not agree on it."""
    started: float
    """Whether a MotionStarted on it was right: 1 or 0; nan where there was none."""


def window(labelled: LabelledRecording, judged: Judged) -> Window:
    """Hold one judged window against the labels."""
    truth, t, last = labelled.truth[judged.first : judged.stop], labelled.seconds, judged.stop - 1
    moves = 1.0 if (truth == MOTION).all() else 0.0 if (truth == QUIET).all() else np.nan
    started = np.nan
    if labelled.truth[last] != NEITHER and any(isinstance(event, MotionStarted) for event in judged.events):
        soon = labelled.truth[last : int(np.searchsorted(t, t[last] + EARLY_S, side="right"))]
        started = float((soon == MOTION).any())
    assert judged.result.decided is not None  # noqa: S101 - only such windows are asked for
    assert judged.result.score is not None  # noqa: S101
    excess = judged.result.score - judged.result.decided.level
    return Window(labelled.path.resolve().parent.name, excess, excess > judged.result.decided.begins, moves, started)


def logistic(excess: Float64, moves: Float64, weight: Float64) -> Float64:
    """Return (a, b) of P(moves) = 1 / (1 + exp(-a - b * excess)), by maximum likelihood with a little ridge on b."""

    def loss(ab: Float64) -> tuple[float, Float64]:
        z = ab[0] + ab[1] * excess
        wrong = weight * (1 / (1 + np.exp(-z)) - moves)
        value = float((weight * (np.logaddexp(0, z) - moves * z)).sum() + RIDGE * ab[1] ** 2)
        return value, np.array([wrong.sum(), (wrong * excess).sum() + 2 * RIDGE * ab[1]])

    return np.asarray(minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B").x)


def chance(ab: Float64, excess: Float64) -> Float64:
    """P(moves) of each."""
    return np.asarray(1 / (1 + np.exp(-ab[0] - ab[1] * excess)))


def reliability(said: Float64, right: Float64) -> str:
    """How often MotionStarted was right, by the confidence it was given."""
    cells = []
    for low, high in pairwise(CONFIDENCE_EDGES):
        own = right[(said >= low) & ((said < high) | (high == 1.0))]
        cells.append(f"{low:.2f}-{high:.2f}: {own.sum():.0f} of {len(own)}")
    sure = right[said >= 0.9]
    return f"{', '.join(cells)}; 0.9 and more: {sure.sum():.0f} of {len(sure)} right"


options = parser(__doc__ or "")
options.add_argument("--to", type=Path, default=MODULE, help="the module whose constants are replaced")
given = options.parse_args()
found = [
    window(labelled, judged)
    for labelled, chosen in runs(given)
    if chosen.calibration is not None
    for judged in run(labelled.recording, chosen.calibration.quiet)
    if judged.stop > chosen.counted and judged.result.decided is not None
]
source = np.array([each.source for each in found])
excess, moves, started = (np.array([getattr(w, name) for w in found]) for name in ("excess", "moves", "started"))
above, known = np.array([each.above for each in found]), ~np.isnan(moves)
weight = np.zeros(len(found))
for name in sorted(set(source)):
    for answer in (0.0, 1.0):
        own = (source == name) & (moves == answer)
        weight[own] = 1.0 / (max(own.sum(), 1) * len(set(source)))

fits: dict[str, Float64] = {}
sure = float(SURE[-1])
for title, taken in (("MOVING_LOGIT", known & above), ("QUIET_LOGIT", known)):
    fits[title] = logistic(excess[taken], moves[taken], weight[taken])
    left_out, others = np.zeros(len(found)), []
    for name in sorted(set(source)):
        mine, learnt = source == name, taken & (source != name)
        others.append(logistic(excess[learnt], moves[learnt], weight[learnt]))
        left_out[mine] = chance(others[-1], excess[mine])
    low, high = np.min(others, axis=0), np.max(others, axis=0)
    for letter, value, least, most in zip("ab", fits[title], low, high, strict=True):
        console.print(f"{title} {letter}: {value:.2f}; without a source {least:.2f} to {most:.2f}")
    if title == "QUIET_LOGIT":
        continue
    events = ~np.isnan(started)
    console.print(f"  MotionStarted, in sample: {reliability(chance(fits[title], excess[events]), started[events])}")
    console.print(f"  MotionStarted, left out: {reliability(left_out[events], started[events])}")
    for level in SURE:
        held = taken & (left_out >= level)
        plain = float(moves[held].mean()) if held.any() else 0.0
        alike = float((weight * moves)[held].sum() / max(weight[held].sum(), 1e-12))
        shares = f"{100 * plain:.1f} %, with sources weighing alike {100 * alike:.1f} %"
        console.print(f"  windows held for {level:.2f} or more, left out: {held.sum()}, right {shares}")
        if min(plain, alike) >= level:
            sure = float(level)
            break
text = given.to.read_text()
for title, (a, b) in fits.items():
    text = re.sub(rf"^{title} = \(.*\)$", f"{title} = ({a:.2f}, {b:.2f})", text, flags=re.MULTILINE)
given.to.write_text(re.sub(r"^SURE = .*$", f"SURE = {sure:.2f}", text, flags=re.MULTILINE))
