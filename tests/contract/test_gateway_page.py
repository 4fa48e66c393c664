"""docs/gateway.md names what the gateway serves, and so does its 404."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from csi_gateway.gateway import Gateway
from csi_gateway.server import make_app
from csi_gateway.settings import GatewaySettings
from csi_gateway.sockets import ENDPOINTS
from starlette.applications import Starlette
from starlette.types import Message

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
TOKEN = "t" * 32


@pytest.fixture
def app() -> Starlette:
    """The application, without Kafka."""
    return make_app(Gateway(GatewaySettings()), TOKEN)


async def get(app: Starlette, path: str) -> tuple[int, dict[str, str]]:
    """Status and body of a request with the token."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"authorization", f"Bearer {TOKEN}".encode()), (b"host", b"gateway")]
    scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": headers}
    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(each.get("body", b"") for each in sent))


def test_every_route_is_on_the_page_with_an_example(app: Starlette) -> None:
    """Each path in a table and in a curl line, each websocket with its own parameters, and no other path."""
    served = app.state.endpoints
    assert "/api/v1/cluster" in served
    for path in served:
        assert f"`{path}`" in PAGE
        assert path == "/" or re.search(rf"curl .*{path}\b", PAGE)
    assert set(re.findall(r"/(?:api/v1|ws)/[a-z/]+", PAGE)) <= set(served)
    for endpoint in ENDPOINTS.values():
        parameters = ", ".join(f"`{name}`" for name in endpoint.parameters)
        assert f"| `/ws/{endpoint.name}` | {parameters} |" in PAGE


@pytest.mark.parametrize("path", ["/api/v1/nothing", "/ws/nothing"])
def test_a_404_lists_every_route(app: Starlette, path: str) -> None:
    """Whatever was asked for, the answer names each path that there is."""
    status, body = asyncio.run(get(app, path))
    assert status == 404
    assert all(each in body["action"] for each in app.state.endpoints)
