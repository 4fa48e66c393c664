"""The service with its kill switch thrown: alive and ready, reading nothing."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

import structlog
import uvloop
from csi_runtime.logs import configure_logging
from csi_runtime.operations import serve_operations

if TYPE_CHECKING:
    from csi_runtime.settings import RuntimeSettings

log = structlog.get_logger(__name__)


def serve_disabled(name: str, settings: RuntimeSettings) -> int:
    """Serve the operations endpoint, ``/ready`` with status ``disabled``, until SIGTERM or SIGINT; returns 0."""
    configure_logging(name, settings)
    uvloop.run(_serve(name, settings))
    return 0


async def _serve(name: str, settings: RuntimeSettings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    log.warning(
        "introspection is switched off: no frame is read and no snapshot published; start with --introspection, "
        "or set CSIFLOW_INTROSPECTION_ENABLED=true"
    )
    async with serve_operations(name, settings.http_host, settings.http_port, {}, status="disabled"):
        await stop.wait()
