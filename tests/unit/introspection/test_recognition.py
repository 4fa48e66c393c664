"""Which of several motions one is, and which streams a feature of change serves."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from itertools import combinations

import numpy as np
import pytest
from csi_introspection import shapes
from csi_introspection.arrays import Float32
from csi_introspection.changes import LAGS, SMOOTH
from csi_introspection.features import amplitudes
from csi_introspection.frame import MATCHES
from csi_introspection.playback import Run, there_and_back
from csi_introspection.reference import RATE_HZ, ROWS, channel, door, record, references, sample, walk
from csi_introspection.shapes import Example, LabelledExample
from csi_introspection.states import CONFIRMED, EMERGING, NONE, TENTATIVE
from csi_introspection.stream import FrameStream
from csi_introspection.tail import FEWEST
from csi_introspection.templates import KIND_NUMBER
from csi_schemas.signature import FeatureKind, Signature
from hypothesis import given
from hypothesis import strategies as st
from unit.introspection.rooms import feed, states

QUIET = 150
INTERVAL_NS = round(1e9 / RATE_HZ)
LEAD = 16
"""Frames before the motion that an example holds."""


def frames_of(label: str, seed: int, start_s: float = 0.0) -> Float32:
    """Five seconds of quiet and a walk or a door, joined ``start_s`` late, (T, 1, 64)."""
    motion, reflectivity = (walk, 0.5) if label == "walk" else (door, 0.6)
    iq = record(motion(ROWS, start_s), reflectivity, seed, quiet_frames=QUIET)
    return np.stack([amplitudes(row) for row in iq])[:, None, :]


@cache
def take(label: str, seed: int, start_s: float = 0.0, *, timed: bool = True) -> LabelledExample:
    """Return such a take, of a session with more quiet, as the matcher gets it; one not timed says no onset."""
    frames = frames_of(label, seed, start_s)
    quiet = Run(frames[:QUIET], INTERVAL_NS)
    session = [Run(frames_of("walk", each)[:QUIET], INTERVAL_NS) for each in (61, 62)]
    (rows,) = shapes.encode([shapes.Recorded(quiet, Run(frames, INTERVAL_NS))], session)
    if not timed:
        return LabelledExample(label, Example(rows, 0, timed=False))
    return LabelledExample(label, Example(rows.part(QUIET - LEAD, len(frames)), LEAD, timed=True))


def labels_of(train: Sequence[LabelledExample], test: Example) -> dict[str, str]:
    """Label with the most evidence, by kind."""
    (found,) = shapes.recognise(train, test)
    return {kind: max(evidence, key=lambda name: evidence[name]) for kind, evidence in found.items()}


TRAIN = (("walk", 1), ("door", 2))


@pytest.mark.parametrize("label", ["walk", "door"])
@pytest.mark.parametrize(("seed", "start_s"), [(11, 0.0), (12, 0.0), (13, 0.1)])
def test_walk_and_door_are_told_apart_across_takes(label: str, seed: int, start_s: float) -> None:
    """With other noise, or joined a little late, every kind of feature finds a take most like the one of its label."""
    train = [take(name, number) for name, number in TRAIN]
    assert labels_of(train, take(label, seed, start_s).example) == dict.fromkeys(KIND_NUMBER, label)


@pytest.mark.parametrize("label", ["walk", "door"])
def test_motions_somewhere_within_are_found(label: str) -> None:
    """Where nobody says when the motion begins, neither in what is learnt nor in what is tested, it is recognised."""
    train = [take(name, number, timed=False) for name, number in TRAIN]
    assert labels_of(train, take(label, 21, timed=False).example) == dict.fromkeys(KIND_NUMBER, label)


def test_early_evidence_is_that_of_what_was_seen() -> None:
    """After some frames the evidence is what a motion that ends there would have seen, and never more than later."""
    train = [take(name, number) for name, number in TRAIN]
    whole = take("walk", 31).example
    ended = Example(whole.encoded.part(0, LEAD + 20), LEAD, timed=True)
    _, only = shapes.recognise(train, ended, (20,))
    _, early, beyond = shapes.recognise(train, whole, (20, 10_000))
    assert early == only
    for kind, evidence in early.items():
        assert all(value <= beyond[kind][label] for label, value in evidence.items())
    assert early["lag"]["walk"] < beyond["lag"]["walk"]


def test_only_whole_signatures_answer_for_a_whole_motion() -> None:
    """A motion that ends long before every signature does has prefixes of them only: no evidence for any label."""
    train = [take(name, number) for name, number in TRAIN]
    whole = take("walk", 31).example
    shortest = min(len(shapes.rows_of(each.example, "lag")) for each in train) - max(shapes.BANDS.values())
    ended = Example(whole.encoded.part(0, LEAD + shortest - 1), LEAD, timed=True)
    answered, seen = shapes.recognise(train, ended, (shortest - 1,))
    assert all(value == 0.0 for labels in answered.values() for value in labels.values())
    assert all(labels["walk"] > 0.0 for labels in seen.values())
    everything, prefixes = shapes.recognise(train, whole, (10_000,))
    for kind, labels in everything.items():
        assert 0.0 < labels["walk"] <= prefixes[kind]["walk"]


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=8), st.data())
def test_the_best_of_so_many_is_the_mean_over_every_choice(values: list[float], data: st.DataObject) -> None:
    """Against every choice written out; of one it is the mean, of all the most."""
    count = data.draw(st.integers(1, len(values)))
    chosen = [max(each) for each in combinations(values, count)]
    assert shapes.best_of_so_many(values, count) == pytest.approx(np.mean(chosen), rel=1e-9)
    assert shapes.best_of_so_many(values, 1) == pytest.approx(np.mean(values), rel=1e-9)
    assert shapes.best_of_so_many(values, len(values)) == max(values)


def test_many_signatures_of_a_label_are_no_advantage() -> None:
    """Five signatures of the wrong label, each a little less like the motion than the one of the right one, lose."""
    right, wrong = take("walk", 1), [take("door", seed) for seed in range(2, 7)]
    for kind, evidence in shapes.recognise([right, *wrong], take("walk", 11).example)[0].items():
        alone = [shapes.recognise([right, each], take("walk", 11).example)[0][kind]["door"] for each in wrong]
        assert evidence["door"] == pytest.approx(np.mean(alone), rel=1e-5)


def test_the_liveliest_rows_hold_the_motion() -> None:
    """Of a clip of which nobody says where the motion is, the rows begin within a second of it."""
    rows = take("walk", 41, timed=False).example.encoded
    assert abs(shapes.liveliest(rows, 48) - QUIET) < RATE_HZ
    assert shapes.liveliest(rows, len(rows.displaced) + 1) == 0


def test_what_has_no_such_feature_is_an_error() -> None:
    """The message names the feature; a motion of one row makes no signature, and no frames have no rows."""
    frames = frames_of("walk", 15)
    quiet = Run(frames[:QUIET, :, 1:9], INTERVAL_NS)
    (narrow,) = shapes.encode([shapes.Recorded(quiet, Run(frames[:, :, 1:9], INTERVAL_NS))], [])
    with pytest.raises(ValueError, match="x: these frames give no vec128"):
        shapes.signature_of(LabelledExample("walk", Example(narrow, 0, timed=True)), "vec128", "x")
    rows = take("walk", 15).example.encoded
    with pytest.raises(ValueError, match="x: 1 rows"):
        shapes.signature_of(LabelledExample("walk", Example(rows.part(0, LEAD + 1), LEAD, timed=True)), "lag", "x")
    with pytest.raises(ValueError, match="without frames"):
        shapes.encode([shapes.Recorded(quiet, Run(frames[:0, :, 1:9], INTERVAL_NS))], [])
    with pytest.raises(ValueError, match="too short"):
        shapes.encode([shapes.Recorded(None, Run(frames, INTERVAL_NS))], [])


def test_recordings_of_a_session_know_nothing_of_each_other() -> None:
    """Encoded together or alone after the session's quiet, a recording has the same rows to the bit."""
    session = [Run(frames_of("walk", seed)[:QUIET], INTERVAL_NS) for seed in (51, 52)]
    recordings = [
        shapes.Recorded(Run(frames_of(label, seed)[:QUIET], INTERVAL_NS), Run(frames_of(label, seed), INTERVAL_NS))
        for label, seed in (("door", 53), ("walk", 54), ("door", 55))
    ]
    together = shapes.encode(recordings, session)
    for recording, rows in zip(recordings, together, strict=True):
        (alone,) = shapes.encode([recording], session)
        np.testing.assert_array_equal(rows.displaced, alone.displaced)
        np.testing.assert_array_equal(rows.unit, alone.unit)
    assert not np.array_equal(together[0].displaced, together[2].displaced)


@given(st.integers(1, 400), st.integers(1, 1200))
def test_to_and_fro_has_no_jump(count: int, wanted: int) -> None:
    """Neighbours differ by one frame at most, every frame exists, and the last is the first of the recording."""
    order = there_and_back(count, wanted)
    assert len(order) == wanted
    assert order[-1] == 0
    assert order.min() >= 0
    assert order.max() < count
    assert np.abs(np.diff(order)).max(initial=0) <= 1


def of_changes(kind: FeatureKind) -> Signature:
    """Return the simulator's walk as a signature of a feature of change."""
    return shapes.signature_of(take("walk", 1), kind, f"{kind}_walk")


@pytest.mark.parametrize("kind", ["lag", "vec128"])
def test_a_walk_is_recognised_by_its_changes(kind: FeatureKind) -> None:
    """After a calm minute a walk with other noise emerges early and is confirmed."""
    analysed = FrameStream(1, 64, [of_changes(kind)])
    found = states(analysed, feed(analysed, record(walk(ROWS), 0.5, 77, quiet_frames=2250)), f"{kind}_walk")
    assert not found[:2250].any()
    assert np.flatnonzero(found == EMERGING)[0] < 2250 + ROWS // 3
    assert found[-1] == CONFIRMED


@pytest.mark.parametrize("kind", ["lag", "vec128"])
def test_after_a_gap_changes_match_only_once_they_are_whole(kind: FeatureKind) -> None:
    """What moves in the rows that look back beyond a gap scores nothing; a walk that begins after them is confirmed."""
    whole = LAGS[-1] + SMOOTH  # rows, of a frame each at this rate, that look back beyond the gap's end
    for still, seen in ((0, False), (whole + 30, True)):
        analysed = FrameStream(1, 64, [of_changes(kind)])
        feed(analysed, record(walk(1), 0.5, 78, quiet_frames=2250))
        track = np.concatenate([np.repeat(walk(1), still, axis=0), walk(ROWS)])
        results = feed(analysed, sample(channel(track, 0.5, len(track)), np.random.default_rng(79)), late_s=5.0)
        assert not results[:whole, MATCHES + 2].any()  # the score of the one match
        assert (results[whole + 1 :, MATCHES + 2] > 0.0).any()
        assert (states(analysed, results, f"{kind}_walk")[-1] == CONFIRMED) == seen


@pytest.mark.parametrize("kind", ["lag", "vec128"])
def test_after_a_few_restless_seconds_changes_are_said_once_confirmed(kind: FeatureKind) -> None:
    """All that moved was a walk that was broken off: of the next nothing is said until it is confirmed."""
    analysed = FrameStream(1, 64, [of_changes(kind)])
    broken = np.concatenate([walk(20), np.repeat(walk(1), 400, axis=0)])
    feed(analysed, record(broken, 0.5, 80, quiet_frames=2250))
    assert analysed.stream is not None
    assert 0 < analysed.stream.past.restless_counts[0] < FEWEST
    said = states(analysed, feed(analysed, record(walk(ROWS), 0.5, 82, quiet_frames=30)), f"{kind}_walk")
    assert set(said) == {NONE, TENTATIVE, CONFIRMED}


def test_two_antennas_take_signatures_of_change_but_not_of_one_antennas_amplitude() -> None:
    """Amplitude signatures are refused for their width; ``lag`` and ``vec128`` of one antenna recognise the walk."""
    analysed = FrameStream(2, 64, [*references(), of_changes("lag"), of_changes("vec128")])
    track = np.concatenate([np.repeat(walk(1), 2250, axis=0), walk(ROWS)])
    response = channel(track, 0.5, len(track))
    pair = [sample(response, np.random.default_rng(seed)) for seed in (5, 6)]
    results = feed(analysed, np.concatenate(pair, axis=1))
    assert {item.signature_id: item.reason for item in analysed.not_applicable} == dict.fromkeys(
        ("idle_room", "walking_slow", "door_open"), "width 16; this stream's vectors have 32"
    )
    for name in ("lag_walk", "vec128_walk"):
        found = states(analysed, results, name)
        assert not found[:2250].any()
        assert EMERGING in found[2250:]


def test_ten_frames_a_second_are_too_few_for_changes() -> None:
    """``lag`` and ``vec128`` are refused with the length of a row that they need; amplitudes fit."""
    analysed = FrameStream(1, 64, [*references(), of_changes("lag"), of_changes("vec128")])
    feed(analysed, sample(channel(None, 0.0, 200), np.random.default_rng(3)), rate_hz=10.0)
    assert [item.signature_id for item in analysed.not_applicable] == ["lag_walk", "vec128_walk"]
    for item in analysed.not_applicable:
        assert "rows of 40 ms; this stream's 10.0 frames/s give rows of 100 ms" in item.reason
    assert [signature.id for signature in analysed.signatures] == ["idle_room", "walking_slow", "door_open"]
