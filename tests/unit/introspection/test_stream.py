"""One stream: from samples to results, never mixed with another."""

from __future__ import annotations

import numpy as np
import pytest
from csi_introspection import quiet, stream
from csi_introspection.arrays import Float32, Float64
from csi_introspection.reference import door, record, references, walk
from csi_introspection.regime import NAMES
from csi_introspection.stream import CALIBRATING, CHANGED, LAYOUT_FRAMES, MATCHES, REGIME, TAIL, FrameStream
from msgspec.structs import replace
from unit.introspection.rooms import room

READY = LAYOUT_FRAMES + quiet.BLOCK


def best(analysed: FrameStream) -> tuple[str, float, bool]:
    """Best match: id, score, above threshold."""
    index, score, above = analysed.result[MATCHES + 1 : MATCHES + 4]
    return analysed.signatures[int(index)].id, float(score), above == 1.0


def test_calibrating_ends_with_the_first_block() -> None:
    """Until then no regime and no scores; from then on all applicable signatures are scored."""
    analysed = FrameStream(1, 64, references())
    for count, iq in enumerate(room(READY + 1, 0), start=1):
        analysed.advance(iq)
        assert analysed.frame_count == count
        calibrating = count < READY
        assert (analysed.result[CALIBRATING] == 1.0) == calibrating
        assert analysed.result[MATCHES] == (0 if calibrating else 3)
        if calibrating:
            assert NAMES[int(analysed.result[REGIME])] == "unknown"


def test_the_tail_holds_the_newest_vectors_in_order() -> None:
    """The newest TAIL vectors are contiguous at any time."""
    analysed = FrameStream(1, 64, [])
    seen: list[Float32] = []
    for iq in room(LAYOUT_FRAMES + 200, 1):
        analysed.advance(iq)
        if analysed.stream is not None and analysed.frame_count > LAYOUT_FRAMES:
            seen.append(analysed.stream.tail[len(seen) % TAIL].copy())
            newest = (len(seen) - 1) % TAIL + TAIL
            held = analysed.stream.tail[newest - min(len(seen), TAIL) + 1 : newest + 1]
            np.testing.assert_array_equal(held, seen[-TAIL:])


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
    alone: dict[tuple[int, int, int], list[Float64]] = {}
    for shape in shapes:
        analysed = FrameStream(shape[0], shape[1], references())
        alone[shape] = []
        for iq in rows[shape]:
            analysed.advance(iq)
            alone[shape].append(analysed.result.copy())
    together = {shape: FrameStream(shape[0], shape[1], references()) for shape in shapes}
    for number in range(450):
        for shape in shapes:
            together[shape].advance(rows[shape][number])
            np.testing.assert_array_equal(together[shape].result, alone[shape][number])


@pytest.mark.parametrize(("motion", "reflectivity", "name"), [(walk, 0.5, "walking_slow"), (door, 0.6, "door_open")])
def test_a_motion_is_recognised_before_it_is_complete(motion, reflectivity: float, name: str) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - a function of frames
    """With unseen noise the right signature, and no other, is above its threshold halfway and at the end."""
    for seed in (500, 501, 502):
        analysed = FrameStream(1, 64, references())
        halfway = None
        for number, iq in enumerate(record(motion(64), reflectivity, seed, quiet_frames=400)):
            analysed.advance(iq)
            if number == 400 + 32:
                halfway = best(analysed)
        assert halfway is not None
        assert halfway[0] == name
        assert halfway[2]
        found, score, above = best(analysed)
        assert (found, above) == (name, True)
        assert score > 0.9
        assert analysed.result[MATCHES + 1 + stream.MATCH_FIELDS + 2] == 0.0
        assert NAMES[int(analysed.result[REGIME])] != "idle"


def test_a_room_at_rest_matches_rest_and_nothing_else() -> None:
    """At rest the idle signature is above its threshold and every motion far below."""
    analysed = FrameStream(1, 64, references())
    for iq in room(1200, 9):
        analysed.advance(iq)
    assert best(analysed)[0] == "idle_room"
    assert best(analysed)[2]
    second = analysed.result[MATCHES + 1 + stream.MATCH_FIELDS + 1]
    assert second < 0.5
    assert NAMES[int(analysed.result[REGIME])] == "idle"


def test_samples_and_amplitudes_give_the_same() -> None:
    """A stream fed amplitudes gives what one fed the samples gives."""
    by_samples, by_amplitude = FrameStream(1, 64, references()), FrameStream(1, 64, references())
    for iq in room(READY + 100, 10):
        by_samples.advance(iq)
        pairs = iq.reshape(-1, 2).astype(np.float32)
        by_amplitude.advance_amplitude(np.sqrt((pairs**2).sum(1)))
        np.testing.assert_allclose(by_amplitude.result, by_samples.result, atol=2e-4)


def test_a_frame_without_signal_leaves_the_state() -> None:
    """An all-zero frame is counted and changes nothing else; ``changed`` is not repeated."""
    analysed, spared = FrameStream(1, 64, references()), FrameStream(1, 64, references())
    for number, iq in enumerate(room(READY + 50, 11)):
        analysed.advance(iq)
        spared.advance(iq)
        if number % 7 == 0 and number > LAYOUT_FRAMES:
            analysed.advance(np.zeros(128, np.int8))
            assert analysed.result[CHANGED] == 0.0
    expected = spared.result.copy()
    expected[CHANGED] = analysed.result[CHANGED]
    np.testing.assert_array_equal(analysed.result, expected)
    assert analysed.frame_count > spared.frame_count


def test_signatures_that_do_not_fit_are_told_and_never_scored() -> None:
    """Another version is listed with its reason, and only the others are matched."""
    library = references()
    library[1] = replace(library[1], feature_version=9)
    analysed = FrameStream(1, 64, library)
    for iq in room(READY, 12):
        analysed.advance(iq)
    assert [(item.signature_id, "version 9" in item.reason) for item in analysed.not_applicable] == [
        ("walking_slow", True)
    ]
    assert analysed.result[MATCHES] == 2


def test_a_stream_that_hears_nothing_never_begins() -> None:
    """Without live sub-carriers nothing applies, and the stream begins once it hears."""
    analysed = FrameStream(1, 64, references())
    for _ in range(3 * LAYOUT_FRAMES):
        analysed.advance(np.zeros(128, np.int8))
    assert analysed.stream is None
    assert len(analysed.not_applicable) == 3
    for iq in room(LAYOUT_FRAMES, 13):
        analysed.advance(iq)
    assert analysed.stream is not None
    assert analysed.not_applicable == []


def test_a_gain_step_is_not_a_motion() -> None:
    """When the radio's gain changes by 6 dB, the regime stays idle."""
    analysed = FrameStream(1, 64, [])
    quiet_room = room(READY + 400, 14, noise=2.0).astype(np.float64)
    quiet_room[READY + 200 :] = np.rint(quiet_room[READY + 200 :] / 2)
    seen = set()
    for number, iq in enumerate(quiet_room.astype(np.int8)):
        analysed.advance(iq)
        if number > READY + 8:
            seen.add(NAMES[int(analysed.result[REGIME])])
    assert seen == {"idle"}


def test_at_most_five_signatures_are_reported_best_first() -> None:
    """With more than five signatures, the five best by score, descending."""
    base = references()[1]
    library = [replace(base, id=f"s{k}", vectors=(np.array(base.vectors) * (1 + k)).tolist()) for k in range(8)]
    analysed = FrameStream(1, 64, library)
    for iq in record(walk(64), 0.5, 77, quiet_frames=READY + 50):
        analysed.advance(iq)
    assert analysed.stream is not None
    assert analysed.result[MATCHES] == stream.TOP
    reported = analysed.result[MATCHES + 1 :].reshape(stream.TOP, stream.MATCH_FIELDS)
    everything = sorted(np.round(analysed.stream.matcher.matches[:, 0], 4), reverse=True)
    np.testing.assert_allclose(reported[:, 1], everything[: stream.TOP], atol=2e-4)
    assert len(set(reported[:, 0])) == stream.TOP
