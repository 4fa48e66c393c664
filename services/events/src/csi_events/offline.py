"""The windowed path over a recording held in memory: the service's kernels and states, without Kafka."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.common import Origin, Provenance, StreamKey
from csi_schemas.events import AnyEvent
from csi_schemas.sensing import SensingUpdate

from csi_events.learning import calibrate
from csi_events.messages import Source, sensing_update, window_events
from csi_events.normalise import window_amplitude
from csi_events.quiet import Quiet
from csi_events.result import WindowResult
from csi_events.states import HOLD_S
from csi_events.stream import Stream
from csi_events.windows import ClosedBy, ClosedWindow, WindowRule

if TYPE_CHECKING:
    from numpy.typing import NDArray

HOLD_NS = int(HOLD_S * 1e9)


@dataclass(frozen=True, slots=True)
class Recording:
    """One stream as arrays."""

    t_ns: NDArray[np.int64]
    """(frames,) receive times, ns, from any zero."""
    amplitude: NDArray[np.float32]
    """(frames, antennas, sub-carriers)."""
    iq: NDArray[np.integer] | None = None
    """(frames, antennas, sub-carriers, 2), where there is phase."""
    rssi_dbm: NDArray[np.integer] | None = None
    """(frames,)."""

    @classmethod
    def from_iq(
        cls, iq: NDArray[np.integer], t_ns: NDArray[np.int64], rssi_dbm: NDArray[np.integer] | None = None
    ) -> Recording:
        """Make one from integer I/Q of shape (frames, antennas, sub-carriers, 2)."""
        return cls(t_ns, window_amplitude(np.ascontiguousarray(iq)), iq, rssi_dbm)

    def part(self, first: int, last: int) -> Recording:
        """Return frames ``first`` to ``last`` (not included)."""
        frames = slice(first, last)
        iq = None if self.iq is None else self.iq[frames]
        rssi_dbm = None if self.rssi_dbm is None else self.rssi_dbm[frames]
        return Recording(self.t_ns[frames], self.amplitude[frames], iq, rssi_dbm)

    def calibrate(self, first: int, last: int) -> Quiet:
        """Learn the quiet from frames ``first`` to ``last`` (not included).

        Raises:
            ValueError: the stretch has fewer than 4 usable frames.
        """
        t_s = (self.t_ns[first:last] - self.t_ns[first]) * 1e-9
        quiet = calibrate(self.amplitude[first:last], t_s)
        if quiet is None:
            raise ValueError(f"frames {first} to {last} cannot calibrate: fewer than 4 of them carry signal")
        return quiet


@dataclass(frozen=True, slots=True)
class Judged:
    """One window of a recording and what the windowed path says of it."""

    first: int
    """Index of its first frame."""
    stop: int
    """Index after its last frame."""
    update: SensingUpdate
    events: list[AnyEvent]
    result: WindowResult
    moving: bool
    """Debounced motion after this window."""


def windows(t_ns: NDArray[np.int64], rule: WindowRule) -> Iterator[tuple[int, int, ClosedBy]]:
    """Cut times into windows as the service does; the last one, still open, is closed by the timer's word."""
    first = 0
    for i, now in enumerate(t_ns):
        if i > first and not -rule.duration_ns < now - t_ns[first] < rule.duration_ns:
            yield first, i, "duration"
            first = i
        if i + 1 - first >= rule.frames:
            yield first, i + 1, "frames"
            first = i + 1
    if first < len(t_ns):
        yield first, len(t_ns), "timeout"


def run(
    recording: Recording,
    quiet: Quiet | None = None,
    *,
    about: StreamKey | None = None,
    provenance: Provenance = "replay",
    source: str = "recording",
    rule: WindowRule | None = None,
    hold_ns: int = HOLD_NS,
    stream: Stream | None = None,
) -> Iterator[Judged]:
    """Judge every window of a recording in order.

    Args:
        recording: the frames.
        quiet: calibration to start with; without one the first stretch of the recording calibrates, as in the service.
        about: the stream's identity in the messages.
        provenance: as in the messages.
        source: as in the messages.
        rule: when windows close.
        hold_ns: how long presence lasts without evidence.
        stream: the state to begin with, in place of a new one that holds presence for ``hold_ns``.
    """
    shape = recording.amplitude.shape
    key = about or StreamKey("recording", shape[1], shape[2], None)
    rule = rule or WindowRule()
    stream = stream or Stream(hold_ns, rule)
    if quiet is not None:
        stream.calibrate_with(quiet)
    described = Source(key, provenance, source)
    frames = np.ascontiguousarray(recording.amplitude, dtype=np.float32)
    for first, stop, closed_by in windows(recording.t_ns, rule):
        amplitude = frames[first:stop]
        iq = recording.iq[first:stop] if recording.iq is not None and shape[1] > 1 else None
        t_ns = recording.t_ns[first:stop]
        result = stream.window(amplitude, iq, t_ns, completes=closed_by == "frames")
        rssi = [0] * (stop - first) if recording.rssi_dbm is None else recording.rssi_dbm[first:stop].tolist()
        closed = ClosedWindow(closed_by, t_ns.tolist(), rssi, 0, stop - 1)
        origin = Origin("recording", 0, stop - 1)
        yield Judged(
            first,
            stop,
            sensing_update(described, closed, result, origin),
            window_events(described, result, int(t_ns.max()), origin),
            result,
            stream.judgement.motion.on,
        )


def frame_states(judged: list[Judged], frames: int) -> NDArray[np.bool_]:
    """Debounced motion of every frame of a recording: that of the window it is in."""
    states = np.zeros(frames, dtype=bool)
    for window in judged:
        states[window.first : window.stop] = window.moving
    return states
