"""The websockets, ``/ws/...``.

A connection only listens: what it sends is read and ignored. Besides the messages of its topic a client gets
``{"type": "dropped", "dropped": n, "total": m}`` ahead of the first message after ``n`` that it was too slow for, and
with ``?snapshot=1`` first the latest values, each as
``{"type": "latest", "stale": ..., "age_s": ..., "message": ...}``, so that an old value is never taken for a new one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import structlog
from csi_runtime.metrics import GATEWAY_CLIENTS
from starlette.routing import Route, WebSocketRoute

from csi_gateway import query
from csi_gateway.auth import BEARER, SUBPROTOCOL
from csi_gateway.client import Client, Wishes
from csi_gateway.errors import Refusal, bad_request, not_found
from csi_gateway.rest import introspection_off
from csi_gateway.websocket import EXTENSION, FramedWebSocket

if TYPE_CHECKING:
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import Response
    from starlette.websockets import WebSocket

    from csi_gateway.gateway import Gateway

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What one websocket path gives."""

    name: str
    parameters: tuple[str, ...]
    needs_introspection: bool = False


ENDPOINTS = {
    endpoint.name: endpoint
    for endpoint in (
        Endpoint("sensing", ("node", "max_hz", "snapshot", "events")),
        Endpoint("introspection", ("node", "max_hz", "snapshot"), needs_introspection=True),
        Endpoint("cluster", ("zone", "max_hz", "snapshot"), needs_introspection=True),
        Endpoint("events", ("node",)),
        Endpoint("amplitude", ("node", "max_hz")),
    )
}


class Sockets:
    """The websocket endpoints over one gateway's channels."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route | WebSocketRoute]:
        """Return the routes; any other websocket path is a 404 before the upgrade."""
        return [
            WebSocketRoute("/ws/{name}", self.connect),
            WebSocketRoute("/{path:path}", self.nothing),
            Route("/ws/{name}", self.not_upgraded),
        ]

    async def connect(self, websocket: WebSocket) -> None:
        """Serve one client until it goes."""
        try:
            endpoint, wishes = self._read(websocket)
        except Refusal as refusal:
            await websocket.send_denial_response(refusal.response())
            return
        selected = SUBPROTOCOL if SUBPROTOCOL in websocket.scope["subprotocols"] else None
        await websocket.accept(subprotocol=selected)
        settings = self._gateway.settings
        address = "{}:{}".format(*websocket.client) if websocket.client else "unknown"
        outlet: FramedWebSocket = websocket.scope["extensions"][EXTENSION]
        outlet.bound_send_buffer(settings.send_buffer)
        client = Client(
            endpoint.name,
            address,
            outlet,
            wishes,
            ring_size=settings.ring_size,
            warn_after=settings.warn_after_drops,
        )
        channels = [self._gateway.channels[endpoint.name]]
        if "events" in endpoint.parameters and query.flag(websocket.query_params, "events"):
            channels.append(self._gateway.channels["events"])
        log.info("client connected", endpoint=endpoint.name, client=address)
        GATEWAY_CLIENTS.labels(endpoint.name).inc()
        if "snapshot" in endpoint.parameters and query.flag(websocket.query_params, "snapshot"):
            self._send_latest(endpoint, client, wishes)
        for channel in channels:
            channel.add(client)
        try:
            while (await websocket.receive())["type"] != "websocket.disconnect":
                pass
        finally:
            for channel in channels:
                channel.remove(client)
            client.close()
            GATEWAY_CLIENTS.labels(endpoint.name).dec()
            log.info("client gone", endpoint=endpoint.name, client=address, dropped=client.dropped)

    async def nothing(self, websocket: WebSocket) -> None:
        """There is no such websocket."""
        await websocket.send_denial_response(not_found(websocket.url.path, websocket.app.state.endpoints).response())

    async def not_upgraded(self, request: Request) -> Response:
        """Answer a plain request to a websocket path."""
        self._endpoint(request)
        response = Refusal(
            426, "upgrade_required", f"{request.url.path} is a websocket", "connect to it with a websocket client"
        ).response()
        response.headers["Upgrade"] = "websocket"
        return response

    def _endpoint(self, connection: HTTPConnection) -> Endpoint:
        endpoint = ENDPOINTS.get(connection.path_params["name"])
        if endpoint is None:
            raise not_found(connection.url.path, connection.app.state.endpoints)
        if endpoint.needs_introspection and not self._gateway.settings.introspection_enabled:
            raise introspection_off()
        return endpoint

    def _read(self, websocket: WebSocket) -> tuple[Endpoint, Wishes]:
        endpoint = self._endpoint(websocket)
        parameters = websocket.query_params
        query.known(parameters, *endpoint.parameters)
        for name in {"snapshot", "events"} & set(endpoint.parameters):
            query.flag(parameters, name)
        offered = websocket.scope["subprotocols"]
        if SUBPROTOCOL not in offered and any(name.startswith(BEARER) for name in offered):
            raise bad_request(
                "the client offers its token as a subprotocol but not 'csiflow', so there is none to select",
                "offer both: ['csiflow', 'bearer.TOKEN']",
            )
        nodes = query.names(parameters, "zone" if "zone" in endpoint.parameters else "node")
        return endpoint, Wishes(nodes, query.rate(parameters, "max_hz"))

    def _send_latest(self, endpoint: Endpoint, client: Client, wishes: Wishes) -> None:
        nodes, zones = self._gateway.nodes, self._gateway.zones
        now_ns = self._gateway.now_ns()
        if endpoint.name == "cluster":
            for fused in zones.latest(wishes.nodes):
                client.send_now(_old(fused.value, stale=zones.is_stale(fused, now_ns), age_s=fused.age_s(now_ns)))
            return
        latest = nodes.latest_sensing if endpoint.name == "sensing" else nodes.latest_snapshots
        for value in reversed(latest(wishes.nodes)):
            stale = nodes.is_stale(value.node_id, value.provenance, value.at_ns, now_ns)
            client.send_now(_old(value.value, stale=stale, age_s=nodes.age_s(value.at_ns, now_ns)))


def _old(value: bytes, *, stale: bool, age_s: float) -> bytes:
    return msgspec.json.encode({"type": "latest", "stale": stale, "age_s": age_s, "message": msgspec.Raw(value)})
