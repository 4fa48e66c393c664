"""A real gateway process, its clients, and messages to feed it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import msgspec
from csi_schemas.common import Origin, Provenance
from csi_schemas.events import Event, MotionStarted
from csi_schemas.frame import CsiFrame
from csi_schemas.introspection import ClusterSnapshot, IntrospectionSnapshot
from csi_schemas.sensing import Classification, NodeReading, SensingFeatures, SensingUpdate, Window
from websockets.asyncio.client import ClientConnection, connect

from support.services import INTROSPECTION_ON, Service, running
from support.waiting import wait_for

TOKEN = "a-token-for-tests"  # noqa: S105  # opens nothing but the test's own gateway


@dataclass
class RunningGateway:
    """A gateway process and how to reach it."""

    service: Service
    url: str

    async def get(
        self, path: str, *, token: str | None = TOKEN, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, Any]:
        """Status and JSON body (text where it is not JSON) of a request."""
        sent = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **(headers or {})}
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, headers=sent) as response,
        ):
            text = await response.text()
            return response.status, json.loads(text) if response.content_type == "application/json" else text

    def connect(
        self, path: str, *, token: str | None = TOKEN, headers: dict[str, str] | None = None, **options: Any
    ) -> connect:
        """A websocket connection, as an async context manager."""
        sent = {**({} if token is None else {"Authorization": f"Bearer {token}"}), **(headers or {})}
        url = self.url.replace("http://", "ws://") + path
        return connect(url, additional_headers=sent, compression=None, **{"proxy": None, **options})

    async def clients(self, endpoint: str, count: int) -> None:
        """Wait until so many websocket clients are connected to ``endpoint``."""

        async def connected() -> bool:
            return await self.service.metric("csiflow_gateway_clients", endpoint=endpoint) == count

        await wait_for(connected, what=f"{count} clients of {endpoint}")


@asynccontextmanager
async def running_gateway(bootstrap: str, *, wait_ready: bool = True, **settings: str) -> AsyncIterator[RunningGateway]:
    """Run ``python -m csi_gateway`` on a free port; ``settings`` are environment variables."""
    environment = {
        "CSIFLOW_KAFKA": bootstrap,
        "CSIFLOW_GATEWAY_TOKEN": TOKEN,
        "CSIFLOW_GATEWAY_PORT": "0",
        **INTROSPECTION_ON,
        **settings,
    }
    async with running("csi_gateway", environment, wait_ready=wait_ready) as service:
        up = await wait_for(lambda: service.events("gateway is up"), what="the gateway listens")
        if not service.port:
            operations = service.events("operations endpoint is up")[0]
            service.host, service.port = operations["host"], operations["port"]
        yield RunningGateway(service, up[0]["url"])


async def receive(websocket: ClientConnection, count: int) -> list[dict[str, Any]]:
    """The next ``count`` messages."""
    return [json.loads(await websocket.recv()) for _ in range(count)]


def records(messages: Iterable[Any]) -> list[tuple[bytes, bytes]]:
    """Kafka records of messages: key and value."""
    return [
        (
            (message.zone if isinstance(message, ClusterSnapshot) else message.node_id).encode(),
            msgspec.json.encode(message),
        )
        for message in messages
    ]


def latest_records(messages: Iterable[SensingUpdate | IntrospectionSnapshot]) -> list[tuple[bytes, bytes]]:
    """Records of ``csi.latest.v1``."""
    found = []
    for message in messages:
        kind = "sensing_update" if isinstance(message, SensingUpdate) else "introspection_snapshot"
        found.append(
            (f"{message.node_id}/{message.stream}/{message.provenance}/{kind}".encode(), msgspec.json.encode(message))
        )
    return found


def sensing_update(
    node_id: str = "1",
    *,
    tick: int = 1,
    at_ns: int | None = None,
    stream: str = "1x64@6",
    presence: bool = False,
    provenance: Provenance = "replay",
) -> SensingUpdate:
    """A plausible ``sensing_update`` of about 1 KB."""
    end_ns = time.time_ns() if at_ns is None else at_ns
    return SensingUpdate(
        timestamp=end_ns / 1e9,
        source="esp32",
        tick=tick,
        nodes=[NodeReading(node_id, -50.5, [round(7.25 + 0.31 * i, 2) for i in range(56)], 64)],
        features=SensingFeatures(-50.5, 0.02, 0.01, 0.002, 1.5, 0, 0.03),
        classification=Classification("present_moving" if presence else "absent", presence, 0.8),
        node_id=node_id,
        stream=stream,
        provenance=provenance,
        window=Window(16, end_ns - 500_000_000, end_ns, "frames"),
        origin=Origin("csi.frames.v1", 0, tick),
    )


def snapshot(
    node_id: str = "1", *, sequence: int = 1, at_ns: int | None = None, stream: str = "1x64@6"
) -> IntrospectionSnapshot:
    """A plausible snapshot."""
    return IntrospectionSnapshot(
        timestamp_ns=time.time_ns() if at_ns is None else at_ns,
        node_id=node_id,
        frame_count=sequence,
        regime="periodic",
        lyapunov_exponent=0.012,
        attractor_dim=1.9,
        attractor_confidence=0.7,
        regime_changed=False,
        top_k_similarity=[],
        stream=stream,
        sequence=sequence,
        provenance="replay",
        source="esp32",
        origin=Origin("csi.frames.v1", 0, sequence),
    )


def motion_started(node_id: str = "1", *, at_ns: int | None = None) -> Event:
    """A MotionStarted event."""
    return MotionStarted(
        timestamp_ns=time.time_ns() if at_ns is None else at_ns,
        node_id=node_id,
        provenance="replay",
        source="esp32",
        stream="1x64@6",
    )


def frame(node_id: str = "1", *, sequence: int = 1, n_subcarriers: int = 64) -> CsiFrame:
    """A frame whose sub-carrier i has I = 3 and Q = 4, so amplitude 5."""
    return CsiFrame(
        node_id=node_id,
        timestamp_ns=time.time_ns(),
        sequence=sequence,
        provenance="replay",
        source="esp32",
        n_antennas=1,
        n_subcarriers=n_subcarriers,
        frequency_mhz=2437,
        rssi_dbm=-50,
        noise_floor_dbm=-90,
        iq=bytes((3, 4)) * n_subcarriers,
    )
