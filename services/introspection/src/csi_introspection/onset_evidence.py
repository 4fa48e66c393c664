"""Evidence that the newest frames are not what came before them, on one scale.

The newest 4k frames are averaged in four blocks of k; a baseline is averaged over the frames before the newest 3k,
each taken as the median of five so that a bad frame or two leaves no trace. Two products of blocks are used: the
*inner product* of their displacements from the baseline, and the *cross product*, in which every dimension of one
meets its neighbour in the other. A body's effect is alike on neighbouring sub-carriers, so that both give its energy;
receiver noise has no cross product, however strong it grows. In units of the quiet's mean square displacement:

* ``COHERENT``: least agreement of the newest three blocks, that of two being the cosine of their angle times the
  energy of the weaker, by inner products. Asks for one direction over time.
* ``DISPLACED``: least energy of the newest three blocks, by cross products. Needs no common direction: at ten frames
  a second a walk throws each frame elsewhere.
* ``UNSETTLED``: half the least squared distance between two of the four blocks, by cross products. Needs no baseline,
  so it can answer four frames after a gap.

Each is a minimum that one or two bad frames cannot raise. Where frames are slow two may answer, if they look like a
body's: their least **smooth energy**, by which cross product is meant less what is left of the energy without it. It is
negative for noise, however strong, and nearly the energy for what neighbours share. All are natural logarithms.
"""

from __future__ import annotations

from math import log, sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float32, Float64

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
def weigh_scale(
    sums: Float64, blocks: Float32, inverse: Float64, frames: int, size: int, level: float, evidence: Float64
) -> tuple[float, float, float]:
    """Compute the three kinds of evidence on the scale of ``size`` frames a block.

    Args:
        sums: (2, RING, G) cumulative sums of frames and of medians of five; row ``i % RING`` is the sum of the first i.
        blocks: (4, G) scratch.
        inverse: (G) 1 / noise deviation.
        frames: Frames so far, at least ``4 * size``.
        size: k.
        level: Mean squared displacement of the quiet on this scale; 0 while unknown.
        evidence: (3) receives the logarithms; ``log(LEAST)`` where nothing can be said.

    Returns:
        Mean squared displacement of the newest block, noise variances times k, -1 without a baseline; natural log of
        the least energy of the newest three, over the quiet's; that of the least smooth energy of the newest two.
    """
    groups = inverse.size
    length = min(max(BASELINE_BLOCKS * size, BASELINE_FRAMES), frames - 3 * size)
    based = length >= max(size, SHORTEST_BASELINE)
    i0, i1, i2 = frames % RING, (frames - size) % RING, (frames - 2 * size) % RING
    i3, i4 = (frames - 3 * size) % RING, (frames - 4 * size) % RING
    start = (frames - 3 * size - length) % RING
    share, weight, per_block = 1.0 / length, sqrt(float(size)), 1.0 / size
    frame, median = sums[0], sums[1]
    for j in range(groups):
        base, scale = (median[i3, j] - median[start, j]) * share, inverse[j] * weight
        s1, s2, s3 = frame[i1, j], frame[i2, j], frame[i3, j]
        blocks[0, j] = ((frame[i0, j] - s1) * per_block - base) * scale
        blocks[1, j] = ((s1 - s2) * per_block - base) * scale
        blocks[2, j] = ((s2 - s3) * per_block - base) * scale
        blocks[3, j] = ((s3 - frame[i4, j]) * per_block - base) * scale
    aa = bb = cc = ab = ac = bc = 0.0  # inner products
    xaa = xbb = xcc = xdd = xab = xac = xad = xbc = xbd = xcd = 0.0  # cross products
    far = min(1, groups - 1)  # a single dimension is its own neighbour
    for j in range(groups - far):
        a, b, c, d = blocks[0, j], blocks[1, j], blocks[2, j], blocks[3, j]
        p, q, r, t = blocks[0, j + far], blocks[1, j + far], blocks[2, j + far], blocks[3, j + far]
        aa += a * a
        bb += b * b
        cc += c * c
        ab += a * b
        ac += a * c
        bc += b * c
        xaa += a * p
        xbb += b * q
        xcc += c * r
        xdd += d * t
        xab += a * q + b * p
        xac += a * r + c * p
        xad += a * t + d * p
        xbc += b * r + c * q
        xbd += b * t + d * q
        xcd += c * t + d * r
    coherent, displaced, unsettled, strength, pair = LEAST, LEAST, LEAST, LEAST, LEAST
    used = groups - far
    energy = 0.5 * (aa + xaa) / used
    if level > 0.0:
        unit = 1.0 / (used * level)
        near = min(xaa + xbb - xab, xaa + xcc - xac, xaa + xdd - xad)
        unsettled = max(0.5 * min(near, xbb + xcc - xbc, xbb + xdd - xbd, xcc + xdd - xcd) * unit, LEAST)
        if based:
            pair = max(far * min(2.0 * xaa - aa, 2.0 * xbb - bb) * unit, LEAST)  # a lone dimension has no neighbour
            ab, ac, bc = ab + 0.5 * xab, ac + 0.5 * xac, bc + 0.5 * xbc
            aa, bb, cc = aa + xaa, bb + xbb, cc + xcc
            coherent = max(0.5 * min(agreement(ab, aa, bb), agreement(ac, aa, cc), agreement(bc, bb, cc)) * unit, LEAST)
            displaced, strength = max(min(xaa, xbb, xcc) * unit, LEAST), max(0.5 * min(aa, bb, cc) * unit, LEAST)
    evidence[COHERENT], evidence[DISPLACED], evidence[UNSETTLED] = log(coherent), log(displaced), log(unsettled)
    return float(energy) if based else -1.0, log(strength), log(pair)


@kernel
def weigh_return(newest: Float32, before: Float32, rest: Float64, inverse: Float64, level: float) -> float:
    """Compute how far two frames after a silence are from the place of rest before it, and from each other.

    A stream may come back to another place, where nothing moves: then the two are alike. One of them that is bad makes
    them differ, but there alone.

    Args:
        newest: (G) newest frame.
        before: (G) the one before it.
        rest: (G) mean of quiet frames before the silence.
        inverse: (G) 1 / noise deviation.
        level: Mean squared displacement of the quiet; 0 while unknown.

    Returns:
        Natural log of the least smooth energy of their two displacements and of half their difference's square, over
        the quiet's; ``log(LEAST)`` where nothing can be said.
    """
    groups = inverse.size
    if groups < 2 or level <= 0.0:
        return log(LEAST)
    aa = bb = dd = xaa = xbb = xdd = 0.0
    a, b = (newest[0] - rest[0]) * inverse[0], (before[0] - rest[0]) * inverse[0]
    for j in range(1, groups):
        p, q = (newest[j] - rest[j]) * inverse[j], (before[j] - rest[j]) * inverse[j]
        aa += a * a
        bb += b * b
        dd += (a - b) * (a - b)
        xaa += a * p
        xbb += b * q
        xdd += (a - b) * (p - q)
        a, b = p, q
    unit = 1.0 / ((groups - 1) * level)
    return log(max(min(2.0 * xaa - aa, 2.0 * xbb - bb, 0.5 * (2.0 * xdd - dd)) * unit, LEAST))
