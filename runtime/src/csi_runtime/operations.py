"""The operations endpoint of a service: ``/health``, ``/ready`` and ``/metrics`` on its own event loop.

It runs on the loop that does the work, so that a loop that hangs also stops answering.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

import structlog
import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from csi_runtime.errors import ConfigurationError

log = structlog.get_logger(__name__)

Checks = Mapping[str, Callable[[], str | None]]
"""Named readiness checks; each returns ``None`` when all is well, else what is wrong."""


def operations_routes(service: str, checks: Checks, status: str = "ready") -> list[Route]:
    """Return the three routes, for a service that already has an HTTP server of its own.

    ``/ready`` answers ``status`` when every check is well; a service that is switched off says ``disabled``.
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok", "service": service})

    async def ready(_: Request) -> Response:
        waiting = {name: reason for name, check in checks.items() if (reason := check()) is not None}
        body = {"status": "waiting" if waiting else status, "service": service, "waiting": waiting}
        return JSONResponse(body, status_code=503 if waiting else 200)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)]


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves signals to its host process."""

    @contextlib.contextmanager
    def capture_signals(self):  # type: ignore[no-untyped-def]  # noqa: ANN201, D102
        yield


@contextlib.asynccontextmanager
async def serve_operations(
    service: str,
    host: str,
    port: int,
    checks: Checks,
    *,
    extra_routes: Sequence[Route] = (),
    status: str = "ready",
) -> AsyncIterator[int]:
    """Serve the endpoint, and a service's ``extra_routes``, while the context is open; yields the bound port.

    ``status`` is what ``/ready`` answers when every check is well.

    Raises:
        ConfigurationError: the address is taken or not ours.
    """
    try:
        listener = socket.create_server((host, port))
    except OSError as error:
        variables = f"CSIFLOW_{service.upper()}_HTTP_HOST and _HTTP_PORT"
        raise ConfigurationError(
            f"the operations endpoint cannot listen on {host}:{port}: {error.strerror}; "
            f"set {variables} to another address (port 0 takes a free one)"
        ) from error
    bound = int(listener.getsockname()[1])
    config = uvicorn.Config(
        Starlette(routes=[*operations_routes(service, checks, status), *extra_routes]),
        log_config=None,
        access_log=False,
        lifespan="off",
        loop="none",
    )
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="operations")
    log.info("operations endpoint is up", host=host, port=bound)
    try:
        yield bound
    finally:
        server.should_exit = True
        await task
        listener.close()
