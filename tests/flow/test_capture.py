"""``csiflow capture-signature`` from a live stream on a real broker."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from aiokafka import AIOKafkaProducer
from csi_introspection import reference
from csi_introspection.arrays import Int8
from csi_introspection.library import check
from csi_schemas.topics import FRAMES
from support.waiting import wait_for
from unit.introspection.rooms import frames_of

RATE_HZ = reference.RATE_HZ
FAST = 2
"""The simulated node's clock runs this much faster than ours, and so do takes, which follow its time stamps."""


@dataclass
class Node:
    """A simulated node that sends for as long as the test wants it."""

    moving: bool = False
    """Set by the test: the door swings, again and again."""
    paused: bool = False


def door(count: int) -> Int8:
    """I/Q of ``count`` frames of a door that swings open in 1.6 s and shut at once, again and again."""
    swing = reference.door(60)
    path = np.concatenate([swing, swing[::-1]])
    track = path[np.arange(count) % len(path)]
    return reference.sample(reference.channel(track, 0.6, count), np.random.default_rng(2))


@asynccontextmanager
async def sending(bootstrap: str, node: Node, name: str = "1") -> AsyncIterator[None]:
    """Send frames of a quiet room, or of the door while ``node.moving``."""
    still = reference.sample(
        reference.channel(np.repeat(reference.door(1), 600, axis=0), 0.6, 600), np.random.default_rng(1)
    )
    moving = door(600)
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap)
    await producer.start()

    async def run() -> None:
        began, sent, moved = time.time_ns(), 0, 0
        while True:
            if not node.paused:
                moved = moved + 1 if node.moving else 0
                iq = moving[moved - 1] if moved else still[sent % 600]
                stamp = began + round(sent * 1e9 / RATE_HZ)
                (frame,) = frames_of(iq[np.newaxis], node=name, provenance="synthetic", start_ns=stamp)
                await producer.send(FRAMES.name, msgspec.json.encode(frame), name.encode())
                sent += 1
            await asyncio.sleep(1 / RATE_HZ / FAST)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        await producer.stop()


class Capture:
    """A running ``csiflow capture-signature``."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.text = ""
        """What it has said to people so far."""
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.text += " ".join(line.decode().split()) + "\n"

    async def says(self, words: str) -> None:
        """Wait until it has said this."""
        await wait_for(lambda: words in self.text, 60, f"{words!r} is said; so far:\n{self.text}")

    async def end(self) -> tuple[int, dict[str, Any]]:
        """Exit code, and the JSON object when it succeeded."""
        assert self.process.stdout is not None
        out = (await self.process.stdout.read()).decode()
        await self._reading
        code = await self.process.wait()
        return code, json.loads(out.splitlines()[-1]) if code == 0 else {}


async def start(bootstrap: str, out: Path, *arguments: str) -> Capture:
    """Start the command for a door of two seconds."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "csiflow",
        *("capture-signature", "--label", "Door", "--duration", "2s", "--out", str(out), "--json", *arguments),
        env={**os.environ, "CSIFLOW_KAFKA": bootstrap, "COLUMNS": "400"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    return Capture(process)


async def act(capture: Capture, node: Node, take: str, set_to: Callable[[Node], None] | None = None) -> None:
    """Move when the command says so, and rest when it ends the take."""
    await capture.says(f"{take}: MOVE NOW")
    (set_to or (lambda n: setattr(n, "moving", True)))(node)


async def test_two_takes_from_a_live_stream(topics: str, tmp_path: Path) -> None:
    """Countdown, motion, rest, countdown, motion: two valid files of one label with measured thresholds."""
    node = Node()
    async with sending(topics, node):
        capture = await start(topics, tmp_path / "door.sig.json", "--takes", "2")
        await act(capture, node, "take 1 of 2")
        await capture.says("take 2 of 2: come to rest")
        node.moving = False
        await capture.says("take 2 of 2: keep still, move in 1")
        await act(capture, node, "take 2 of 2")
        code, answer = await capture.end()
    assert code == 0, capture.text
    assert "take 1 of 2: keep still, move in 3" in capture.text
    report = check(tmp_path)
    assert report.problems == []
    assert report.files == ["door-take2.sig.json", "door.sig.json"]
    assert {(s.label, s.provenance, s.length, s.rate_hz) for s in report.signatures} == {
        ("Door", "synthetic", 64, 32.0)
    }
    assert (answer["node"], answer["stream"]) == ("1", "1x64@6")
    for made in answer["signatures"]:
        assert made["departure"] > 2
        assert made["threshold"]["measured"]
        assert made["threshold"]["same_label"][0] > 0.5


async def test_nobody_moved(topics: str, tmp_path: Path) -> None:
    """Quiet after "move": asked for again, more often than twice, until Ctrl-C: exit code 130, no file."""
    node = Node()
    async with sending(topics, node):
        capture = await start(topics, tmp_path / "door.sig.json", "--countdown", "2s")
        refused = "once more: take 1 does not differ from quiet"
        await wait_for(lambda: capture.text.count(refused) == 3, 60, "the take is refused three times")
        capture.process.send_signal(signal.SIGINT)
        code, _ = await capture.end()
    assert code == 130, capture.text
    assert "MOVE NOW stays for 3.5 s" in capture.text
    assert list(tmp_path.iterdir()) == []


async def test_a_take_that_is_refused_is_recorded_again(topics: str, tmp_path: Path) -> None:
    """Nobody moves, and is told so before the next take; then somebody does: one file."""
    node = Node()
    async with sending(topics, node):
        capture = await start(topics, tmp_path / "door.sig.json", "--countdown", "2s")
        await capture.says("once more: take 1 does not differ from quiet")
        again = "take 1 of 1: come to rest"
        await wait_for(lambda: "MOVE NOW" in capture.text.partition(again)[2], 60, "the second time to move")
        node.moving = True
        code, _ = await capture.end()
    assert code == 0, capture.text
    assert check(tmp_path).files == ["door.sig.json"]


async def test_ctrl_c_leaves_no_file(topics: str, tmp_path: Path) -> None:
    """SIGINT in the second take: exit code 130, nothing in the folder, not even of the first."""
    node = Node()
    async with sending(topics, node):
        capture = await start(topics, tmp_path / "door.sig.json", "--takes", "2")
        await act(capture, node, "take 1 of 2")
        await capture.says("take 2 of 2: come to rest")
        capture.process.send_signal(signal.SIGINT)
        code, _ = await capture.end()
    assert code == 130, capture.text
    assert "nothing was written" in capture.text
    assert list(tmp_path.iterdir()) == []


async def test_no_frame_at_all(topics: str, tmp_path: Path) -> None:
    """Nothing sends: exit code 1 and what to do."""
    capture = await start(topics, tmp_path / "door.sig.json", "--wait", "1s")
    code, _ = await capture.end()
    assert code == 1
    assert "no CSI frame was heard on csi.frames.v1 within 1 s" in capture.text
    assert list(tmp_path.iterdir()) == []


async def test_the_wrong_node(topics: str, tmp_path: Path) -> None:
    """Another node sends: exit code 1, and which was heard."""
    async with sending(topics, Node(), "4"):
        capture = await start(topics, tmp_path / "door.sig.json", "--wait", "2s", "--node", "7")
        code, _ = await capture.end()
    assert code == 1
    assert "no stream of node 7 was heard" in capture.text
    assert "1x64@6 of node 4 (synthetic)" in capture.text


async def test_a_stream_that_falls_silent(topics: str, tmp_path: Path) -> None:
    """The node stops within the take: exit code 1 and which stream it was."""
    node = Node()
    async with sending(topics, node):
        capture = await start(topics, tmp_path / "door.sig.json")
        await act(capture, node, "take 1 of 1", lambda n: setattr(n, "paused", True))
        code, _ = await capture.end()
    assert code == 1
    assert "stream 1x64@6 of node 1 (synthetic) fell silent" in capture.text
    assert list(tmp_path.iterdir()) == []


async def test_no_kafka(tmp_path: Path) -> None:
    """Nothing answers at CSIFLOW_KAFKA: exit code 1 and where it was looked for."""
    capture = await start("127.0.0.1:9", tmp_path / "door.sig.json")
    code, _ = await capture.end()
    assert code == 1
    assert "no Kafka answers at 127.0.0.1:9" in capture.text
