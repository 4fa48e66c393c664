"""The nodes of one partition that scan for access points: scans in, updates and events out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import structlog
from csi_runtime.metrics import EVENTS_EMITTED, EVENTS_FORGOTTEN, EVENTS_WINDOWS, STREAM_SKIPPED
from csi_schemas.common import Origin
from csi_schemas.topics import EVENTS, SENSING
from csi_streaming import Latest, Output

from csi_events.features import FeatureMemory
from csi_events.multi_bssid.messages import LABEL, ScanSource, breathing_events, scan_update, turn_event
from csi_events.multi_bssid.pipeline import Pipeline
from csi_events.multi_bssid.scan import from_frame
from csi_events.multi_bssid.turning import Turning
from csi_events.multi_bssid.window import ClosedBy, ScanWindow

if TYPE_CHECKING:
    from typing import Literal

    from csi_schemas.common import Provenance
    from csi_schemas.events import AnyEvent
    from csi_schemas.frame import MultiBssidFrame

    from csi_events.multi_bssid.fingerprint.document import Fingerprints
    from csi_events.multi_bssid.result import Result
    from csi_events.settings import EventsSettings

log = structlog.get_logger(__name__)

NodeKey = tuple[str, "Provenance"]
"""Node id and provenance: a replay of a node never meets the node itself."""
Learnt = Callable[[str], tuple["Fingerprints", ...]]
"""The fingerprints of a node by its id, see :meth:`csi_events.multi_bssid.fingerprint.library.Library.of`."""
_encode = msgspec.json.Encoder().encode
CLOCK_BACK_NS = 10_000_000_000
"""A scan that is earlier than the newest by more than this means that a clock was set back, not that it was late."""


@dataclass(slots=True)
class ScanEntry:
    """One node: its pipeline, its open window, and what was last done for it."""

    about: ScanSource
    key: bytes
    latest: Latest
    pipeline: Pipeline
    window: ScanWindow
    memory: FeatureMemory = field(default_factory=FeatureMemory)
    turning: Turning = field(default_factory=Turning)
    result: Result | None = None
    """What the newest scan said."""
    tick: int = 0
    """Windows so far."""
    frames: int = 0
    """Scans so far."""
    noticed_frames: int = -1
    """Scans at the last tick that saw new ones."""
    noticed_ns: int = 0
    """Processing time of that tick."""
    newest_ns: int = 0
    """Receive time of the newest scan."""
    last_offset: int = 0
    """Its offset."""
    unsent: list[Output] = field(default_factory=list)
    """Outputs of the newest window of the warm-up."""


class ScanStreams:
    """What ``csi_events.processor.EventsProcessor`` is for CSI, for nodes that scan for access points.

    Every scan is judged when it comes, and presence that begins or ends is said at once. What a window adds is the
    update, and motion that begins or ends. Warm-up, silence and forgetting are as for CSI; after a restart a node
    calibrates anew on what the warm-up holds, and what its attention had adapted to is lost.
    """

    def __init__(self, partition: int, settings: EventsSettings, learnt: Learnt) -> None:
        """Start without any state but the fingerprints that were ``learnt``."""
        self.entries: dict[NodeKey, ScanEntry] = {}
        self._partition = partition
        self._settings = settings
        self._window_ns = int(settings.window_s * 1e9)
        self._idle_ns = int(settings.idle_s * 1e9)
        self._latest_ns = int(settings.latest_interval_s * 1e9)
        self._learnt = learnt
        self._topic = ""

    def take(self, frame: MultiBssidFrame, topic: str, offset: int, *, live: bool) -> Iterator[Output]:
        """Judge one scan; what the warm-up says is kept until it is over, of each node the newest window."""
        self._topic = topic
        key: NodeKey = (frame.node_id, frame.provenance)
        entry = self.entries.get(key)
        if entry is None:
            yield from self._make_room()
            self.entries[key] = entry = self._new_entry(frame)
        if frame.timestamp_ns < entry.newest_ns:
            if entry.newest_ns - frame.timestamp_ns < CLOCK_BACK_NS:
                return  # late: what came after it has been judged
            yield from self._end(entry)
            self.entries[key] = entry = self._new_entry(frame)
        try:
            scan = from_frame(frame)
        except ValueError as error:
            STREAM_SKIPPED.labels("events").inc()
            log.warning(
                "scan cannot be used and was skipped", partition=self._partition, offset=offset, error=str(error)
            )
            return
        closed_by = entry.window.closes(frame.timestamp_ns)
        if closed_by is not None:
            yield from self._close(entry, closed_by, live=live)
        entry.frames += 1
        entry.newest_ns, entry.last_offset = frame.timestamp_ns, offset
        entry.pipeline.documents = self._learnt(frame.node_id)
        entry.result = result = entry.pipeline.scan(scan)
        entry.window.add(scan, frame)
        turned = entry.turning.presence(result, entry.newest_ns)
        if turned and live:
            origin = self._origin(entry)
            yield from self._events(entry, [turn_event(entry.about, t, result.confidence, origin) for t in turned])
        if entry.window.full:
            yield from self._close(entry, "frames", live=live)

    def tick(self, now_ns: int) -> Iterator[Output]:
        """Close windows of silent nodes, send latest updates that waited, forget idle nodes."""
        for key, entry in list(self.entries.items()):
            if entry.frames != entry.noticed_frames:
                entry.noticed_frames, entry.noticed_ns = entry.frames, now_ns
            silent_ns = now_ns - entry.noticed_ns
            if silent_ns >= self._window_ns and entry.window.t_ns:
                yield from self._close(entry, "timeout")
            yield from entry.latest.waited(now_ns)
            if silent_ns >= self._idle_ns:
                yield from self._forget(key, "idle")

    def catch_up(self) -> Iterator[Output]:
        """Emit each node's newest window of the warm-up."""
        for entry in self.entries.values():
            yield from entry.unsent
            entry.unsent = []

    def _new_entry(self, frame: MultiBssidFrame) -> ScanEntry:
        about = ScanSource(frame.node_id, frame.provenance, frame.source)
        return ScanEntry(
            about=about,
            key=frame.node_id.encode(),
            latest=Latest.of(frame.node_id, LABEL, frame.provenance, "sensing_update", self._latest_ns),
            pipeline=Pipeline(self._settings.multi_bssid),
            window=ScanWindow(self._settings.window_frames, self._window_ns),
        )

    def _origin(self, entry: ScanEntry) -> Origin:
        return Origin(self._topic, self._partition, entry.last_offset)

    def _close(self, entry: ScanEntry, closed_by: ClosedBy, *, live: bool = True) -> Iterator[Output]:
        """Send the window's update; in the warm-up keep it in place of the one before."""
        outputs = list(self._judge(entry, closed_by, live=live))
        if live:
            yield from outputs
        else:
            entry.unsent = outputs

    def _judge(self, entry: ScanEntry, closed_by: ClosedBy, *, live: bool) -> Iterator[Output]:
        assert entry.result is not None  # noqa: S101 - a window holds a scan, and every scan is judged
        closed, entry.window = entry.window, entry.window.emptied()
        entry.tick += 1
        origin = self._origin(entry)
        newest_ns = max(closed.t_ns)
        features = closed.features(entry.memory)
        update = _encode(scan_update(entry.about, closed, closed_by, features, entry.result, entry.tick, origin))
        entry.latest.hold(newest_ns, update)
        yield Output(SENSING.name, entry.key, update)
        said = [
            turn_event(entry.about, turn, entry.result.confidence, origin)
            for turn in (entry.turning.motion(entry.result, newest_ns),)
            if turn is not None
        ]
        said += breathing_events(entry.about, entry.turning.breathing(entry.result, newest_ns), newest_ns, origin)
        yield from self._events(entry, said, live=live)
        if live:
            EVENTS_WINDOWS.labels(closed_by).inc()
            yield from entry.latest.due()

    def _events(self, entry: ScanEntry, events: list[AnyEvent], *, live: bool = True) -> Iterator[Output]:
        for event in events:
            if live:
                EVENTS_EMITTED.labels(type(event).__name__).inc()
            yield Output(EVENTS.name, entry.key, _encode(event))

    def _make_room(self) -> Iterator[Output]:
        if len(self.entries) < self._settings.max_streams:
            return
        oldest = min(self.entries, key=lambda key: self.entries[key].newest_ns)
        log.warning(
            "a node is forgotten to make room for a new one; raise CSIFLOW_EVENTS_MAX_STREAMS if all are real",
            partition=self._partition,
            node=oldest[0],
            max_streams=self._settings.max_streams,
        )
        yield from self._forget(oldest, "room")

    def _forget(self, key: NodeKey, reason: Literal["idle", "room"]) -> Iterator[Output]:
        EVENTS_FORGOTTEN.labels(reason).inc()
        yield from self._end(self.entries.pop(key))

    def _end(self, entry: ScanEntry) -> Iterator[Output]:
        """End what had begun, with confidence 0, as nobody will hear its end."""
        if entry.window.t_ns:
            yield from self._close(entry, "timeout")
        ended = [turn_event(entry.about, turn, 0.0, self._origin(entry)) for turn in entry.turning.end(entry.newest_ns)]
        yield from self._events(entry, ended)
