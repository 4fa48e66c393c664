"""A real worker for the flow tests: keeps a tail of sequence numbers per node and publishes it for every frame.

``python -m unit.streaming.worker`` with the tests folder on PYTHONPATH. Publishes to ``csi.sensing.v1``:
``{node, sequence, tail, count, generation, offset, worker}``, where ``tail`` holds the node's last ``TAIL`` sequence
numbers and so tells whether the state was right when the frame was processed.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from typing import Literal

import msgspec
from csi_schemas.topics import SENSING
from csi_streaming import Batch, FrameDecoder, Output, StreamingSettings, run_service
from pydantic_settings import SettingsConfigDict

TAIL = 16


class WorkerSettings(StreamingSettings):
    """The worker's knobs, ``CSIFLOW_WORKER_*``."""

    model_config = SettingsConfigDict(env_prefix="CSIFLOW_WORKER_", extra="forbid", populate_by_name=True)
    delay_s: float = 0.0
    """Time to hold the event loop for every record."""
    padding: int = 0
    """Bytes added to every output."""
    fail_on: Literal["", "process", "tick"] = ""
    """Where to raise: on the frame with sequence number 13, or in a tick."""
    announce_ticks: bool = False
    """Publish one record per tick."""


class Tail(msgspec.Struct):
    """What the worker publishes."""

    node: str
    sequence: int
    tail: list[int]
    count: int
    """Frames of this node that reached this state, replayed ones included."""
    offset: int
    worker: int
    padding: str = ""


class TailProcessor:
    """Tails of the nodes of one partition."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._decoder = FrameDecoder("worker")
        self._tails: dict[str, deque[int]] = {}
        self._counts: dict[str, int] = {}

    def process(self, batch: Batch) -> Iterator[Output]:
        """One output a frame."""
        for record, frame in self._decoder.decode(batch):
            if self._settings.fail_on == "process" and frame.sequence == 13:
                raise RuntimeError("told to fail on frame 13")
            if self._settings.delay_s:
                time.sleep(self._settings.delay_s)
            tail = self._tails.setdefault(frame.node_id, deque(maxlen=TAIL))
            tail.append(frame.sequence)
            count = self._counts[frame.node_id] = self._counts.get(frame.node_id, 0) + 1
            answer = Tail(
                frame.node_id,
                frame.sequence,
                list(tail),
                count,
                record.offset,
                os.getpid(),
                "x" * self._settings.padding,
            )
            yield Output(SENSING.name, record.key, msgspec.json.encode(answer))

    def tick(self, now_ns: int) -> Iterator[Output]:
        """Nothing, unless told to fail or to announce."""
        if self._settings.fail_on == "tick":
            raise RuntimeError("told to fail in a tick")
        if self._settings.announce_ticks:
            yield Output(SENSING.name, b"tick", b"%d" % now_ns)


def main() -> int:
    """Run the worker."""
    settings = WorkerSettings()
    return run_service("worker", settings, lambda _: TailProcessor(settings), outputs=[SENSING], tick_interval=0.05)


if __name__ == "__main__":
    sys.exit(main())
