"""What ``csiflow capture-signature`` does: takes become checked signature files, or a reason why not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from csi_introspection import library
from csi_introspection.capture import DIFFERS, CaptureError, Clip, Cut, Take, cut_take, make_signature
from csi_introspection.features import BINS, KINDS
from csi_introspection.threshold import Confusion, Suggestion, confusions, suggest
from csi_schemas.common import Provenance
from csi_schemas.signature import FeatureKind, Signature
from rich.markup import escape

from csiflow.heard import LiveFrames, StreamName, Wanted, recorded_frames
from csiflow.output import console, fail
from csiflow.parameters import parse_duration
from csiflow.takes import AFTER_S, RawTake, Recorder, Schedule, clip_of

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame

LISTEN_S = 1.0
"""Listening for streams goes on for this long after the first, to find the busiest."""
SILENCE_S = 3.0
"""A stream without a frame for this long has ended."""
TRIES = 3
"""How often a live take is recorded until it can be used."""
FOLDER_SUFFIX = ".sig.json"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the signatures go."""

    label: str
    kind: FeatureKind
    rest: bool
    paths: list[Path]
    """One for each take."""

    @property
    def identities(self) -> list[str]:
        """The id of each take's signature: its file's name without the ending."""
        return [identity_of(path) for path in self.paths]


@dataclass(frozen=True, slots=True)
class Made:
    """A captured signature, before it is written."""

    path: Path
    signature: Signature
    take: Take
    suggestion: Suggestion


def identity_of(path: Path) -> str:
    """Return the id that belongs to a file name."""
    return path.name.removesuffix(".json").removesuffix(".sig")


def take_paths(out: Path, takes: int) -> list[Path]:
    """Return the file of each take: ``wave.sig.json``, ``wave-take2.sig.json``, ..."""
    identity = identity_of(out)
    ending = out.name[len(identity) :]
    return [out, *(out.with_name(f"{identity}-take{number}{ending}") for number in range(2, takes + 1))]


def schedule_of(
    *, takes: int, countdown: str, duration: str, rest: bool, begins: Sequence[str] | None, recorded: bool
) -> Schedule:
    """Check how takes are asked for.

    Raises:
        typer.Exit: with code 2, they cannot be; the message says what to write instead.
    """
    if not recorded and begins:
        fail("--from goes with --recording; a live take begins when the countdown ends", 2)
    if recorded:
        count = len(begins or [countdown])
        if takes not in {1, count}:
            fail(f"--takes {takes} of a recording needs --from {takes} times, once for each take", 2)
        takes = count
    return Schedule(takes, parse_duration(countdown), parse_duration(duration), rest)


def target_of(label: str, out: Path, kind: str, takes: int, *, rest: bool, force: bool) -> Target:
    """Check what is asked for, and that it can be written, before anybody moves.

    Raises:
        typer.Exit: with code 2, something cannot be; the message says what to write instead.
    """
    if not label.strip():
        fail("--label is empty; say in words what the motion is", 2)
    if kind not in KINDS:
        fail(f"there is no feature kind {escape(kind)}; it is one of {', '.join(KINDS)}", 2)
    if not library.is_identity(identity_of(out)):
        fail(f"{escape(str(out))} gives no id: use letters, digits, '.', '_' and '-', as in DIR/wave.sig.json", 2)
    if not out.parent.is_dir():
        fail(f"there is no folder {escape(str(out.parent))}; make it, or name another --out", 2)
    paths = take_paths(out, takes)
    for path in paths:
        if path.is_dir():
            fail(f"{escape(str(path))} is a folder; name a file in it, as in {escape(str(path / 'wave.sig.json'))}", 2)
        if path.exists() and not force:
            fail(f"{escape(str(path))} exists; name another --out, or replace it with --force", 2)
    return Target(label.strip(), kind, rest, paths)


def others_in_folder(target: Target) -> list[Signature]:
    """Return the valid signatures of the target's folder, without those that will be replaced.

    Raises:
        typer.Exit: with code 2, one of them has an id that a take would get.
    """
    report = library.check(target.paths[0].parent)
    replaced = {path.name for path in target.paths}
    kept = [(file, s) for file, s in zip(report.files, report.signatures, strict=True) if file not in replaced]
    for file, signature in kept:
        if signature.id in target.identities:
            fail(f"{escape(file)} has the id {signature.id} already; name another --out file", 2)
    return [signature for _, signature in kept]


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
    """Record takes from the running stack; one that cannot be used is recorded again.

    Raises:
        csiflow.heard.HeardError: the wanted stream is not there, or fell silent.
        CaptureError: ``TRIES`` recordings of one take cannot be used; the message is about the last.
    """
    live = LiveFrames(bootstrap)
    async with live.running():
        console.print(f"listening for {'any stream' if wanted == Wanted() else str(wanted)[3:]} ...")
        name, others = await live.listen(wait_s, wanted, LISTEN_S)
        _say_stream(name, others)
        recorder = Recorder(live.frames(name, SILENCE_S))
        return name, [await _record(recorder, schedule, number + 1, target) for number in range(schedule.takes)]


async def _record(recorder: Recorder, schedule: Schedule, number: int, target: Target) -> Take:
    for left in reversed(range(TRIES)):
        recorded = await recorder.record(schedule, number)
        try:
            return judge(recorded, number, target)
        except CaptureError as error:
            if not left:
                raise
            console.print(f"[yellow]once more:[/] {escape(str(error))}", soft_wrap=True)
    raise AssertionError("a take is recorded at least once")


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
    return name, [judge(recorded, number, target) for number, recorded in enumerate(cuts, start=1)]


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


def judge(recorded: RawTake, number: int, target: Target) -> Take:
    """Cut take ``number`` (from 1) out of what was recorded.

    Raises:
        CaptureError: it cannot be used; the message says which take and why.
    """
    try:
        take = cut_take(recorded.clip, recorded.cut, target.kind)
    except CaptureError as error:
        raise CaptureError(f"take {number}: {error}") from error
    _check_departure(take, number, rest=target.rest)
    return take


def make(
    takes: Sequence[Take], target: Target, provenance: Provenance, known: Sequence[Signature]
) -> tuple[list[Made], list[Confusion]]:
    """Turn takes into signatures, each with its threshold, and name the known ones they look like."""
    captured_at = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    made = []
    for number, (take, path) in enumerate(zip(takes, target.paths, strict=True)):
        suggestion = suggest(take, [*takes[:number], *takes[number + 1 :]], known, target.label, rest=target.rest)
        signature = make_signature(
            take,
            identity=identity_of(path),
            label=target.label,
            captured_at=captured_at,
            provenance=provenance,
            threshold=suggestion.threshold,
            rest=target.rest,
        )
        made.append(Made(path, signature, take, suggestion))
    return made, confusions([(m.signature, m.take) for m in made], known)


def _check_departure(take: Take, number: int, *, rest: bool) -> None:
    """Refuse a motion that looks like quiet, and a rest that does not.

    Raises:
        CaptureError: with the figures and advice.
    """
    departs = (
        f"it departs {take.departure:.2f} quiet deviations from quiet; quiet itself departs {take.quiet_departure:.2f}"
    )
    if rest and take.differs:
        raise CaptureError(
            f"take {number} is no room at rest: {departs}, and {DIFFERS:g} times that is a motion. Keep still, or "
            "leave out --rest"
        )
    if not rest and not take.differs:
        advice = (
            "it was not quiet before the take: keep still while it counts down"
            if take.quiet_departure >= DIFFERS
            else "move more, or nearer to the line between node and access point; --rest captures a room at rest"
        )
        raise CaptureError(
            f"take {number} does not differ from quiet: {departs}, and a take must reach {DIFFERS:g} times that "
            f"(at least {DIFFERS:g}); {advice}"
        )


def report(made: Sequence[Made], alike: Sequence[Confusion], name: StreamName) -> dict[str, Any]:
    """Say what was written; returns the same as one JSON object."""
    for m in made:
        late = f", {m.take.late_s:.2f} s after the countdown" if m.take.late_s else ""
        console.print(
            f"[green]written[/] {m.path}: {m.signature.length} x {m.take.vectors.shape[1]}, {m.take.rate_hz:g} rows/s, "
            f"departs {m.take.departure:.1f} quiet deviations{late}",
            soft_wrap=True,
        )
        console.print(f"  promotion threshold {m.suggestion.basis}", soft_wrap=True)
        if m.suggestion.overlap:
            console.print(
                "  [yellow]warning:[/] the takes of this label are no more alike than other things are: record them "
                "more alike, or choose another place or a longer motion",
                soft_wrap=True,
            )
    for pair in alike:
        console.print(f"[yellow]warning:[/] {pair}", soft_wrap=True)
    if any(not m.path.name.endswith(FOLDER_SUFFIX) for m in made):
        console.print(f"[yellow]warning:[/] the service reads *{FOLDER_SUFFIX} files only; rename it to use it there")
    first = made[0].signature
    return {
        "label": first.label,
        "node": name.node_id,
        "stream": name.stream,
        "provenance": first.provenance,
        "kind": first.feature_kind,
        "rest": first.rest,
        "signatures": [_as_json(m) for m in made],
        "indistinguishable": [{"id": pair.first, "other": pair.second, "score": pair.score} for pair in alike],
    }


def _as_json(made: Made) -> dict[str, Any]:
    take, suggestion = made.take, made.suggestion
    return {
        "file": str(made.path),
        "id": made.signature.id,
        "length": made.signature.length,
        "width": take.vectors.shape[1],
        "rate_hz": take.rate_hz,
        "departure": round(take.departure, 3),
        "quiet_departure": round(take.quiet_departure, 3),
        "late_s": round(take.late_s, 3),
        "threshold": {
            "value": suggestion.threshold,
            "measured": suggestion.measured,
            "basis": suggestion.basis,
            "same_label": suggestion.same,
            "quiet": suggestion.quiet,
            "other_labels": suggestion.others,
        },
    }
