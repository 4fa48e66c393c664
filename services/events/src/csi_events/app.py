"""The events process: settings, and one processor per partition."""

from __future__ import annotations

from functools import partial
from weakref import WeakSet

import structlog
from csi_runtime.exits import run_configured
from csi_runtime.metrics import STREAM_STREAMS
from csi_runtime.settings import load
from csi_schemas.topics import CALIBRATION, EVENTS, FRAMES, LATEST, SENSING
from csi_streaming import run_service

from csi_events.calibration_feed import CalibrationFeed
from csi_events.multi_bssid.fingerprint.library import Library
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings

log = structlog.get_logger(__name__)

CALIBRATIONS_S = 10.0
"""How long a worker's partitions wait for what is stored of their streams; well below the time after which Kafka gives
them away."""


def make_processor(
    settings: EventsSettings, feed: CalibrationFeed, library: Library, alive: WeakSet[EventsProcessor], partition: int
) -> EventsProcessor:
    """Make the processor of one partition; ``alive`` knows it for as long as the worker does.

    Waits until the stored calibrations are read: a stream must not begin to calibrate anew because of who was faster.
    """
    if not feed.wait_read():
        log.warning("stored calibrations are not read yet; streams calibrate anew until they are", partition=partition)
    processor = EventsProcessor(partition, settings, feed.known, library.of)
    alive.add(processor)
    return processor


def start() -> int:
    """Read the settings and run."""
    settings = load(EventsSettings)
    alive: WeakSet[EventsProcessor] = WeakSet()
    STREAM_STREAMS.labels("events").set_function(
        lambda: sum(len(processor.entries) + len(processor.scans.entries) for processor in alive)
    )
    feed = CalibrationFeed(settings.kafka, CALIBRATIONS_S)
    library = Library(settings.fingerprint_folder)
    library.look()
    with feed.running(), library.watching():
        return run_service(
            "events",
            settings,
            partial(make_processor, settings, feed, library, alive),
            source=FRAMES,
            outputs=(SENSING, EVENTS, LATEST, CALIBRATION),
        )


def main() -> int:
    """Run the service; returns the exit code."""
    return run_configured("events", start)
