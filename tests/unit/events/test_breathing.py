"""Breathing is answered when it is there, and only then."""

from __future__ import annotations

import numpy as np
import pytest
from csi_events.breathing import (
    GROUPS,
    MAX_PAIRS,
    Breathing,
    BreathingEstimate,
    antenna_products,
    product_columns,
    product_count,
)
from csi_events.breathing.confidence import of_line, of_ridge, of_slow_line
from csi_events.breathing.decision import likeness
from csi_events.normalise import gain_normalised, group_edges, window_amplitude
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from unit.events.oracle import group_means
from unit.events.signals import channel, quantised, times

LIVE = np.ones((1, 64), dtype=bool)


def products_of(iq: NDArray[np.integer], live: NDArray[np.bool_]) -> NDArray[np.complex64]:
    """Products of frames (frames, antennas, sub-carriers, 2), one after another."""
    shared = product_columns(live)
    products = np.zeros((len(iq), product_count(iq.shape[1], shared)), np.complex64)
    for frame, row in zip(iq, products, strict=True):
        antenna_products(np.ascontiguousarray(frame), shared, row)
    return products


def settled(breathing: Breathing, now_ns: int) -> BreathingEstimate | None:
    """A window in which nobody moved, and all there is to do after it."""
    estimate = breathing.settle(now_ns)
    while breathing.step():
        pass
    return estimate


def attempts(iq: NDArray[np.int8], t_ns: NDArray[np.int64]) -> list[BreathingEstimate]:
    """Feed windows of 16 frames as a stream does, attempt when due."""
    live = np.ones(iq.shape[1:3], dtype=bool)
    breathing, found = Breathing(), []
    for first in range(0, len(t_ns) - 15, 16):
        window = slice(first, first + 16)
        if iq.shape[1] > 1:
            rows: NDArray[np.inexact] = products_of(iq[window], live)
        else:
            rows = group_means(gain_normalised(window_amplitude(iq[window]), live)[0], group_edges(live, GROUPS))
        breathing.add(t_ns[window], rows)
        estimate = settled(breathing, int(t_ns[first + 15]))
        if estimate is not None:
            found.append(estimate)
    return found


def test_a_first_quiet_moment_after_long_motion_is_refused() -> None:
    """What is left of half a minute in which somebody moved may be a single bin: too little to say, and no error."""
    iq, t_ns = quantised(channel(3000, rate_hz=50.0)), times(3000, 50.0)
    rows = group_means(gain_normalised(window_amplitude(iq), LIVE)[0], group_edges(LIVE, GROUPS))
    breathing, found = Breathing(), []
    for first in range(0, 2992, 16):
        window = slice(first, first + 16)
        breathing.add(t_ns[window], rows[window])
        if 1000 <= first < 2800:
            breathing.skip()
        elif first < 2860:
            found.append(settled(breathing, int(t_ns[first + 15])))
    answers = [estimate for estimate in found[-3:] if estimate is not None]
    assert [estimate.reason for estimate in answers] == ["rate too low"]


@given(st.data())
def test_products_are_the_naive_ones(data: st.DataObject) -> None:
    """Every column is the mean over one group of a * conj(b) of one pair, each antenna divided by its own rms."""
    frames, antennas, subcarriers = data.draw(array_shapes(min_dims=3, max_dims=3, max_side=7))
    antennas += 1
    iq = data.draw(arrays(np.int8, (frames, antennas, subcarriers, 2)))
    live = data.draw(arrays(np.bool_, (antennas, subcarriers)))
    shared = live.all(axis=0)
    width = int(shared.sum())
    groups = min(GROUPS, width)
    h = (iq[..., 0] + 1j * iq[..., 1].astype(float))[:, :, shared]
    h = h / (np.sqrt(np.mean(np.abs(h) ** 2, axis=2, keepdims=True)) + 1e-9) if width else h
    pairs = [(a, b) for a in range(antennas) for b in range(a + 1, antennas)][:MAX_PAIRS]
    expected = [
        (h[:, a] * h[:, b].conj())[:, g * width // groups : (g + 1) * width // groups].mean(axis=1)
        for a, b in pairs
        for g in range(groups)
    ]
    products = products_of(iq, live)
    np.testing.assert_allclose(products, np.array(expected).T.reshape(frames, len(pairs) * groups), atol=1e-5)


@pytest.mark.parametrize("silent", [0, 3])
def test_8_bits_are_multiplied_without_an_error(silent: int) -> None:
    """Single precision holds the sums of 8 bits in groups of 512 sub-carriers: the products are those of 16 bits."""
    iq = np.random.default_rng(5).integers(-128, 128, (2, 4, 4096, 2)).astype(np.int8)
    iq[0] = -128
    live = np.ones((4, 4096), np.bool_)
    live[1, :silent] = False
    np.testing.assert_array_equal(products_of(iq, live), products_of(iq.astype(np.int16), live))


def test_clocks_do_not_matter() -> None:
    """A phase common to all antennas, new in every frame, and a gain per frame and antenna leave products alone."""
    rng = np.random.default_rng(0)
    h = channel(50, antennas=3, noise=0) / 4
    disturbed = h * np.exp(1j * rng.uniform(0, 6, (50, 1, 1))) * rng.uniform(1, 3, (50, 3, 1))
    live = np.ones(h.shape[1:], dtype=bool)

    def int16(values: NDArray[np.complex128]) -> NDArray[np.int16]:
        return np.rint(np.stack((values.real, values.imag), axis=-1) * 100).astype(np.int16)

    np.testing.assert_allclose(products_of(int16(disturbed), live), products_of(int16(h), live), atol=2e-3)


@pytest.mark.parametrize("antennas", [1, 3])
@pytest.mark.parametrize("bpm", [8.0, 15.0, 27.0])
def test_breathing_is_estimated(antennas: int, bpm: float) -> None:
    """A breathing path is answered in most attempts once half a minute is there, each within 0.2/min."""
    h = channel(60 * 20, antennas=antennas, rate_hz=20, breathing_bpm=bpm, noise=1.0)
    found = attempts(quantised(h), times(60 * 20, 20, jitter=0.8))
    passed = [estimate for estimate in found if estimate.bpm is not None]
    assert len(passed) >= 0.8 * sum(estimate.reason != "warming up" for estimate in found) > 12
    assert all(abs(estimate.bpm - bpm) < 0.2 for estimate in passed if estimate.bpm is not None)
    assert all(estimate.reason == "ok" and estimate.confidence > 0.5 for estimate in passed)
    assert {estimate.reason for estimate in found[:15]} == {"warming up"}


@pytest.mark.parametrize("antennas", [1, 3])
def test_noise_is_not_answered(antennas: int) -> None:
    """A still channel with noise gives no estimate in four minutes, and says why."""
    found = attempts(quantised(channel(240 * 20, antennas=antennas, rate_hz=20)), times(240 * 20, 20, jitter=0.5))
    assert all(estimate.bpm is None and estimate.confidence == 0 for estimate in found)
    assert {estimate.reason for estimate in found} >= {"warming up", "not significant"}


def test_too_slow_a_stream_is_told_so() -> None:
    """At two frames a second 30 breaths/min are out of reach: refused for the rate, not answered."""
    h = channel(120 * 2, rate_hz=2, breathing_bpm=12, noise=0.2)
    found = attempts(quantised(h), times(120 * 2, 2))
    assert found[-1].reason == "rate too low"
    assert all(estimate.bpm is None for estimate in found)


def test_attempts_go_on_after_the_clock_went_back() -> None:
    """An attempt a second; a clock set back an hour does not silence the stream for that hour."""
    iq, t_ns = quantised(channel(40 * 20, rate_hz=20)), times(40 * 20, 20)
    t_ns[400:] -= 3_600_000_000_000
    found = [estimate.t_ns for estimate in attempts(iq, t_ns)]
    assert 16 <= sum(t >= t_ns[0] for t in found) <= 21
    assert 15 <= sum(t < t_ns[0] for t in found) <= 21


@pytest.mark.parametrize("rate_hz", [8, 20, 100])
def test_updates_come_every_second_at_any_rate(rate_hz: int) -> None:
    """Work is spread over the windows, however long they are: never two seconds without an attempt."""
    h = channel(20 * rate_hz, rate_hz=rate_hz, antennas=2)
    found = attempts(quantised(h), times(20 * rate_hz, rate_hz))
    assert np.diff([estimate.t_ns for estimate in found]).max() <= 2.1e9


def test_a_wandering_rate_is_followed() -> None:
    """A person's rate, wandering between 14 and 20 a minute: answered two thirds of the time, near the true rate."""
    t = np.arange(150 * 20) / 20
    bpm = 17 + 3 * np.sin(2 * np.pi * t / 100)
    rng = np.random.default_rng(4)
    swing = 0.6 * np.sin(2 * np.pi * np.cumsum(bpm) / 60 / 20)
    h = channel(len(t), antennas=2, rate_hz=20, noise=2.0)
    h += 5.0 * np.exp(1j * (swing[:, None, None] + rng.uniform(0, 6, (1, 2, 1)) + 0.1 * np.arange(64)))
    t_ns = times(len(t), 20)
    found = [estimate for estimate in attempts(quantised(h), t_ns) if estimate.reason != "warming up"]
    passed = [estimate for estimate in found if estimate.bpm is not None]
    assert len(passed) > len(found) * 2 / 3
    ago = [int((estimate.t_ns - t_ns[0]) * 1e-9 * 20) for estimate in passed]
    truth = [bpm[max(i - 600, 0) : i + 1].mean() for i in ago]
    assert np.median(np.abs(np.array([estimate.bpm for estimate in passed]) - truth)) < 1.0


def test_movement_halves_what_was_seen_and_leaves_its_frames_out() -> None:
    """Seconds of movement bring the evidence down, and the bins they filled are not looked at."""
    h = channel(60 * 20, antennas=3, rate_hz=20, breathing_bpm=15, noise=0.5)
    iq, t_ns = quantised(h), times(60 * 20, 20)
    live = np.ones(iq.shape[1:3], dtype=bool)
    breathing = Breathing()
    for first in range(0, len(t_ns), 20):
        breathing.add(t_ns[first : first + 20], products_of(iq[first : first + 20], live))
        settled(breathing, int(t_ns[first + 19]))
    before, bins = breathing.decision.ridge.log_odds, breathing.swings.bins
    assert before > 5
    later = t_ns[:20] + (t_ns[-1] - t_ns[0])
    breathing.add(later, products_of(iq[:20], live))
    breathing.skip()
    assert 0.4 * before < breathing.decision.ridge.log_odds < 0.6 * before
    assert breathing.swings.bins <= bins + 1


def test_an_attempt_does_not_wait_for_a_window_that_ends_a_little_early() -> None:
    """Windows of 0.95 and 1.05 s in turn: one attempt each, as every one ends within a quarter second of its time."""
    h = channel(30 * 20, rate_hz=20, antennas=2)
    rows, t_ns = products_of(quantised(h), np.ones(h.shape[1:], dtype=bool)), times(30 * 20, 20)
    breathing, first = Breathing(), 0
    for window in range(29):
        stop = first + (19, 21)[window % 2]
        breathing.add(t_ns[first:stop], rows[first:stop])
        estimate = settled(breathing, int(t_ns[stop - 1]))
        assert (estimate is None) == (window == 0)
        first = stop


@pytest.mark.parametrize("bpm", [4.0, 5.5])
def test_slow_breathing_is_answered(bpm: float) -> None:
    """Under 6.5 a minute, seen by several antennas: answered from three quarters of a minute on, within 0.3."""
    h = channel(75 * 20, antennas=3, rate_hz=20, breathing_bpm=bpm, noise=4.0)
    found = attempts(quantised(h), times(75 * 20, 20, jitter=0.8))
    told = [estimate.bpm for estimate in found if estimate.t_ns - found[0].t_ns > 45e9]
    assert len(told) > 10
    assert all(rate is not None and abs(rate - bpm) < 0.3 for rate in told)


def test_a_line_out_of_step_counts_for_less() -> None:
    """What a slow line's power counts for grows with its coherence and its weakest third, and is 1 at 0.97 and 1."""
    assert likeness(0.97, 1.0) == pytest.approx(1.0)
    assert 0 == likeness(0.9, 0.0) < likeness(0.2, 0.5) < likeness(0.9, 0.5) < likeness(0.99, 0.5) < likeness(0.99, 0.8)
    assert likeness(1.0 + 1e-12, 1.0) == pytest.approx(2.5**1.35)


def test_confidence_grows_with_the_evidence() -> None:
    """A higher or steadier line, or a ridge of better odds, is surer; all lie between 0 and 1."""
    lines = [of_line(*each) for each in ((15, 0.8, 0.4), (30, 0.8, 0.4), (30, 0.9, 0.8), (210, 0.99, 0.9))]
    slow = ((15, 0.9, 0.4, 15), (30, 0.9, 0.6, 30), (60, 0.97, 0.8, 60), (300, 0.99, 0.9, 300))
    ridges = [of_ridge(*each) for each in ((2, 0.2), (5, 0.5), (6, 0.8), (8, 0.9))]
    for sure in (lines, [of_slow_line(*each) for each in slow], ridges):
        for chance in zip(*sure, strict=True):
            assert 0 < chance[0] < chance[1] < chance[2] <= chance[3] < 1
    assert of_ridge(10, 0.2).rate < 0.5 < of_ridge(6, 0.7).rate < of_ridge(6, 0.7).somebody
    assert of_slow_line(22, 0.95, 0.7, 22).rate < 0.7 < of_line(30, 0.95, 0.8).rate


def played(h: NDArray[np.complex128], t_ns: NDArray[np.int64], jump_at: int, jump_s: float) -> list[BreathingEstimate]:
    """Attempts of a stream whose clock jumps at a frame, as the service tells it."""
    iq = quantised(h)
    t_ns = np.where(np.arange(len(t_ns)) >= jump_at, t_ns + int(jump_s * 1e9), t_ns)
    live = np.ones(iq.shape[1:3], dtype=bool)
    breathing, found = Breathing(), []
    for first in range(0, len(t_ns) - 19, 20):
        if first == jump_at:
            breathing.jump(jump_s)
        breathing.add(t_ns[first : first + 20], products_of(iq[first : first + 20], live))
        estimate = settled(breathing, int(t_ns[first + 19]))
        if estimate is not None and first > jump_at:
            found.append(estimate)
    return found


@pytest.mark.parametrize(("jump_s", "within_s"), [(-5.0, 3.0), (5.0, 24.0), (-3600.0, 31.0), (3600.0, 31.0)])
def test_what_was_heard_outlives_a_jump_of_the_clock(jump_s: float, within_s: float) -> None:
    """Set back by seconds, the clock hides nothing; of a short silence the ridge knows more than of a long one."""
    h = channel(90 * 20, antennas=3, rate_hz=20, breathing_bpm=15, noise=1.0)
    found = played(h, times(90 * 20, 20), 1000, jump_s)
    told = [estimate for estimate in found if estimate.bpm is not None]
    assert told[0].t_ns - found[0].t_ns < within_s * 1e9
    assert all(abs(estimate.bpm - 15.0) < 0.5 for estimate in told if estimate.bpm is not None)


@pytest.mark.parametrize("second", [0.5, 1.0])
@pytest.mark.parametrize("bpm", [3.5, 4.0, 5.0, 8.0, 12.0])
def test_a_harmonic_is_not_answered(bpm: float, second: float) -> None:
    """Strong, clean breathing with a second harmonic up to as strong as it: its own rate is answered, or none."""
    t = np.arange(100 * 20) / 20
    phase = 2 * np.pi * bpm / 60 * t
    swing = 3.0 * (np.sin(phase) + second * np.sin(2 * phase + 1.0))
    h = channel(len(t), antennas=3, rate_hz=20, noise=1.0)
    h = h + swing[:, None, None] * np.exp(1j * (np.arange(3)[:, None] + 0.1 * np.arange(64)))
    found = [estimate.bpm for estimate in attempts(quantised(h), times(len(t), 20)) if estimate.bpm is not None]
    wrong = [rate for rate in found if abs(rate - bpm) > 1.0]
    assert len(wrong) <= 2
    assert len(found) > 25
