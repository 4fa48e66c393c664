"""From frames to a take and a signature."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
from csi_introspection.capture import ROWS, Cut, cut_take, make_signature
from csi_introspection.clip import CaptureError, Clip, displaced_rows
from csi_introspection.features import amplitudes
from csi_introspection.library import check, write
from csi_introspection.likeness import likeness
from csi_introspection.offline import analyse
from csi_introspection.reference import record, walk
from csi_introspection.stream import FrameStream
from csi_schemas.signature import FeatureKind
from unit.introspection.takes import DURATION_S, clip, cut_of, take

KIND: FeatureKind = "amplitude_l2_per_subcarrier"


def test_a_take_is_sixty_four_rows_of_displacement_from_its_quiet() -> None:
    """64 rows over the duration; the quiet's own displacement has mean zero; the rate is rows over seconds."""
    made = take("walk", 0)
    assert made.vectors.shape == (ROWS, 16)
    assert made.rate_hz == ROWS / DURATION_S
    assert made.quiet_rows == 96
    np.testing.assert_allclose(made.stream[: made.quiet_rows].mean(axis=0), 0.0, atol=2e-3)
    assert len(made.stream) == pytest.approx(5.5 * made.rate_hz, abs=1)


@pytest.mark.parametrize("seed", range(5))
def test_motion_differs_from_quiet_and_quiet_does_not(seed: int) -> None:
    """A walk and a door depart clearly; another two seconds of the empty room depart as far as quiet itself."""
    assert take("walk", seed).differs
    assert take("door", seed).differs
    still = take("nothing", seed)
    assert not still.differs
    assert still.departure == pytest.approx(1.0, abs=0.15)
    assert still.quiet_departure == pytest.approx(1.0, abs=0.15)


def test_takes_of_a_motion_are_alike_and_of_two_motions_are_not() -> None:
    """Another take of the walk scores high against the first, the door does not."""
    first, second, door = take("walk", 0), take("walk", 1), take("door", 2)
    assert likeness(first.vectors / first.deviation, second.stream / first.deviation, 8) > 0.9
    assert likeness(first.vectors / first.deviation, door.stream / first.deviation, 8) < 0.6


@pytest.mark.parametrize("late_s", [0.2, 0.5, 0.8])
def test_a_late_motion_is_found(late_s: float) -> None:
    """With a reaction time allowed the signature begins where the motion does, within the smoothing."""
    made = clip("door", 3, late_s=late_s)
    found = cut_take(made, cut_of(made, reaction_s=1.0), KIND)
    assert found.late_s == pytest.approx(late_s, abs=0.25)
    prompt = take("door", 3)
    assert likeness(prompt.vectors / prompt.deviation, found.stream / prompt.deviation, 8) > 0.9
    assert cut_take(made, cut_of(made), KIND).late_s == 0.0


def test_quiet_alone_has_no_onset() -> None:
    """With a reaction time allowed and nothing moving, the take begins where it was said to."""
    made = clip("nothing", 4)
    assert cut_take(made, cut_of(made, reaction_s=1.0), KIND).late_s == 0.0


def test_uneven_frames_are_put_on_an_even_grid() -> None:
    """Jittered receive times give the vectors of the even ones; the rate is frames over seconds."""
    made = clip("walk", 5)
    rng = np.random.default_rng(6)
    jitter = rng.integers(-8_000_000, 8_000_000, len(made.t_ns))
    jitter[[0, -1]] = 0
    uneven = Clip(made.amplitude, made.t_ns + jitter, 1)
    rows, rate_hz = displaced_rows(KIND, uneven, cut_of(uneven).begin_ns)
    assert rate_hz == pytest.approx(30.0, rel=1e-6)
    assert len(rows) == len(made.t_ns)
    even = cut_take(made, cut_of(made), KIND)
    other = cut_take(uneven, cut_of(uneven), KIND)
    assert likeness(even.vectors / even.deviation, other.stream / even.deviation, 8) > 0.9


def test_a_frame_without_a_signal_is_bridged() -> None:
    """A frame of zeros has no shape: the line between its neighbours stands in for it."""
    made = clip("walk", 7)
    silent = Clip(made.amplitude.copy(), made.t_ns, 1)
    silent.amplitude[100] = 0.0
    rows, _ = displaced_rows(KIND, silent, cut_of(silent).begin_ns)
    whole, _ = displaced_rows(KIND, made, cut_of(made).begin_ns)
    np.testing.assert_allclose(rows[100], (whole[99] + whole[101]) / 2, atol=1e-6)
    np.testing.assert_allclose(np.delete(rows, 100, axis=0), np.delete(whole, 100, axis=0), atol=1e-6)


@pytest.mark.parametrize(
    ("cut", "said"),
    [
        (Cut(5 * 10**9, 5 * 10**9 + 10**8, 2.0), "the quiet before the take has 3 frames.*--countdown"),
        (Cut(5 * 10**9, 8 * 10**9, 0.3), "the take has .* frames.*--duration"),
        (Cut(5 * 10**9, 8 * 10**9, 4.0), "no frame for 1.5. s within the take"),
    ],
)
def test_what_cannot_be_captured_is_refused_with_advice(cut: Cut, said: str) -> None:
    """Too little quiet, too short a take, and frames that end before it does."""
    with pytest.raises(CaptureError, match=said):
        cut_take(clip("walk", 8), cut, KIND)


def test_lost_frames_within_the_take_are_refused() -> None:
    """A gap longer than the band can bridge names its length."""
    made = clip("walk", 9)
    kept = (made.t_ns < 8.6e9) | (made.t_ns > 9.2e9)
    gappy = Clip(made.amplitude[kept], made.t_ns[kept], 1)
    with pytest.raises(CaptureError, match=r"no frame for 0\.6. s within the take of 2 s"):
        cut_take(gappy, cut_of(gappy), KIND)


def test_an_empty_stream_is_refused() -> None:
    """Frames of zeros have no live sub-carrier."""
    made = clip("walk", 10)
    empty = Clip(np.zeros_like(made.amplitude), made.t_ns, 1)
    with pytest.raises(CaptureError, match="live sub-carriers"):
        cut_take(empty, cut_of(empty), KIND)


@pytest.mark.parametrize(("kind", "width"), [("lag", 5), ("vec128", 128)])
def test_kinds_of_change_tell_motion_from_quiet(kind: FeatureKind, width: int) -> None:
    """A walk departs clearly, quiet does not; takes of a walk are alike."""
    first, second, still = (
        cut_take(made, cut_of(made), kind) for made in (clip("walk", 0), clip("walk", 1), clip("nothing", 2))
    )
    assert first.vectors.shape == (ROWS, width)
    assert first.differs
    assert second.differs
    assert not still.differs
    assert likeness(first.vectors / first.deviation, second.stream / first.deviation, 8) > 0.8


def test_kinds_of_change_are_what_the_stream_says() -> None:
    """On a long quiet and a walk, captured rows are those of the per-frame path, whose quiet is another block's."""
    iq = record(walk(64), 0.5, 21, quiet_frames=1200)
    t_ns = np.rint(np.arange(len(iq)) * 1e9 / 30.0).astype(np.int64)
    clipped = Clip(np.stack([amplitudes(row) for row in iq]), t_ns, 1)
    for kind in ("lag", "vec128"):
        rows, rate_hz = displaced_rows(kind, clipped, int(t_ns[1200]))
        assert rate_hz == pytest.approx(30.0)
        stream = FrameStream(1, 64, [], every_kind=True)
        live = []
        for samples, time in zip(iq, t_ns.tolist(), strict=True):
            stream.advance(samples, time)
            live.append(None if stream.stream is None else stream.stream.displacement(kind))
        for number in range(1200, len(iq), 7):
            row = live[number]
            assert row is not None
            np.testing.assert_allclose(rows[number], row, atol=0.35)


def test_kinds_of_change_need_a_row_rate() -> None:
    """At 10 frames a second a change over rows is another one: refused with both lengths."""
    made = clip("walk", 11)
    slow = Clip(made.amplitude[::3], made.t_ns[::3], 1)
    with pytest.raises(CaptureError, match=r"lag is made of changes over rows of 40 ms.*rows of 100 ms"):
        cut_take(slow, cut_of(slow), "lag")


def test_the_file_of_a_capture_passes_the_check(tmp_path: Path) -> None:
    """Written and read back it is the signature; its numbers are within 1e-5 of the take's."""
    made = take("door", 12)
    signature = make_signature(
        made, identity="door", label="Door", captured_at="2026-01-01T00:00:00Z", provenance="synthetic",
        threshold=0.6, rest=False,
    )  # fmt: skip
    write(tmp_path / "door.sig.json", signature)
    report = check(tmp_path)
    assert report.problems == []
    assert msgspec.to_builtins(report.signatures[0]) == msgspec.to_builtins(signature)
    np.testing.assert_allclose(report.signatures[0].vectors, made.vectors, atol=6e-6)
    assert signature.rate_hz == 32.0
    assert signature.length == ROWS


def test_the_service_recognises_what_was_captured() -> None:
    """On a stream it never saw, the signature of one take of the walk is the best match, above its threshold."""
    made = take("walk", 13)
    signature = make_signature(
        made, identity="mine", label="Walk", captured_at="", provenance="synthetic", threshold=0.6, rest=False
    )
    iq = record(walk(64), 0.5, 77, quiet_frames=2400)
    snapshots = analyse(iq.reshape(len(iq), 1, 64, 2), [signature])
    during = [s.top_k_similarity[0] for s in snapshots[2400:] if s.top_k_similarity]
    assert any(match.above_threshold for match in during)
    assert not any(m.above_threshold for s in snapshots[:2400] for m in s.top_k_similarity)
