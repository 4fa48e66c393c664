"""Runs of frames played to the per-frame path: a session's quiet, then recordings, each as after that quiet alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
from csi_schemas.signature import Signature
from numpy.typing import NDArray

from csi_introspection.arrays import Float32, Int64
from csi_introspection.frame import QUIET_S
from csi_introspection.stream import FrameStream

SETTLED_FRAMES = 512
"""Frames that a stream is given of each stretch of quiet, at least."""
SILENCE_NS = 3_000_000_000
"""Time between runs of frames that do not follow each other: a gap to the service."""


class Run(NamedTuple):
    """Frames that follow each other."""

    amplitude: Float32
    """(T, antennas, sub-carriers)."""
    interval_ns: int


def interval_ns(t_ns: Int64) -> int:
    """Usual time between two frames."""
    return max(1, int(np.median(np.diff(t_ns))))


def there_and_back(count: int, wanted: int) -> Int64:
    """Frame numbers, (wanted), that go to and fro over ``count`` frames without a jump and end at the first."""
    cycle = np.concatenate([np.arange(count), np.arange(count)[::-1]])
    return np.tile(cycle, -(-wanted // cycle.size))[:wanted][::-1].astype(np.int64)


def lengthened(quiet: Float32, wanted: int = SETTLED_FRAMES) -> Float32:
    """Return a stretch of quiet, (T, ...), played there and back until it has ``wanted`` frames; a longer one as it is.

    It ends with its first frame, so that the stretch itself may follow without a jump.
    """
    return quiet if len(quiet) >= wanted else quiet[there_and_back(len(quiet), wanted)]


def arrays_of(state: object) -> list[NDArray[np.generic]]:
    """Return every array that an object reaches by attributes and tuples, each once, in a fixed order."""
    found: dict[int, NDArray[np.generic]] = {}
    seen: set[int] = set()
    waiting = [state]
    while waiting:
        each = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        if isinstance(each, np.ndarray):
            if each.flags.writeable:
                found[id(each)] = each
        elif isinstance(each, tuple):
            waiting.extend(each)
        elif type(each).__module__.startswith("csi_introspection.") and hasattr(each, "__dict__"):
            waiting.extend(vars(each).values())
    return list(found.values())


class Session:
    """The per-frame path over runs of frames with silence between them.

    Args:
        signatures: The library; without any, the features of every kind are computed.
        quiet: Stretches of quiet of the session, each lengthened to ``SETTLED_FRAMES``.
    """

    def __init__(self, signatures: Sequence[Signature], quiet: Iterable[Run] = ()) -> None:
        self._signatures = list(signatures)
        self._stream: FrameStream | None = None
        self._time_ns = 0
        self._marked: list[NDArray[np.generic]] = []
        for run in quiet:
            self.pause()
            self.show(run)

    def mark(self) -> None:
        """Remember everything that the stream knows now."""
        assert self._stream is not None  # noqa: S101 - nothing was played that could be returned to
        self._marked = [array.copy() for array in arrays_of(self._stream)]

    def rewind(self) -> None:
        """Let the stream know no more than when it was marked, though time has gone on."""
        assert self._stream is not None  # noqa: S101 - as above
        for array, marked in zip(arrays_of(self._stream), self._marked, strict=True):
            array[...] = marked

    @property
    def calm_seconds(self) -> float:
        """Calm seconds that the stream has learnt from."""
        return 0.0 if self._stream is None or self._stream.stream is None else float(self._stream.stream.clock[QUIET_S])

    def pause(self) -> None:
        """Let what comes next follow a silence."""
        self._time_ns += SILENCE_NS

    def show(self, quiet: Run) -> None:
        """Give the stream a stretch of quiet, lengthened to ``SETTLED_FRAMES``."""
        for _ in self.play(quiet._replace(amplitude=lengthened(quiet.amplitude))):
            pass

    def play(self, run: Run) -> Iterator[FrameStream]:
        """Give the stream a run of frames and yield it after each."""
        if len(run.amplitude) == 0:
            return
        frames = np.ascontiguousarray(run.amplitude, np.float32)
        if self._stream is None:
            antennas, carriers = frames.shape[1:]
            self._stream = FrameStream(antennas, carriers, self._signatures, every_kind=not self._signatures)
        for frame in frames.reshape(len(frames), -1):
            self._stream.advance_amplitude(frame, self._time_ns)
            self._time_ns += run.interval_ns
            yield self._stream
