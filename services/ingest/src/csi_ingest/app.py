"""The ingest process: settings, logs, signals and the operations endpoint around a running ingest."""

from __future__ import annotations

import asyncio
import signal
import sys

import structlog
import uvloop
from csi_runtime.logs import configure_logging
from csi_runtime.operations import serve_operations
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csi_ingest.listener import AddressError
from csi_ingest.quiet import quieten_repeats
from csi_ingest.service import run_ingest
from csi_ingest.settings import IngestSettings

log = structlog.get_logger(__name__)


async def serve(settings: IngestSettings) -> None:
    """Run until SIGINT or SIGTERM, or until a part of ingest fails."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with run_ingest(settings) as ingest:

        async def stats(_: Request) -> Response:
            return JSONResponse(ingest.stats())

        checks = {"kafka": lambda: ingest.publisher.away}
        routes = [Route("/stats", stats)]
        async with serve_operations("ingest", settings.http_host, settings.http_port, checks, extra_routes=routes):
            await ingest.until(stop)


def main() -> int:
    """Run ingest; returns the exit code."""
    try:
        settings = IngestSettings()
    except ValidationError as error:
        sys.exit(f"csi_ingest: {error}")
    configure_logging("ingest", settings)
    quieten_repeats("aiokafka")
    try:
        uvloop.run(serve(settings))
    except AddressError as error:
        log.error("ingest cannot start", reason=str(error))  # noqa: TRY400 - the message says it all
        return 1
    return 0
