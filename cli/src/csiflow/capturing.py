"""Takes for ``csiflow capture-signature``: recorded live or cut out of a recording, and judged."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from csi_introspection.capture import DIFFERS, Cut, Take, cut_take
from csi_introspection.clip import CaptureError, Clip
from csi_introspection.features import BINS
from csi_introspection.threshold import suggest
from rich.markup import escape

from csiflow.capture_target import Target
from csiflow.heard import LiveFrames, StreamName, Wanted, recorded_frames
from csiflow.output import console, fail
from csiflow.takes import AFTER_S, RawTake, Recorder, Schedule, clip_of, time_to_move

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame

LISTEN_S = 1.0
"""Listening for streams goes on for this long after the first, to find the busiest."""
SILENCE_S = 3.0
"""A stream without a frame for this long has ended."""


def prepare(target: Target) -> None:
    """Make a signature of noise, so that every kernel is compiled or loaded before anybody has to move."""
    console.print("preparing (the first time this takes some seconds) ...")
    rate_hz, quiet_s, motion_s = 50, 3, 2
    frames = rate_hz * (quiet_s + motion_s)
    amplitude = 10.0 + np.random.default_rng(0).standard_normal((2, frames, BINS))
    amplitude[:, rate_hz * quiet_s :] *= 2.0
    t_ns = np.arange(1, frames + 1) * (10**9 // rate_hz)
    cut = Cut(0, quiet_s * 10**9, float(motion_s))
    takes = [cut_take(Clip(each.astype(np.float32), t_ns, 1), cut, target.kind) for each in amplitude]
    suggest(takes[0], takes[1:], [], target.label, rest=target.rest)


async def record_live(
    bootstrap: str, schedule: Schedule, wanted: Wanted, wait_s: float, target: Target
) -> tuple[StreamName, list[Take]]:
    """Record takes from the running stack; one that cannot be used is recorded again until it can.

    Takes that were good are kept meanwhile.

    Raises:
        csiflow.heard.HeardError: the wanted stream is not there, or fell silent.
        csi_runtime.errors.KafkaSetupError: Kafka is not there, or lacks the topic.
    """
    async with LiveFrames.running(bootstrap) as live:
        console.print(f"listening for {'any stream' if wanted == Wanted() else str(wanted)[3:]} ...")
        name, others = await live.listen(wait_s, wanted, LISTEN_S)
        _say_stream(name, others)
        console.print(time_to_move(schedule), soft_wrap=True)
        recorder = Recorder(live.frames(name, SILENCE_S))
        return name, [await _record(recorder, schedule, number + 1, target) for number in range(schedule.takes)]


async def _record(recorder: Recorder, schedule: Schedule, number: int, target: Target) -> Take:
    while True:
        recorded = await recorder.record(schedule, number)
        try:
            return judge(recorded, number, target, live=True)
        except CaptureError as error:
            kept = f"; good so far: {number - 1} of {schedule.takes}, kept" if number > 1 else ""
            console.print(f"[yellow]once more:[/] {escape(str(error))}{kept} (Ctrl-C ends)", soft_wrap=True)


def _say_stream(name: StreamName, others: Sequence[str]) -> None:
    console.print(f"capturing from stream [bold]{name}[/]")
    if others:
        console.print(f"  also there: {'; '.join(others)} (--node and --stream name another)", soft_wrap=True)


def cut_recording(
    path: Path, begins_s: Sequence[float], schedule: Schedule, wanted: Wanted, target: Target
) -> tuple[StreamName, list[Take]]:
    """Cut takes out of a recording; each begins ``begins_s`` after its first datagram.

    Raises:
        csi_ingest.recordings.RecordingError: it cannot be read.
        csiflow.heard.HeardError: it does not hold the wanted stream.
        CaptureError: a take cannot be used.
        typer.Exit: with code 2, a take is not in it.
    """
    name, frames, others = recorded_frames(path, wanted)
    _say_stream(name, others)
    cuts = [_cut(frames, begin_s, schedule) for begin_s in begins_s]
    return name, [judge(recorded, number, target, live=False) for number, recorded in enumerate(cuts, start=1)]


def _cut(frames: list[CsiFrame], begin_s: float, schedule: Schedule) -> RawTake:
    last_s, before_s = frames[-1].timestamp_ns / 1e9, begin_s - frames[0].timestamp_ns / 1e9
    if begin_s + schedule.duration_s > last_s:
        fail(
            f"a take from {begin_s:g} s of {schedule.duration_s:g} s does not lie in the recording, whose stream ends "
            f"at {last_s:.2f} s; choose an earlier --from or a shorter --duration",
            2,
        )
    if before_s < schedule.countdown_s:
        fail(
            f"there are {max(before_s, 0.0):g} s before the take and {schedule.countdown_s:g} s of quiet are wanted: "
            f"choose a later --from, or --countdown {max(before_s, 0.0):g}s",
            2,
        )
    begin_ns = round(begin_s * 1e9)  # recordings count from their first datagram, whichever stream it is of
    cut = Cut(begin_ns - round(schedule.countdown_s * 1e9), begin_ns, schedule.duration_s)
    end_ns = begin_ns + round((schedule.duration_s + AFTER_S) * 1e9)
    inside = [frame for frame in frames if cut.quiet_ns <= frame.timestamp_ns <= end_ns]
    return RawTake(clip_of(inside), cut)


def judge(recorded: RawTake, number: int, target: Target, *, live: bool) -> Take:
    """Cut take ``number`` (from 1) out of what was recorded.

    Raises:
        CaptureError: it cannot be used; the message says which take and why.
    """
    try:
        take = cut_take(recorded.clip, recorded.cut, target.kind)
    except CaptureError as error:
        raise CaptureError(f"take {number}: {error}") from error
    _check_departure(take, number, rest=target.rest, live=live)
    return take


def _check_departure(take: Take, number: int, *, rest: bool, live: bool) -> None:
    """Refuse a motion that looks like quiet, and a rest that does not.

    Raises:
        CaptureError: with the figures and advice.
    """
    departs = (
        f"it departs {take.departure:.2f} quiet deviations from quiet; quiet itself departs {take.quiet_departure:.2f}"
    )
    if rest and take.differs:
        raise CaptureError(
            f"take {number} is no room at rest: {departs}, and {DIFFERS:g} times that is a motion. "
            f"{'Keep still' if live else 'Try another --from'}, or leave out --rest"
        )
    if not rest and not take.differs:
        if take.quiet_departure >= DIFFERS:
            mend = "keep still while it counts down" if live else "try another --from"
            advice = f"it was not quiet before the take: {mend}"
        else:
            mend = "move more, or nearer to the line between node and access point" if live else "try another --from"
            advice = f"{mend}; --rest captures a room at rest"
        raise CaptureError(
            f"take {number} does not differ from quiet: {departs}, and a take must reach {DIFFERS:g} times that "
            f"(at least {DIFFERS:g}); {advice}"
        )
