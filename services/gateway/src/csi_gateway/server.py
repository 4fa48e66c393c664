"""The HTTP application and the server it runs in."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from typing import TYPE_CHECKING

import uvicorn
from csi_runtime.errors import ConfigurationError
from csi_runtime.operations import QuietServer, operations_routes
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Route

from csi_gateway.auth import Guard, RequireToken
from csi_gateway.errors import Refusal, on_failure, on_http_exception, on_refusal
from csi_gateway.pages import page_routes
from csi_gateway.rest import Rest
from csi_gateway.sockets import ENDPOINTS, Sockets
from csi_gateway.websocket import FramedWebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from csi_gateway.gateway import Gateway

SHUTDOWN_S = 3
"""Seconds a request in progress may take to end at shutdown."""


class ListenError(ConfigurationError):
    """The gateway's address cannot be had; the message says what to do."""


def make_app(gateway: Gateway, token: str) -> Starlette:
    """Return the ASGI application."""
    guard = Guard(token, frozenset(gateway.settings.allowed_origins))
    app = Starlette(
        routes=[
            *operations_routes("gateway", gateway.checks),
            *Rest(gateway).routes(),
            *Sockets(gateway).routes(),
            *page_routes(),
        ],
        middleware=[Middleware(RequireToken, guard=guard)],
        exception_handlers={Refusal: on_refusal, HTTPException: on_http_exception, Exception: on_failure},
    )
    app.state.endpoints = endpoints(app.routes)
    return app


def endpoints(routes: Iterable[BaseRoute]) -> tuple[str, ...]:
    """Return the paths that are served: what a 404 lists. The dashboard's files are left out."""
    plain = [route.path for route in routes if isinstance(route, Route) and "{" not in route.path]
    return (
        *(path for path in plain if not path.startswith("/static/")),
        *(f"/ws/{name}" for name in ENDPOINTS),
    )


@contextlib.asynccontextmanager
async def serve(gateway: Gateway, token: str) -> AsyncIterator[str]:
    """Serve ``gateway`` while the context is open; yields its URL. At the end every websocket is closed with 1001.

    Raises:
        ListenError: the address is taken or not ours.
    """
    settings = gateway.settings
    try:
        listener = socket.create_server((settings.host, settings.port), backlog=512)
    except OSError as error:
        raise ListenError(
            f"the gateway cannot listen on {settings.host}:{settings.port}: {error.strerror or error}; stop the "
            "program that uses the port, or choose another address with CSIFLOW_GATEWAY_HOST and CSIFLOW_GATEWAY_PORT "
            "(0 takes a free port)"
        ) from error
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # its info lines print query strings
    config = uvicorn.Config(
        make_app(gateway, token),
        loop="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws=FramedWebSocket,
        ws_max_size=64 * 1024,
        ws_per_message_deflate=False,
        ws_ping_interval=settings.ping_interval,
        ws_ping_timeout=settings.ping_timeout,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    server = QuietServer(config)
    task = asyncio.create_task(server.serve(sockets=[listener]), name="gateway http")
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    try:
        yield f"http://{host}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        await task
        listener.close()
