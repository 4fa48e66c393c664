"""Runs the gateway: settings, token, servers, signals."""

from __future__ import annotations

import asyncio
import signal

import structlog
import uvloop
from csi_runtime.exits import run_configured
from csi_runtime.logs import configure_logging
from csi_runtime.operations import serve_operations
from csi_runtime.settings import load

from csi_gateway.gateway import Gateway
from csi_gateway.server import serve
from csi_gateway.settings import GatewaySettings
from csi_gateway.tokens import configured_token

log = structlog.get_logger(__name__)


async def run(settings: GatewaySettings, token: str) -> None:
    """Serve until SIGINT or SIGTERM.

    Raises:
        ListenError: the gateway's address cannot be had.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    gateway = Gateway(settings)
    async with (
        serve(gateway, token) as url,
        serve_operations("gateway", settings.http_host, settings.http_port, gateway.checks),
    ):
        log.info("gateway is up", url=url, kafka=settings.kafka, introspection=settings.introspection_enabled)
        reading = asyncio.create_task(gateway.run(), name="gateway")
        stopping = asyncio.create_task(stop.wait(), name="signal")
        await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        log.info("gateway stops")
        stopping.cancel()
        reading.cancel()
        await asyncio.wait({reading, stopping})
        if not reading.cancelled():
            reading.result()


def start() -> int:
    """Read the settings and run."""
    settings = load(GatewaySettings)
    configure_logging("gateway", settings)
    uvloop.run(run(settings, configured_token(settings)))
    return 0


def main() -> int:
    """Run the gateway; returns the exit code."""
    return run_configured("gateway", start)
