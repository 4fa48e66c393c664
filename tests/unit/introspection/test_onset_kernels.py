"""The onset detector's evidence, tail fit and caution beside naive twins and closed forms."""

from __future__ import annotations

from itertools import combinations
from math import log, sqrt

import numpy as np
import pytest
from csi_introspection.arrays import Float64
from csi_introspection.onset import new_onset
from csi_introspection.onset_caution import APART_S, BRIEF_S, MOST, STEP, count_false_starts
from csi_introspection.onset_evidence import LEAST, RING, weigh_return, weigh_scale
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


def naive_smooth(x: Float64) -> float:
    """Energy that neighbours share, less the rest of it, per pair of neighbours."""
    shared = float((x[:-1] * x[1:]).sum())
    return (shared - (float((x[:-1] ** 2).sum()) - shared)) / (x.size - 1)


def as_log(energy: float) -> float:
    """As evidence is given."""
    return log(max(energy, LEAST))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(2, 40), st.sampled_from([0.0, 3.0]))
def test_evidence_of_two_frames_is_the_least_smooth_energy(seed: int, groups: int, bend: float) -> None:
    """Of the newest two frames from the baseline; of a lone dimension there is none."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(60, groups))
    rows[-2:] += bend * np.cos(np.linspace(0, 2, groups))
    medians = rng.normal(size=(60, groups))
    base = medians[60 - 3 - 16 : 60 - 3].mean(0)
    for width in (groups, 1):
        sums = np.zeros((2, RING, width))
        for i in range(61):
            sums[0, i % RING], sums[1, i % RING] = rows[:i, :width].sum(0), medians[:i, :width].sum(0)
        blocks = np.zeros((4, width), np.float32)
        _, _, pair = weigh_scale(sums, blocks, np.ones(width), 60, 1, 0.7, np.empty(3))
        least = min(naive_smooth(rows[-1] - base), naive_smooth(rows[-2] - base)) if width > 1 else 0.0
        assert pair == pytest.approx(as_log(least / 0.7), abs=2e-3)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40), st.sampled_from([0.0, 0.3, 3.0]))
def test_evidence_after_a_silence_asks_for_displacement_and_for_difference(
    seed: int, groups: int, apart: float
) -> None:
    """The least smooth energy of both frames from the place of rest, and of half the square of their difference."""
    rng = np.random.default_rng(seed)
    rest, inverse = rng.normal(size=groups), rng.uniform(0.5, 2.0, groups)
    wave = np.cos(np.linspace(0, 2, groups))
    newest = (rest + 3.0 * wave + 0.1 * rng.normal(size=groups)).astype(np.float32)
    before = (newest + apart * wave[::-1]).astype(np.float32)
    found = weigh_return(newest, before, rest, inverse, 0.7)
    if groups == 1:
        assert found == log(LEAST)
        return
    parts = [naive_smooth((x - rest) * inverse) for x in (newest, before)]
    parts.append(naive_smooth((newest.astype(float) - before) * inverse) / 2)
    assert found == pytest.approx(as_log(min(parts) / 0.7), abs=5e-3)
    assert weigh_return(newest, before, rest, inverse, 0.0) == log(LEAST)


def stir(lasts_s: float, excess: float, still_s: float, caution: float = 0.0) -> float:
    """Caution after a motion and a rest, at 10 frames/s and a wanted rate so low that nothing leaks."""
    state = new_onset(16, 1e-9).state
    state["caution"], state["moving"] = caution, 1
    for _ in range(round(10 * lasts_s) + 1):
        count_false_starts(state[0], excess, 0.1)
    state["moving"] = 0
    for _ in range(round(10 * still_s)):
        count_false_starts(state[0], -1.0, 0.1)
    return float(state["caution"][0])


def test_only_what_is_brief_weak_and_alone_is_a_false_start() -> None:
    """It adds a step, up to the most; what lasts, is strong or goes on after a short rest adds nothing."""
    assert stir(1.0, 1.0, APART_S + 1) == pytest.approx(STEP, abs=1e-6)
    assert stir(1.0, 1.0, APART_S + 1, MOST - 0.5) == pytest.approx(MOST, abs=1e-6)
    assert stir(1.0, 1.0, APART_S - 1) == 0.0
    assert stir(BRIEF_S + 1, 1.0, APART_S + 1) == 0.0
    assert stir(1.0, MOST + 0.1, APART_S + 1) == 0.0


def test_what_is_as_frequent_as_wanted_raises_nothing_for_long() -> None:
    """In the time in which one false start is wanted its step has leaked away."""
    state = new_onset(16, 2.0).state
    state["caution"] = STEP
    for _ in range(1800):
        count_false_starts(state[0], -1.0, 0.5)
    assert state["caution"][0] == pytest.approx(STEP / 2, abs=1e-6)
    for _ in range(1900):
        count_false_starts(state[0], -1.0, 0.5)
    assert state["caution"][0] == 0.0


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
