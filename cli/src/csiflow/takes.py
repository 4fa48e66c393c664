"""Recording takes: quiet, then the motion, over and over, paced by the stream's own clock."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from math import ceil

import numpy as np
from csi_introspection.capture import Cut
from csi_introspection.clip import Clip
from csi_introspection.features import amplitudes
from csi_schemas.frame import CsiFrame
from rich.progress import BarColumn, Progress, TextColumn

from csiflow.heard import HeardError
from csiflow.output import console

REACTION_S = 1.0
"""How long after "move" the motion may begin; the signature begins where it does."""
AFTER_S = 0.5
"""Recorded after the take, so that a later look for the motion finds all of it."""
PAUSE_S = 2.0
"""Time to come to rest between two takes."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How takes are recorded."""

    takes: int
    countdown_s: float
    """Quiet before each take."""
    duration_s: float
    rest: bool
    """Nobody moves in the take either."""


@dataclass(frozen=True, slots=True)
class RawTake:
    """One take as it was recorded."""

    clip: Clip
    cut: Cut


def clip_of(frames: list[CsiFrame]) -> Clip:
    """Return frames of one stream, in order of time, as arrays."""
    amplitude = np.stack([amplitudes(np.frombuffer(frame.iq, np.int8)) for frame in frames])
    return Clip(amplitude, np.array([frame.timestamp_ns for frame in frames], np.int64), frames[0].n_antennas)


def time_to_move(schedule: Schedule) -> str:
    """Say how long a take is recorded after the countdown, which is longer than the motion, and why."""
    if schedule.rest:
        return f"each take: keep still for {schedule.countdown_s + schedule.duration_s:g} s"
    return (
        f"each take: keep still for {schedule.countdown_s:g} s, then move for {schedule.duration_s:g} s; "
        f"MOVE NOW stays for {schedule.duration_s + REACTION_S + AFTER_S:g} s, because you may begin up to "
        f"{REACTION_S:g} s late and {AFTER_S:g} s are recorded after it; the signature is the "
        f"{schedule.duration_s:g} s from where you begin"
    )


class Recorder:
    """Takes frames from a stream, stretch after stretch; a stretch ends when the stream's own clock says so."""

    def __init__(self, frames: AsyncIterator[CsiFrame]) -> None:
        self._frames = frames
        self._now_ns = 0

    async def record(self, schedule: Schedule, number: int) -> RawTake:
        """Record take ``number`` (from 1) and show people what to do; what came before a take has to come to rest."""
        with display(f"take {number} of {schedule.takes}") as show:
            if self._now_ns:
                await self._stretch(PAUSE_S, lambda left: show("come to rest", PAUSE_S, left))
            wait = "keep still" if schedule.rest else "keep still, move in"

            def count_down(left: float) -> None:
                show(wait if schedule.rest else f"{wait} {max(1, ceil(left))}", schedule.countdown_s, left)

            kept = await self._stretch(schedule.countdown_s, count_down)
            quiet_ns, begin_ns = self._now_ns - round(schedule.countdown_s * 1e9), self._now_ns
            reaction_s, after_s = (0.0, 0.0) if schedule.rest else (REACTION_S, AFTER_S)
            whole_s = schedule.duration_s + reaction_s + after_s
            what = "keep still" if schedule.rest else "MOVE NOW"
            kept += await self._stretch(whole_s, lambda left: show(what, whole_s, left))
        return RawTake(clip_of(kept), Cut(quiet_ns, begin_ns, schedule.duration_s, reaction_s))

    async def _stretch(self, seconds: float, show: Callable[[float], None]) -> list[CsiFrame]:
        """Return the frames of the next ``seconds`` of the stream."""
        kept: list[CsiFrame] = []
        show(seconds)
        end_ns = self._now_ns + round(seconds * 1e9) if self._now_ns else 0
        async for frame in self._frames:
            if not end_ns:
                self._now_ns, end_ns = frame.timestamp_ns, frame.timestamp_ns + round(seconds * 1e9)
            if not kept or frame.timestamp_ns > kept[-1].timestamp_ns:  # the kernel's stamps may repeat or step back
                kept.append(frame)
                show(max(0.0, (end_ns - frame.timestamp_ns) / 1e9))
            if frame.timestamp_ns >= end_ns:
                self._now_ns = end_ns
                return kept
        raise HeardError("the stream ended before the take did")


@contextlib.contextmanager
def display(title: str) -> Iterator[Callable[[str, float, float], None]]:
    """Show a bar that fills as a stretch passes; yields ``show(what to do, seconds, seconds left)``.

    Where nobody watches a terminal, each thing to do is one line.
    """
    columns = (TextColumn(f"{title}: [bold]{{task.description}}[/]"), BarColumn(), TextColumn("{task.fields[left]}"))
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=1.0, left="")
        said = ""

        def show(what: str, seconds: float, left: float) -> None:
            nonlocal said
            progress.update(task, description=what, completed=1 - left / seconds, left=f"{left:.1f} s")
            if what != said and not console.is_terminal:
                console.print(f"{title}: {what}")
            said = what

        yield show
