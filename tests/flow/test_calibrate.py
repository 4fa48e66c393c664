"""``csiflow calibrate`` against a real broker and a real worker, and what a restart keeps of it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import numpy as np
from aiokafka import AIOKafkaProducer
from csi_schemas.calibration import AnyCalibration, StreamCalibration
from csi_schemas.sensing import SensingUpdate
from csi_schemas.topics import CALIBRATION, FRAMES, SENSING
from support.kafka import consume, count_records
from support.services import running
from support.waiting import wait_for
from unit.events.signals import channel, frames_of, quantised

RATE = 100.0


@asynccontextmanager
async def sending(kafka: str, speed: float) -> AsyncIterator[None]:
    """Send frames of a quiet room for as long as the context is open; their clock runs ``speed`` times ours."""
    still = quantised(channel(2000, rate_hz=RATE))
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()

    async def run() -> None:
        began, sent = time.time_ns(), 0
        while True:
            due = int((time.time_ns() - began) * 1e-9 * RATE * speed)
            for number in range(sent, due):
                stamp = began + int(number / RATE * 1e9)
                (frame,) = frames_of(still[number % 2000 : number % 2000 + 1], np.array([stamp]))
                await producer.send(FRAMES.name, msgspec.json.encode(frame), frame.node_id.encode())
            sent = due
            await asyncio.sleep(0.02)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await producer.stop()


async def command(kafka: str, *arguments: str) -> asyncio.subprocess.Process:
    """Start csiflow calibrate."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csiflow",
        "calibrate",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "CSIFLOW_KAFKA": kafka},
    )


async def calibrations(kafka: str) -> list[StreamCalibration]:
    """Every calibration on the topic, oldest first."""
    if not await count_records(kafka, CALIBRATION.name):
        return []
    records = [record for record in await consume(kafka, CALIBRATION.name, 0) if record.value]
    found = [msgspec.json.decode(record.value, type=AnyCalibration) for record in records]
    return [each for each in found if isinstance(each, StreamCalibration)]


def settings(kafka: str) -> dict[str, str]:
    """Environment of a worker."""
    return {"CSIFLOW_KAFKA": kafka, "CSIFLOW_EVENTS_HTTP_PORT": "0"}


async def test_calibrate_is_answered_and_kept_over_a_restart(topics: str) -> None:
    """The command ends with the calibration that answers it; a worker started later judges by it from its first window.

    Interrupted, it withdraws its request, and the stream keeps what it had.
    """
    async with sending(topics, speed=4):
        async with running("csi_events", settings(topics), timeout=90):

            async def calibrated() -> bool:
                return len(await calibrations(topics)) == 1

            await wait_for(calibrated, 60, "the stream has calibrated by itself")
            process = await command(topics, "--duration", "12s", "--node", "1", "--json")
            out, errors = await process.communicate()
            assert process.returncode == 0, errors.decode()
            (answer,) = json.loads(out.decode().splitlines()[-1])["calibrated"]
            newest = (await calibrations(topics))[-1]
            assert (newest.cause, newest.request) == ("request", answer["request"])
            assert 11 <= (newest.last_ns - newest.first_ns) * 1e-9 <= 14

            process = await command(topics, "--duration", "10m")
            assert process.stderr is not None
            while b"quiet for" not in await process.stderr.readline():
                pass
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
            assert process.returncode == 130, errors.decode()
            assert b"withdrawn" in errors
        judged = await count_records(topics, SENSING.name)
        async with running("csi_events", settings(topics), timeout=90):

            async def judges_on() -> bool:
                return await count_records(topics, SENSING.name) > judged + 20

            await wait_for(judges_on, 60, "the new worker judges")
    updates = [
        msgspec.json.decode(record.value, type=SensingUpdate) for record in await consume(topics, SENSING.name, 0)
    ]
    said = [update.calibration for update in updates[judged + 5 :]]
    assert {each.state for each in said if each is not None} == {"ok"}
    assert {each.since_ns for each in said if each is not None} == {newest.last_ns}


async def test_calibrate_says_when_there_is_no_such_stream(topics: str) -> None:
    """Without a worker or a node the command ends with 1 and says what it heard."""
    process = await command(topics, "--wait", "1s", "--node", "7")
    _, errors = await process.communicate()
    assert process.returncode == 1
    assert b"no such stream" in errors
