"""How high the evidence for motion must be before it is an onset: the tail of what the stream's own quiet gives.

Peaks over threshold (Pickands 1975, https://doi.org/10.1214/aos/1176343003): the largest value of each block of
frames is kept in a histogram; above its ``PEAKS`` quantile it is taken for a generalised Pareto distribution, fitted
by moments (Hosking and Wallis 1987, https://doi.org/10.1080/00401706.1987.10488243), and the threshold is the value
that is exceeded as often as the wanted rate of false onsets allows. A stream that has shown little quiet borrows from
priors, which weigh as much as ``PRIOR_BLOCKS`` blocks: with no quiet of its own the threshold is the priors' alone.
"""

from __future__ import annotations

from math import log, sqrt

from csi_introspection._compile import kernel
from csi_introspection.arrays import Float64

BLOCK = 16
"""Frames whose largest evidence counts once: one disturbance seldom fills two blocks."""
BINS = 160
"""Bins of a histogram."""
LOWEST, BIN = -3.0, 0.0625
"""Lower edge of the first bin and width of all, in natural logarithms."""
PEAKS = 0.2
"""Share of the blocks that makes up the tail."""
KINDS = 3
"""Kinds of evidence on every scale: channel c is of kind c % KINDS, see ``onset_evidence``."""
PRIORS = ((-0.63, 0.43), (-1.35, 0.37), (-2.62, 0.33))
"""Per kind: floor, and mean excess over it, of a quiet of which nothing is known: lower quartiles over the quiet of
seven sources. ``csiflow bench onset`` prints what leaving each source out gives. See docs/onset.md."""
PRIOR_BLOCKS = 10.0
"""Weight of the prior floor and excess, in blocks and in peaks."""
SHAPE_PEAKS = 50.0
"""Peaks at which the shape is believed by half; with none it is 0, an exponential tail."""
LEAST_SHAPE, GREATEST_SHAPE = -0.1, 0.1
"""Bounds of the shape."""
HIGHEST = 4.0
"""No threshold is higher, before the allowance for few samples: so much energy, fiftyfold, is an onset in any quiet."""
CAPACITY = 4096.0
"""Blocks a histogram holds before all its counts are halved."""

EVIDENCE, THRESHOLD, FLOOR, PRIOR_FLOOR, PRIOR_EXCESS, LEAST_THRESHOLD, PEAK, PENDING = range(8)
"""Columns of a channel: the newest frame's evidence; the value that makes an onset; the value that only ``PEAKS`` of
quiet blocks reach; priors; the least threshold; the running block's largest; and, from ``PENDING`` on, that of the
``DELAY`` blocks before it."""
DELAY = 2
"""Blocks that must follow quietly before a block is learnt from: the first frames of a motion are not quiet."""


@kernel
def learn_block(channel: Float64, tail: Float64) -> None:
    """Move a quiet block's peak into the queue and the oldest of the queue into the histogram.

    Args:
        channel: (PENDING + DELAY), see ``EVIDENCE``.
        tail: (BINS) counts.
    """
    oldest = channel[PENDING + DELAY - 1]
    for i in range(PENDING + DELAY - 1, PENDING, -1):
        channel[i] = channel[i - 1]
    channel[PENDING] = channel[PEAK]
    if oldest < LOWEST:
        return
    tail[min(int((oldest - LOWEST) / BIN), BINS - 1)] += 1.0


@kernel
def forget_pending(channel: Float64) -> None:
    """Drop the queue: what it holds came just before a motion or a gap."""
    for i in range(PEAK, PENDING + DELAY):
        channel[i] = LOWEST - 1.0


@kernel
def fit_threshold(channel: Float64, tail: Float64, exceedance: float, samples: float) -> None:
    """Set a channel's floor and threshold from its histogram.

    Args:
        channel: (PENDING + DELAY), see ``EVIDENCE``.
        tail: (BINS) counts of blocks; halved when they exceed ``CAPACITY``.
        exceedance: Share of quiet blocks that may exceed the threshold.
        samples: Independent observations behind the quiet's level; few of them raise the threshold.
    """
    blocks = 0.0
    for i in range(BINS):
        blocks += tail[i]
    if blocks > CAPACITY:
        for i in range(BINS):
            tail[i] *= 0.5
    floor, first, second, peaks = channel[PRIOR_FLOOR], 0.0, 0.0, 0.0
    if blocks > 0.0:
        lowest = BINS
        while peaks < PEAKS * blocks and lowest > 0:
            lowest -= 1
            peaks += tail[lowest]
        own = LOWEST + lowest * BIN
        for i in range(lowest, BINS):
            excess = (i - lowest + 0.5) * BIN
            first += tail[i] * excess
            second += tail[i] * excess * excess
        floor = (blocks * own + PRIOR_BLOCKS * floor) / (blocks + PRIOR_BLOCKS)
    usual = channel[PRIOR_EXCESS]
    mean = (first + PRIOR_BLOCKS * usual) / (peaks + PRIOR_BLOCKS)
    square = (second + PRIOR_BLOCKS * 2.0 * usual * usual) / (peaks + PRIOR_BLOCKS)
    shape = 0.5 * (1.0 - mean * mean / max(square - mean * mean, 1e-12))
    shape = min(max(shape * peaks / (peaks + SHAPE_PEAKS), LEAST_SHAPE), GREATEST_SHAPE)
    scale = mean * (1.0 - shape)
    rarer = max(PEAKS / exceedance, 2.0)
    height = scale * log(rarer) if abs(shape) < 1e-3 else scale / shape * (rarer**shape - 1.0)
    channel[FLOOR] = floor
    channel[THRESHOLD] = min(max(floor + height, channel[LEAST_THRESHOLD]), HIGHEST) + 1.0 / sqrt(max(samples, 1.0))
