"""The REST interface, ``/api/v1/...``.

``/api/v1/sensing/latest`` and ``/api/v1/introspection/snapshot`` answer with the newest message of the asked nodes as
it was published (RuView's shape), with ``stale`` and ``age_s`` by the gateway's clock, and under ``streams`` the newest
message of each stream, each with the same two. Where a node and a replay or simulation of it are both heard, they are
streams of their own, and the live one comes first. ``/api/v1/cluster`` lists the newest fused snapshot of each zone.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import msgspec
import orjson
from starlette.responses import Response
from starlette.routing import Route

from csi_gateway import query
from csi_gateway.errors import Refusal
from csi_gateway.library import list_signatures

if TYPE_CHECKING:
    from starlette.requests import Request

    from csi_gateway.gateway import Gateway
    from csi_gateway.nodes import LatestValue

MAX_LIMIT = 100_000


def answer(body: Any) -> Response:
    """A JSON response; ``msgspec.Raw`` inside it is copied as it is."""
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


def introspection_off() -> Refusal:
    """What is answered where snapshots would be while the kill switch is off."""
    return Refusal(
        404,
        "introspection_disabled",
        "introspection is switched off",
        "start with --introspection, or set CSIFLOW_INTROSPECTION_ENABLED=true for the gateway and the introspection "
        "service",
    )


class Rest:
    """The endpoints over one gateway's state."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/api/v1/sensing/latest", self.sensing_latest),
            Route("/api/v1/introspection/snapshot", self.introspection_snapshot),
            Route("/api/v1/cluster", self.cluster),
            Route("/api/v1/nodes", self.nodes),
            Route("/api/v1/signatures", self.signatures),
            Route("/api/v1/events", self.events),
        ]

    async def sensing_latest(self, request: Request) -> Response:
        """Newest ``sensing_update``; ``?node=``."""
        query.known(request.query_params, "node")
        wanted = query.names(request.query_params, "node")
        return self._latest("sensing_update", self._gateway.nodes.latest_sensing(wanted), wanted)

    async def introspection_snapshot(self, request: Request) -> Response:
        """Newest snapshot; ``?node=``."""
        if not self._gateway.settings.introspection_enabled:
            raise introspection_off()
        query.known(request.query_params, "node")
        wanted = query.names(request.query_params, "node")
        return self._latest("introspection_snapshot", self._gateway.nodes.latest_snapshots(wanted), wanted)

    async def cluster(self, request: Request) -> Response:
        """Newest fused snapshot of every zone, by name; ``?zone=``."""
        if not self._gateway.settings.introspection_enabled:
            raise introspection_off()
        query.known(request.query_params, "zone")
        wanted = query.names(request.query_params, "zone")
        zones, now_ns = self._gateway.zones, self._gateway.now_ns()
        found = zones.latest(wanted)
        if missing := (wanted or frozenset()) - {value.zone for value in found}:
            raise Refusal(
                404,
                "nothing_yet",
                f"nothing was fused yet for zone {', '.join(sorted(missing))}",
                "check CSIFLOW_INTROSPECTION_ZONES and that its nodes send; /api/v1/cluster lists the zones known",
            )
        return answer(
            {
                "now_ns": now_ns,
                "zones": [
                    {
                        "zone": value.zone,
                        "stale": zones.is_stale(value, now_ns),
                        "age_s": value.age_s(now_ns),
                        "message": msgspec.Raw(value.value),
                    }
                    for value in found
                ],
            }
        )

    async def nodes(self, request: Request) -> Response:
        """Every node and what is true of it now."""
        query.known(request.query_params)
        now_ns = self._gateway.now_ns()
        nodes = self._gateway.nodes
        return answer(
            {
                "now_ns": now_ns,
                "stale_after_s": nodes.stale_after_s,
                "introspection_enabled": self._gateway.settings.introspection_enabled,
                "nodes": nodes.view(now_ns),
            }
        )

    async def signatures(self, request: Request) -> Response:
        """The signature library."""
        query.known(request.query_params)
        folder = self._gateway.settings.signatures
        try:
            return answer(await asyncio.to_thread(list_signatures, folder))
        except FileNotFoundError:
            raise Refusal(
                404,
                "no_signature_folder",
                f"the signature folder {folder} does not exist",
                "set CSIFLOW_SIGNATURES to the folder of the *.sig.json files",
            ) from None

    async def events(self, request: Request) -> Response:
        """Recent events, newest first; ``?limit=&node=&since=`` (ns since the Unix epoch, exclusive)."""
        query.known(request.query_params, "limit", "node", "since")
        limit = query.integer(request.query_params, "limit", 100, 1, MAX_LIMIT)
        wanted = query.names(request.query_params, "node")
        since_ns = query.integer(request.query_params, "since", None, 0, 2**63 - 1)
        found = self._gateway.events.newest(limit or MAX_LIMIT, wanted, since_ns)
        return answer({"events": [msgspec.Raw(event.value) for event in found]})

    def _latest(self, what: str, values: list[LatestValue], wanted: frozenset[str] | None) -> Response:
        nodes = self._gateway.nodes
        if not values:
            unknown = sorted(node for node in wanted or () if not nodes.knows(node))
            raise Refusal(
                404,
                "nothing_yet",
                f"node {', '.join(unknown)} has never been heard" if unknown else f"there is no {what} yet",
                "check that the node sends; /api/v1/nodes lists the ones heard so far",
            )
        now_ns = self._gateway.now_ns()
        values = nodes.most_telling(values, now_ns)
        streams = [
            {
                "node_id": value.node_id,
                "stream": value.stream,
                "provenance": value.provenance,
                "stale": nodes.is_stale(value.node_id, value.provenance, value.at_ns, now_ns),
                "age_s": nodes.age_s(value.at_ns, now_ns),
                "message": msgspec.Raw(value.value),
            }
            for value in values
        ]
        first = orjson.loads(values[0].value)
        return answer({**first, "stale": streams[0]["stale"], "age_s": streams[0]["age_s"], "streams": streams})
