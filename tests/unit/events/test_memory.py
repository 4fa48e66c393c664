"""What a stream holds in memory, and that it holds no less than it needs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from csi_events.arrival import newest_score
from csi_events.features import FAST_COLUMNS, FeatureMemory
from csi_events.history import history_rows, put_before
from csi_events.normalise import gain_normalised, window_amplitude
from csi_events.open_window import FRAMES, Layout, OpenWindow
from csi_events.stream import Stream
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from unit.events.held import array_bytes
from unit.events.signals import channel, quantised, times

HOLD_NS = 15 * 10**9


def most_held(iq: NDArray[np.int8], rate_hz: float) -> tuple[int, int, int]:
    """Most bytes of arrays a stream held: before its first calibration, while it had one, and while it learnt again."""
    stream, t_ns = Stream(HOLD_NS), times(len(iq), rate_hz)
    another, most = Stream(HOLD_NS), [0, 0, 0]
    for number, now_ns in enumerate(t_ns.tolist()):
        completes = number % FRAMES == FRAMES - 1
        stream.frame(now_ns, iq[number].copy(), completes=completes)
        if completes:
            stream.close()
        if number % 4 == 3:
            kind = 0 if stream.baseline.quiet is None else 1 if stream.baseline.stretch is None else 2
            most[kind] = max(most[kind], array_bytes(stream, another))
    return most[0], most[1], most[2]


@pytest.mark.parametrize(
    ("antennas", "subcarriers", "limits"),
    [
        (1, 64, (300_000, 200_000, 320_000)),
        (6, 56, (900_000, 620_000, 1_000_000)),
        (9, 192, (1_340_000, 1_100_000, 1_550_000)),
    ],
)
def test_a_stream_holds_no_more_than_this(antennas: int, subcarriers: int, limits: tuple[int, int, int]) -> None:
    """At 100 frames/s: a first calibration, somebody who sits for twenty seconds, and who then walks for 15."""
    frames = 4_800
    moving = np.arange(frames) >= 3_300
    iq = quantised(channel(frames, antennas=antennas, subcarriers=subcarriers, rate_hz=100.0, moving=moving))
    held = most_held(iq, 100.0)
    assert min(held) > 0
    assert all(most <= limit for most, limit in zip(held, limits, strict=True)), held


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
def test_whole_squares_give_the_rows_of_amplitudes(seed: int, antennas: int) -> None:
    """Of I/Q of 8 bits squares are kept; rows, groups and profile are those of amplitudes, to the last bit."""
    iq = np.random.default_rng(seed).integers(-128, 128, (20, antennas, 30, 2)).astype(np.int8)
    iq[:, :, :3] = 0
    layout = Layout.of((iq != 0).any(axis=(0, 3)))
    squares, amplitudes = OpenWindow(), OpenWindow()
    for number, frame in enumerate(iq):
        squares.add(number, frame)
        squares.prepare(layout, None)
        amplitudes.add(number, frame.astype(np.int16))
        amplitudes.prepare(layout, None)
    assert squares.amplitude.dtype == np.uint16
    assert amplitudes.amplitude.dtype == np.float32
    np.testing.assert_array_equal(np.sqrt(squares.frames, dtype=np.float32), amplitudes.frames)
    np.testing.assert_array_equal(squares.x, amplitudes.x)
    np.testing.assert_array_equal(squares.grouped[:20], amplitudes.grouped[:20])
    assert squares.binned == amplitudes.binned


def test_frames_of_both_widths_share_a_window() -> None:
    """A frame of 16 bits among frames of 8 makes the window keep amplitudes, also of those that it had."""
    iq = np.random.default_rng(2).integers(-128, 128, (6, 2, 30, 2))
    window, layout = OpenWindow(), Layout.of(np.ones((2, 30), np.bool_))
    for number, frame in enumerate(iq):
        window.add(number, frame.astype(np.int16 if number == 3 else np.int8))
        window.prepare(layout, None)
    amplitude = window_amplitude(iq.astype(np.int16))
    np.testing.assert_array_equal(window.frames, amplitude)
    np.testing.assert_allclose(window.x, gain_normalised(amplitude, layout.live)[0], rtol=1e-6)


@given(st.integers(0, 40), st.integers(0, 30), st.integers(0, 60), st.integers(0, 1000))
def test_rows_are_made_again_of_frames_put_by(frames: int, elsewhere: int, history: int, seed: int) -> None:
    """Before the kept rows come those of the last frames elsewhere, silent ones left out, as many as are wanted."""
    rng = np.random.default_rng(seed)
    iq = rng.integers(-128, 128, (frames + 5, 2, 30, 2)).astype(np.int8)
    iq[rng.random(len(iq)) < 0.2] = 0
    layout, window = Layout.of(np.ones((2, 30), np.bool_)), OpenWindow()
    for number, frame in enumerate(iq[frames:]):
        window.add(number, frame)
        window.prepare(layout, None)
    window.rest(history)
    elsewhere = min(elsewhere, frames)
    window.elsewhere = elsewhere
    put_before(window, window_amplitude(iq[:frames]), layout, history)
    rows, usable = gain_normalised(window_amplitude(iq[frames - elsewhere :]), layout.live)
    later = int(usable[elsewhere:].sum())
    wanted = rows if window.rows.shape[1] else rows[:0]
    kept = wanted[max(0, len(wanted) - max(history, 0)) :] if later or elsewhere else rows[:0]
    if not later:  # no frame of the window was usable: it has no rows to put others before
        kept = kept[: window.before]
    np.testing.assert_allclose(window.rows[: window.before], kept, rtol=1e-6)
    np.testing.assert_array_equal(window.last, window.rows[: window.before][-1:])


@pytest.mark.parametrize("rate_hz", [10.0, 100.0, 200.0])
def test_a_first_calibration_has_all_rows_before_its_window(rate_hz: float) -> None:
    """What came before the first calibrated window is compared with, though most of it was kept as frames only."""
    iq = quantised(channel(int(20 * rate_hz), antennas=2, subcarriers=30, rate_hz=rate_hz))
    stream, t_ns = Stream(HOLD_NS), times(len(iq), rate_hz)
    size = FRAMES if rate_hz > FRAMES else int(rate_hz)
    amplitude = window_amplitude(iq)
    for first in range(0, len(iq), size):
        for number in range(first, first + size):
            stream.frame(int(t_ns[number]), iq[number], completes=number == first + size - 1)
            if number == first and stream.baseline.quiet is not None:
                break
        quiet = stream.baseline.quiet
        if quiet is not None:
            break
        stream.close()
    assert quiet is not None
    history = history_rows(quiet.widths)
    assert stream.open.before == history
    rows = gain_normalised(amplitude[first - history : first], quiet.live)[0]
    np.testing.assert_allclose(stream.open.rows[:history], rows, rtol=1e-6)
    score = newest_score(stream.open.rows, history + 1, *quiet.gain, quiet.inverse_noise, quiet.widths, quiet.level)
    assert stream.open.scores == [score]


def test_many_columns_are_looked_at_in_part() -> None:
    """Of 1,728 columns every fourth has spectra: what neighbours share has the same power, noise nearly so."""
    assert FAST_COLUMNS < 1_728
    rng = np.random.default_rng(3)
    t_ns = np.arange(400, dtype=np.int64) * 10_000_000
    shared = np.sin(2 * np.pi * 2.0 * t_ns * 1e-9)[:, None] * np.sin(np.arange(1_728) / 40.0)
    x = (1.0 + 0.05 * shared + 0.02 * rng.standard_normal((400, 1_728))).astype(np.float32)
    part, parts = FeatureMemory(), [FeatureMemory() for _ in range(4)]
    edges = [*range(0, 1_728, 432), 1_728]
    for first in range(0, 400, 16):
        window, grouped = slice(first, first + 16), np.ascontiguousarray(x[first : first + 16, :8])
        found = part.window(t_ns[window], x[window], grouped)
        whole = [
            memory.window(t_ns[window], np.ascontiguousarray(x[window, left:right]), grouped)
            for memory, (left, right) in zip(parts, pairwise(edges), strict=True)
        ]
    assert part.fast.total is not None
    assert part.fast.total.shape[1] == 432
    for name in ("motion_band_power", "spectral_power"):
        assert getattr(found, name) == pytest.approx(np.mean([getattr(one, name) for one in whole]), rel=0.02)
    assert found.dominant_freq_hz == whole[0].dominant_freq_hz


def test_few_columns_are_all_looked_at() -> None:
    """Up to ``FAST_COLUMNS`` live sub-carriers no column is left out."""
    memory = FeatureMemory()
    x = np.ones((4, FAST_COLUMNS), np.float32)
    memory.window(np.arange(4, dtype=np.int64) * 10_000_000, x, np.ascontiguousarray(x[:, :8]))
    assert memory.fast.total is not None
    assert memory.fast.total.shape[1] == FAST_COLUMNS
