"""What the gateway knows: after a restart, while Kafka is away, and of nodes that have gone silent."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from csi_runtime.topics import create_topics
from csi_schemas.events import NodeBack, NodeStale
from csi_schemas.sensing import SensingUpdate
from csi_schemas.signature import DtwParameters, Signature
from csiflow.kafka.embedded import EmbeddedCluster
from support.gateway import (
    RunningGateway,
    latest_records,
    motion_started,
    receive,
    records,
    running_gateway,
    sensing_update,
    snapshot,
)
from support.kafka import empty_topics, produce
from support.waiting import wait_for
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from pathlib import Path

SECOND = 1_000_000_000


async def node(gateway: RunningGateway, node_id: str) -> dict[str, Any]:
    """What /api/v1/nodes says of one node; empty while it is not listed."""
    _, body = await gateway.get("/api/v1/nodes")
    found: dict[str, Any] = next((told for told in body["nodes"] if told["node_id"] == node_id), {})
    return found


def node_stale(node_id: str, last_seen_ns: int) -> NodeStale:
    """The event that ingest publishes when a node has gone silent."""
    return NodeStale(
        timestamp_ns=time.time_ns(), node_id=node_id, provenance="replay", source="esp32", last_seen_ns=last_seen_ns
    )


async def test_latest_values_right_after_a_restart(topics: str) -> None:
    """A new process is ready only once it has the last values of every stream, and shows the old ones as stale."""
    now = time.time_ns()
    old, older = sensing_update("1", tick=9, at_ns=now - 60 * SECOND, presence=True), sensing_update("1", tick=8)
    fresh = sensing_update("2", tick=3, at_ns=now + 600 * SECOND, presence=True, stream="1x128@6")
    shot = snapshot("1", sequence=44, at_ns=now - 60 * SECOND)
    await produce(topics, "csi.latest.v1", latest_records([older, old, fresh, shot]))
    async with running_gateway(topics) as gateway:
        status, body = await gateway.get("/api/v1/sensing/latest?node=1")
        assert status == 200
        assert body["tick"] == older.tick, "the newest by its own time, not by its place in the topic"
        assert (await gateway.get("/api/v1/sensing/latest"))[1]["node_id"] == "2"
        status, body = await gateway.get("/api/v1/introspection/snapshot?node=1")
        assert (status, body["sequence"], body["stale"]) == (200, 44, True)
        assert body["age_s"] == pytest.approx(60, abs=30)
        assert body["streams"][0]["message"]["regime"] == "periodic"
        nodes = (await gateway.get("/api/v1/nodes"))[1]["nodes"]
        assert [told["node_id"] for told in nodes] == ["1", "2"]
        assert nodes[1]["presence"] is True
        assert nodes[1]["motion_level"] == "present_moving"
        assert nodes[1]["streams"] == ["1x128@6"]
        assert nodes[1]["provenance"] == "replay"


async def test_a_silent_node_is_stale_and_says_nothing_about_now(topics: str) -> None:
    """By the gateway's own clock, also right after a restart; a new message ends it."""
    before = time.time_ns() - 6 * SECOND
    await produce(topics, "csi.latest.v1", latest_records([sensing_update("1", at_ns=before, presence=True)]))
    async with running_gateway(topics) as gateway:
        told = await node(gateway, "1")
        assert (told["stale"], told["stale_reason"]) == (True, "silent")
        assert told["presence"] is None
        assert told["motion_level"] is None
        assert told["stream_states"][0]["stale"] is True
        assert (await gateway.get("/api/v1/sensing/latest"))[1]["stale"] is True
        await produce(topics, "csi.sensing.v1", records([sensing_update("1", presence=True)]))

        async def back() -> bool:
            told = await node(gateway, "1")
            return told["stale"] is False and told["presence"] is True

        await wait_for(back, what="node 1 is heard again")


async def test_node_stale_events(topics: str) -> None:
    """NodeStale makes a node stale at once, whatever its age; NodeBack or any newer message ends it."""
    async with running_gateway(topics, CSIFLOW_GATEWAY_STALE_AFTER="600") as gateway:

        def stale_is(node_id: str, reason: str | None) -> Any:
            async def check() -> bool:
                told = await node(gateway, node_id)
                return bool(told) and told["stale"] is (reason is not None) and told["stale_reason"] == reason

            return check

        await produce(topics, "csi.sensing.v1", records([sensing_update("1"), sensing_update("2")]))
        await wait_for(stale_is("2", None), what="node 2 is known")
        seen = time.time_ns()
        gone = [node_stale(name, seen) for name in "12"]
        await produce(topics, "csi.events.v1", records(gone))
        await wait_for(stale_is("1", "NodeStale"), what="node 1 is stale")
        await wait_for(stale_is("2", "NodeStale"), what="node 2 is stale")
        assert (await node(gateway, "1"))["presence"] is None
        returned = NodeBack(
            timestamp_ns=time.time_ns(), node_id="1", provenance="replay", source="esp32", stale_since_ns=seen
        )
        await produce(topics, "csi.events.v1", records([returned]))
        await produce(topics, "csi.sensing.v1", records([sensing_update("2")]))
        await wait_for(stale_is("1", None), what="node 1 is back")
        await wait_for(stale_is("2", None), what="node 2 is back")


async def test_recent_events(topics: str) -> None:
    """Events from before the start and since, newest first, by node, by time and by number."""
    at = [time.time_ns() - 100 * SECOND + i for i in range(30)]
    await produce(topics, "csi.events.v1", records(motion_started(str(i % 3), at_ns=at[i]) for i in range(25)))
    async with running_gateway(topics, CSIFLOW_GATEWAY_EVENTS_KEPT="20") as gateway:
        await produce(topics, "csi.events.v1", records(motion_started(str(i % 3), at_ns=at[i]) for i in range(25, 30)))

        async def times(query: str) -> list[int]:
            status, body = await gateway.get(f"/api/v1/events{query}")
            assert status == 200
            assert all(event["event"] == "MotionStarted" for event in body["events"])
            return [event["timestamp_ns"] for event in body["events"]]

        async def all_read() -> bool:
            return await times("") == at[:9:-1]

        await wait_for(all_read, what="the newest 20 events are known")
        assert await times("?limit=3") == at[:26:-1]
        assert await times("?node=1&limit=2") == [at[28], at[25]]
        assert await times(f"?since={at[27]}") == [at[29], at[28]]
        assert await times("?node=7") == []


async def test_history_is_not_sent_as_news(topics: str) -> None:
    """What was in the topics before the start does not appear on the websockets."""
    await produce(topics, "csi.events.v1", records([motion_started("old")]))
    await produce(topics, "csi.sensing.v1", records([sensing_update("old")]))
    async with (
        running_gateway(topics) as gateway,
        gateway.connect("/ws/events") as events,
        gateway.connect("/ws/sensing") as sensing,
    ):
        await gateway.clients("sensing", 1)
        await gateway.clients("events", 1)
        await produce(topics, "csi.events.v1", records([motion_started("new")]))
        await produce(topics, "csi.sensing.v1", records([sensing_update("new")]))
        assert (await receive(events, 1))[0]["node_id"] == "new"
        assert (await receive(sensing, 1))[0]["node_id"] == "new"


async def test_signatures(topics: str, tmp_path: Path) -> None:
    """The library is listed without its vectors; a broken file is named; a change is seen at once; no folder: 404."""
    good = Signature(
        id="wave",
        label="Waving",
        captured_at="2026-11-01T00:00:00Z",
        feature_kind="vec128",
        length=2,
        dtw=DtwParameters(),
        vectors=[[0.0] * 128] * 2,
        provenance="synthetic",
    )
    (tmp_path / "wave.sig.json").write_bytes(msgspec.json.encode(good))
    (tmp_path / "broken.sig.json").write_text("{}")
    async with running_gateway(topics, CSIFLOW_SIGNATURES=str(tmp_path)) as gateway:
        status, body = await gateway.get("/api/v1/signatures")
        assert status == 200
        (listed,) = body["signatures"]
        assert (listed["id"], listed["label"], listed["kind"], listed["length"]) == ("wave", "Waving", "vec128", 2)
        assert (listed["threshold"], listed["provenance"], listed["width"]) == (0.78, "synthetic", 128)
        assert "vectors" not in listed
        assert [found["file"] for found in body["broken"]] == ["broken.sig.json"]
        assert "missing" in body["broken"][0]["error"]
        (tmp_path / "broken.sig.json").unlink()
        another = msgspec.structs.replace(good, id="another", rate_hz=32.0, rest=True)
        (tmp_path / "another.sig.json").write_bytes(msgspec.json.encode(another))
        body = (await gateway.get("/api/v1/signatures"))[1]
        assert [(found["id"], found["rate_hz"], found["rest"]) for found in body["signatures"]] == [
            ("another", 32.0, True),
            ("wave", None, False),
        ]
        assert body["broken"] == []
    async with running_gateway(topics, CSIFLOW_SIGNATURES=str(tmp_path / "absent")) as gateway:
        status, body = await gateway.get("/api/v1/signatures")
        assert (status, body["error"]) == (404, "no_signature_folder")
        assert "CSIFLOW_SIGNATURES" in body["action"]


async def test_shutdown_closes_websockets_with_1001(topics: str) -> None:
    """SIGTERM and SIGINT: clients are told that the gateway goes away, a client that does not read holds nothing up."""
    for number in (signal.SIGTERM, signal.SIGINT):
        async with running_gateway(topics) as gateway, gateway.connect("/ws/sensing") as websocket:
            await gateway.clients("sensing", 1)
            gateway.service.process.send_signal(number)
            with pytest.raises(ConnectionClosed) as closed:
                await websocket.recv()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert await asyncio.wait_for(gateway.service.process.wait(), 20) == 0


async def test_missing_topics(tmp_path: Path) -> None:
    """Without topics the gateway is up but not ready, says what to do, and goes on by itself once they exist."""
    with EmbeddedCluster(tmp_path) as cluster:
        async with running_gateway(cluster.bootstrap, wait_ready=False) as gateway:

            async def told_what_to_do() -> bool:
                status, body = await gateway.service.get("/ready")
                return status == 503 and "csiflow topics create" in body

            await wait_for(told_what_to_do, what="/ready says what is missing")
            assert (await gateway.get("/health", token=None))[0] == 200
            await create_topics(cluster.bootstrap)
            await gateway.service.wait_ready()


async def test_kafka_away_and_back(tmp_path: Path) -> None:
    """While Kafka is away clients stay connected and /ready says so; afterwards nothing published is missing."""
    cluster = EmbeddedCluster(tmp_path)
    cluster.start()
    try:
        await create_topics(cluster.bootstrap)
        async with (
            running_gateway(cluster.bootstrap, CSIFLOW_GATEWAY_PROBE_INTERVAL="0.2") as gateway,
            gateway.connect("/ws/sensing") as websocket,
        ):
            await gateway.clients("sensing", 1)
            await produce(cluster.bootstrap, "csi.sensing.v1", records([sensing_update(tick=1)]))
            assert (await receive(websocket, 1))[0]["tick"] == 1
            await asyncio.to_thread(cluster.stop)

            async def noticed() -> bool:
                status, body = await gateway.service.get("/ready")
                return status == 503 and "does not answer" in json.loads(body)["waiting"]["kafka"]

            await wait_for(noticed, what="/ready says that Kafka is away")
            assert (await gateway.get("/api/v1/sensing/latest"))[1]["tick"] == 1
            await (await websocket.ping())
            await asyncio.to_thread(cluster.start)
            await produce(cluster.bootstrap, "csi.sensing.v1", records(sensing_update(tick=i) for i in (2, 3, 4)))
            assert [message["tick"] for message in await receive(websocket, 3)] == [2, 3, 4]
            await gateway.service.wait_ready()
    finally:
        cluster.stop()


async def test_emptied_topics(topics: str) -> None:
    """When a topic is deleted and made anew the gateway goes on with what is published afterwards."""
    async with (
        running_gateway(topics, CSIFLOW_GATEWAY_PROBE_INTERVAL="0.2") as gateway,
        gateway.connect("/ws/sensing") as websocket,
    ):
        await gateway.clients("sensing", 1)
        await produce(topics, "csi.sensing.v1", records(sensing_update(tick=i) for i in range(10)))
        await receive(websocket, 10)
        await empty_topics(topics, ["csi.sensing.v1"])
        update = sensing_update(tick=77)
        await produce(topics, "csi.sensing.v1", records([update]))
        assert msgspec.convert((await receive(websocket, 1))[0], SensingUpdate) == update
