"""Fingerprints that are learnt while the events service runs, on a real broker."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from csi_events.multi_bssid.fingerprint.document import write
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import FRAMES, SENSING
from support.kafka import consume, produce
from support.services import running
from support.waiting import wait_for
from unit.events.multi_bssid.fingerprints import NODE, SCAN_HZ, Room


async def hear(bootstrap: str, room: Room, state: str, seconds: float, *, heard: int) -> list[SensingUpdate]:
    """Send scans of a state, after ``heard`` ones before; returns all updates once the last window has closed."""
    frames = [room.frame(state) for _ in range(round(seconds * SCAN_HZ))]
    await produce(bootstrap, FRAMES.name, [(NODE.encode(), msgspec.json.encode(frame)) for frame in frames])
    last = heard + len(frames) - 1
    number = 1
    while True:
        records = await consume(bootstrap, SENSING.name, number, timeout=60)
        updates = [msgspec.json.decode(record.value, type=SensingUpdate) for record in records]
        if updates[-1].origin.offset >= last:
            return updates
        number = len(updates) + 1


@pytest.mark.timeout(300)  # the first start of events compiles its kernels
async def test_a_fingerprint_learnt_while_the_service_runs_is_recognised(topics: str, tmp_path: Path) -> None:
    """Without it no posture is said; dropped into a folder that was not there, it is; taken away, it is not."""
    folder = tmp_path / "fingerprints"
    room = Room()
    learnt = room.learn()
    env = {"CSIFLOW_KAFKA": topics, "CSIFLOW_FINGERPRINTS": str(folder), "CSIFLOW_EVENTS_HTTP_PORT": "0"}

    async with running("csi_events", env, timeout=240) as service:

        async def loaded(ids: list[str]) -> None:
            await wait_for(
                lambda: [e["ids"] for e in service.events("fingerprints loaded")][-1:] == [ids], 30, str(ids)
            )

        before = await hear(topics, room, "sitting", 25, heard=0)
        assert {update.posture for update in before} == {None}

        folder.mkdir()
        write(folder / "lab.fingerprint.json", learnt)
        await loaded(["lab"])
        after = (await hear(topics, room, "sitting", 15, heard=250))[len(before) :]
        assert after[-1].posture == "sitting"
        assert {update.posture for update in after} <= {None, "sitting"}

        (folder / "lab.fingerprint.json").unlink()
        await loaded([])
        gone = (await hear(topics, room, "sitting", 10, heard=400))[len(before) + len(after) :]
        assert gone[-1].posture is None
        assert all(a.timestamp < b.timestamp for a, b in pairwise([*before, *after, *gone]))
