"""The onset detector on streams of our own making: what must raise the flag, what must not, and when."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection.arrays import Float32, Float64
from csi_introspection.onset import WARM_UP, OnsetArrays, advance_onset, new_onset
from csi_introspection.onset_caution import BRIEF_S
from csi_introspection.onset_offline import follow_onsets
from numpy.typing import NDArray

WIDTHS = (1, 16, 64, 192)
QUIET = 1500


def still(frames: int, width: int, seed: int, deviation: float = 0.02) -> Float64:
    """A static channel under white noise."""
    place = np.random.default_rng([seed, width]).uniform(0.6, 1.4, width)
    return place + deviation * np.random.default_rng([seed, width, 1]).normal(size=(frames, width))


def walk(frames: int, width: int, seed: int, share: float = 0.25) -> Float64:
    """A change that lasts and wanders: slow sines of different phase on every dimension, begun at full size."""
    rng = np.random.default_rng([seed, width, 2])
    phase, cycles = rng.uniform(0, 2 * np.pi, width), rng.uniform(0.01, 0.04, width)
    shape: Float64 = share * np.cos(2 * np.pi * cycles * np.arange(frames)[:, None] + phase)
    shape += np.where(np.cos(phase) >= 0, share, -share)
    return shape


def smooth(frames: int, width: int, seed: int, size: float = 0.3) -> Float64:
    """A walk as neighbouring sub-carriers see it: three cosines over them, their weights anew on every frame."""
    waves = np.cos(np.outer(np.arange(1, 4), np.pi * (np.arange(width) + 0.5) / width))
    return np.asarray(size * np.random.default_rng([seed, width, 3]).normal(size=(frames, 3)) @ waves)


def times(frames: int, rate_hz: float = 100.0) -> Float64:
    """Regular times."""
    return np.arange(frames) / rate_hz


def flags(values: Float64, t_s: Float64, detector: OnsetArrays | None = None) -> tuple[list[int], NDArray[np.bool_]]:
    """Frames with ``onset``, and ``moving`` for every frame."""
    answers, _ = follow_onsets(values.astype(np.float32), t_s, detector or new_onset(values.shape[1]))
    return np.flatnonzero(answers[:, 0]).tolist(), answers[:, 1] > 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("rate_hz", [5.0, 20.0, 200.0])
def test_an_abrupt_motion_is_flagged_once_on_its_third_frame(width: int, rate_hz: float) -> None:
    """At any width and rate: one flag, on the third moving frame, and ``moving`` from there to the end."""
    values = still(QUIET + 300, width, 3)
    values[QUIET:] += walk(300, width, 3)
    onsets, moving = flags(values, times(len(values), rate_hz))
    assert onsets[0] == QUIET + 2
    assert moving[QUIET + 2 :].mean() > 0.9
    if width > 1:  # one dimension comes back to where it was now and then, and moves anew
        assert onsets == [QUIET + 2]


@pytest.mark.parametrize("width", [16, 64, 192])
@pytest.mark.parametrize(("rate_hz", "frames"), [(5.0, 2), (20.0, 2), (100.0, 3)])
def test_slow_frames_are_answered_on_the_second(width: int, rate_hz: float, frames: int) -> None:
    """What neighbours share is flagged on its second frame where frames are 40 ms apart, on its third where nearer."""
    values = still(QUIET + 100, width, 37)
    values[QUIET:] += np.linspace(0.3, 0.6, 100)[:, None] + smooth(100, width, 37, 0.05)
    assert flags(values, times(len(values), rate_hz))[0][0] == QUIET + frames - 1


@pytest.mark.parametrize("width", [64, 192])
def test_spoilt_slow_frames_are_not_an_onset(width: int) -> None:
    """At 10 Hz two frames of noise in a row, or one that is as smooth as a body's, however strong: nothing."""
    rng = np.random.default_rng(39)
    values = still(6000, width, 39)
    begins = np.arange(WARM_UP + 200, 5900, 97)
    for number, begin in enumerate(begins):
        if number % 2:
            values[begin] += smooth(1, width, number, rng.choice([0.2, 3.0, 100.0]))[0]
        else:
            values[begin : begin + 2] += rng.normal(size=(2, width)) * rng.choice([0.2, 3.0, 100.0])
    assert flags(values, times(6000, 10.0))[0] == []


@pytest.mark.parametrize("width", WIDTHS)
def test_noise_is_never_an_onset(width: int) -> None:
    """100,000 frames of white noise, 17 minutes at 100 Hz and one false onset an hour wanted: none."""
    onsets, moving = flags(still(100_000, width, 5), times(100_000))
    assert onsets == []
    assert not moving.any()


@pytest.mark.parametrize(("width", "length"), [(1, 1), (16, 1), (16, 2), (64, 1), (64, 2), (192, 1), (192, 2)])
def test_bad_frames_are_not_an_onset(width: int, length: int) -> None:
    """A glitch of one or two frames, the same or different, however strong, raises nothing, then or later.

    But for two frames of one dimension: the third alone then decides, and one number in a hundred is far enough out.
    """
    rng = np.random.default_rng(7)
    values = still(6000, width, 7)
    for begin in range(WARM_UP + 200, 5900, 97):
        values[begin : begin + length] += rng.normal(size=(length, width)) * rng.choice([0.2, 3.0, 100.0])
    assert flags(values, times(6000))[0] == []


def test_frames_that_are_not_finite_are_passed_over() -> None:
    """NaN and infinity change neither answers nor state."""
    values = still(QUIET + 40, 16, 9)
    values[QUIET:] += walk(40, 16, 9)
    clean, _ = flags(values, times(len(values)))
    bad = np.insert(values, [400, 900, QUIET + 1], np.nan, axis=0)
    bad[400, 3] = np.inf
    found, _ = flags(
        bad, np.insert(times(len(values)), [400, 900, QUIET + 1], times(len(values))[[400, 900, QUIET + 1]])
    )
    assert found == [clean[0] + 3]


@pytest.mark.parametrize("rate_hz", [5.0, 100.0])
def test_a_gap_with_another_place_behind_it_is_not_an_onset(rate_hz: float) -> None:
    """After a silence the channel rests elsewhere: nothing. A motion that follows is flagged."""
    values = still(2 * QUIET + 100, 64, 11)
    values[QUIET:] += np.random.default_rng(11).normal(size=64)
    values[2 * QUIET :] += walk(100, 64, 11)
    t_s = times(len(values), rate_hz)
    t_s[QUIET:] += max(1.0, 10 / rate_hz) + 0.5
    assert flags(values, t_s)[0] == [2 * QUIET + 2]


def test_motion_seen_after_a_gap_needs_no_baseline_from_before_it() -> None:
    """Somebody who walks when the stream comes back is seen within eight frames, however fast they come."""
    values = still(QUIET + 60, 64, 13)
    values[QUIET:] += np.repeat(0.3 * np.random.default_rng(13).normal(size=(60, 8)), 8, axis=1)
    t_s = times(len(values), 100.0)
    t_s[QUIET:] += 30.0
    onsets, _ = flags(values, t_s)
    assert QUIET + 3 <= onsets[0] <= QUIET + 7


def test_after_a_gap_what_moves_is_told_from_what_was_moved() -> None:
    """At 10 Hz, after a silence: another place, smooth as can be, is nothing; somebody who walks is seen at once."""
    values = still(QUIET + 60, 64, 41)
    t_s = times(len(values), 10.0)
    t_s[QUIET:] += 30.0
    place = smooth(1, 64, 43)
    assert flags(values + place * (np.arange(len(values)) >= QUIET)[:, None], t_s)[0] == []
    values[QUIET:] += smooth(60, 64, 43)
    onsets, _ = flags(values, t_s)
    assert QUIET + 1 <= onsets[0] <= QUIET + 2


def isolated(size: float, frames: int, count: int) -> tuple[list[int], OnsetArrays]:
    """Flags on a still stream of 20 frames/s in which neighbours change alike for ``frames``, every 30 s."""
    values = still(600 * count + 600, 64, 45)
    for begin in range(600, len(values) - 300, 600):
        values[begin : begin + frames] += smooth(frames, 64, begin, size)
    detector = new_onset(64)
    onsets, _ = flags(values, times(len(values), 20.0), detector)
    return [at // 600 for at in onsets if at >= 600], detector


def test_a_stream_that_fidgets_raises_its_thresholds() -> None:
    """Of twenty weak stirrings of a second, half a minute apart, few are flagged: the first ones teach caution."""
    seen, detector = isolated(0.03, 20, 20)
    assert 1 in seen
    assert len(set(seen)) <= 4
    assert detector.state["caution"][0] > 1.0


def test_what_goes_on_is_flagged_in_the_end_however_weak() -> None:
    """A stream that has learnt to be cautious flags a motion as weak as its false starts once it outlasts them."""
    seen, detector = isolated(0.03, 20, 20)
    assert 21 not in seen
    values = still(1000, 64, 45)
    values[200:] += smooth(800, 64, 47, 0.03)
    onsets, moving = flags(values, times(1000, 20.0), detector)
    assert 200 <= onsets[0] <= 200 + 20 * (BRIEF_S + 5)
    assert moving[-100:].any()


def test_strong_motion_is_flagged_however_often_it_comes() -> None:
    """Each of twenty passages of a second, alike in all but their strength, is flagged, and teaches nothing."""
    seen, detector = isolated(1.0, 20, 20)
    assert set(seen) == set(range(1, 21))
    assert detector.state["caution"][0] == 0.0


def test_motion_ends_and_the_next_one_is_flagged() -> None:
    """Each of three motions gives one flag; between them the stream is not moving, in another place each time."""
    values = still(5000, 64, 15)
    begins = (2000, 3000, 4000)
    for begin in begins:
        values[begin : begin + 300] += walk(300, 64, begin)
        values[begin + 300 :] += 0.2
    onsets, moving = flags(values, times(5000))
    assert onsets == [begin + 2 for begin in begins]
    assert not any(moving[begin - 100 : begin].any() for begin in begins)


@pytest.mark.parametrize("dwell", [1, 20, 200, 2000])
@pytest.mark.parametrize("width", [16, 64, 192])
def test_two_levels_of_noise_are_not_motion(width: int, dwell: int) -> None:
    """A gain that switches between two levels of noise, 3.2 times in power, raises nothing at any pace."""
    frames = 20_000
    level = np.repeat(np.random.default_rng(17).choice([1.0, 1.8], frames // dwell), dwell)[:, None]
    place = still(1, width, 17, 0.0)
    values = place + level * (still(frames, width, 17) - place)
    assert flags(values, times(frames))[0] == []


def test_dead_and_constant_dimensions_do_not_matter() -> None:
    """With half the dimensions constant the answers are those of the other half's motion."""
    values = still(QUIET + 100, 64, 19)
    values[QUIET:, :32] += walk(100, 32, 19)
    values[:, 32:] = 1.0
    assert flags(values, times(len(values)))[0] == [QUIET + 2]


def test_slow_drift_is_not_an_onset() -> None:
    """A change of twenty noise deviations in ten minutes raises nothing."""
    values = still(60_000, 64, 21) + np.linspace(0, 0.4, 60_000)[:, None]
    assert flags(values, times(60_000))[0] == []


def test_irregular_arrival_changes_nothing() -> None:
    """Exponential intervals, bunched as Wi-Fi bunches them: the same flags as with regular ones."""
    values = still(QUIET + 100, 64, 23)
    values[QUIET:] += walk(100, 64, 23)
    t_s = np.cumsum(np.random.default_rng(23).exponential(0.05, len(values)))
    assert flags(values, t_s)[0] == [QUIET + 2]


def test_a_room_gone_noisy_for_good_is_quiet_in_the_end() -> None:
    """Four times the noise is motion at first, and is quiet within the hour; a motion is then still flagged."""
    values = still(40_000, 16, 25)
    values[2000:] = still(38_000, 16, 26, 0.08)
    values[39_900:] += walk(100, 16, 25, 1.0)
    onsets, moving = flags(values, times(40_000, 10.0))
    assert moving[2000:2100].any()
    assert not moving[38_000:39_900].any()
    assert onsets[-1] == 39_902


def test_a_start_in_motion_is_unlearnt() -> None:
    """A stream that began with half a minute of motion flags the next motion after a minute of rest."""
    values = still(9300, 64, 27)
    values[:3000] += walk(3000, 64, 27)
    values[9000:] += walk(300, 64, 28)
    onsets, moving = flags(values, times(9300))
    assert onsets[-1] == 9002
    assert not moving[8000:9000].any()


def test_a_higher_wanted_rate_lowers_thresholds() -> None:
    """The wanted rate of false onsets is what is set: as it rises thresholds fall, down to the least there is."""
    values = still(3000, 16, 29).astype(np.float32)
    heights = [follow_onsets(values, times(3000), new_onset(16, rate))[1][-1, :, 1] for rate in (0.1, 1.0, 10.0, 100.0)]
    assert (np.diff(heights, axis=0) <= 0).all()
    assert (np.diff(heights, axis=0)[0] < 0).all()


def test_gain_is_the_callers_and_scale_is_ours() -> None:
    """A stream a thousand times larger or smaller, noise and all, gives the same flags."""
    values = still(QUIET + 100, 64, 31)
    values[QUIET:] += walk(100, 64, 31)
    answers = [flags(values * scale, times(len(values)))[0] for scale in (1e-3, 1.0, 1e3)]
    assert answers == [[QUIET + 2]] * 3


def test_one_frame_at_a_time_or_all_at_once() -> None:
    """The kernel of one frame and the loop over a stretch leave the same state behind."""
    values = still(400, 16, 33).astype(np.float32)
    values[300:] += walk(100, 16, 33).astype(np.float32)
    whole, single = new_onset(16), new_onset(16)
    answers, _ = follow_onsets(values, times(400), whole)
    for row, interval, answer in zip(values, np.diff(times(400), prepend=0.0), answers, strict=True):
        advance_onset(*single, row, interval)
        assert (single.state["onset"][0], single.state["moving"][0]) == tuple(answer)
    for ours, other in zip(single, whole, strict=True):
        np.testing.assert_array_equal(ours, other)


@pytest.mark.parametrize(("width", "rate"), [(0, 1.0), (4, 0.0), (4, float("nan"))])
def test_a_detector_of_nothing_is_refused(width: int, rate: float) -> None:
    """No dimensions, or a rate that is not positive, is the caller's error."""
    with pytest.raises(ValueError, match="both must be positive"):
        new_onset(width, rate)


def test_the_score_is_the_log_of_energy_over_quiet() -> None:
    """A step of ten deviations, alike on all dimensions, is 100 times their noise, which grouping cuts fourfold."""
    values: Float32 = still(QUIET + 3, 192, 35).astype(np.float32)
    values[QUIET:] += np.float32(0.2)
    detector = new_onset(192)
    follow_onsets(values[:QUIET], times(QUIET), detector)
    assert abs(detector.state["score"][0]) < 0.5
    follow_onsets(values[QUIET:], times(3), detector)
    assert detector.state["score"][0] == pytest.approx(np.log(400.0), abs=0.3)
