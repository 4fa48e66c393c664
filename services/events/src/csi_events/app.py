"""The events process: settings, and one processor per partition."""

from __future__ import annotations

from functools import partial
from weakref import WeakSet

from csi_runtime.exits import run_configured
from csi_runtime.metrics import STREAM_STREAMS
from csi_schemas.topics import CALIBRATION, EVENTS, FRAMES, LATEST, SENSING
from csi_streaming import run_service

from csi_events.calibration_feed import CalibrationFeed, KnownCalibrations
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings


def make_processor(
    settings: EventsSettings, calibrations: KnownCalibrations, alive: WeakSet[EventsProcessor], partition: int
) -> EventsProcessor:
    """Make the processor of one partition; ``alive`` knows it for as long as the worker does."""
    processor = EventsProcessor(partition, settings, calibrations)
    alive.add(processor)
    return processor


def start() -> int:
    """Read the settings and run."""
    settings = EventsSettings()
    alive: WeakSet[EventsProcessor] = WeakSet()
    STREAM_STREAMS.labels("events").set_function(
        lambda: sum(len(processor.entries) + len(processor.scans.entries) for processor in alive)
    )
    with CalibrationFeed(settings.kafka).running() as calibrations:
        return run_service(
            "events",
            settings,
            partial(make_processor, settings, calibrations, alive),
            source=FRAMES,
            outputs=(SENSING, EVENTS, LATEST, CALIBRATION),
        )


def main() -> int:
    """Run the service; returns the exit code."""
    return run_configured("events", start)
