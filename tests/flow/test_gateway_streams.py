"""What websocket clients get: everything, in order, once, as it was published; or the exact number they missed."""

from __future__ import annotations

import asyncio
import json
import socket
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import msgspec
from csi_schemas.introspection import ClusterSnapshot
from csi_schemas.sensing import SensingUpdate
from support.gateway import (
    frame,
    motion_started,
    receive,
    records,
    running_gateway,
    sensing_update,
    snapshot,
)
from support.kafka import produce
from support.waiting import wait_for
from websockets.exceptions import ConnectionClosed

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection


async def read_all(websocket: ClientConnection, sent: int) -> tuple[list[int], list[dict[str, int]]]:
    """Read until every sent message has arrived or been reported lost: ticks received, and the reports."""
    ticks: list[int] = []
    reports: list[dict[str, int]] = []
    while len(ticks) + sum(report["dropped"] for report in reports) < sent:
        message = json.loads(await websocket.recv())
        if message["type"] == "dropped":
            reports.append(message)
        else:
            ticks.append(message["tick"])
    return ticks, reports


async def test_values_arrive_as_they_were_published(topics: str) -> None:
    """Each endpoint gives its topic's values byte for byte; other topics' messages do not appear on it."""
    update, shot, event = sensing_update(), snapshot(), motion_started()
    fused = ClusterSnapshot("house", update.window.end_ns, "idle", 1.0, [], "replay")
    async with (
        running_gateway(topics) as gateway,
        gateway.connect("/ws/sensing") as sensing,
        gateway.connect("/ws/introspection") as introspection,
        gateway.connect("/ws/cluster?zone=house") as cluster,
        gateway.connect("/ws/events") as events,
        gateway.connect("/ws/sensing?events=1") as both,
    ):
        await gateway.clients("sensing", 2)
        await produce(topics, "csi.sensing.v1", records([update]))
        await produce(topics, "csi.introspection.v1", records([shot]))
        await produce(topics, "csi.cluster.v1", records([fused]))
        await produce(topics, "csi.events.v1", records([event]))
        for websocket, message in ((sensing, update), (introspection, shot), (cluster, fused), (events, event)):
            assert await websocket.recv(decode=False) == msgspec.json.encode(message)
        got = {await both.recv(decode=False) for _ in range(2)}
        assert got == {msgspec.json.encode(update), msgspec.json.encode(event)}
        await produce(topics, "csi.sensing.v1", records([sensing_update(tick=2)]))
        assert (await receive(sensing, 1))[0]["tick"] == 2, "nothing else came in between"


async def test_a_slow_client_costs_the_fast_one_nothing(topics: str) -> None:
    """Of 5,000 messages the fast client gets all; the one that does not read is told exactly how many it missed."""
    sent = 5000
    async with running_gateway(topics) as gateway:
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # so that its kernel cannot read for it
        host, port = gateway.url.removeprefix("http://").split(":")
        narrow.connect((host, int(port)))
        narrow.setblocking(False)
        async with (
            gateway.connect("/ws/sensing", sock=narrow, max_queue=1) as slow,
            gateway.connect("/ws/sensing") as fast,
        ):
            await gateway.clients("sensing", 2)
            reading = asyncio.create_task(read_all(fast, sent))
            await produce(topics, "csi.sensing.v1", records(sensing_update(tick=i) for i in range(sent)))
            ticks, reports = await reading
            assert ticks == list(range(sent))
            assert reports == []

            ticks, reports = await read_all(slow, sent)
            dropped = sum(report["dropped"] for report in reports)
            assert dropped > sent / 2
            assert len(ticks) + dropped == sent
            assert reports[-1]["total"] == dropped
            assert ticks == sorted(set(ticks)), "what it got is in order, each once"
            assert ticks[-32:] == list(range(sent - 32, sent)), "the ring keeps the newest"
            assert await gateway.service.metric("csiflow_gateway_dropped_total", endpoint="sensing") == dropped
            assert await gateway.service.metric("csiflow_gateway_sent_total", endpoint="sensing") == 2 * sent - dropped
            assert await gateway.service.metric("csiflow_gateway_encoded_total") == sent, "one encoding for both"
        warnings = gateway.service.events("a websocket client is too slow and loses messages")
        assert warnings
        assert warnings[0]["dropped_in_a_row"] == 32


async def test_a_burst_loses_nothing(topics: str) -> None:
    """A client that reads gets a whole burst that Kafka hands over in a few fetches, on ten connections at once."""
    sent = 2000
    async with running_gateway(topics) as gateway, AsyncExitStack() as stack:
        sockets = [await stack.enter_async_context(gateway.connect("/ws/sensing")) for _ in range(10)]
        await gateway.clients("sensing", 10)
        reading = [asyncio.create_task(read_all(websocket, sent)) for websocket in sockets]
        await produce(topics, "csi.sensing.v1", records(sensing_update(tick=i) for i in range(sent)))
        for ticks, reports in await asyncio.gather(*reading):
            assert ticks == list(range(sent))
            assert reports == []
        assert await gateway.service.metric("csiflow_gateway_encoded_total") == sent


async def test_node_filter(topics: str) -> None:
    """`?node=` is repeatable and comma separated; other nodes' messages do not come."""
    async with (
        running_gateway(topics) as gateway,
        gateway.connect("/ws/sensing?node=1,2&node=4") as some,
        gateway.connect("/ws/sensing") as everything,
    ):
        await gateway.clients("sensing", 2)
        nodes = ["1", "2", "3", "4", "12"]
        await produce(
            topics, "csi.sensing.v1", records(sensing_update(node, tick=i) for i in range(20) for node in nodes)
        )
        assert Counter(m["node_id"] for m in await receive(everything, 100)) == dict.fromkeys(nodes, 20)
        assert Counter(m["node_id"] for m in await receive(some, 60)) == {"1": 20, "2": 20, "4": 20}
        await produce(topics, "csi.sensing.v1", records([sensing_update("4", tick=99)]))
        assert (await receive(some, 1))[0]["tick"] == 99, "nothing else came in between"


async def test_max_hz_keeps_the_newest_of_each_stream(topics: str) -> None:
    """At 0.01/s only the first of each stream passes; at 2/s the last value always comes; none counts as dropped."""
    streams = ["1x64@6", "1x128@6"]
    async with (
        running_gateway(topics) as gateway,
        gateway.connect("/ws/sensing?max_hz=0.01") as rare,
        gateway.connect("/ws/sensing?max_hz=2") as limited,
        gateway.connect("/ws/sensing") as everything,
    ):
        await gateway.clients("sensing", 3)
        updates = [sensing_update(node, tick=i, stream=s) for i in range(50) for node in "12" for s in streams]
        await produce(topics, "csi.sensing.v1", records(updates))
        await receive(everything, 200)
        first = await receive(rare, 4)
        assert Counter((m["node_id"], m["stream"], m["tick"]) for m in first) == {
            (node, stream, 0): 1 for node in "12" for stream in streams
        }
        seen: dict[tuple[str, str], list[int]] = {}
        while sorted(ticks[-1] for ticks in seen.values()) != [49] * 4:
            (message,) = await receive(limited, 1)
            assert message["type"] != "dropped"
            seen.setdefault((message["node_id"], message["stream"]), []).append(message["tick"])
        assert all(ticks[0] == 0 and ticks == sorted(set(ticks)) for ticks in seen.values())
        assert sum(map(len, seen.values())) < 200
        assert await gateway.service.metric("csiflow_gateway_coalesced_total") > 0
        assert await gateway.service.metric("csiflow_gateway_dropped_total") == 0


async def test_amplitude_is_read_only_while_somebody_watches(topics: str) -> None:
    """Frames are consumed from the first watcher on until the last one leaves; a row has at most 56 mean amplitudes."""
    async with running_gateway(topics) as gateway:

        async def frames_read() -> float:
            return await gateway.service.metric("csiflow_gateway_records_total", topic="csi.frames.v1")

        def times_begun() -> int:
            return sum(record["topic"] == "csi.frames.v1" for record in gateway.service.events("reading"))

        await produce(topics, "csi.frames.v1", records([frame(sequence=1)]))
        async with gateway.connect("/ws/amplitude?node=1") as watcher:
            await wait_for(times_begun, what="frames are read")
            await produce(topics, "csi.frames.v1", records([frame("2"), frame(sequence=2, n_subcarriers=114)]))
            (row,) = await receive(watcher, 1)
            assert row["type"] == "amplitude"
            assert (row["node_id"], row["stream"], row["provenance"]) == ("1", "1x114@6", "replay")
            assert row["amplitude"] == [5.0] * 56
            assert await frames_read() == 2, "not the one from before"
        await gateway.clients("amplitude", 0)
        await produce(topics, "csi.frames.v1", records([frame(sequence=3)] * 10))
        async with gateway.connect("/ws/amplitude") as watcher:
            await wait_for(lambda: times_begun() == 2, what="frames are read again")
            await produce(topics, "csi.frames.v1", records([frame(sequence=4)]))
            assert (await receive(watcher, 1))[0]["amplitude"] == [5.0] * 56
            assert await frames_read() == 3, "not those that nobody watched"


async def test_a_bad_record_stops_nothing(topics: str) -> None:
    """Records that are not JSON, not ours or not UTF-8 are skipped, counted and logged with their offset."""
    async with running_gateway(topics) as gateway, gateway.connect("/ws/sensing") as websocket:
        await gateway.clients("sensing", 1)
        good = records([sensing_update(tick=1)])
        bad = [
            (b"1", b"not json"),
            (b"1", b""),
            (b"1", b'{"type": "sensing_update"}'),
            (b"1", msgspec.json.encode(sensing_update()).replace(b'"esp32"', b'"\xff\xfe"')),
        ]
        await produce(topics, "csi.sensing.v1", bad + good)
        assert (await receive(websocket, 1))[0]["tick"] == 1
        assert await gateway.service.metric("csiflow_gateway_skipped_total", topic="csi.sensing.v1") == 4
        logged = gateway.service.events("skipped a record that cannot be decoded")
        assert [record["offset"] for record in logged] == [0, 1, 2, 3]


async def test_what_a_client_sends_is_ignored_within_limits(topics: str) -> None:
    """Talk from a client changes nothing for it; a flood of one huge message ends only that client."""
    async with (
        running_gateway(topics) as gateway,
        gateway.connect("/ws/sensing") as talker,
        gateway.connect("/ws/sensing") as flooder,
    ):
        await gateway.clients("sensing", 2)
        await talker.send('{"type": "subscribe"}')
        await talker.send(b"\x00" * 1000)
        try:
            await flooder.send("x" * (1 << 20))
            await flooder.recv()
        except ConnectionClosed:
            pass
        await wait_for(lambda: flooder.close_code is not None, what="the flooder is disconnected")
        assert flooder.close_code in {1006, 1009}
        await produce(topics, "csi.sensing.v1", records([sensing_update(tick=5)]))
        assert (await receive(talker, 1))[0]["tick"] == 5
        pong = await talker.ping()
        await pong


async def test_snapshot_sends_the_latest_first_and_marks_it(topics: str) -> None:
    """`?snapshot=1` begins with what is known, wrapped so that it is not taken for new."""
    async with running_gateway(topics) as gateway, gateway.connect("/ws/sensing") as plain:
        await gateway.clients("sensing", 1)
        update = sensing_update("3", tick=7)
        await produce(topics, "csi.sensing.v1", records([update]))
        await receive(plain, 1)
        async with (
            gateway.connect("/ws/sensing?snapshot=1") as late,
            gateway.connect("/ws/sensing?snapshot=1&node=9") as other,
        ):
            (latest,) = await receive(late, 1)
            assert latest["type"] == "latest"
            assert latest["stale"] is False
            assert msgspec.convert(latest["message"], SensingUpdate) == update
            await gateway.clients("sensing", 3)
            await produce(topics, "csi.sensing.v1", records([sensing_update("9", tick=8)]))
            assert (await receive(late, 1))[0]["tick"] == 8
            assert (await receive(other, 1))[0]["tick"] == 8
