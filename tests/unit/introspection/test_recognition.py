"""Which of several motions one is, and which streams a feature of change serves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from csi_introspection import shapes
from csi_introspection.arrays import Float32, Int64
from csi_introspection.features import amplitudes
from csi_introspection.promotion import CONFIRMED, EMERGING
from csi_introspection.reference import RATE_HZ, ROWS, channel, door, record, references, sample, walk
from csi_introspection.stream import FrameStream
from csi_schemas.signature import FeatureKind, Signature
from hypothesis import given
from hypothesis import strategies as st
from unit.introspection.rooms import feed, states

QUIET = 150


@dataclass(frozen=True)
class Motion:
    """A take of the simulator's."""

    amplitude: Float32
    t_ns: Int64
    first: int
    quiet: tuple[int, int] | None


@dataclass(frozen=True)
class Labelled:
    """Such a take, and what it is of."""

    label: str
    take: Motion


def take(label: str, seed: int, start_s: float = 0.0, *, quiet: tuple[int, int] | None = (0, QUIET)) -> Labelled:
    """Five seconds of quiet and a walk or a door, joined ``start_s`` late."""
    motion, reflectivity = (walk, 0.5) if label == "walk" else (door, 0.6)
    iq = record(motion(ROWS, start_s), reflectivity, seed, quiet_frames=QUIET)
    amplitude = np.stack([amplitudes(row) for row in iq])[:, None, :]
    t_ns = np.rint(np.arange(len(iq)) * 1e9 / RATE_HZ).astype(np.int64)
    return Labelled(label, Motion(amplitude, t_ns, QUIET, quiet))


TRAIN = (take("walk", 1), take("door", 2))


@pytest.mark.parametrize("label", ["walk", "door"])
@pytest.mark.parametrize(("seed", "start_s"), [(11, 0.0), (12, 0.0), (13, 0.2)])
def test_walk_and_door_are_told_apart_across_takes(label: str, seed: int, start_s: float) -> None:
    """With other noise, or joined a little late, a take is more like the one of its label; shares are of the most."""
    found = shapes.recognise(TRAIN, take(label, seed, start_s).take)
    assert set(found) == {"walk", "door"}
    assert max(found, key=lambda name: found[name]) == label
    assert all(0.0 <= share <= 2.0 for share in found.values())


def test_a_take_without_a_labelled_quiet_uses_its_first_two_seconds() -> None:
    """What is quiet is not told: the same is recognised."""
    (quiet,) = {len(shapes.quiet_of(take("walk", 14, quiet=None).take))}
    assert quiet == 60
    found = shapes.recognise(TRAIN, take("walk", 14, quiet=None).take)
    assert found["walk"] > found["door"]


def test_what_has_no_such_feature_is_an_error() -> None:
    """The message names the feature; a motion of one row makes no signature."""
    few = take("walk", 15)
    narrow = Motion(few.take.amplitude[:, :, 1:9], few.take.t_ns, few.take.first, few.take.quiet)
    with pytest.raises(ValueError, match="give no vec128"):
        shapes.signature_of(Labelled("walk", narrow), "vec128", "x")
    short = Motion(few.take.amplitude[: QUIET + 1], few.take.t_ns[: QUIET + 1], QUIET, few.take.quiet)
    with pytest.raises(ValueError, match="x: 1 rows"):
        shapes.signature_of(Labelled("walk", short), "lag", "x")


@given(st.integers(1, 400), st.integers(1, 1200))
def test_to_and_fro_has_no_jump(count: int, wanted: int) -> None:
    """Neighbours differ by one frame at most, every frame exists, and the last is the first of the recording."""
    order = shapes.there_and_back(count, wanted)
    assert len(order) == wanted
    assert order[-1] == 0
    assert order.min() >= 0
    assert order.max() < count
    assert np.abs(np.diff(order)).max(initial=0) <= 1


def of_changes(kind: FeatureKind) -> Signature:
    """Return the simulator's walk as a signature of a feature of change."""
    return shapes.signature_of(TRAIN[0], kind, f"{kind}_walk")


@pytest.mark.parametrize("kind", ["lag", "vec128"])
def test_a_walk_is_recognised_by_its_changes(kind: FeatureKind) -> None:
    """After a calm minute a walk with other noise emerges early and is confirmed."""
    analysed = FrameStream(1, 64, [of_changes(kind)])
    found = states(analysed, feed(analysed, record(walk(ROWS), 0.5, 77, quiet_frames=2250)), f"{kind}_walk")
    assert not found[:2250].any()
    assert np.flatnonzero(found == EMERGING)[0] < 2250 + ROWS // 3
    assert found[-1] == CONFIRMED


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
