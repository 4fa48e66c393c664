"""The dashboard's files; they hold no data and need no token."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import plotly
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Message, Receive, Scope, Send

DASHBOARD = Path(__file__).parent / "dashboard"
PLOTLY = Path(plotly.__file__).parent / "package_data" / "plotly.min.js"
"""The charts' library, as its wheel carries it."""

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


class PageFiles(StaticFiles):
    """Static files with the page's security headers."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message["headers"],
                    *((name.lower().encode(), value.encode()) for name, value in SECURITY_HEADERS.items()),
                ]
            await send(message)

        await super().__call__(scope, receive, send_with_headers)


async def index(_: Request) -> Response:
    """The dashboard."""
    return FileResponse(DASHBOARD / "index.html", headers=SECURITY_HEADERS)


async def plotly_script(_: Request) -> Response:
    """The charts' library."""
    return FileResponse(PLOTLY, media_type="text/javascript", headers=SECURITY_HEADERS)


def page_routes() -> list[BaseRoute]:
    """Return the routes."""
    return [
        Route("/", index),
        Route("/static/vendor/plotly.min.js", plotly_script),
        Mount("/static", PageFiles(directory=DASHBOARD)),
    ]
