"""Counting answers: every rule on answers made for it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from csi_schemas.introspection import NotApplicable
from csiflow.evaluation.breathing import count_breathing
from csiflow.evaluation.curves import onset_curve, recognition_curve, separate
from csiflow.evaluation.ends import count_ends
from csiflow.evaluation.motion import Motion, count_motion
from csiflow.evaluation.onsets import Onsets, count_alarms, count_onsets
from csiflow.evaluation.outcome import Outcome, pooled
from csiflow.evaluation.plots import curves
from csiflow.evaluation.recognition import Recognition, count_recognition
from csiflow.evaluation.regimes import count_regimes
from unit.cli.evaluation.rooms import frame_answers, loaded, signature, window_answers

WALK, DOOR, REST = signature("w", "Walking"), signature("d", "door"), signature("r", "idle", rest=True)


def test_motion_is_counted_by_the_second(tmp_path: Path) -> None:
    """Seconds before the counted time and seconds of mixed labels do not count; half of the frames decide."""
    labelled = loaded(tmp_path, (("empty", 4.5), ("walking", 3.5)))  # seconds 0-3 quiet, 4 mixed, 5-7 motion
    moving = np.zeros(400, bool)
    moving[100:150] = True  # second 2: false
    moving[275:350] = True  # second 5: half of it, 6: whole
    found = count_motion(labelled, moving, 1.0)
    assert (found.hit, found.missed, found.false, found.quiet) == (2, 1, 1, 2)
    figures = found.figures()
    assert figures["recall"] == pytest.approx(2 / 3, abs=1e-4)
    assert figures["false_positive_rate"] == pytest.approx(1 / 3, abs=1e-4)
    assert figures["f1"] == pytest.approx(4 / 6, abs=1e-4)


def test_what_a_recording_cannot_say_is_null() -> None:
    """Without motion there is no recall, without quiet no false positives, and no F1: null, with the reason."""
    assert Motion(hit=3).figures()["false_positive_rate"] is None
    assert Motion(hit=3).figures()["f1"] is None
    assert Motion(quiet=3).figures()["recall"] is None
    assert Motion(why=["no quiet"]).figures()["why"] == "no quiet"
    assert Onsets().figures()["frames_median"] is None
    assert "why" in Onsets().figures()
    assert Recognition().figures()["false_matches_per_hour"] is None
    assert count_breathing(None, [12.0]).figures()["error"] is None


def test_frames_to_an_onset(tmp_path: Path) -> None:
    """The first moving frame is 1; the ratio is the windows' frames over ours, in the same run."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(300, onsets=(50, 202, 250))
    windows = window_answers(300, started=(229,), moving=((214, 300),))
    figures = count_onsets(labelled, frames, windows, 100).figures()
    assert (figures["frames_median"], figures["missed"], figures["count"]) == (3, 0, 1)
    assert figures["ms_median"] == pytest.approx(40)
    assert figures["window"]["frames_median"] == 30
    assert figures["ratio_vs_window"] == 10
    assert figures["ratio_of_ms"] == pytest.approx(29 / 2)
    assert (figures["gentle"]["count"], figures["abrupt"]["count"]) == (1, 0)
    alarms = count_alarms(labelled, frames, windows, 100)
    assert (alarms.onsets, alarms.window_starts) == (0, 0)  # the onset at 50 calibrates, it is not counted
    assert count_alarms(labelled, frames, windows, 0).onsets == 1


def test_a_missed_onset_counts_against_the_median(tmp_path: Path) -> None:
    """Missed is never: it is in the median as infinity, and its ratio is 0."""
    labelled = loaded(
        tmp_path, (("empty", 4), ("walking", 2), ("empty", 4), ("walking", 2), ("empty", 2), ("walking", 1))
    )
    frames = frame_answers(750, onsets=(200, 505))
    windows = window_answers(750, started=(219, 519, 719))
    figures = count_onsets(labelled, frames, windows, 0).figures()
    assert (figures["count"], figures["missed"], figures["frames_median"]) == (3, 1, 6)
    assert figures["ratio_vs_window"] == pytest.approx(20 / 6, abs=0.01)
    none = count_onsets(labelled, frame_answers(750), windows, 0).figures()
    assert (none["missed"], none["frames_median"]) == (3, None)
    assert (none["ratio_vs_window"], none["ratio_of_ms"]) == (0, 0)


def test_time_to_the_end_of_a_motion(tmp_path: Path) -> None:
    """It counts from the first quiet frame; a rest below a second is no end, and what is over already is not timed."""
    labelled = loaded(
        tmp_path,
        (("empty", 2), ("walking", 2), ("empty", 4), ("walking", 2), ("empty", 0.9), ("walking", 2), ("empty", 3)),
    )
    moving = ((110, 240), (410, 500), (560, 670))
    found = count_ends(labelled, window_answers(795, moving=moving, ended=(225, 249, 500, 669)), 0)
    assert found.ms == pytest.approx([500, 480])  # frames 200 and 645; the rest from 500 on is too short
    assert found.already == 0
    late = count_ends(labelled, window_answers(795, moving=((110, 795),)), 0).figures()
    assert (late["count"], late["missed"], late["ms_median"]) == (2, 2, None)
    assert "why" in late
    over = count_ends(labelled, window_answers(795, moving=((110, 190), (560, 670)), ended=(190, 669)), 0).figures()
    assert (over["count"], over["already"]) == (2, 1)
    assert count_ends(labelled, window_answers(795, moving=moving, ended=(225,)), 300).figures()["missed"] == 1


def test_moving_before_the_label_is_neither_hit_nor_miss(tmp_path: Path) -> None:
    """Where a path said motion before the label did, its time cannot be told: it is counted apart."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(300, onsets=(180,), moving=((180, 300),))
    figures = count_onsets(labelled, frames, window_answers(300, (219,)), 100).figures()
    assert (figures["already"], figures["missed"], figures["frames_median"]) == (1, 0, None)
    assert figures["ratio_vs_window"] is None


def test_just_before_the_label_is_early_and_not_false(tmp_path: Path) -> None:
    """Borders are drawn by eye: an answer within a quarter of a second before one is an answer on its first frame."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(300, onsets=(189,), moving=((189, 300),))
    windows = window_answers(300, (231,))
    figures = count_onsets(labelled, frames, windows, 100).figures()
    assert (figures["early"], figures["already"], figures["frames_median"]) == (1, 0, 1)
    assert figures["ratio_vs_window"] == 32
    assert figures["ratio_of_ms"] == pytest.approx(31)  # ours is one interval, not none
    assert count_alarms(labelled, frames, windows, 100).onsets == 0
    sooner = frame_answers(300, onsets=(187,), moving=((187, 300),))
    assert count_onsets(labelled, sooner, windows, 100).figures()["already"] == 1
    assert count_alarms(labelled, sooner, windows, 100).onsets == 1


def test_onsets_after_gaps_and_short_quiets(tmp_path: Path) -> None:
    """A silence before the motion makes an onset abrupt; less than a second of quiet makes it none."""
    t_ns = np.arange(300) * 20_000_000
    t_ns[200:] += 3_000_000_000
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)), t_ns=t_ns)
    assert [o.abrupt for o in count_onsets(labelled, frame_answers(300), window_answers(300), 0).found] == [True]
    short = loaded(tmp_path, (("walking", 2), ("empty", 0.9), ("walking", 2)))
    assert not count_onsets(short, frame_answers(245), window_answers(245), 0).found


def test_alarms_right_after_motion_belong_to_nobody(tmp_path: Path) -> None:
    """Quiet is watched from a second after anything else; the hours are those that were watched."""
    labelled = loaded(tmp_path, (("walking", 2), ("empty", 5)))
    alarms = count_alarms(labelled, frame_answers(350, onsets=(120, 149, 200)), window_answers(350, (130, 260)), 0)
    assert (alarms.onsets, alarms.window_starts) == (1, 1)
    assert alarms.quiet_s == pytest.approx(4, abs=0.05)
    assert alarms.figures()["onset"]["per_hour"] == pytest.approx(3600 / alarms.quiet_s, rel=1e-3)


def test_recognition_needs_the_right_label(tmp_path: Path) -> None:
    """A wrong promotion before the right one is counted, one in quiet is false, a rest signature never is."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(
        300,
        signatures=(WALK, DOOR, REST),
        promoted=(("d", 120, 125), ("r", 0, 200), ("d", 204, 210), ("w", 207, 260)),
    )
    found = count_recognition(labelled, frames, window_answers(300, (231,)), 50)
    figures = found.figures()
    assert (figures["signature"], figures["frames_median"], figures["ratio_vs_window"]) == ("w", 8, 4)
    assert (figures["actions"], figures["right"], figures["wrong_first"]) == (1, 1, 1)
    assert (figures["false_matches"], figures["watched_s"]) == (1, pytest.approx(3, abs=0.05))


def test_quiet_in_which_nothing_can_be_promoted_is_not_watched(tmp_path: Path) -> None:
    """While the matcher calibrates no false match can come: that time is not in the rate."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(300, signatures=(WALK,), calibrating=150)
    found = count_recognition(labelled, frames, window_answers(300), 50)
    assert (found.watched_s, found.calibrating_s) == pytest.approx((1, 2), abs=0.05)


def test_why_nothing_was_recognised(tmp_path: Path) -> None:
    """No such label, an empty library and a signature that does not fit are told apart."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    windows = window_answers(300)
    assert "door" in count_recognition(labelled, frame_answers(300, signatures=(DOOR,)), windows, 0).figures()["why"]
    assert "library is empty" in count_recognition(labelled, frame_answers(300), windows, 0).figures()["why"]
    unfit = frame_answers(300, signatures=(WALK,), unfit=(NotApplicable("w", "56 wide, not 64"),))
    assert "56 wide" in count_recognition(labelled, unfit, windows, 0).figures()["why"]


def test_curves_are_what_each_threshold_would_have_done(tmp_path: Path) -> None:
    """A lower threshold is never later and never less often wrong; times and counts are those of the crossing."""
    labelled = loaded(tmp_path, (("empty", 8), ("walking", 2)))
    frames = frame_answers(500, signatures=(WALK, DOOR), promoted=(("d", 300, 301), ("w", 410, 420)))
    rng = np.random.default_rng(1)
    frames.score[:] = rng.exponential(0.6, 500)
    frames.score[400:] += np.linspace(0, 8, 100)
    curve = onset_curve(labelled, frames, 100)
    for place, threshold in enumerate(curve.thresholds):
        above = np.flatnonzero(frames.score[400:] > threshold)
        assert curve.frames[0][place] == (above[0] + 1 if len(above) else np.inf)
    assert all(a >= b for a, b in pairwise(curve.false))
    assert curve.quiet_s == pytest.approx(6, abs=0.05)
    matches = recognition_curve(labelled, frames, 100)
    assert matches.measure == "score"
    low, high = (matches.thresholds.index(level) for level in (0.88, 0.92))
    assert (matches.frames[0][low], matches.frames[0][high]) == (11, np.inf)
    assert (matches.false[low], matches.false[high]) == (1, 0)


def test_always_wrong_is_wrong_all_the_time() -> None:
    """A threshold passed on every frame of ten seconds is ten false answers, not one."""
    assert separate(np.asarray(np.arange(500) * 0.02, np.float64)) == 10
    assert separate(np.array([0.0, 0.5, 1.2, 1.9, 9.0])) == 3
    assert separate(np.zeros(0)) == 0


def test_breathing_beside_its_truth() -> None:
    """The error is the mean over estimates of the distance to the truth; pooled, each recording keeps its own."""
    one = count_breathing(12.0, [12.2, 11.9])
    assert one.figures()["error"] == pytest.approx(0.15)
    assert one.figures()["bpm"] == pytest.approx(12.05)
    one.add(count_breathing(20.0, []))
    pooled = one.figures()
    assert (pooled["bpm"], pooled["recordings"]) == (None, {"with_truth": 2, "answered": 1})


def test_regimes_by_label(tmp_path: Path) -> None:
    """Shares of a label's own frames."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    frames = frame_answers(300)
    frames.regime[200:250] = 3
    figures = count_regimes(labelled, frames).figures()
    assert figures["empty"]["idle"] == 1
    assert figures["walking"]["chaotic"] == 0.5


def test_a_match_that_beats_windows_that_never_answer(tmp_path: Path) -> None:
    """Where the windowed path never answers the ratio is endless, which is no number; missed by both says nothing."""
    labelled = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    hit = frame_answers(300, signatures=(WALK,), promoted=(("w", 207, 260),))
    (action,) = count_recognition(labelled, hit, window_answers(300), 50).actions
    assert action.ratio == np.inf
    assert action.figures()["window_frames"] is None
    (missed,) = count_recognition(labelled, frame_answers(300, signatures=(WALK,)), window_answers(300), 50).actions
    assert missed.ratio is None
    late = count_recognition(labelled, frame_answers(300, signatures=(WALK,)), window_answers(300, (220,)), 50)
    assert late.actions[0].ratio == 0


def test_pooling_counts_what_its_parts_count(tmp_path: Path) -> None:
    """The total of several recordings has the sums of their counts and the medians over all their events."""
    one = loaded(tmp_path, (("empty", 4), ("walking", 2)))
    two = loaded(tmp_path, (("empty", 6), ("walking", 3)))
    parts = []
    for labelled, first, said in ((one, 200, 203), (two, 300, 309)):
        count = len(labelled.truth)
        frames = frame_answers(count, onsets=(120, said), signatures=(WALK,), promoted=(("w", said + 2, count),))
        frames.score[first:] = 3.0
        windows = window_answers(count, (first + 30,))
        parts.append(
            Outcome(
                "part",
                motion=count_motion(labelled, frames.onset, 1.0),
                onsets=count_onsets(labelled, frames, windows, 100),
                alarms=count_alarms(labelled, frames, windows, 100),
                recognition=count_recognition(labelled, frames, windows, 100),
                breathing=count_breathing(12.0, [12.5]),
                regimes=count_regimes(labelled, frames),
                onset_curves={"gentle": onset_curve(labelled, frames, 100)},
                recognition_curves={"score": recognition_curve(labelled, frames, 100)},
            )
        )
    total = pooled("total", parts)
    figures = total.figures()
    assert figures["onset"]["frames_median"] == 7  # of 4 and 10
    assert figures["false_alarms"]["onset"]["count"] == 2
    assert figures["recognition"]["frames_median"] == 9  # of 6 and 12
    assert figures["recognition"]["watched_s"] == sum(part.figures()["recognition"]["watched_s"] for part in parts)
    for kind in ("motion", "quiet", "missed", "false"):
        assert figures["motion"]["windows"][kind] == sum(part.figures()["motion"]["windows"][kind] for part in parts)
    assert figures["regimes"]["walking"]["frames"] == 250
    assert total.onset_curves["gentle"].points()[0]["events"] == 2
    assert [part.onsets.figures()["count"] for part in parts] == [1, 1]
    written = curves(tmp_path / "plots", total)
    assert [path.name for path in written] == ["onset_curve.png", "recognition_curve.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)
