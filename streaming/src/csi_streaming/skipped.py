"""Records that cannot be decoded: counted each, logged now and then, and nothing stops."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import structlog
from csi_runtime.metrics import STREAM_SKIPPED

if TYPE_CHECKING:
    from aiokafka import ConsumerRecord

log = structlog.get_logger(__name__)

WARNING_INTERVAL_S = 5.0


class SkippedRecords:
    """Counts skipped records in ``csiflow_stream_skipped`` and warns of them, at most once in 5 s."""

    def __init__(self, app: str, event: str) -> None:
        """Count under this application's name; ``event`` is the warning's text."""
        self._event = event
        self._skipped = STREAM_SKIPPED.labels(app)
        self._unreported = 0
        self._last_warning = -WARNING_INTERVAL_S

    def report(self, record: ConsumerRecord[Any, Any], error: Exception) -> None:
        """Take note of one record and of why it cannot be used."""
        self._skipped.inc()
        self._unreported += 1
        now = time.monotonic()
        if now - self._last_warning < WARNING_INTERVAL_S:
            return
        log.warning(
            self._event,
            topic=record.topic,
            partition=record.partition,
            offset=record.offset,
            error=str(error),
            skipped_since_last_warning=self._unreported,
        )
        self._last_warning, self._unreported = now, 0
