"""The ingest process: settings, logs, signals and the operations endpoint around a running ingest."""

from __future__ import annotations

import asyncio
import signal

import uvloop
from csi_runtime.exits import run_configured
from csi_runtime.logs import configure_logging
from csi_runtime.operations import serve_operations
from csi_runtime.settings import load
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csi_ingest.quiet import quieten_repeats
from csi_ingest.service import run_ingest
from csi_ingest.settings import IngestSettings


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


def start() -> int:
    """Read the settings and run."""
    settings = load(IngestSettings)
    configure_logging("ingest", settings)
    quieten_repeats("aiokafka")
    uvloop.run(serve(settings))
    return 0


def main() -> int:
    """Run ingest; returns the exit code."""
    return run_configured("ingest", start)
