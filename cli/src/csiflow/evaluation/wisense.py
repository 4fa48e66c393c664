"""The library wisense, called as its README and its ``Monitor`` call it, with its own defaults.

Motion is its ``PresenceDetector``: it has no other detector of motion, and what it looks at is the variance over time.
Its frames hold one row of sub-carriers: with several antennas the mean of theirs, which serves it better on the shared
recordings than any antenna alone or all in a row (docs/peers.md).
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator
from importlib.metadata import version

import numpy as np
from csi_events.offline import Recording
from numpy.typing import NDArray
from wisense.core import CalibrationProfile, CSIFrame, CSISource, Monitor, calibrate
from wisense.exceptions import WiSenseError
from wisense.presence import PresenceDetector
from wisense.vitals.breathing import estimate_breathing_rate

from csiflow.evaluation.answers import WindowAnswers
from csiflow.evaluation.peers import Peer, PeerRefusal

_DEFAULTS = inspect.signature(Monitor.__init__).parameters
WINDOW_FRAMES = int(_DEFAULTS["window_size"].default)
"""Newest frames that its Monitor hands to a detector."""
POLL_S = float(_DEFAULTS["poll_interval_seconds"].default)
"""How often it does so, s."""
BREATHING_WINDOW_S = 30.0
"""It names no length, only that three periods of 9 a minute, 20 s, are the least; ours answers from half a minute."""
_IDLE_S = 1e-3
"""Calibration ends when no frame has come for so long, s of the wall clock: all of them are there at once."""

logging.getLogger("wisense").setLevel(logging.WARNING)


class _Frames(CSISource):  # type: ignore[misc] # the library has no types
    """Frames held in memory, handed out one by one."""

    def __init__(self, frames: list[CSIFrame]) -> None:
        super().__init__()
        self._left: Iterator[CSIFrame] = iter(frames)

    def connect(self) -> None:
        """Do nothing: the frames are there."""

    def disconnect(self) -> None:
        """Do nothing."""

    def read_frame(self) -> CSIFrame | None:
        """Return the next frame, ``None`` after the last."""
        return next(self._left, None)


def frames_of(recording: Recording) -> list[CSIFrame]:
    """Return a recording as the library's frames."""
    rows = recording.amplitude.mean(axis=1)
    return [CSIFrame(timestamp=float(at), amplitude=row) for at, row in zip(recording.t_ns * 1e-9, rows, strict=True)]


class Wisense:
    """The library's presence detector and breathing estimator."""

    title = f"wisense {version('wisense')}"

    def motion(self, recording: Recording, quiet: Recording) -> WindowAnswers:
        """Ask the presence detector every ``POLL_S`` about the newest ``WINDOW_FRAMES``.

        An answer holds for the frames since the one before.

        Raises:
            PeerRefusal: the quiet does not suffice to calibrate.
        """
        profile = _calibrated(quiet)
        frames, detector = frames_of(recording), PresenceDetector()
        t = (recording.t_ns - recording.t_ns[0]) * 1e-9
        moving, before = np.zeros(len(t), bool), False
        turned: dict[bool, list[int]] = {True: [], False: []}
        first = 0
        for poll in range(1, int(t[-1] / POLL_S) + 2):
            stop = int(np.searchsorted(t, poll * POLL_S, side="right"))
            window = frames[max(0, stop - WINDOW_FRAMES) : stop]
            try:
                present = bool(detector.detect(window, calibration=profile).present)
            except WiSenseError:  # too few frames so far: its Monitor keeps what it said before
                present = before
            if present != before and stop > first:
                turned[present].append(stop - 1)
            moving[first:stop] = present
            first, before = stop, present
        return WindowAnswers(moving, np.array(turned[True], np.int64), np.array(turned[False], np.int64), [])

    def breathing(self, recording: Recording) -> NDArray[np.float64]:
        """Ask the breathing estimator at the end of every second about the newest ``BREATHING_WINDOW_S``."""
        frames = frames_of(recording)
        t = (recording.t_ns - recording.t_ns[0]) * 1e-9
        rate = np.full(int(t[-1]) + 1, np.nan)
        for second in range(len(rate)):
            first, stop = np.searchsorted(t, (second + 1 - BREATHING_WINDOW_S, second + 1))
            if stop - first < 2:
                continue
            rate_hz = float((stop - first - 1) / (t[stop - 1] - t[first]))
            told = estimate_breathing_rate(frames[first:stop], rate_hz)
            rate[second] = np.nan if told is None else told
        return rate


def _calibrated(quiet: Recording) -> CalibrationProfile:
    try:
        return calibrate(_Frames(frames_of(quiet)), idle_timeout_seconds=_IDLE_S)
    except WiSenseError as error:
        raise PeerRefusal(str(error)) from error


PEER: Peer = Wisense()
