"""The fusion of zones on a real broker: nodes of different partitions and workers, silence, crashes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
from aiokafka.admin import AIOKafkaAdminClient
from csi_introspection.cluster.member import INTERVAL_NS
from csi_schemas.common import Origin
from csi_schemas.introspection import ClusterSnapshot, ZoneMember
from csi_schemas.topics import CLUSTER, FRAMES, INTROSPECTION, MEMBERS
from csi_streaming import partition_of
from support.gateway import running_gateway
from support.kafka import consume, count_records, produce
from support.services import INTROSPECTION_ON, Service, running
from support.waiting import wait_for
from unit.introspection.rooms import frames_of, room
from websockets.asyncio.client import ClientConnection

START_S = 120.0
"""The first start of introspection compiles the kernels."""
HOUSE = json.dumps({"house": ["1", "2", "7"]})


@asynccontextmanager
async def cluster(bootstrap: str, **environment: str) -> AsyncIterator[Service]:
    """Run ``python -m csi_introspection.cluster``."""
    env = {"CSIFLOW_KAFKA": bootstrap, **INTROSPECTION_ON, **environment}
    async with running("csi_introspection.cluster", env, timeout=60) as started:
        yield started


def member(node: str, number: int, zone: str = "all", **fields: Any) -> ZoneMember:
    """A node's record of now, made from its frame ``number``."""
    given: dict[str, Any] = {
        "zone": zone,
        "timestamp_ns": time.time_ns(),
        "node_id": node,
        "stream": "1x64@6",
        "provenance": "replay",
        "source": "esp32",
        "regime": "idle",
        "attractor_confidence": 0.5,
        "origin": Origin(FRAMES.name, partition_of(node.encode(), FRAMES.partitions), number),
    }
    return ZoneMember(**{**given, **fields})


async def publish(bootstrap: str, *members: ZoneMember) -> None:
    """Put records on csi.members.v1 as the introspection service does."""
    await produce(bootstrap, MEMBERS.name, [(each.zone.encode(), msgspec.json.encode(each)) for each in members])


async def fused(bootstrap: str) -> list[ClusterSnapshot]:
    """Everything on csi.cluster.v1 so far."""
    records = await consume(bootstrap, CLUSTER.name, 0)
    return [msgspec.json.decode(record.value, type=ClusterSnapshot) for record in records]


async def heard(websocket: ClientConnection, wanted: str) -> dict[str, Any]:
    """The next message on which ``wanted`` is true."""
    while True:
        message: dict[str, Any] = json.loads(await asyncio.wait_for(websocket.recv(), 20))
        if message.get(wanted):
            return message


def who(snapshot: ClusterSnapshot) -> tuple[list[str], list[str]]:
    """Members and nodes that left."""
    return [m.node_id for m in snapshot.members], [node.node_id for node in snapshot.left]


async def test_nodes_of_different_partitions_and_workers_are_fused(topics: str) -> None:
    """Two introspection workers share two nodes; the zone has both, then one within 2 s, then none, each told."""
    assert partition_of(b"1", FRAMES.partitions) != partition_of(b"2", FRAMES.partitions)
    env = {"CSIFLOW_KAFKA": topics, **INTROSPECTION_ON, "CSIFLOW_INTROSPECTION_ZONES": HOUSE}
    rooms = {node: frames_of(room(400, int(node)), node=node, provenance="replay") for node in ("1", "2")}
    sent_ns: dict[str, list[int]] = {"1": [], "2": []}
    told = [0]

    async def send(*nodes: str) -> None:
        """One frame of each of these nodes, received now."""
        records = []
        for node in nodes:
            frame = rooms[node][len(sent_ns[node])]
            frame.timestamp_ns = time.time_ns()
            sent_ns[node].append(frame.timestamp_ns)
            records.append((node.encode(), msgspec.json.encode(frame)))
        await produce(topics, FRAMES.name, records)

    async def until(members: list[str], left: list[str], *sending: str) -> ClusterSnapshot:
        """Send until the zone says so, after what it said before."""

        async def said() -> ClusterSnapshot | None:
            if sending:
                await send(*sending)
            snapshots = await fused(topics)
            at = next((k for k in range(told[-1], len(snapshots)) if who(snapshots[k]) == (members, left)), None)
            if at is None:
                return None
            told.append(at + 1)
            return snapshots[at]

        found = await wait_for(said, 60, f"members {members}, left {left}")
        assert found is not None
        return found

    async with (
        running("csi_introspection", env, timeout=START_S) as first,
        running("csi_introspection", env, timeout=START_S) as second,
        cluster(topics, CSIFLOW_INTROSPECTION_ZONES=HOUSE) as service,
    ):

        async def shared() -> bool:
            held = [await each.metric("csiflow_stream_partitions", app="introspection") for each in (first, second)]
            return min(held) > 0 and sum(held) == FRAMES.partitions

        await wait_for(shared, 30, "both workers hold partitions")
        both = await until(["1", "2"], ["7"], "1", "2")
        assert both.provenance == "replay"
        assert both.left[0].last_seen_ns is None
        assert both.origin is not None
        assert both.timestamp_ns == max(m.last_seen_ns for m in both.members)
        one = await until(["1"], ["2", "7"], "1")
        assert one.left[0].last_seen_ns is not None
        assert 0 <= sent_ns["2"][-1] - one.left[0].last_seen_ns < INTERVAL_NS
        # the zone's time passes with node 1's frames; a test that was held up sends them with gaps
        pauses = [b - a for a, b in zip(sent_ns["1"], sent_ns["1"][1:], strict=False)]
        assert one.timestamp_ns - sent_ns["2"][-1] <= 2 * 10**9 + max(pauses)
        none = await until([], ["1", "2", "7"])
        assert (none.regime, none.agreement, none.origin, none.provenance) == ("unknown", 0.0, None, "replay")
        assert await service.metric("csiflow_cluster_nodes", zone="house", state="left") == 3
        assert await service.metric("csiflow_cluster_nodes", zone="house", state="member") == 0
    assert await count_records(topics, INTROSPECTION.name) == sum(map(len, sent_ns.values()))
    members = [msgspec.json.decode(r.value, type=ZoneMember) for r in await consume(topics, MEMBERS.name, 0)]
    assert {m.origin.partition for m in members} == {partition_of(n, FRAMES.partitions) for n in (b"1", b"2")}
    assert {m.zone for m in members} == {"house"}
    snapshots = await fused(topics)
    assert all(m.timestamp_ns in sent_ns[m.node_id] for m in members)
    assert all(s.zone == "house" and s.timestamp_ns >= m.last_seen_ns for s in snapshots for m in s.members)


async def test_an_onset_reaches_websocket_and_rest(topics: str) -> None:
    """A node's onset is the zone's on /ws/cluster, once; later clients and REST get the newest with its age."""
    async with (
        cluster(topics),
        running_gateway(topics) as gateway,
        gateway.connect("/ws/cluster?zone=all") as websocket,
    ):
        await gateway.clients("cluster", 1)
        await publish(topics, member("1", 1), member("2", 1))
        began = member("2", 2, moving=True, motion_score=3.0, regime="transient")
        began.onset_ns = began.timestamp_ns
        await publish(topics, began)
        message = await heard(websocket, "onset")
        assert (message["onset_node"], message["onset_ns"], message["moving"]) == ("2", began.onset_ns, True)
        assert message["regime"] == "transient"
        assert message["regime_changed"]
        assert {m["node_id"] for m in message["members"]} == {"1", "2"}
        status, body = await gateway.get("/api/v1/cluster")
        assert status == 200
        (zone,) = body["zones"]
        assert (zone["zone"], zone["message"]["onset_node"]) == ("all", "2")
        assert zone["age_s"] >= 0
        async with gateway.connect("/ws/cluster?snapshot=1") as late:
            first = json.loads(await late.recv())
            assert (first["type"], first["message"]["onset_node"]) == ("latest", "2")
        status, body = await gateway.get("/api/v1/cluster?zone=attic")
        assert (status, body["error"]) == (404, "nothing_yet")
        assert "attic" in body["detail"]
        snapshots = await fused(topics)
        assert sum(s.onset for s in snapshots) == 1


async def test_a_killed_worker_is_replaced_with_its_state(topics: str) -> None:
    """After SIGKILL the next worker knows members and motion from the records before; the onset is not told again."""
    settings = {"CSIFLOW_CLUSTER_STALE_AFTER_S": "60"}  # so that the test may take its time
    async with cluster(topics, **settings) as killed:
        await publish(topics, member("1", 1), member("2", 1))
        began = member("2", 2, moving=True, motion_score=3.0)
        began.onset_ns = began.timestamp_ns
        await publish(topics, began)

        async def told() -> bool:
            return any(s.onset for s in await fused(topics))

        async def all_committed() -> bool:
            return await committed(topics) == 3

        await wait_for(told, 30, "the onset is told")
        await wait_for(all_committed, 30, "what was read is committed")
        await killed.kill()
    before = len(await fused(topics))
    async with cluster(topics, **settings):
        new = member("1", 2)
        await publish(topics, new)

        async def answered() -> list[ClusterSnapshot]:
            return [s for s in (await fused(topics))[before:] if s.origin == new.origin]

        (again,) = await wait_for(answered, 30, "the new worker answers")
    assert who(again) == (["1", "2"], [])
    assert (again.onset, again.onset_node, again.moving) == (False, "2", True)
    assert sum(s.onset for s in await fused(topics)) == 1


async def committed(bootstrap: str) -> int:
    """Records of csi.members.v1 that the group has committed."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        offsets = await admin.list_consumer_group_offsets("csiflow-cluster")
        return sum(place.offset for place in offsets.values() if place.offset > 0)
    finally:
        await admin.close()


@pytest.mark.parametrize("module", ["csi_introspection", "csi_introspection.cluster"])
async def test_zones_that_make_no_sense_stop_the_start(kafka: str, module: str) -> None:
    """Exit code 2 and what is wrong with which zone, not a zone less than was asked for."""
    env = {"CSIFLOW_KAFKA": kafka, "CSIFLOW_INTROSPECTION_ZONES": '{"hall": "1"}'}
    async with running(module, env, wait_ready=False) as failed:
        await wait_for(lambda: not failed.alive, 60, "the service ends")
        assert failed.process.returncode == 2
    assert "zone 'hall': '1' is not a list of node ids" in failed.tail()


async def test_switched_off_it_is_ready_and_reads_nothing(topics: str) -> None:
    """Introspection's kill switch is the fusion's."""
    async with cluster(topics, CSIFLOW_INTROSPECTION_ENABLED="false") as off:
        assert json.loads((await off.get("/ready"))[1])["status"] == "disabled"
        await publish(topics, member("1", 1))
    assert await count_records(topics, CLUSTER.name) == 0
