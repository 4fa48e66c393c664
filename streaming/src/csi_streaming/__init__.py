"""The Faust application both consumers are built on: batch delivery, warm-up, at-least-once commits."""

from csi_streaming.frames import FrameDecoder
from csi_streaming.latest import Latest
from csi_streaming.partitions import partition_of
from csi_streaming.processor import Batch, MakeProcessor, Output, Processor
from csi_streaming.service import run_service
from csi_streaming.settings import StreamingSettings
from csi_streaming.skipped import SkippedRecords

__all__ = [
    "Batch",
    "FrameDecoder",
    "Latest",
    "MakeProcessor",
    "Output",
    "Processor",
    "SkippedRecords",
    "StreamingSettings",
    "partition_of",
    "run_service",
]
