"""Frames prepared one by one against whole windows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from csi_events.bad_frames import ODD, ROUGH, STILL, mend
from csi_events.band_gain import band_parts, level_rows
from csi_events.breathing import GROUPS
from csi_events.history import history_rows
from csi_events.learning import calibrate
from csi_events.levels import change_points
from csi_events.normalise import gain_normalised, group_edges, window_amplitude
from csi_events.offline import Recording
from csi_events.open_window import Layout, OpenWindow
from csi_events.quiet import Quiet
from csi_events.stream import Stream
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events import oracle
from unit.events.signals import channel, quantised, times

HOLD_NS = 15 * 10**9


def learnt(iq: NDArray[np.int8], rate_hz: float) -> Quiet:
    """The calibration of frames."""
    quiet = calibrate(window_amplitude(iq), np.arange(len(iq)) / rate_hz)
    assert quiet is not None
    return quiet


def switching(frames: int, antennas: int, seed: int) -> NDArray[np.int8]:
    """I/Q of a radio with two gain states, at times a silent or a bad frame; somebody walks in the second half."""
    rng = np.random.default_rng(seed)
    h = channel(frames, antennas=antennas, subcarriers=30, moving=np.arange(frames) > frames // 2, seed=seed)
    h[rng.random(frames) < 0.3] *= np.linspace(0.7, 1.3, 30)
    bad = rng.random(frames) < 0.03
    h[bad] = rng.permuted(h[bad], axis=-1)
    iq = quantised(h)
    iq[120:][rng.random(frames - 120) < 0.03] = 0
    return iq


def mended(
    x: NDArray[np.float32], quiet: Quiet, *, scored: bool = False
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Rows without bad frames, and the score each had when it was newest, if that is asked for.

    Bad is what is, gain left out, unlike both its neighbours while they are alike, if neighbouring sub-carriers do not
    share it or those neighbours differ by noise alone. A row is judged when the next has come, by those before it as
    they are by then.
    """
    x, scores = x.copy(), []
    noise = 2.0 * x.shape[1]
    for i in range(len(x)):
        if i >= 2:
            ungained = x[i - 2 : i + 1].astype(float)
            for read, write in zip(*quiet.gain, strict=True):
                ungained -= np.outer(ungained @ read, write)
            before, middle, after = ungained * quiet.inverse_noise
            near = min(np.sum((middle - before) ** 2), np.sum((middle - after) ** 2))
            apart = np.sum((after - before) ** 2)
            odd = middle - (before + after) / 2
            rough = np.sum(odd[1:] * odd[:-1]) <= ROUGH * np.sum(odd**2)
            if near > ODD * max(apart, noise) and (rough or apart <= STILL * noise):
                x[i - 1] = (x[i - 2] + x[i]) / 2
        if scored:
            newest = x[max(0, i - 63) : i + 1]
            scores.append(oracle.change_scores(newest, quiet, len(newest) - 1)[0])
    return x, np.array(scores)


@settings(max_examples=15)
@given(st.integers(1, 3), st.sampled_from([10.0, 50.0, 200.0]), st.integers(2, 40), st.integers(0, 2**32 - 1))
def test_frames_one_by_one_say_what_whole_windows_say(antennas: int, rate_hz: float, size: int, seed: int) -> None:
    """Rows, groups, scores, variance, shifts and profile equal those of the definitions over all frames at once."""
    iq = switching(400, antennas, seed)
    quiet = learnt(iq[:120], rate_hz)
    layout, window = Layout.of(quiet.live), OpenWindow()
    x, usable = gain_normalised(window_amplitude(iq[120:]), quiet.live)
    numbers = np.flatnonzero(usable)
    plain, x = x, oracle.levelled(x, quiet.profile, quiet.live)
    _, scores = mended(x, quiet, scored=True)
    for first in range(0, 280, size):
        for number in range(first, min(first + size, 280)):
            window.add(number, iq[120 + number])
            window.prepare(layout, quiet)
        mine = (numbers >= first) & (numbers < first + size)
        last = int(np.flatnonzero(mine).max(initial=-1)) + 1
        kept = mended(x[:last], quiet)[0][mine[:last]]
        np.testing.assert_allclose(window.x, kept, rtol=1e-5)
        edges = group_edges(quiet.live, GROUPS)
        np.testing.assert_allclose(window.grouped[: mine.sum()], oracle.group_means(plain[mine], edges), rtol=1e-5)
        np.testing.assert_allclose(
            window.scores, scores[mine], atol=1e-3
        )  # roots of small differences, single-precision
        middle = window.score()
        known = scores[mine][~np.isnan(scores[mine])]
        assert (middle is None) == (not len(known))
        assert middle is None or middle == pytest.approx(float(np.median(known)), abs=1e-3)
        if mine.any():
            assert window.variance == pytest.approx(float(x[mine].astype(float).var(axis=0).mean()), rel=1e-4, abs=1e-7)
        y = (kept * quiet.inverse_noise).astype(float)
        assert window.change_points == change_points(y @ y.T, len(y), y.shape[1], np.zeros(len(y) + 1, np.bool_))
        whole = window_amplitude(iq[120 + first : 120 + min(first + size, 280)])
        np.testing.assert_allclose(window.binned, whole.mean(axis=(0, 1), dtype=float), atol=5.1e-4)
        window.rest(history_rows(quiet.widths))


@settings(max_examples=25)
@given(st.integers(1, 3), st.permutations(range(16)), st.integers(0, 1000))
def test_the_order_of_arrival_does_not_matter(antennas: int, order: list[int], seed: int) -> None:
    """Frames of a window in any order leave what the same frames in the order of their times leave."""
    iq, t_ns = switching(400, antennas, seed), times(400, 50)
    streams = [Stream(HOLD_NS) for _ in range(2)]
    for stream in streams:
        stream.calibrate_with(learnt(iq[:120], 50))
    results = []
    for stream, arrived in zip(streams, (list(range(16)), order), strict=True):
        for first in (192, 208):
            numbers = [first + k for k in (arrived if first == 208 else range(16))]
            result = stream.window(window_amplitude(iq[numbers]), iq[numbers], t_ns[numbers])
        results.append((result, stream))
    (a, plain), (b, shuffled) = results
    assert a.score is not None
    assert b.score == pytest.approx(a.score, abs=1e-7)
    assert b.features.change_points == a.features.change_points
    assert b.features.variance == pytest.approx(a.features.variance, rel=1e-6)
    np.testing.assert_array_equal(shuffled.open.x, plain.open.x)
    np.testing.assert_array_equal(shuffled.open.frames, plain.open.frames)
    pairs = [stream.open.antenna_pairs for stream in (plain, shuffled)]
    assert (pairs[0] is None) == (antennas == 1)
    if pairs[0] is not None and pairs[1] is not None:
        np.testing.assert_array_equal(pairs[0], pairs[1])


def test_only_a_bad_frame_is_mended() -> None:
    """A lone odd frame becomes the mean of its neighbours; a step, two odd frames, noise and a body's jerk stay.

    What neighbouring sub-carriers share is a jerk where it leaves the body elsewhere, and a bad frame where it leaves
    nothing.
    """
    rng = np.random.default_rng(4)
    inverse_noise = np.full(30, 50.0, np.float32)
    still = (1.0 + 0.02 * rng.standard_normal((4, 30))).astype(np.float32)
    lone, step, pair, jerk, back = (still.copy() for _ in range(5))
    odd = rng.choice((-0.5, 0.5), 30).astype(np.float32)
    smooth = 0.5 * np.sin(0.2 * np.arange(30, dtype=np.float32))
    lone[1] += odd
    step[1:] += odd
    pair[1:3] += odd
    jerk[1] += smooth
    jerk[2:] += 0.16 * smooth
    back[1] += smooth
    none = np.zeros((0, 30), np.float32)
    for rows in (still, step, pair, jerk):
        before = rows.copy()
        assert not mend(rows, 1, none, none, inverse_noise)
        assert not mend(rows, 2, none, none, inverse_noise)
        np.testing.assert_array_equal(rows, before)
    for rows in (lone, back):
        assert mend(rows, 1, none, none, inverse_noise)
        np.testing.assert_allclose(rows[1], (still[0] + still[2]) / 2, rtol=1e-6)
        np.testing.assert_array_equal(rows[[0, 2, 3]], still[[0, 2, 3]])


def test_a_bad_frame_between_two_gain_states_is_mended() -> None:
    """Neighbours that differ by gain alone are alike; a jump of the gain itself is no bad frame."""
    rng = np.random.default_rng(5)
    inverse_noise = np.full(30, 50.0, np.float32)
    direction = (np.linspace(-1.0, 1.0, 30) / np.linalg.norm(np.linspace(-1.0, 1.0, 30))).astype(np.float32)[None]
    rows = (1.0 + 0.02 * rng.standard_normal((3, 30))).astype(np.float32)
    rows[2] += 3.0 * direction[0]
    bad = rows.copy()
    bad[1] += rng.choice((-0.5, 0.5), 30).astype(np.float32)
    none = np.zeros((0, 30), np.float32)
    assert not mend(bad.copy(), 1, none, none, inverse_noise)
    assert mend(bad, 1, direction, direction, inverse_noise)
    np.testing.assert_allclose(bad[1], (rows[0] + rows[2]) / 2, rtol=1e-6)
    jump = rows.copy()
    jump[[1, 2]] = rows[[2, 1]]
    assert not mend(jump, 1, direction, direction, inverse_noise)
    np.testing.assert_array_equal(jump, rows[[0, 2, 1]])


def test_a_calibration_is_taken_up_between_windows_only() -> None:
    """Frames that wait were prepared with the old one: another is refused until their window is closed."""
    recording = Recording.from_iq(quantised(channel(200)), times(200, 50))
    stream = Stream(HOLD_NS)
    stream.frame(int(recording.t_ns[0]), recording.amplitude[0])
    with pytest.raises(RuntimeError, match="1 frames wait"):
        stream.calibrate_with(recording.calibrate(0, 100))
    stream.close()
    stream.calibrate_with(recording.calibrate(0, 100))
    assert stream.baseline.quiet is not None


def test_without_enough_frames_there_is_no_score() -> None:
    """A first frame has nothing to be compared with."""
    quiet = learnt(quantised(channel(120)), 50.0)
    window = OpenWindow()
    window.add(0, quantised(channel(1))[0])
    window.prepare(Layout.of(quiet.live), quiet)
    assert math.isnan(window.scores[0])
    assert window.score() is None


@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_rows_are_levelled_as_defined(antennas: int, subcarriers: int, frames: int, seed: int) -> None:
    """Each antenna's gain is the fit in which far parts are cut, whichever sub-carriers are live."""
    rng = np.random.default_rng(seed)
    live = rng.random((antennas, subcarriers)) < 0.8
    columns = int(live.sum())
    profile = rng.uniform(0.1, 2, columns).astype(np.float32)
    x = (profile * rng.uniform(0.5, 2, (frames, 1)) * rng.uniform(0.9, 1.1, (frames, columns))).astype(np.float32)
    x[rng.random(x.shape) < 0.05] *= 4
    expected = oracle.levelled(x, profile, live)
    level_rows(x, 0, frames, profile, band_parts(live))
    np.testing.assert_allclose(x, expected, rtol=1e-4)


def test_an_interferer_does_not_move_the_other_subcarriers() -> None:
    """Three of 30 sub-carriers three times as strong halve nothing else: the others stay within 1 % of their quiet.

    Divided by the norm alone they fall by a quarter.
    """
    profile = np.linspace(0.8, 1.2, 30, dtype=np.float32)
    live = np.ones((1, 30), np.bool_)
    frame = profile * np.random.default_rng(1).normal(1.0, 0.01, 30).astype(np.float32)
    frame[10:13] *= 3
    row = (frame / np.sqrt(np.mean(frame**2)))[None]
    others = np.r_[0:10, 13:30]
    assert np.mean(row[0, others] / profile[others]) < 0.8
    level_rows(row, 0, 1, profile, band_parts(live))
    assert np.mean(row[0, others] / profile[others]) == pytest.approx(1.0, abs=0.01)
