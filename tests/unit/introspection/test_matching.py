"""What a stream makes of a motion: onset, promotion, confirmation, and what it needs before any of them."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection import reference
from csi_introspection.arrays import Int8
from csi_introspection.frame import CALIBRATING, MOVING, ONSET, REGIME
from csi_introspection.reference import RATE_HZ, ROWS, channel, door, record, references, sample, walk
from csi_introspection.regime import NAMES
from csi_introspection.states import CONFIRMED, EMERGING, NONE, RETRACTED
from csi_introspection.stream import FrameStream
from csi_introspection.tail import FEWEST, LIMIT
from msgspec.structs import replace
from unit.introspection.rooms import feed, matches, states

CALM = 75 * 30
"""Frames of quiet that are enough for promotions."""
IDLE, WALK, DOOR = references()
MOTIONS = {"walking_slow": (walk, 0.5), "door_open": (door, 0.6)}


def still(frames: int, seed: int) -> Int8:
    """The simulator's room with nothing in it."""
    return sample(channel(None, 0.0, frames), np.random.default_rng(seed))


def faster(monkeypatch: pytest.MonkeyPatch, name: str, rate_hz: float, seed: int) -> Int8:
    """75 s of quiet and a motion as long as the signature, at another frame rate."""
    motion, reflectivity = MOTIONS[name]
    with monkeypatch.context() as changed:
        changed.setattr(reference, "RATE_HZ", rate_hz)
        track = motion(round(ROWS * rate_hz / RATE_HZ))
    return record(track, reflectivity, seed, quiet_frames=round(75 * rate_hz))


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("seed", [500, 501, 502])
def test_a_motion_is_flagged_emerges_early_and_is_confirmed(name: str, seed: int) -> None:
    """With unseen noise: one onset in its first half second, the right signature before a third of it, p below 1e-5."""
    motion, reflectivity = MOTIONS[name]
    analysed = FrameStream(1, 64, references())
    results = feed(analysed, record(motion(ROWS), reflectivity, seed, quiet_frames=CALM))
    assert results[CALM - 1, CALIBRATING] == 0.0
    (onset,) = np.flatnonzero(results[:, ONSET])
    assert 0 <= onset - CALM < 15
    assert (results[:CALM, MOVING] == 0.0).all()
    assert (results[onset:, MOVING] == 1.0).all()
    found = states(analysed, results, name)
    assert (found[:CALM] == NONE).all()
    first = int(np.flatnonzero(found == EMERGING)[0])
    assert first - CALM < ROWS // 3
    (promoted,) = [match for match in matches(analysed, results[first]) if match.name == name]
    assert promoted.p_value < 1e-5
    assert promoted.progress < 0.5
    assert set(found[first:]) == {EMERGING, CONFIRMED}
    best = matches(analysed, results[-1])[0]
    assert (best.name, best.state) == (name, CONFIRMED)
    assert best.score > 0.9
    assert best.p_value < 1e-5
    (other,) = set(MOTIONS) - {name}
    assert (states(analysed, results, other) == NONE).all()
    assert NAMES[int(results[-1, REGIME])] != "idle"


@pytest.mark.parametrize("seed", [1, 2])
def test_ten_minutes_of_quiet_are_quiet(seed: int) -> None:
    """Nothing but the room at rest is promoted, and no onset and no motion flagged."""
    analysed = FrameStream(1, 64, references())
    results = feed(analysed, still(600 * 30, seed))
    assert results[:, ONSET].sum() == 0
    assert results[:, MOVING].sum() == 0
    for name in MOTIONS:
        assert (states(analysed, results, name) == NONE).all()
    assert (states(analysed, results, "idle_room")[300:] == CONFIRMED).mean() > 0.99


def test_a_motion_in_the_first_minute_is_an_onset_and_no_match() -> None:
    """However well it fits, nothing but rest is promoted while the stream does not know its quiet."""
    analysed = FrameStream(1, 64, references())
    results = feed(analysed, record(walk(ROWS), 0.5, 4, quiet_frames=40 * 30))
    assert results[1200:, ONSET].sum() == 1
    assert (results[:, CALIBRATING] == 1.0).all()
    assert (states(analysed, results, "walking_slow") == NONE).all()
    (walked,) = [match for match in matches(analysed, results[-1]) if match.name == "walking_slow"]
    assert walked.score > 0.9
    assert np.isnan(walked.p_value)


@pytest.mark.parametrize("name", MOTIONS)
def test_a_signature_of_another_rate_is_resampled(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream of 100 frames/s, four a row, recognises what was captured at 30 a second."""
    analysed = FrameStream(1, 64, references())
    iq = faster(monkeypatch, name, 100.0, 5)
    results = feed(analysed, iq, rate_hz=100.0)
    assert analysed.stream is not None
    assert analysed.stream.shape.row_rate_hz == pytest.approx(25.0)
    found = states(analysed, results, name)[7500:]
    assert np.flatnonzero(found == EMERGING)[0] < 100
    assert found[-1] == CONFIRMED
    assert results[:7500, ONSET].sum() == 0
    assert results[7500:, ONSET].sum() == 1


@pytest.mark.parametrize("moved", [False, True])
def test_a_gap_is_neither_onset_nor_match(moved: bool) -> None:  # noqa: FBT001 - one of two rooms
    """After five seconds without frames the room may look different: nothing moved, and no match goes across."""
    analysed = FrameStream(1, 64, references())
    feed(analysed, still(CALM, 6))
    rng = np.random.default_rng(7)
    place = np.repeat(walk(ROWS)[-1:], 600, axis=0) if moved else None
    results = feed(analysed, sample(channel(place, 0.5, 600), rng), late_s=5.0)
    assert results[:, ONSET].sum() == results[:, MOVING].sum() == 0
    for name in MOTIONS:
        assert (states(analysed, results, name) == NONE).all()


def test_a_motion_with_a_gap_in_it_is_not_carried_over() -> None:
    """Before the gap the walk emerged; on the first frames after it nothing is promoted."""
    analysed = FrameStream(1, 64, references())
    iq = record(walk(ROWS), 0.5, 9, quiet_frames=CALM)
    before = feed(analysed, iq[: CALM + 32])
    after = feed(analysed, iq[CALM + 32 :], late_s=5.0)
    assert states(analysed, before, "walking_slow")[-1] == EMERGING
    assert (states(analysed, after, "walking_slow")[:8] == NONE).all()
    assert (states(analysed, after, "walking_slow") != CONFIRMED).all()


def test_a_walk_that_is_broken_off_is_taken_back() -> None:
    """What emerged and turns back after 20 frames is retracted, on one frame, and never confirmed."""
    analysed = FrameStream(1, 64, references())
    track = np.concatenate([walk(20), np.repeat(walk(1), 200, axis=0)])
    found = states(analysed, feed(analysed, record(track, 0.5, 10, quiet_frames=CALM)), "walking_slow")[CALM:]
    assert EMERGING in found
    assert CONFIRMED not in found
    (retracted,) = np.flatnonzero(found == RETRACTED)
    assert found[retracted - 1] == EMERGING
    assert (found[retracted + 1 :] == NONE).all()


def test_a_changed_library_keeps_calibration_and_known_tails() -> None:
    """A signature that stays keeps what the quiet looks like to it; a new or changed one begins its own minute."""
    for seconds, known in ((30, False), (FEWEST + 15, True)):
        analysed = FrameStream(1, 64, [IDLE, WALK])
        iq = record(door(ROWS), 0.6, 11, quiet_frames=CALM + seconds * 30)
        feed(analysed, iq[:CALM])
        assert analysed.stream is not None
        tails, counts = analysed.stream.matcher.tails.copy(), analysed.stream.past.counts.copy()
        moments = analysed.stream.moments.copy()
        analysed.replace_library([DOOR, WALK, IDLE])
        now = analysed.stream.matcher.tails
        np.testing.assert_array_equal(now[:, :LIMIT], [np.zeros(LIMIT), tails[1, :LIMIT], tails[0, :LIMIT]])
        assert np.isinf(now[0, LIMIT])
        # two motions share the false matches that one had alone
        assert np.isfinite(now[1, LIMIT]) == np.isfinite(tails[1, LIMIT])
        assert np.isinf(now[1, LIMIT]) or now[1, LIMIT] > tails[1, LIMIT]
        np.testing.assert_array_equal(analysed.stream.past.counts, [0, counts[1], counts[0]])
        np.testing.assert_array_equal(analysed.stream.moments, moments)
        results = feed(analysed, iq[CALM:])
        assert (results[:, CALIBRATING] == 0.0).all()
        found = states(analysed, results, "door_open")
        assert (found[: seconds * 30] == NONE).all()
        assert (EMERGING in found) == known
        counts = analysed.stream.past.counts.copy()
        analysed.replace_library([replace(WALK, vectors=WALK.vectors[::-1]), DOOR])
        assert analysed.stream.past.counts.tolist() == [0, counts[0]]
