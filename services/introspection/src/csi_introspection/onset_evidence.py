"""Evidence that the newest frames are not what came before them, on one scale.

The newest 4k frames are averaged in four blocks of k; a baseline is averaged over the frames before the newest 3k,
each taken as the median of five so that a bad frame or two leaves no trace. From the Gram matrix of the blocks'
displacements from the baseline, in units of the quiet's mean square displacement:

* ``COHERENT``: least agreement of the newest three blocks, that of two being the cosine of their angle times the
  energy of the weaker. Noise has none, whatever its strength; a change that lasts gives all of its energy to it.
* ``DISPLACED``: least energy of the newest three blocks. Needs no common direction: at ten frames a second a walk
  throws each frame elsewhere.
* ``UNSETTLED``: half the least squared distance between two of the four blocks. Needs no baseline, so it can answer
  four frames after a gap.

Each is a minimum that one or two bad frames cannot raise. All are given as natural logarithms.
"""

from __future__ import annotations

from math import log, sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64

SCALES = (1, 2, 4, 8)
"""Frames per block, one entry a scale."""
COHERENT, DISPLACED, UNSETTLED = range(3)
"""Kinds of evidence; channel ``3 * scale + kind``."""
RING = 64
"""Rows of a ring of cumulative sums; at least 3 of the longest blocks and its baseline, plus 1."""
SHORTEST_BASELINE = 4
"""Frames of a baseline before evidence may rest on it."""
BASELINE_BLOCKS, BASELINE_FRAMES = 4, 16
"""A full baseline: this many blocks, at least this many frames."""
LEAST = 0.05
"""Evidence below this share of the quiet's level is reported as this share."""


@kernel
def agreement(product: float, first: float, second: float) -> float:
    """Cosine times the weaker energy, of two vectors with this inner product and these energies."""
    weaker, stronger = min(first, second), max(first, second)
    return float(product * sqrt(weaker / stronger)) if weaker > 0.0 else 0.0


@kernel
def weigh_scale(sums: Float64, inverse: Float64, frames: int, size: int, level: float, evidence: Float64) -> float:
    """Compute the three kinds of evidence on the scale of ``size`` frames a block.

    Args:
        sums: (2, RING, D) cumulative sums of frames and of medians of five; row ``i % RING`` is the sum of the first i.
        inverse: (D) 1 / noise deviation.
        frames: Frames so far, at least ``4 * size``.
        size: k.
        level: Mean squared displacement of the quiet on this scale; 0 while unknown.
        evidence: (3) receives the logarithms; ``log(LEAST)`` where nothing can be said.

    Returns:
        Mean squared displacement of the newest block, noise variances times k; -1 without a baseline.
    """
    width = inverse.size
    length = min(max(BASELINE_BLOCKS * size, BASELINE_FRAMES), frames - 3 * size)
    based = length >= max(size, SHORTEST_BASELINE)
    i0, i1, i2 = frames % RING, (frames - size) % RING, (frames - 2 * size) % RING
    i3, i4 = (frames - 3 * size) % RING, (frames - 4 * size) % RING
    start = (frames - 3 * size - length) % RING
    share, weight, per_block = 1.0 / length, sqrt(float(size)), 1.0 / size
    aa, bb, cc, dd, ab, ac, ad, bc, bd, cd = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    frame, median = sums[0], sums[1]
    for j in range(width):
        baseline = (median[i3, j] - median[start, j]) * share
        scale = inverse[j] * weight
        s1, s2, s3 = frame[i1, j], frame[i2, j], frame[i3, j]
        a = ((frame[i0, j] - s1) * per_block - baseline) * scale
        b = ((s1 - s2) * per_block - baseline) * scale
        c = ((s2 - s3) * per_block - baseline) * scale
        d = ((s3 - frame[i4, j]) * per_block - baseline) * scale
        aa += a * a
        bb += b * b
        cc += c * c
        dd += d * d
        ab += a * b
        ac += a * c
        ad += a * d
        bc += b * c
        bd += b * d
        cd += c * d
    coherent, displaced, unsettled = LEAST, LEAST, LEAST
    if level > 0.0:
        unit = 1.0 / (width * level)
        nearest = min(aa + bb - 2 * ab, aa + cc - 2 * ac, aa + dd - 2 * ad)
        nearest = min(nearest, bb + cc - 2 * bc, bb + dd - 2 * bd, cc + dd - 2 * cd)
        unsettled = max(0.5 * nearest * unit, LEAST)
        if based:
            coherent = max(min(agreement(ab, aa, bb), agreement(ac, aa, cc), agreement(bc, bb, cc)) * unit, LEAST)
            displaced = max(min(aa, bb, cc) * unit, LEAST)
    evidence[COHERENT], evidence[DISPLACED], evidence[UNSETTLED] = log(coherent), log(displaced), log(unsettled)
    return float(aa / width) if based else -1.0
