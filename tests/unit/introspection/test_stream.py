"""One stream: from samples to results, never mixed with another."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from csi_introspection import frame, quiet, stream
from csi_introspection.arrays import Float32, Float64
from csi_introspection.frame import CALIBRATING, CHANGED, MATCHES, MOVING, ONSET, REGIME, TAIL
from csi_introspection.quiet import BLOCK
from csi_introspection.reference import RATE_HZ, record, references, walk
from csi_introspection.regime import NAMES
from csi_introspection.states import CONFIRMED
from csi_introspection.stream import LAYOUT_FRAMES, USUAL_RATE_HZ, FrameStream, VectorStream, frame_rate
from csi_introspection.tail import FEWEST
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from unit.introspection.rooms import EPOCH_NS, feed, matches, room

READY = LAYOUT_FRAMES + quiet.BLOCK
"""Frames until signatures are scored."""


def test_scores_come_with_the_first_block_and_promotions_after_a_calm_minute() -> None:
    """No score before the first block is over; from then on every signature is scored; calibrating for 60 s more.

    Seconds count once the block that they end in was still: a block of 128 frames later at most.
    """
    analysed = FrameStream(1, 64, references())
    results = feed(analysed, room(READY + 65 * 30, 0))
    assert analysed.frame_count == len(results)
    assert (results[: READY - 1, MATCHES] == 0).all()
    assert {NAMES[int(regime)] for regime in results[: READY - 1, REGIME]} == {"unknown"}
    assert (results[READY - 1 :, MATCHES] == 3).all()
    calibrated = np.flatnonzero(results[:, CALIBRATING] == 0.0)
    assert FEWEST - 0.5 < (calibrated[0] - READY) / RATE_HZ < FEWEST + 1 + BLOCK / RATE_HZ
    assert (results[calibrated[0] :, CALIBRATING] == 0.0).all()


@pytest.mark.parametrize("before", [10, BLOCK // 2, BLOCK - 1])
def test_no_block_straddles_a_gap(before: int) -> None:
    """After a gap the next block begins anew: it is not judged by the jump to another place, nor mixes both."""
    analysed = FrameStream(1, 64, [])
    feed(analysed, room(READY + 4 * BLOCK + before, 3))
    assert analysed.stream is not None
    state, mean = analysed.stream.quiet, analysed.stream.moments[quiet.MEAN].copy()
    elsewhere, later = room(BLOCK, 4), EPOCH_NS + 600 * 10**9
    blocks, level = int(state["blocks"][0]), float(state["change_level"][0])
    for number, iq in enumerate(elsewhere):
        assert state["blocks"][0] == blocks
        np.testing.assert_array_equal(analysed.stream.moments[quiet.MEAN], mean)
        analysed.advance(iq, later + number * 33_333_333)
    assert state["blocks"][0] == blocks + 1
    assert state["change_level"][0] == pytest.approx(level, rel=0.3)
    alone = FrameStream(1, 64, [])
    feed(alone, np.concatenate([elsewhere[:LAYOUT_FRAMES], elsewhere]))
    assert alone.stream is not None
    np.testing.assert_allclose(
        analysed.stream.moments[quiet.MEAN], alone.stream.moments[quiet.MEAN], rtol=1e-3, atol=1e-4
    )


def test_a_calmer_block_voids_no_minute_that_is_known() -> None:
    """A room that grows calmer stays calibrated; one that was not quiet to begin with begins its minute anew."""
    for minute in (30, FEWEST + 15):
        analysed = FrameStream(1, 64, [])
        first = feed(analysed, room(READY + minute * 30, 5, noise=2.0))
        after = feed(analysed, room(10 * 30, 5, noise=0.7))
        known = minute > FEWEST
        assert (first[-1, CALIBRATING] == 0.0) == known
        assert (after[:, CALIBRATING] == (0.0 if known else 1.0)).all()
        assert analysed.stream is not None
        assert (analysed.stream.clock[frame.QUIET_S] > FEWEST) == known


def test_only_calm_seconds_calibrate() -> None:
    """While something moves the minute does not go on."""
    analysed = FrameStream(1, 64, [])
    still, moving = room(READY + 30 * 30, 1), room(40 * 30, 1, noise=9.0)
    results = feed(analysed, np.concatenate([still, moving, room(40 * 30, 2)]))
    assert results[len(still) + 60 : len(still) + len(moving), MOVING].mean() > 0.9
    assert (results[: len(still) + len(moving), CALIBRATING] == 1.0).all()


def test_the_tail_holds_the_newest_vectors_in_order() -> None:
    """The newest TAIL vectors are in the ring, each in its turn."""
    analysed = FrameStream(1, 64, [])
    iq = room(LAYOUT_FRAMES + 60, 1)
    feed(analysed, iq[:LAYOUT_FRAMES])
    assert analysed.stream is not None
    seen: list[Float32] = []
    for row in iq[LAYOUT_FRAMES:]:
        feed(analysed, row[None])
        seen.append(analysed.stream.vector.copy())
        held = analysed.stream._tail
        for back, vector in enumerate(reversed(seen[-TAIL:])):
            np.testing.assert_array_equal(held[(len(seen) - 1 - back) % TAIL], vector)
    assert len({vector.tobytes() for vector in seen}) == len(seen)


def test_interleaved_streams_give_what_each_gives_alone() -> None:
    """Three shapes of one node and a second node, frames interleaved: every result is that of the stream alone."""
    shapes = [(1, 64, 2), (1, 128, 3), (1, 192, 4), (2, 64, 5)]
    rows = {
        shape: np.concatenate(
            [room(300, shape[2], subcarriers=shape[1], antennas=shape[0]),
             room(150, shape[2], subcarriers=shape[1], antennas=shape[0], noise=8.0)]
        )
        for shape in shapes
    }  # fmt: skip
    alone: dict[tuple[int, int, int], Float64] = {
        shape: feed(FrameStream(shape[0], shape[1], references()), rows[shape]) for shape in shapes
    }
    together = {shape: FrameStream(shape[0], shape[1], references()) for shape in shapes}
    for number in range(450):
        for shape in shapes:
            (result,) = feed(together[shape], rows[shape][number][None])
            np.testing.assert_array_equal(result, alone[shape][number])


def test_a_room_at_rest_matches_rest_and_nothing_else() -> None:
    """At rest the idle signature is promoted, though nothing else can be yet, and every motion is far below."""
    analysed = FrameStream(1, 64, references())
    (result,) = feed(analysed, room(1200, 9))[-1:]
    first, *others = matches(analysed, result)
    assert (first.name, first.state) == ("idle_room", CONFIRMED)
    assert np.isnan(first.p_value)
    assert max(match.score for match in others) < 0.5
    assert NAMES[int(result[REGIME])] == "idle"


def test_samples_and_amplitudes_give_the_same() -> None:
    """A stream fed amplitudes gives what one fed the samples gives."""
    by_samples, by_amplitude = FrameStream(1, 64, references()), FrameStream(1, 64, references())
    for number, iq in enumerate(room(READY + 100, 10)):
        feed(by_samples, iq[None])
        pairs = iq.reshape(-1, 2).astype(np.float32)
        by_amplitude.advance_amplitude(np.sqrt((pairs**2).sum(1)), EPOCH_NS + round(number * 1e9 / RATE_HZ))
        np.testing.assert_allclose(by_amplitude.result, by_samples.result, atol=2e-4)


def test_samples_of_another_type_or_with_gaps_are_refused() -> None:
    """The compiled step takes its arguments at their word, so what they are is looked at before."""
    analysed = FrameStream(1, 64, [])
    feed(analysed, room(READY, 3))
    assert analysed.stream is not None
    for wrong in (np.ones(128, np.uint8), np.ones(128, np.int16), np.ones(256, np.int8)[::2]):
        with pytest.raises(TypeError, match="contiguous int8"):
            analysed.stream.advance_iq(wrong, 0.04)  # type: ignore[arg-type]  # that is the point


def test_a_stream_keeps_the_arrays_that_its_kernels_borrow() -> None:
    """Nothing that is thrown away when the library changes is still read: what took its memory changes no answer."""
    disturbed, spared = FrameStream(1, 64, references()), FrameStream(1, 64, references())
    iq = room(READY + 60, 8)
    for analysed in (disturbed, spared):
        feed(analysed, iq[: READY + 20])
        analysed.replace_library(references()[1:])
    assert disturbed.stream is not None
    gc.collect()
    sizes = {a.nbytes for a in (*disturbed.stream.matcher, *disturbed.stream.past)}
    litter = [np.full(size, 0x7F, np.uint8) for size in sizes for _ in range(20)]
    for number in range(READY + 20, READY + 60):
        for analysed in (disturbed, spared):
            feed(analysed, iq[number : number + 1])
        np.testing.assert_array_equal(disturbed.result, spared.result)
    assert all((piece == 0x7F).all() for piece in litter)


def test_a_frame_without_signal_leaves_the_state() -> None:
    """An all-zero frame is counted and changes nothing else; neither change nor onset is repeated."""
    analysed, spared = FrameStream(1, 64, references()), FrameStream(1, 64, references())
    for number, iq in enumerate(record(walk(64), 0.5, 11, quiet_frames=READY + 50)):
        time = EPOCH_NS + number * 40_000_000
        samples = np.frombuffer(iq.tobytes(), np.int8)
        analysed.advance(samples, time)
        spared.advance(samples, time)
        if number > LAYOUT_FRAMES:
            said = spared.result.copy()
            analysed.advance(np.frombuffer(bytes(128), np.int8), time)
            said[[CHANGED, ONSET]] = 0.0
            np.testing.assert_array_equal(analysed.result, said)
    assert analysed.frame_count > spared.frame_count


def test_signatures_that_do_not_fit_are_told_and_never_scored() -> None:
    """Another version is listed with its reason, and only the others are matched."""
    library = references()
    library[1] = replace(library[1], feature_version=9)
    analysed = FrameStream(1, 64, library)
    (result,) = feed(analysed, room(READY, 12))[-1:]
    assert [(item.signature_id, "version 9" in item.reason) for item in analysed.not_applicable] == [
        ("walking_slow", True)
    ]
    assert {match.name for match in matches(analysed, result)} == {"idle_room", "door_open"}


def test_a_stream_that_hears_nothing_never_begins() -> None:
    """Without live sub-carriers nothing applies, and the stream begins once it hears."""
    analysed = FrameStream(1, 64, references())
    feed(analysed, np.zeros((3 * LAYOUT_FRAMES, 128), np.int8))
    assert analysed.stream is None
    assert len(analysed.not_applicable) == 3
    feed(analysed, room(LAYOUT_FRAMES, 13))
    assert analysed.stream is not None
    assert analysed.not_applicable == []


def test_a_gain_step_is_not_a_motion() -> None:
    """When the radio's gain changes by 6 dB, the regime stays idle."""
    analysed = FrameStream(1, 64, [])
    quiet_room = room(READY + 400, 14, noise=2.0).astype(np.float64)
    quiet_room[READY + 200 :] = np.rint(quiet_room[READY + 200 :] / 2)
    results = feed(analysed, quiet_room.astype(np.int8))
    assert {NAMES[int(regime)] for regime in results[READY + 8 :, REGIME]} == {"idle"}


def test_at_most_five_signatures_are_reported_best_first() -> None:
    """With more than five signatures, the five best by score, descending; promoted ones come first."""
    base = references()[1]
    library = [replace(base, id=f"s{k}", vectors=(np.array(base.vectors) * (1 + k)).tolist()) for k in range(8)]
    analysed = FrameStream(1, 64, library)
    (result,) = feed(analysed, record(walk(64), 0.5, 77, quiet_frames=READY + 50))[-1:]
    assert analysed.stream is not None
    reported = matches(analysed, result)
    assert len({match.name for match in reported}) == frame.TOP
    everything = sorted(np.round(analysed.stream.matcher.matches[:, 0], 4), reverse=True)
    np.testing.assert_allclose([match.score for match in reported], everything[: frame.TOP], atol=2e-4)
    patient = FrameStream(1, 64, library)
    results = feed(patient, record(walk(64), 0.5, 78, quiet_frames=2250))
    ranks = [
        [(match.state in (1, 2), match.score) for match in matches(patient, result)] for result in results[READY - 1 :]
    ]
    assert all(rank == sorted(rank, reverse=True) for rank in ranks)
    assert any(rank[0][0] and not rank[-1][0] for rank in ranks)


@given(st.floats(3.0, 300.0), st.integers(0, 2**32 - 1))
def test_the_frame_rate_is_told_in_spite_of_lost_frames(rate_hz: float, seed: int) -> None:
    """Two long silences and 10 % jitter among 16 times leave the rate within a tenth."""
    rng = np.random.default_rng(seed)
    intervals = rng.uniform(0.9, 1.1, LAYOUT_FRAMES - 1) / rate_hz
    intervals[rng.choice(intervals.size, 2, replace=False)] += 3.0
    times = EPOCH_NS + np.rint(1e9 * np.cumsum([0.0, *intervals])).astype(np.int64)
    assert frame_rate(times.tolist()) == pytest.approx(rate_hz, rel=0.1)


@pytest.mark.parametrize("times", [[7] * LAYOUT_FRAMES, list(range(LAYOUT_FRAMES, 0, -1))])
def test_times_that_do_not_go_on_give_the_usual_rate(times: list[int]) -> None:
    """Without a clock, or with one that runs backwards, frames count as the usual ones."""
    assert frame_rate(times) == USUAL_RATE_HZ


def test_a_stream_of_plain_vectors_has_no_features_of_change() -> None:
    """Vectors are taken as they are: one column each, and no ``lag`` or ``vec128``."""
    plain = VectorStream(np.array([0.8, 0.6]), [])
    rng = np.random.default_rng(3)
    for _ in range(quiet.BLOCK):
        plain.advance(rng.normal(5.0, 1.0, 2).astype(np.float32))
    assert plain.shape.columns == (2, 0, 0)
    assert plain.displacement("lag") is None
    displaced = plain.displacement("amplitude_l2_per_subcarrier")
    assert displaced is not None
    np.testing.assert_allclose(displaced, plain.vector - plain.moments[quiet.MEAN], atol=1e-6)
    assert stream.applicable(references(), plain.shape)[0] == []
