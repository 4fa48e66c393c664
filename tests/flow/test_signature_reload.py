"""The signature folder of a running introspection service, on a real broker."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import msgspec
from csi_introspection.library import write
from csi_introspection.reference import record, references
from csi_schemas.introspection import IntrospectionSnapshot
from csi_schemas.topics import FRAMES, INTROSPECTION
from support.kafka import consume, count_records, produce
from support.services import INTROSPECTION_ON, Service, running
from support.waiting import wait_for
from unit.introspection.rooms import frames_of

START_S = 120.0
"""The first start compiles the kernels."""
QUIET_FRAMES = 2400
"""Enough for a stream's quiet to be known."""
IDLE, WALK, DOOR = references()


class Room:
    """A quiet stream, sent frame by frame, and what the service says of it."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._frames = frames_of(record(None, 0.0, 1, quiet_frames=4 * QUIET_FRAMES))
        self._sent = 0

    async def send(self, frames: int) -> IntrospectionSnapshot:
        """Send frames; returns the snapshot of the last."""
        chosen = self._frames[self._sent : self._sent + frames]
        self._sent += frames
        await produce(self._bootstrap, FRAMES.name, [(b"1", msgspec.json.encode(frame)) for frame in chosen])
        records = await consume(self._bootstrap, INTROSPECTION.name, self._sent, timeout=60)
        assert await count_records(self._bootstrap, INTROSPECTION.name) == self._sent
        return msgspec.json.decode(records[-1].value, type=IntrospectionSnapshot)


def scored(snapshot: IntrospectionSnapshot) -> set[str]:
    """Ids in the snapshot's ranking."""
    return {match.signature_id for match in snapshot.top_k_similarity}


async def reloads(service: Service, number: int) -> None:
    """Wait until the service has taken up a change for the ``number``-th time, and the streams with it."""

    async def done() -> bool:
        return await service.metric("csiflow_introspection_library_reloads_total") == number

    await wait_for(done, 20, f"reload {number} of the signature folder")


async def test_a_file_dropped_in_is_matched_and_one_taken_out_is_not(topics: str, tmp_path: Path) -> None:
    """No restart, no new calibration; another width is listed as not applicable; a broken file changes nothing."""
    write(tmp_path / "idle_room.sig.json", IDLE)
    room = Room(topics)
    env = {"CSIFLOW_KAFKA": topics, **INTROSPECTION_ON, "CSIFLOW_SIGNATURES": str(tmp_path)}
    async with running("csi_introspection", env, timeout=START_S) as service:
        before = await room.send(QUIET_FRAMES)
        assert scored(before) == {"idle_room"}
        assert not before.calibrating
        number = count(1)

        write(tmp_path / "walking_slow.sig.json", WALK)
        wide = msgspec.structs.replace(DOOR, id="wide", vectors=[[*row, *row] for row in DOOR.vectors])
        await reloads(service, next(number))
        write(tmp_path / "wide.sig.json", wide)
        await reloads(service, next(number))
        after = await until(room, {"idle_room", "walking_slow"}, {"wide"})
        assert not after.calibrating
        assert after.frame_count > QUIET_FRAMES

        (tmp_path / "walking_slow.sig.json").write_text("{")
        await wait_for(lambda: service.events("a signature file is broken; its last good version stays in use"), 20)
        assert await service.metric("csiflow_introspection_signature_problems") == 1
        next(number)
        assert scored(await room.send(1)) == {"idle_room", "walking_slow"}

        for name in ("walking_slow", "wide"):
            (tmp_path / f"{name}.sig.json").unlink()
        gone = await until(room, {"idle_room"}, set())
        assert not gone.calibrating
        assert await service.metric("csiflow_introspection_signatures") == 1
        assert await service.metric("csiflow_introspection_signature_problems") == 0
        assert service.events("signatures reloaded")[0]["added"] == ["walking_slow"]


async def until(room: Room, ranked: set[str], not_applicable: set[str]) -> IntrospectionSnapshot:
    """Send a frame at a time until the snapshots rank and list just these signatures."""

    async def said() -> IntrospectionSnapshot | None:
        snapshot = await room.send(1)
        listed = {item.signature_id for item in snapshot.not_applicable}
        return snapshot if (scored(snapshot), listed) == (ranked, not_applicable) else None

    found = await wait_for(said, 30, f"{ranked} are ranked and {not_applicable} listed")
    assert found is not None
    return found
