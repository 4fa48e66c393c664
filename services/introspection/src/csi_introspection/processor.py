"""The per-frame path of one partition: a frame in, a snapshot out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import structlog
from csi_runtime.metrics import (
    INTROSPECTION_FORGOTTEN,
    INTROSPECTION_REGIME,
    INTROSPECTION_SNAPSHOTS,
)
from csi_schemas.common import Origin, StreamKey, channel_of
from csi_schemas.topics import INTROSPECTION
from csi_streaming import FrameDecoder, Latest, Output

from csi_introspection.cluster.member import Company, MemberFeed
from csi_introspection.cluster.zones import Zones
from csi_introspection.snapshot import SnapshotWriter, encode
from csi_introspection.stream import FrameStream

if TYPE_CHECKING:
    from csi_schemas.frame import CsiFrame
    from csi_schemas.signature import Signature
    from csi_streaming import Batch

    from csi_introspection.settings import IntrospectionSettings

log = structlog.get_logger(__name__)

Key = tuple[str, int, int, int | None, str]
"""Node id, antennas, sub-carriers, channel, provenance: a replay of a node never meets the node itself."""

_channel_of = lru_cache(maxsize=1024)(channel_of)


@dataclass(slots=True)
class Entry:
    """One stream and what was last said of it."""

    stream: FrameStream
    writer: SnapshotWriter
    key: bytes
    latest: Latest
    members: MemberFeed
    """To the zones of the node."""
    newest_ns: int = 0
    """Receive time of the newest frame."""
    noticed_frames: int = -1
    """Frames at the last tick that saw new ones."""
    noticed_ns: int = 0
    """Processing time of that tick."""


class IntrospectionProcessor:
    """State of one partition (see ``csi_streaming.Processor``): one snapshot per live frame, in order.

    Delivery is at least once: after a restart a frame may have a second snapshot, with the same origin. The state is
    rebuilt from older frames, so ``frame_count`` counts from wherever those begin.
    """

    def __init__(
        self,
        partition: int,
        settings: IntrospectionSettings,
        signatures: Sequence[Signature],
        current: Callable[[], Sequence[Signature]] | None = None,
        company: Company | None = None,
    ) -> None:
        """Start without any state.

        Args:
            partition: Its number.
            settings: See there.
            signatures: The library.
            current: Asked at every tick for the library as it is now; another object means that it changed.
            company: The streams of the worker, whatever partition they are in; by default those of this one.
        """
        self.entries: dict[Key, Entry] = {}
        self._partition = partition
        self._settings = settings
        self._signatures = signatures
        self._current = current
        self._idle_ns = int(settings.idle_s * 1e9)
        self._latest_ns = int(settings.latest_interval_s * 1e9)
        self._zones = Zones(settings.zones)
        self._company = Company() if company is None else company
        self._decoder = FrameDecoder("introspection")

    def process(self, batch: Batch) -> list[Output]:
        """Take every frame into its stream; the outputs are its snapshot, and now and then the stream's latest."""
        outputs: list[Output] = []
        snapshots = 0
        for record, frame in self._decoder.decode(batch):
            entry = self._entry(frame)
            entry.stream.advance(np.frombuffer(frame.iq, np.int8), frame.timestamp_ns)
            entry.newest_ns = frame.timestamp_ns
            if batch.replay:
                continue
            origin = Origin(batch.topic, self._partition, record.offset)
            snapshot = entry.writer.update(entry.stream, frame.timestamp_ns, frame.sequence, origin)
            if snapshot.regime_changed:
                INTROSPECTION_REGIME.labels(snapshot.regime).inc()
            value = encode(snapshot)
            snapshots += 1
            outputs.append(Output(INTROSPECTION.name, entry.key, value))
            outputs += entry.members.outputs(snapshot)
            entry.latest.hold(frame.timestamp_ns, value)
            outputs += entry.latest.due()
        INTROSPECTION_SNAPSHOTS.inc(snapshots)
        return outputs

    def tick(self, now_ns: int) -> list[Output]:
        """Take up a changed library; put the last snapshot before a silence on csi.latest.v1; forget idle streams."""
        if self._current is not None and (current := self._current()) is not self._signatures:
            self.replace_signatures(current)
        outputs: list[Output] = []
        for key, entry in list(self.entries.items()):
            outputs += entry.latest.waited(now_ns)
            if entry.stream.frame_count != entry.noticed_frames:
                entry.noticed_frames, entry.noticed_ns = entry.stream.frame_count, now_ns
                continue
            if now_ns - entry.noticed_ns >= self._idle_ns:
                self._forget(key, "idle")
        return outputs

    def replace_signatures(self, signatures: Sequence[Signature]) -> None:
        """Match against another library from the next frame on; every stream keeps what it knows of its quiet."""
        self._signatures = signatures
        for entry in self.entries.values():
            entry.stream.replace_library(signatures)

    def _entry(self, frame: CsiFrame) -> Entry:
        channel = _channel_of(frame.frequency_mhz)
        key = (frame.node_id, frame.n_antennas, frame.n_subcarriers, channel, frame.provenance)
        entry = self.entries.get(key)
        if entry is None:
            self._make_room()
            label = StreamKey(*key[:4]).label
            self.entries[key] = entry = Entry(
                FrameStream(frame.n_antennas, frame.n_subcarriers, self._signatures),
                SnapshotWriter(frame.node_id, label, frame.provenance, frame.source),
                frame.node_id.encode(),
                Latest.of(frame.node_id, label, frame.provenance, "introspection_snapshot", self._latest_ns),
                MemberFeed(frame.node_id, self._zones, self._company),
            )
        return entry

    def _make_room(self) -> None:
        if len(self.entries) < self._settings.max_streams:
            return
        oldest = min(self.entries, key=lambda key: self.entries[key].newest_ns)
        log.warning(
            "a stream is forgotten to make room for a new one; raise CSIFLOW_INTROSPECTION_MAX_STREAMS if all are real",
            partition=self._partition,
            node=oldest[0],
            stream=self.entries[oldest].writer.snapshot.stream,
            max_streams=self._settings.max_streams,
        )
        self._forget(oldest, "room")

    def _forget(self, key: Key, reason: str) -> None:
        del self.entries[key]
        INTROSPECTION_FORGOTTEN.labels(reason).inc()
