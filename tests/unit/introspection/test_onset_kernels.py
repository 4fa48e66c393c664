"""The onset detector's evidence and tail fit beside naive twins and a closed form."""

from __future__ import annotations

from itertools import combinations
from math import log, sqrt

import numpy as np
import pytest
from csi_introspection.arrays import Float64
from csi_introspection.onset_evidence import LEAST, RING, weigh_scale
from csi_introspection.onset_tail import (
    BIN,
    BINS,
    DELAY,
    FLOOR,
    LEAST_THRESHOLD,
    LOWEST,
    PEAK,
    PENDING,
    PRIOR_EXCESS,
    PRIOR_FLOOR,
    THRESHOLD,
    fit_threshold,
    learn_block,
)
from hypothesis import given, settings
from hypothesis import strategies as st


def naive_evidence(rows: Float64, medians: Float64, size: int, level: float) -> list[float]:
    """The definitions in ``onset_evidence``, from whole arrays; no inverse deviations but 1."""
    newest = [rows[len(rows) - (i + 1) * size : len(rows) - i * size].mean(0) for i in range(4)]
    length = min(max(4 * size, 16), len(rows) - 3 * size)
    base = medians[len(rows) - 3 * size - length : len(rows) - 3 * size].mean(0)
    blocks = [(block - base) * sqrt(size) for block in newest]

    def cross(x: Float64, y: Float64) -> float:
        return float((x[:-1] * y[1:] + x[1:] * y[:-1]).sum() / 2) if x.size > 1 else float(x[0] * y[0])

    def inner(x: Float64, y: Float64) -> float:
        plain = float((x[:-1] * y[:-1]).sum()) if x.size > 1 else float(x[0] * y[0])
        return (plain + cross(x, y)) / 2

    unit = 1 / (level * max(blocks[0].size - 1, 1))
    coherent = min(
        inner(x, y) * sqrt(max(min(inner(x, x), inner(y, y)), 0) / max(inner(x, x), inner(y, y)))
        for x, y in combinations(blocks[:3], 2)
    )
    displaced = min(cross(x, x) for x in blocks[:3])
    unsettled = min(cross(x - y, x - y) / 2 for x, y in combinations(blocks, 2))
    return [log(max(value * unit, LEAST)) for value in (coherent, displaced, unsettled)]


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1, 2, 4, 8]), st.integers(1, 12), st.integers(40, 150))
def test_evidence_is_that_of_its_definition(seed: int, size: int, groups: int, frames: int) -> None:
    """From the ring of sums come the numbers that whole arrays give, wherever the ring has wrapped."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(frames, groups)) + rng.choice([0.0, 1.0, 5.0]) * (np.arange(frames) > frames - 20)[:, None]
    medians = rng.normal(size=(frames, groups))
    sums = np.zeros((2, RING, groups))
    for i in range(frames + 1):
        sums[0, i % RING], sums[1, i % RING] = rows[:i].sum(0), medians[:i].sum(0)
    found = np.empty(3)
    weigh_scale(sums, np.zeros((4, groups), np.float32), np.ones(groups), frames, size, 0.7, found)
    np.testing.assert_allclose(found, naive_evidence(rows, medians, size, 0.7), rtol=2e-3, atol=2e-3)


def channel_of(floor: float, excess: float) -> Float64:
    """A channel that has seen nothing."""
    channel = np.full(PENDING + DELAY, LOWEST - 1.0)
    channel[PRIOR_FLOOR], channel[PRIOR_EXCESS], channel[LEAST_THRESHOLD] = floor, excess, 0.0
    return channel


def test_without_quiet_the_threshold_is_the_priors() -> None:
    """An exponential tail of the prior excess above the prior floor, in closed form."""
    channel = channel_of(-0.5, 0.3)
    fit_threshold(channel, np.zeros(BINS), 1e-4, 1e12)
    assert channel[FLOOR] == -0.5
    assert channel[THRESHOLD] == pytest.approx(-0.5 + 0.3 * log(0.2 / 1e-4), abs=1e-5)


@pytest.mark.parametrize("scale", [0.2, 0.4])
def test_an_exponential_tail_is_found_again(scale: float) -> None:
    """2,000 exponential peaks and a prior that agrees: the exact quantile exceeded once in a thousand, within 10 %."""
    channel, tail = channel_of(scale * log(5), scale), np.zeros(BINS)
    for value in np.random.default_rng(1).exponential(scale, 2000 + DELAY):
        channel[PEAK] = value
        learn_block(channel, tail)
    assert tail.sum() == 2000
    fit_threshold(channel, tail, 1e-3, 1e12)
    assert channel[FLOOR] == pytest.approx(scale * log(5), abs=2 * BIN)
    assert channel[THRESHOLD] == pytest.approx(scale * log(1000), rel=0.1)


def test_few_samples_of_the_level_raise_the_threshold() -> None:
    """Four independent frames behind the level add half an e-fold."""
    sure, unsure = channel_of(-0.5, 0.3), channel_of(-0.5, 0.3)
    fit_threshold(sure, np.zeros(BINS), 1e-4, 1e12)
    fit_threshold(unsure, np.zeros(BINS), 1e-4, 4.0)
    assert unsure[THRESHOLD] - sure[THRESHOLD] == pytest.approx(0.5, abs=1e-5)
