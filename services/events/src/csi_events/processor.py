"""The windowed path of one partition: frames in, updates and events out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec
import structlog
from csi_runtime.metrics import EVENTS_EMITTED, EVENTS_FORGOTTEN, EVENTS_WINDOWS
from csi_schemas.common import Origin, channel_of
from csi_schemas.frame import MultiBssidFrame
from csi_schemas.iq import iq_view
from csi_schemas.topics import EVENTS, SENSING
from csi_streaming import Latest, Output
from csi_streaming.frames import FrameDecoder

from csi_events.calibration_feed import KnownCalibrations
from csi_events.calibrations import StreamCalibrations
from csi_events.channels import Channels, Shape, shape_of
from csi_events.messages import Source, sensing_update, window_events
from csi_events.multi_bssid.streams import Learnt, ScanStreams
from csi_events.result import WindowResult
from csi_events.stream import Stream
from csi_events.windows import ClosedWindow, WindowBuffer, WindowRule

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame
    from csi_streaming import Batch

    from csi_events.settings import EventsSettings

log = structlog.get_logger(__name__)

Key = tuple[str, int, int, int | None, str]
"""Node id, antennas, sub-carriers, channel, provenance: a replay of a node never meets the node itself."""

_channel_of = lru_cache(maxsize=1024)(channel_of)
_windows_closed_by = lru_cache(maxsize=8)(EVENTS_WINDOWS.labels)
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Entry:
    """One stream: its open window, its state, and what was last done for it."""

    about: Source
    shape: Shape
    key: bytes
    latest: Latest
    window: WindowBuffer
    stream: Stream
    calibrations: StreamCalibrations
    frames: int = 0
    """Frames so far."""
    noticed_frames: int = -1
    """Frames at the last tick that saw new ones."""
    noticed_ns: int = 0
    """Processing time of that tick."""
    newest_ns: int = 0
    """Receive time of the newest window's newest frame."""
    unsent: list[Output] = field(default_factory=list)
    """Outputs of the newest window of the warm-up; see ``EventsProcessor``."""


class EventsProcessor:
    """State of one partition (see ``csi_streaming.Processor``).

    Delivery is at least once. After a restart the state is rebuilt from older records, from wherever they begin, so
    windows may be cut at other frames than before. A window that closes during warm-up may hold frames that were in a
    window still open when the offsets were committed; therefore the newest such window of every stream is emitted with
    the first live output. No frame is without a window that was emitted, as long as the warm-up reaches back over one
    window of every stream (with warm-up switched off, what was in open windows is lost with the worker); some frames
    are in two. An update that is repeated exactly carries the same origin (the record of its last frame). ``tick``
    counts on from what the warm-up held.
    """

    def __init__(
        self,
        partition: int,
        settings: EventsSettings,
        calibrations: KnownCalibrations | None = None,
        learnt: Learnt = lambda _: (),
    ) -> None:
        """Start without any state but what is stored: calibrations, and the fingerprints that were ``learnt``."""
        self._calibrations = KnownCalibrations() if calibrations is None else calibrations
        self.entries: dict[Key, Entry] = {}
        self._channels = Channels()
        self.scans = ScanStreams(partition, settings, learnt)
        self._partition = partition
        self._settings = settings
        self._rule = WindowRule(settings.window_frames, int(settings.window_s * 1e9))
        self._silence_ns = int(settings.window_s * 1e9)
        self._idle_ns = int(settings.idle_s * 1e9)
        self._hold_ns = int(settings.presence_hold_s * 1e9)
        self._latest_ns = int(settings.latest_interval_s * 1e9)
        self._topic = ""
        self._decoder = FrameDecoder("events")
        self._caught_up = True

    def process(self, batch: Batch) -> list[Output]:
        """Put frames in their windows, and judge the windows that close."""
        outputs: list[Output] = []
        self._topic = batch.topic
        replay = batch.replay
        if replay:
            self._caught_up = False
        elif not self._caught_up:
            outputs += self._catch_up()
        entries = self.entries
        for record, frame in self._decoder.decode_all(batch):
            if isinstance(frame, MultiBssidFrame):
                outputs += self.scans.take(frame, batch.topic, record.offset, live=not replay)
                continue
            key = (
                frame.node_id,
                frame.n_antennas,
                frame.n_subcarriers,
                _channel_of(frame.frequency_mhz),
                frame.provenance,
            )
            entry = entries.get(key)
            if entry is None:
                outputs += self._make_room()
                entries[key] = entry = self._new_entry(frame)
            entry.frames += 1
            closed = entry.window.add(frame, record.offset)
            if closed is None or entry.window.t_ns:
                outputs += self._close(entry, closed, replay=replay)
                self._take(entry, frame)
            else:
                self._take(entry, frame, completes=closed is not None)
                outputs += self._close(entry, closed, replay=replay)
        return outputs

    def _take(self, entry: Entry, frame: CsiFrame, *, completes: bool = False) -> None:
        """Put a frame into its stream; before the first of a window a stored calibration is taken up."""
        if entry.stream.opens:
            entry.calibrations.opening(entry.stream, frame.timestamp_ns)
        iq = iq_view(bytearray(frame.iq), frame.n_antennas, frame.n_subcarriers)
        entry.stream.frame(frame.timestamp_ns, iq, completes=completes)

    def _close(self, entry: Entry, closed: ClosedWindow | None, *, replay: bool) -> Iterator[Output]:
        if closed is None:
            return
        if replay:
            entry.unsent = list(self._judge(entry, closed, live=False))
        else:
            yield from self._judge(entry, closed)

    def tick(self, now_ns: int) -> list[Output]:
        """Close the windows of silent streams, send latest updates that waited, forget idle streams."""
        outputs: list[Output] = []
        if not self._caught_up:
            outputs += self._catch_up()
        for key, entry in list(self.entries.items()):
            if entry.frames != entry.noticed_frames:
                entry.noticed_frames, entry.noticed_ns = entry.frames, now_ns
            silent_ns = now_ns - entry.noticed_ns
            if silent_ns >= self._silence_ns and (closed := entry.window.expire()) is not None:
                outputs += self._judge(entry, closed)
            outputs += entry.latest.waited(now_ns)
            if silent_ns >= self._idle_ns:
                outputs += self._forget(key, "idle")
        outputs += self.scans.tick(now_ns)
        return outputs

    def _new_entry(self, frame: CsiFrame) -> Entry:
        stream = frame.stream
        about = Source(stream, frame.provenance, frame.source)
        return Entry(
            about=about,
            shape=shape_of(stream, frame.provenance),
            key=stream.node_id.encode(),
            latest=Latest.of(stream.node_id, stream.label, frame.provenance, "sensing_update", self._latest_ns),
            window=WindowBuffer.empty(self._rule),
            stream=Stream(self._hold_ns, self._rule),
            calibrations=StreamCalibrations(about, self._calibrations),
        )

    def _judge(self, entry: Entry, closed: ClosedWindow, *, live: bool = True) -> Iterator[Output]:
        about = entry.about
        newest_ns = max(closed.t_ns)
        entry.calibrations.before(entry.stream, newest_ns)
        result = entry.stream.close(closed.missing)
        self._watch_channel(entry, result, newest_ns)
        origin = Origin(self._topic, self._partition, closed.last_offset)
        update = _encode(sensing_update(about, closed, result, origin))
        entry.newest_ns = newest_ns
        entry.latest.hold(newest_ns, update)
        yield Output(SENSING.name, entry.key, update)
        for event in window_events(about, result, newest_ns, origin):
            if live:
                EVENTS_EMITTED.labels(type(event).__name__).inc()
            yield Output(EVENTS.name, entry.key, _encode(event))
        yield from entry.calibrations.after(entry.stream, result, newest_ns, origin)
        if live:
            _windows_closed_by(closed.closed_by).inc()
            yield from entry.latest.due()

    def _watch_channel(self, entry: Entry, result: WindowResult, newest_ns: int) -> None:
        shape, channel = entry.shape, entry.about.stream.channel
        changed = self._channels.observe(shape, channel, newest_ns)
        if changed is not None:
            result.degraded.append(changed)
        if result.health is not None:
            result.health.channel_before = self._channels.before(shape, channel)

    def _catch_up(self) -> Iterator[Output]:
        """Emit each stream's newest window of the warm-up."""
        self._caught_up = True
        for entry in self.entries.values():
            yield from entry.unsent
            entry.unsent = []
        yield from self.scans.catch_up()

    def _make_room(self) -> Iterator[Output]:
        if len(self.entries) < self._settings.max_streams:
            return
        oldest = min(
            self.entries, key=lambda key: max(self.entries[key].window.t_ns, default=self.entries[key].newest_ns)
        )
        log.warning(
            "a stream is forgotten to make room for a new one; raise CSIFLOW_EVENTS_MAX_STREAMS if all are real",
            partition=self._partition,
            node=oldest[0],
            stream=self.entries[oldest].about.stream.label,
            max_streams=self._settings.max_streams,
        )
        yield from self._forget(oldest, "room")

    def _forget(self, key: Key, reason: str) -> Iterator[Output]:
        """Drop a stream; what it had begun ends, with confidence 0, as nobody will hear its end."""
        entry = self.entries.pop(key)
        closed = entry.window.expire()
        if closed is not None:
            yield from self._judge(entry, closed)
        self._channels.forget(entry.shape, entry.about.stream.channel)
        EVENTS_FORGOTTEN.labels(reason).inc()
        origin = Origin(self._topic, self._partition, entry.window.last_offset)
        for event in window_events(entry.about, entry.stream.end(), entry.newest_ns, origin):
            EVENTS_EMITTED.labels(type(event).__name__).inc()
            yield Output(EVENTS.name, entry.key, _encode(event))
