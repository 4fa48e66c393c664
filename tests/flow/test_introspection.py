"""The introspection service on a real broker."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
from aiokafka.admin import AIOKafkaAdminClient
from csi_schemas.frame import CsiFrame
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.topics import FRAMES, INTROSPECTION, LATEST
from support.kafka import consume, count_records, produce
from support.services import INTROSPECTION_ON, Service, running
from support.waiting import wait_for
from unit.introspection.rooms import frames_of, room

START_S = 120.0
"""The first start compiles the kernels."""


@asynccontextmanager
async def service(bootstrap: str, *arguments: str, **environment: str) -> AsyncIterator[Service]:
    """Run ``python -m csi_introspection``."""
    env = {"CSIFLOW_KAFKA": bootstrap, **INTROSPECTION_ON, **environment}
    async with running("csi_introspection", env, *arguments, timeout=START_S) as started:
        yield started


def household(count: int) -> list[CsiFrame]:
    """Three shapes of one node and one of another, ``count`` frames each, in order of time."""
    streams = [
        frames_of(room(count, 1), node="1"),
        frames_of(room(count, 2, subcarriers=128), node="1", subcarriers=128),
        frames_of(room(count, 3, subcarriers=192), node="1", subcarriers=192),
        frames_of(room(count, 4), node="2"),
    ]
    return sorted((frame for stream in streams for frame in stream), key=lambda frame: frame.timestamp_ns)


async def publish(bootstrap: str, frames: list[CsiFrame]) -> None:
    """Put frames on csi.frames.v1 as ingest does."""
    await produce(bootstrap, FRAMES.name, [(frame.node_id.encode(), msgspec.json.encode(frame)) for frame in frames])


async def test_every_frame_has_its_snapshot_in_order(topics: str) -> None:
    """N frames, N snapshots of N origins, in each node's order, in its partition; latest holds every stream."""
    frames = household(200)
    async with service(topics) as running_service:
        await publish(topics, frames)
        records = await consume(topics, INTROSPECTION.name, len(frames), timeout=60)
        await wait_for(lambda: _latest_of_every_stream(topics), 20, "every stream's newest snapshot on csi.latest.v1")
        assert await running_service.metric("csiflow_introspection_snapshots_total") == len(frames)
        assert await running_service.metric("csiflow_introspection_signatures") == 3
    assert await count_records(topics, INTROSPECTION.name) == len(frames)
    snapshots = [msgspec.json.decode(record.value, type=IntrospectionSnapshot) for record in records]
    assert len({(s.origin.partition, s.origin.offset) for s in snapshots}) == len(frames)
    assert all(r.partition == s.origin.partition for r, s in zip(records, snapshots, strict=True))
    for node in ("1", "2"):
        expected = [frame.sequence for frame in frames if frame.node_id == node]
        assert [s.sequence for s in snapshots if s.node_id == node] == expected
    assert Counter(s.stream for s in snapshots) == {"1x64@6": 400, "1x128@6": 200, "1x192@6": 200}
    assert {s.regime for s in snapshots if s.frame_count > 160} == {"idle"}
    assert all(len(s.top_k_similarity) == 3 for s in snapshots if s.frame_count > 160)


async def _latest_of_every_stream(bootstrap: str) -> bool:
    """Whether csi.latest.v1 has the last frame's snapshot of each of the four streams."""
    newest: dict[bytes, IntrospectionSnapshot] = {}
    for record in await consume(bootstrap, LATEST.name, 0):
        newest[record.key] = msgspec.json.decode(record.value, type=IntrospectionSnapshot)
    return sorted(newest) == [
        b"1/1x128@6/synthetic/introspection_snapshot",
        b"1/1x192@6/synthetic/introspection_snapshot",
        b"1/1x64@6/synthetic/introspection_snapshot",
        b"2/1x64@6/synthetic/introspection_snapshot",
    ] and all(snapshot.sequence == 199 for snapshot in newest.values())


async def test_a_restart_goes_on_with_the_state_it_had(topics: str) -> None:
    """A second worker answers only what is new, with the counts, regimes and quiet of a stream it never left."""
    seen, new = 1500, 20  # 75 s: enough calm for promotions
    frames = frames_of(room(seen + new, 5))
    async with service(topics):
        await publish(topics, frames[:seen])
        await consume(topics, INTROSPECTION.name, seen, timeout=60)
    async with service(topics):
        await publish(topics, frames[seen:])
        records = await consume(topics, INTROSPECTION.name, seen + new, timeout=60)
    snapshots = [msgspec.json.decode(record.value, type=IntrospectionSnapshot) for record in records]
    assert [s.sequence for s in snapshots] == list(range(seen + new))
    assert [s.frame_count for s in snapshots] == list(range(1, seen + new + 1))
    assert {s.regime for s in snapshots[seen:]} == {"idle"}
    assert snapshots[seen // 2].calibrating
    assert not any(s.calibrating or s.regime_changed for s in snapshots[seen:])


async def _members(bootstrap: str) -> int:
    """Members of the service's consumer group now."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (answer,) = await admin.describe_consumer_groups(["csiflow-introspection"])
        return sum(len(group[5]) for group in answer.groups)
    finally:
        await admin.close()


async def test_switched_off_it_is_ready_and_reads_nothing(topics: str) -> None:
    """With --no-introspection: /ready says disabled, no consumer group is joined, no snapshot made, logged once."""
    await publish(topics, frames_of(room(5, 6)))
    async with service(topics, "--no-introspection") as off:
        status, body = await off.get("/ready")
        assert (status, json.loads(body)["status"]) == (200, "disabled")
        assert (await off.get("/health"))[0] == 200
        said = [record for record in off.logs if "switched off" in record["event"]]
        assert len(said) == 1
        assert await _members(topics) == 0
    assert await count_records(topics, INTROSPECTION.name) == 0


async def test_the_switch_is_also_a_setting_and_the_flag_wins(topics: str) -> None:
    """Off unless CSIFLOW_INTROSPECTION_ENABLED=true says otherwise; --introspection overrides both."""
    async with running("csi_introspection", {"CSIFLOW_KAFKA": topics}, timeout=START_S) as untold:
        assert json.loads((await untold.get("/ready"))[1])["status"] == "disabled"
    async with service(topics, "--introspection", CSIFLOW_INTROSPECTION_ENABLED="false") as on:
        assert json.loads((await on.get("/ready"))[1])["status"] == "ready"
        assert await _members(topics) == 1


async def test_a_bad_signature_is_reported_and_the_others_load(topics: str, tmp_path: Path) -> None:
    """The log names file and field; the good signatures are matched."""
    library = Path(__file__).parents[2] / "signatures"
    for path in library.glob("*.sig.json"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    content: dict[str, Any] = json.loads((tmp_path / "door_open.sig.json").read_text())
    content["promotion_threshold"] = 7
    (tmp_path / "door_open.sig.json").write_text(json.dumps(content))
    async with service(topics, CSIFLOW_SIGNATURES=str(tmp_path)) as started:
        left_out = started.events("a signature is left out")
        assert [(record["file"], record["field"]) for record in left_out] == [
            ("door_open.sig.json", "promotion_threshold")
        ]
        assert started.events("signatures loaded")[0]["ids"] == ["idle_room", "walking_slow"]


async def test_a_library_that_does_not_exist_stops_the_start(topics: str, tmp_path: Path) -> None:
    """A folder named in the settings that is not there: exit code 2 and the reason, not an empty library."""
    async with running(
        "csi_introspection",
        {"CSIFLOW_KAFKA": topics, **INTROSPECTION_ON, "CSIFLOW_SIGNATURES": str(tmp_path / "gone")},
        wait_ready=False,
    ) as failed:
        await wait_for(lambda: not failed.alive, START_S, "the service ends")
        assert failed.process.returncode == 2
    assert "gone" in failed.events("the signature library cannot be loaded; mend CSIFLOW_SIGNATURES")[0]["reason"]
