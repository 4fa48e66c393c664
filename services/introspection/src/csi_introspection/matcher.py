"""The signatures that fit one stream, and the state of matching them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_introspection import dtw
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64
from csi_introspection.simd import LANES
from csi_introspection.states import CONFIRMED

if TYPE_CHECKING:
    from csi_introspection.templates import Template

KINDS = 3
"""Feature kinds a frame has, see ``templates.Columns``."""

FIRST_OF_CHANGES = 1
"""Number of the first kind whose rows are of changes."""
LENGTH, BAND, REST, FIRST, WIDTH, KIND, LABEL, GAINS = range(8)
"""Columns of a signature's integers: rows, band, 1 if it is a room at rest, first
column and width of its feature in the stream's vectors, number of its kind and of its label, gains to try."""


class Matcher(NamedTuple):
    """Arrays of n signatures of at most L rows, C columns and band B, tried at up to G gains, with S frames a row.

    P is L filled up to whole ``simd.LANES``.

    Frames S apart make a row sequence, so S sequences interleave, each with its own alignments; a frame advances one of
    them. A named tuple, because that is the one record of arrays of any size that kernels can take.
    """

    originals: Float32
    """(n, L, C) as in the files: displacement from quiet, feature units."""
    templates: Float32
    """(n, L, C) in units of the stream's quiet deviation."""
    row_energy: Float32
    """(n, L) squared norm of each template row plus ``dtw.STEP_WEIGHT`` times that of its step."""
    integers: Int64
    """(n, 8), see ``LENGTH``."""
    thresholds: Float64
    """(n) promotion thresholds."""
    gains: Float32
    """(n, G)."""
    cells: Float32
    """(S, 2, n, G, 2 B + 3, P + 1) accumulated costs of this and the last row, which is which by ``turns``."""
    turns: Int64
    """(S + 1) rows taken of each sequence; last, frames taken."""
    dots: Float32
    """(S, n, L) dot products of the last row with each template row."""
    weights: Float32
    """(2 B + 3, P) frames / (frames + rows); offset -B is row 1."""
    vectors: Float32
    """(S, 2, columns) this row and the last, in quiet deviations from the quiet mean; the one before the first is 0."""
    energy: Float32
    """(S, KINDS, L + B + 2) energy of the last T rows."""
    reach: Float32
    """(P + 2 B + 2) the same of the newest row's kind, and what was completed before, see ``dtw.advance_cells``."""
    completed: Float32
    """(S, KINDS, L + B + 1) see ``dtw.add_completed``."""
    since: Int64
    """(S, KINDS) rows since anything was completed; at L + B + 1 nothing in ``completed`` matters any more."""
    work: Float32
    """(3, P) work space, see ``dtw.CROSS``."""
    matches: Float64
    """(n, 8) each signature's best match, see ``dtw.SCORE``."""
    running: Float64
    """(n) most advantage in the running second."""
    tails: Float64
    """(n, 7) see ``tail.THRESHOLD``; the limits are those of restless seconds too."""
    confirmed: Int64
    """(KINDS) 1 when a match was confirmed in the running second."""
    states: Int64
    """(n, 2) see ``states.STATE``."""


def new_matcher(templates: Sequence[Template], columns: int, stride: int = 1) -> Matcher:
    """Return the matcher of a stream of which nothing was seen.

    Args:
        templates: Signatures as this stream wants them; may be none.
        columns: Numbers in the stream's vectors, all kinds together.
        stride: Frames a row, S.
    """
    n = len(templates)
    rows = max((len(t.rows) for t in templates), default=1)
    band = max((t.band for t in templates), default=0)
    width = max((t.rows.shape[1] for t in templates), default=1)
    most_gains = max((len(t.gains) for t in templates), default=1)
    originals = np.zeros((n, rows, width), np.float32)
    integers = np.zeros((n, 8), np.int64)
    gains = np.ones((n, most_gains), np.float32)
    labels = sorted({t.label for t in templates})
    for k, template in enumerate(templates):
        length, own = template.rows.shape
        originals[k, :length, :own] = template.rows
        gains[k, : len(template.gains)] = template.gains
        integers[k] = (
            length,
            template.band,
            template.rest,
            template.first,
            own,
            template.kind,
            labels.index(template.label),
            len(template.gains),
        )
    padded = -(-rows // LANES) * LANES
    row = np.arange(padded)[None]
    frames = row + np.arange(2 * band + 3)[:, None] - band
    return Matcher(
        originals=originals,
        templates=np.zeros_like(originals),
        row_energy=np.zeros((n, rows), np.float32),
        integers=integers,
        thresholds=np.array([t.threshold for t in templates], np.float64),
        gains=gains,
        cells=np.full((stride, 2, n, most_gains, 2 * band + 3, padded + 1), dtw.UNREACHED),
        turns=np.zeros(stride + 1, np.int64),
        dots=np.zeros((stride, n, rows), np.float32),
        weights=(np.maximum(frames, 0) / np.maximum(frames + row + 1, 1)).astype(np.float32),
        vectors=np.zeros((stride, 2, columns), np.float32),
        energy=np.zeros((stride, KINDS, rows + band + 2), np.float32),
        reach=np.zeros(padded + 2 * band + 2, np.float32),
        completed=np.zeros((stride, KINDS, rows + band + 1), np.float32),
        since=np.full((stride, KINDS), rows + band + 1, np.int64),
        work=np.zeros((3, padded), np.float32),
        matches=np.zeros((n, 8)),
        running=np.full(n, -np.inf),
        tails=np.array(n * [4 * [0.0] + 3 * [np.inf]]).reshape(n, 7),
        confirmed=np.zeros(KINDS, np.int64),
        states=np.zeros((n, 2), np.int64),
    )


@kernel
def rescale(matcher: Matcher, unit: Float32) -> Float64:
    """Put the signatures into units of the quiet deviation, whose inverse is ``unit`` (columns).

    Returns:
        (n) how many times as much the evidence of each is now, by which ``seconds.rescale`` puts what is known of it
        into the new units.
    """
    n, rows, _ = matcher.originals.shape
    grown = np.ones(n)
    for k in range(n):
        first, width = matcher.integers[k, FIRST], matcher.integers[k, WIDTH]
        before_all, after_all = 0.0, 0.0
        for j in range(rows):
            before_all += matcher.row_energy[k, j]
            own, step = np.float32(0.0), np.float32(0.0)
            for d in range(width):
                value = matcher.originals[k, j, d] * unit[first + d]
                before = matcher.templates[k, j - 1, d] if j > 0 else np.float32(0.0)
                matcher.templates[k, j, d] = value
                own += value * value
                step += (value - before) * (value - before)
            matcher.row_energy[k, j] = own + dtw.STEP_WEIGHT * step
            after_all += matcher.row_energy[k, j]
        if before_all > 0.0:
            grown[k] = after_all / before_all
    return grown


@kernel
def forget(matcher: Matcher) -> None:
    """Void every alignment, as after a gap or a change of the quiet they were measured against."""
    matcher.cells.fill(dtw.UNREACHED)
    matcher.turns.fill(0)
    matcher.dots.fill(0.0)
    matcher.vectors.fill(0.0)
    matcher.energy.fill(0.0)
    matcher.matches.fill(0.0)
    matcher.states.fill(0)
    matcher.running.fill(-np.inf)
    matcher.confirmed.fill(0)
    matcher.completed.fill(0.0)
    matcher.since.fill(matcher.completed.shape[2])


@kernel
def open_afresh(matcher: Matcher, keep: int, first_kind: int) -> None:
    """Void the alignments, of kinds from ``first_kind`` on, that began more than ``keep`` rows ago: that is over."""
    widest = (matcher.cells.shape[4] - 3) // 2
    rows = matcher.cells.shape[5] - 1
    for k in range(matcher.integers.shape[0]):
        if matcher.integers[k, REST] == 1 or matcher.integers[k, KIND] < first_kind:
            continue
        band = matcher.integers[k, BAND]
        for r in range(2 * widest + 3):
            first = max(0, keep + 1 - (r - band))  # cell j of this offset has matched j + r - band rows of the stream
            for s in range(matcher.cells.shape[0]):
                for turn in range(2):
                    for g in range(matcher.cells.shape[3]):
                        for j in range(first, rows):
                            matcher.cells[s, turn, k, g, r, j + 1] = dtw.UNREACHED


@kernel
def advance_kind(
    matcher: Matcher,
    kind: int,
    phase: int,
    vector: Float32,
    own: np.float32,
    energy: Float32,
    completed: int,
    quiet_cost: float,
) -> np.float32:
    """Advance the signatures of a kind by a row and write their matches; returns what the row completed.

    One call for all of them, and arrays by their own names: handing over the matcher, or naming a part of an array,
    costs about as much as a cell's share of the work does.

    Args:
        matcher: The state.
        kind: Number of the kind.
        phase: The row's sequence.
        vector: (W) the row.
        own: Its energy.
        energy: (L + B + 2) of the last T rows; ``matcher.reach`` holds the same, and what was completed before.
        completed: 1 if anything was completed lately.
        quiet_cost: See ``advance_matcher``.
    """
    integers, gains, cells, weights = matcher.integers, matcher.gains, matcher.cells, matcher.weights
    templates, row_energy, dots = matcher.templates, matcher.row_energy, matcher.dots[phase]
    reach, work, matches, states = matcher.reach, matcher.work, matcher.matches, matcher.states
    evidence = work[dtw.EVIDENCES]
    gain = np.float32(0.0)
    n, offsets = cells.shape[2], cells.shape[4]
    of_signature = cells.shape[3] * offsets
    turn = matcher.turns[phase] % 2
    for k in range(n):
        if integers[k, KIND] != kind:
            continue
        rows, band, tried = integers[k, LENGTH], integers[k, BAND], integers[k, GAINS]
        now = ((2 * phase + turn) * n + k) * of_signature
        last = ((2 * phase + 1 - turn) * n + k) * of_signature
        dtw.cross_products(templates, k, vector, rows, dots, work)
        evidence.fill(-dtw.UNREACHED)
        for g in range(tried):
            dtw.cell_costs(own, row_energy, k, gains[k, g], rows, work)
            dtw.advance_cells(cells, last + g * offsets, now + g * offsets, rows, band, reach, weights, work)
        if integers[k, REST] == 1:
            dtw.match_rest(cells, now, band, rows, quiet_cost, matches, k)
        else:
            # what of a whole that has been completed is left matters only while it is reported
            past = 2 * completed if states[k, 0] == CONFIRMED else completed
            dtw.match_motion(cells, now, tried, energy, reach, weights, band, rows, work, past, matches, k)
            gain = max(gain, np.float32(matches[k, dtw.WHOLE_ADVANTAGE]))
    return gain


@kernel
def advance_matcher(
    matcher: Matcher, vector: Float32, mean: Float64, unit: Float32, ends: Int64, quiet_cost: float
) -> None:
    """Take one frame's feature row and write every signature's match.

    Args:
        matcher: The state.
        vector: (columns) the newest row, all kinds side by side.
        mean: (columns) the quiet's.
        unit: (columns) 1 / quiet deviation.
        ends: (KINDS + 1) where each kind's columns begin, and where the last ends.
        quiet_cost: Mean cost of a quiet row against a row at rest.
    """
    stride = matcher.vectors.shape[0]
    phase = matcher.turns[stride] % stride
    matcher.turns[stride] += 1
    now = matcher.turns[phase] % 2
    row, before = matcher.vectors[phase, now], matcher.vectors[phase, 1 - now]
    for d in range(ends[KINDS]):
        row[d] = np.float32((vector[d] - mean[d]) * unit[d])
    for kind in range(KINDS):
        first, last = ends[kind], ends[kind + 1]
        if first == last:
            continue
        part, energy = row[first:last], matcher.energy[phase, kind]
        front = (matcher.weights.shape[0] - 3) // 2
        own = dtw.take_energy(part, before[first:last], energy, matcher.reach, front)
        past = 1 if matcher.since[phase, kind] < matcher.completed.shape[2] else 0
        if past == 1:
            dtw.add_completed(matcher.completed[phase, kind], matcher.reach, front)
        gain = advance_kind(matcher, kind, phase, part, own, energy, past, quiet_cost)
        # what begins after this row may go on from the signature that it completes best
        if gain > 0.0:
            matcher.since[phase, kind] = 0
        if matcher.since[phase, kind] < matcher.completed.shape[2]:
            dtw.push_completed(matcher.completed[phase, kind], gain)
            matcher.since[phase, kind] += 1
    matcher.turns[phase] += 1
