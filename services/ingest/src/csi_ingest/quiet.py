"""Keeps a library that logs every retry from drowning the log while Kafka is away."""

from __future__ import annotations

import logging
import time

INTERVAL_SECONDS = 10.0


class OncePerInterval(logging.Filter):
    """Lets a message template of a logger through once every ``INTERVAL_SECONDS``; ours say what is going on."""

    def __init__(self, prefix: str) -> None:
        """Apply to loggers named ``prefix`` or below it."""
        super().__init__()
        self._prefix = prefix
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Decide on one record."""
        if record.name != self._prefix and not record.name.startswith(f"{self._prefix}."):
            return True
        template = str(record.msg)
        now = time.monotonic()
        if now - self._last.get(template, -INTERVAL_SECONDS) < INTERVAL_SECONDS:
            return False
        self._last[template] = now
        return True


def quieten_repeats(prefix: str) -> None:
    """Install the filter on the root logger's handlers."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(OncePerInterval(prefix))
