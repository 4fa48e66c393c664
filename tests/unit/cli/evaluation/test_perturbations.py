"""Perturbed recordings: each perturbation does what its name says, to those frames and no others, alike for a seed."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from csi_events.offline import Recording
from csiflow.evaluation import perturbed as playing
from csiflow.evaluation.perturbations import (
    CLOCK_NS,
    PERTURBATIONS,
    Frames,
    agc,
    bad_frames,
    batched,
    decimated,
    drifting,
    dying,
    every_second,
    frames_of,
    half_band,
    interfered,
    interval_ns,
    jittered,
    lost,
    lost_in_bursts,
    one_antenna,
    rounded,
    scaled,
)
from csiflow.evaluation.perturbed import Robust, Task, perturbed, play
from unit.cli.evaluation.rooms import loaded, write

pytestmark = pytest.mark.timeout(300)  # the kernels may have to be compiled

RATE_HZ = 50


def a_stream(seconds: int = 120, *, antennas: int = 2, phase: bool = True) -> Frames:
    """Whole numbers of 8 bits, 20 sub-carriers."""
    count = seconds * RATE_HZ
    rng = np.random.default_rng(1)
    iq = rng.integers(-60, 61, (count, antennas, 20, 2)).astype(np.int8)
    t_ns = np.arange(count) * (1_000_000_000 // RATE_HZ)
    return frames_of(t_ns, iq if phase else np.hypot(*np.moveaxis(iq.astype(np.float32), -1, 0)))


def rng() -> np.random.Generator:
    """The same for every test."""
    return np.random.default_rng(3)


@pytest.mark.parametrize("phase", [True, False])
@pytest.mark.parametrize("name", PERTURBATIONS)
def test_perturbations_are_pure(name: str, *, phase: bool) -> None:
    """The same seed gives the same frames, the input stays as it was, and the numbers say which frames are left."""
    frames = a_stream(30, phase=phase)
    before = frames.t_ns.copy(), frames.values.copy()
    one, other = (PERTURBATIONS[name](frames, rng()) for _ in range(2))
    np.testing.assert_array_equal(frames.t_ns, before[0])
    np.testing.assert_array_equal(frames.values, before[1])
    np.testing.assert_array_equal(one.t_ns, other.t_ns)
    np.testing.assert_array_equal(one.values, other.values)
    assert len(one.t_ns) == len(one.values) == len(one.number)
    assert (np.diff(one.number) > 0).all()
    assert np.isfinite(one.values).all()
    assert one.values.ndim == frames.values.ndim
    assert np.issubdtype(one.values.dtype, np.integer) == phase


@pytest.mark.parametrize("share", [0.1, 0.3])
def test_losses_lose_their_share(share: float) -> None:
    """At random and in bursts the share is lost; bursts last as long as they are said to, single losses do not."""
    frames = a_stream(600, antennas=1)
    runs = {}
    for name, loss in (("single", lost), ("bursts", lost_in_bursts)):
        left = loss(frames, rng(), share=share)
        np.testing.assert_array_equal(left.values, frames.values[left.number])
        np.testing.assert_array_equal(left.t_ns, frames.t_ns[left.number])
        assert 1 - len(left.t_ns) / len(frames.t_ns) == pytest.approx(share, rel=0.25)
        gaps = np.diff(left.number) - 1
        runs[name] = gaps[gaps > 0].mean() / RATE_HZ
    assert runs["single"] < 0.05
    assert 0.3 < runs["bursts"] < 0.7


def test_jitter_is_late_and_in_order() -> None:
    """No frame comes early, or before the one before it; some come an interval late."""
    frames = a_stream()
    late = jittered(frames, rng())
    assert (late.t_ns >= frames.t_ns).all()
    assert (np.diff(late.t_ns) >= 0).all()
    assert (late.t_ns - frames.t_ns).max() > interval_ns(frames.t_ns)


def test_batches_arrive_with_their_last() -> None:
    """Four frames have one time, that of the fourth; what is left over has that of the last."""
    frames = a_stream(1)
    four = batched(frames, rng(), size=4)
    np.testing.assert_array_equal(four.t_ns[:8], np.repeat(frames.t_ns[[3, 7]], 4))
    np.testing.assert_array_equal(four.t_ns[-2:], np.repeat(frames.t_ns[-1], 2))


def test_fewer_frames_and_carriers() -> None:
    """Decimation, half bands and single antennas hold just what they should."""
    frames = a_stream(2)
    np.testing.assert_array_equal(decimated(frames, rng(), every=4).values, frames.values[::4])
    np.testing.assert_array_equal(every_second(frames, rng()).values, frames.values[:, :, ::2])
    np.testing.assert_array_equal(half_band(frames, rng()).values, frames.values[:, :, :10])
    np.testing.assert_array_equal(one_antenna(frames, rng()).values, frames.values[:, :1])


def test_scaling_rounds_and_does_not_overflow() -> None:
    """A tenth is coarse whole numbers of 8 bits; ten times is exact, in 16 bits."""
    frames = a_stream(2)
    small, large = scaled(frames, rng(), by=0.1), scaled(frames, rng(), by=10.0)
    assert small.values.dtype == np.int8
    assert np.abs(small.values).max() == 6
    assert large.values.dtype == np.int16
    np.testing.assert_array_equal(large.values, 10 * frames.values.astype(np.int16))
    np.testing.assert_array_equal(rounded(np.full((1, 1, 1, 2), 127.4)), np.full((1, 1, 1, 2), 127, np.int8))


def powers(values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """(T, A) power in dB."""
    squares = values.astype(float) ** 2
    return np.asarray(10 * np.log10(squares.mean(axis=tuple(range(2, values.ndim)))))


def test_gain_steps_of_each_antenna() -> None:
    """Every antenna's gain is -3, 0 or 3 dB, for seconds, and not that of the other."""
    frames = a_stream()
    change = powers(agc(frames, rng()).values) - powers(frames.values)
    steps = np.rint(change / 3.0)
    assert np.abs(change - 3.0 * steps).max() < 0.2
    assert set(np.unique(steps)) == {-1.0, 0.0, 1.0}
    assert 5 < np.count_nonzero(np.diff(steps[:, 0])) < 60
    assert (steps[:, 0] != steps[:, 1]).any()


def test_gain_drifts_up_and_down() -> None:
    """3 dB in a minute, and back, the same for all antennas."""
    frames = a_stream(phase=False)
    change = powers(drifting(frames, rng()).values) - powers(frames.values)
    np.testing.assert_allclose(change[[0, 60 * RATE_HZ, -1], 0], [0.0, 3.0, 0.0], atol=0.01)
    np.testing.assert_allclose(change[:, 0], change[:, 1], atol=1e-4)


def test_bad_frames_are_few() -> None:
    """One frame of a hundred is another; the rest is as it was."""
    frames = a_stream()
    bad = (bad_frames(frames, rng()).values != frames.values).any(axis=(1, 2, 3))
    assert bad.mean() == pytest.approx(0.01, rel=0.4)


def test_interference_comes_and_goes_on_three() -> None:
    """Three sub-carriers are louder for some seconds of the time; no other is touched."""
    frames = a_stream()
    changed = (interfered(frames, rng()).values != frames.values).any(axis=(1, 3))
    assert set(np.flatnonzero(changed.any(axis=0))) == {6, 7, 8}
    on = changed[:, 6]
    assert 0.2 < on.mean() < 0.8
    assert np.count_nonzero(np.diff(on.astype(int))) < 80


def test_sub_carriers_die_in_the_middle() -> None:
    """One of ten gives zeros from the middle on."""
    frames = a_stream(2)
    left = dying(frames, rng()).values
    assert not left[50:, :, ::10].any()
    np.testing.assert_array_equal(left[:50], frames.values[:50])
    np.testing.assert_array_equal(np.delete(left, [0, 10], axis=2), np.delete(frames.values, [0, 10], axis=2))


@pytest.mark.parametrize(("name", "by_s"), [("clock +5 s", 5.0), ("clock -5 s", -5.0), ("silent for 20 s", 20.0)])
def test_times_step_once(name: str, by_s: float) -> None:
    """From the middle on every time is off by so much."""
    frames = a_stream(2)
    moved = (PERTURBATIONS[name](frames, rng()).t_ns - frames.t_ns) * 1e-9
    np.testing.assert_allclose(moved, np.repeat([0.0, by_s], 50))
    assert CLOCK_NS == 5_000_000_000


def test_truth_follows_the_frames(tmp_path: Path) -> None:
    """What the service gets has its own times; labels and the times that are counted by are those of the frames."""
    room = loaded(tmp_path, (("quiet", 20.0), ("walking", 10.0)))
    played, sent = perturbed(room, "rate / 4", 0)
    np.testing.assert_array_equal(played.truth, room.truth[::4])
    np.testing.assert_array_equal(sent.recording.t_ns, room.recording.t_ns[::4])
    played, sent = perturbed(room, "clock -5 s", 0)
    assert (np.diff(played.recording.t_ns) < 0).sum() == 1
    np.testing.assert_array_equal(sent.recording.t_ns, room.recording.t_ns)


def test_playing_counts_both_paths(tmp_path: Path) -> None:
    """Unperturbed, a simulated walk is found and quiet is quiet; with the answers it is counted what is right."""
    path = write(tmp_path / "room.npz", (("quiet", 20.0), ("walking", 10.0), ("quiet", 10.0)))
    figures = play(Task("s", path, "none", 0)).figures()
    assert figures["f1"] > 0.9
    assert figures["failed"] == []
    assert figures["onsets"] == 1
    assert figures["onsets_missed"] == 0
    assert figures["null_answered_s"] is None
    null = play(Task("s", path, "lost 10 %", 0, breathing=True, null=True)).figures()
    assert null["null_s"] == 10
    assert null["f1"] is None


def test_white_noise_needs_no_recording() -> None:
    """A null of so many antennas is made, perturbed and listened to."""
    found = play(Task("s", Path("white"), "every 2nd sub-carrier", 0, breathing=True, null=True, white=1))
    assert found.failed == []
    assert found.null_s == 90


def test_exceptions_of_the_service_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the paths raise is named with the recording; the others go on."""

    def broken(recording: Recording, *_: object) -> None:
        raise ZeroDivisionError(f"{len(recording.t_ns)} frames")

    path = write(tmp_path / "room.npz", (("quiet", 20.0), ("walking", 2.0)))
    monkeypatch.setattr(playing, "run", partial(broken))
    found = play(Task("s", path, "none", 0))
    assert found.failed == ["room.npz: ZeroDivisionError: 1100 frames"]
    pool = Robust()
    pool.add(found)
    pool.add(found)
    assert len(pool.figures()["failed"]) == 2
