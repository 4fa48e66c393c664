"""structlog for every service: coloured lines on a terminal, one JSON object a line elsewhere."""

from __future__ import annotations

import logging
import sys
import time
from typing import TYPE_CHECKING

import orjson
import structlog

if TYPE_CHECKING:
    from csi_runtime.settings import RuntimeSettings


_REPEAT_S = 30.0
"""Seconds within which aiokafka's repeated lines are kept back."""


class KafkaRepeats(logging.Filter):
    """Passes each of aiokafka's lines once in a while: with a broker away it repeats them hundreds of times a second.

    What passes says how many like it were kept back since the last one.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is written; lines are alike when their logger and their unformatted text are."""
        if not record.name.startswith("aiokafka"):
            return True
        kind, now = (record.name, str(record.msg)), time.monotonic()
        since, kept_back = self._seen.get(kind, (-_REPEAT_S, 0))
        if now - since < _REPEAT_S:
            self._seen[kind] = since, kept_back + 1
            return False
        self._seen[kind] = now, 0
        if kept_back:
            record.msg = f"{record.msg} (and {kept_back} more like it)"
        return True


def configure_logging(service: str, settings: RuntimeSettings) -> None:
    """Send structlog and the standard library's records to stderr in the configured form, each with ``service``."""
    level = getattr(logging, settings.log_level.upper())
    console = settings.log_format == "console" or (settings.log_format == "auto" and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.typing.Processor
    if console:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    else:
        shared.append(structlog.processors.format_exc_info)
        renderer = structlog.processors.JSONRenderer(
            serializer=lambda record, **_: orjson.dumps(record, default=repr).decode()
        )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(KafkaRepeats())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    structlog.contextvars.bind_contextvars(service=service)
    for chatty in ("aiokafka", "faust", "mode", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))
