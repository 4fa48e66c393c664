"""The Faust application both consumers are built on: batch delivery, warm-up, at-least-once commits."""

from csi_streaming.processor import Batch, MakeProcessor, Output, Processor

__all__ = ["Batch", "MakeProcessor", "Output", "Processor"]
