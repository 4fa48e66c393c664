"""The signatures that fit one stream, and the state of matching them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from csi_introspection import dtw
from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64, Int64

if TYPE_CHECKING:
    from csi_schemas.signature import Signature

FEWEST_SHARE = 0.25
"""Share of a signature that must be matched before its score counts."""
GAINS = (1.0,)
"""Amplitudes at which a motion is tried; each costs another pass of the warping."""


class Matcher(NamedTuple):
    """Arrays of n signatures of at most L rows, D dimensions and band B, tried at G gains.

    A named tuple, because that is the one record of arrays of any size that kernels can take.
    """

    originals: Float32
    """(n, L, D) as in the files: displacement from quiet, feature units."""
    templates: Float32
    """(n, L, D) in units of the stream's quiet deviation."""
    row_energy: Float32
    """(n, L) squared norm of each template row plus ``dtw.STEP_WEIGHT`` times that of its step."""
    integers: Int64
    """(n, 4), see ``dtw.LENGTH``."""
    thresholds: Float64
    """(n) promotion thresholds."""
    gains: Float32
    """(G)."""
    cells: Float32
    """(2, n, G, 2 B + 3, L + 1) accumulated costs of this and the last frame, which is which by ``turn``."""
    turn: Int64
    """(1) frames taken."""
    dots: Float32
    """(n, L) dot products of the last frame with each row."""
    weights: Float32
    """(2 B + 3, L) frames / (frames + rows); offset -B is row 1."""
    vectors: Float32
    """(2, D) this frame and the last, in quiet deviations from the quiet mean; the one before the first is zero."""
    energy: Float32
    """(L + B + 2) energy of the last T frames."""
    work: Float32
    """(3, L) work space."""
    matches: Float64
    """(n, 4) each signature's best match, see ``dtw.SCORE``."""


def new_matcher(signatures: Sequence[Signature], width: int, gains: Sequence[float] = GAINS) -> Matcher:
    """Return the matcher of a stream of which nothing was seen.

    Args:
        signatures: Valid ones, all of this width; may be none.
        width: D.
        gains: See ``GAINS``.
    """
    n = len(signatures)
    rows = max((s.length for s in signatures), default=1)
    band = max((s.dtw.window for s in signatures), default=0)
    originals = np.zeros((n, rows, width), np.float32)
    integers = np.zeros((n, 4), np.int64)
    for k, signature in enumerate(signatures):
        originals[k, : signature.length] = signature.vectors
        fewest = min(signature.length, max(2, ceil(FEWEST_SHARE * signature.length)))
        integers[k] = signature.length, signature.dtw.window, signature.rest, fewest
    row = np.arange(rows)[None]
    frames = row + np.arange(2 * band + 3)[:, None] - band
    return Matcher(
        originals=originals,
        templates=np.zeros_like(originals),
        row_energy=np.zeros((n, rows), np.float32),
        integers=integers,
        thresholds=np.array([s.promotion_threshold for s in signatures], np.float64),
        gains=np.array(gains, np.float32),
        cells=np.full((2, n, len(gains), 2 * band + 3, rows + 1), dtw.UNREACHED),
        turn=np.zeros(1, np.int64),
        dots=np.zeros((n, rows), np.float32),
        weights=(np.maximum(frames, 0) / np.maximum(frames + row + 1, 1)).astype(np.float32),
        vectors=np.zeros((2, width), np.float32),
        energy=np.zeros(rows + band + 2, np.float32),
        work=np.zeros((3, rows), np.float32),
        matches=np.zeros((n, 4)),
    )


@kernel
def rescale(matcher: Matcher, inverse_scale: Float32) -> None:
    """Put the signatures into units of the quiet deviation, whose inverse is ``inverse_scale`` (D)."""
    n, rows, width = matcher.originals.shape
    for k in range(n):
        for j in range(rows):
            own, step = np.float32(0.0), np.float32(0.0)
            for d in range(width):
                value = matcher.originals[k, j, d] * inverse_scale[d]
                before = matcher.templates[k, j - 1, d] if j > 0 else np.float32(0.0)
                matcher.templates[k, j, d] = value
                own += value * value
                step += (value - before) * (value - before)
            matcher.row_energy[k, j] = own + dtw.STEP_WEIGHT * step


@kernel
def forget(matcher: Matcher) -> None:
    """Void every alignment, as after a change of the quiet they were measured against."""
    matcher.cells.fill(dtw.UNREACHED)
    matcher.turn[0] = 0
    matcher.dots.fill(0.0)
    matcher.vectors.fill(0.0)
    matcher.energy.fill(0.0)
    matcher.matches.fill(0.0)


@kernel
def advance_signature(matcher: Matcher, k: int, own: np.float32, quiet_cost: float) -> None:
    """Advance signature ``k`` by the frame in ``matcher.vectors``, whose energy is ``own``, and write its match."""
    rows, band = matcher.integers[k, dtw.LENGTH], matcher.integers[k, dtw.BAND]
    first = matcher.integers[k, dtw.FEWEST_ROWS]
    now = matcher.turn[0] % 2
    last, cells = matcher.cells[1 - now, k], matcher.cells[now, k]
    widest = (matcher.weights.shape[0] - 3) // 2
    weights = matcher.weights[widest - band :]
    cross, cost, evidence = matcher.work[0, :rows], matcher.work[1, :rows], matcher.work[2, :rows]
    dtw.cross_products(matcher.templates[k], matcher.vectors[0], matcher.dots[k], cross)
    evidence.fill(-dtw.UNREACHED)
    for g in range(matcher.gains.size):
        dtw.cell_costs(own, cross, matcher.row_energy[k], matcher.gains[g], cost)
        dtw.advance_cells(last[g], cells[g], cost, band, matcher.energy, weights, first, evidence)
    if matcher.integers[k, dtw.REST] == 1:
        dtw.match_rest(cells[0], band, rows, quiet_cost, matcher.matches[k])
    else:
        dtw.match_motion(cells, matcher.energy, weights, band, matcher.gains, evidence, first, matcher.matches[k])


@kernel
def advance_matcher(
    matcher: Matcher, vector: Float32, mean: Float64, inverse_scale: Float32, quiet_cost: float
) -> None:
    """Take one feature vector and write every signature's match.

    Args:
        matcher: The state.
        vector: (D) the frame's feature vector.
        mean: (D) the quiet's.
        inverse_scale: (D) 1 / quiet deviation.
        quiet_cost: Mean cost of a quiet frame against a row at rest.
    """
    for d in range(vector.size):
        matcher.vectors[1, d] = matcher.vectors[0, d]
        matcher.vectors[0, d] = np.float32((vector[d] - mean[d]) * inverse_scale[d])
    own = dtw.take_energy(matcher.vectors[0], matcher.vectors[1], matcher.energy)
    for k in range(matcher.integers.shape[0]):
        advance_signature(matcher, k, own, quiet_cost)
    matcher.turn[0] += 1
