"""Keeping the calibration of one stream on csi.calibration.v1: restored, asked for, written down."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
import structlog
from csi_schemas.calibration import StreamCalibration, calibration_key
from csi_schemas.common import Origin
from csi_schemas.topics import CALIBRATION
from csi_streaming import Output

from csi_events.baseline import Promise
from csi_events.calibration_feed import KnownCalibrations
from csi_events.messages import Source
from csi_events.result import WindowResult
from csi_events.stored import StoredCalibrationError, check_shape, record_of, written
from csi_events.stream import Stream

log = structlog.get_logger(__name__)

SNAPSHOT_NS = 300_000_000_000
"""Event time between two records of an unchanged calibration, for the level and the tail learnt since."""
REQUEST_NS = 900_000_000_000
"""A request this much older than the newest frame is not acted on any more."""


@dataclass(slots=True)
class StreamCalibrations:
    """One stream's side of csi.calibration.v1."""

    about: Source
    known: KnownCalibrations
    record: StreamCalibration | None = None
    """What was last restored or written down, without the arrays: those are in the stream's own calibration."""
    written_ns: int = 0
    """Event time of that."""
    learnt_until: Origin | None = None
    """Last frame of the stretch on which a calibration is under way."""
    key: str = field(init=False)
    """The record key."""

    def __post_init__(self) -> None:
        """Make the key."""
        self.key = calibration_key(self.about.stream.node_id, self.about.stream.label, self.about.provenance)

    def opening(self, stream: Stream, now_ns: int) -> None:
        """Take up what is stored before the first frame of a window."""
        if stream.baseline.quiet is None and self.record is None:
            self._restore(stream, now_ns)

    def before(self, stream: Stream, now_ns: int) -> None:
        """Take up what is asked for before a window is judged."""
        asked = stream.baseline.stretch.request if stream.baseline.stretch is not None else None
        request = self.known.requests.get(self.key)
        answered = self.record is not None and request is not None and self.record.request == request.id
        if request is None or answered or now_ns - request.requested_ns > REQUEST_NS:
            if asked is not None:
                stream.baseline.withdraw(asked)
        elif asked != request.id:
            stream.baseline.ask(Promise(request.id, request.duration_s))

    def after(self, stream: Stream, result: WindowResult, now_ns: int, origin: Origin) -> Iterator[Output]:
        """Write down a new calibration, and now and then what was learnt since."""
        quiet, learnt = stream.baseline.quiet, stream.baseline.learnt
        last, self.learnt_until = self.learnt_until, None
        if stream.baseline.learning is not None or stream.baseline.next_quiet is not None:
            self.learnt_until = last or origin
        if quiet is None:
            return
        if result.calibrated and learnt is not None:
            self.record = record_of(self.about, quiet, learnt, stream.judgement.decision, last or origin)
        elif self.record is not None and now_ns - self.written_ns >= SNAPSHOT_NS:
            level, tail = round(stream.judgement.decision.level, 4), round(stream.judgement.decision.tail, 4)
            self.record = msgspec.structs.replace(self.record, quiet_level=level, quiet_tail=tail)
        else:
            return
        self.written_ns = now_ns
        yield Output(CALIBRATION.name, self.key.encode(), written(self.record, quiet))

    def _restore(self, stream: Stream, now_ns: int) -> None:
        stored = self.known.stored.get(self.key)
        if stored is None:
            return
        shape = (self.about.stream.n_antennas, self.about.stream.n_subcarriers)
        try:
            check_shape(stored.quiet, shape)
        except StoredCalibrationError as error:
            log.warning(
                "a stored calibration cannot be used; the stream calibrates anew", key=self.key, error=str(error)
            )
            self.known.stored.pop(self.key, None)
            return
        record = stored.record
        stream.restore(stored.quiet, record.quiet_level, record.quiet_tail, record.last_ns)
        self.record, self.written_ns = record, now_ns
