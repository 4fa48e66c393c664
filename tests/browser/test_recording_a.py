"""The whole flow in front of a reader: recording a over UDP, through every service, to the dashboard in chromium."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from browser.page import Dashboard, opened
from csi_ingest.recordings import open_recording
from csi_ingest.replay import send
from csiflow.settings import CliSettings
from csiflow.stack import Stack, StackOptions, running_stack
from playwright.async_api import Browser, expect
from support.waiting import wait_for
from websockets.asyncio.client import connect

FRAMES = 2669
SPEED = 6.0
SIGNATURES = Path(__file__).parents[2] / "signatures"

_PANEL = """() => {
    const exact = id => {
        const data = document.querySelector(`#${id} data`);
        return data === null ? document.getElementById(id).textContent : Number(data.value);
    };
    return {
        stream: document.getElementById("stream-panel").dataset.stream,
        snapshot: window.csiflow.shown,
        regime: document.getElementById("regime").textContent,
        lyapunov_exponent: exact("lyapunov"),
        attractor_dim: exact("dimension"),
        attractor_confidence: exact("attractor-confidence"),
        frame_count: exact("frames"),
        scores: [...document.querySelectorAll("#matches li")].map(row =>
            [row.dataset.signature, Number(row.querySelector("data").value), row.dataset.above === "true"]),
    };
}"""

pytestmark = pytest.mark.timeout(400)  # the first start of the services compiles their kernels


@dataclass
class Overheard:
    """What another client of the gateway was told meanwhile."""

    snapshots: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    """By partition and offset of the frame."""
    sensing: list[dict[str, Any]] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    def last_of_each_stream(self, messages: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        """The last message of every stream, by the page's key."""
        return {key_of(message): message for message in messages}


def key_of(message: dict[str, Any]) -> str:
    """How the page names a stream."""
    return f"{message['node_id']}/{message['stream']}/{message['provenance']}"


def doubles(value: Any) -> Any:
    """The JSON value with its numbers as JavaScript has them: time stamps in ns lose their last digits there."""
    if isinstance(value, dict):
        return {key: doubles(item) for key, item in value.items()}
    if isinstance(value, list):
        return [doubles(item) for item in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@asynccontextmanager
async def listening(stack: Stack) -> AsyncIterator[Overheard]:
    """Listen to the gateway's websockets as a program does, unthinned."""
    heard = Overheard()
    base = stack.gateway_url.replace("http", "ws", 1)
    headers = {"Authorization": f"Bearer {stack.token}"}

    async def listen(name: str, ready: asyncio.Event) -> None:
        async with connect(f"{base}/ws/{name}", additional_headers=headers, max_queue=None) as websocket:
            ready.set()
            async for text in websocket:
                message = doubles(json.loads(text))
                assert message.get("type") != "dropped", f"the test itself reads too slowly: {message}"
                if name == "introspection":
                    heard.snapshots[message["origin"]["partition"], message["origin"]["offset"]] = message
                else:
                    (heard.sensing if name == "sensing" else heard.events).append(message)
        raise AssertionError(f"the gateway closed /ws/{name}: {websocket.close_code} {websocket.close_reason}")

    ready = {name: asyncio.Event() for name in ("introspection", "sensing", "events")}
    async with asyncio.TaskGroup() as group:  # a listener that fails ends the test
        tasks = [group.create_task(listen(name, event)) for name, event in ready.items()]
        for event in ready.values():
            await asyncio.wait_for(event.wait(), 20)
        yield heard
        for task in tasks:
            task.cancel()


def assert_panel_is(panel: dict[str, Any], snapshot: dict[str, Any]) -> None:
    """Every number of the panel is the snapshot's; null is said in words."""
    assert panel["snapshot"] == snapshot
    assert panel["stream"] == key_of(snapshot)
    assert panel["regime"] == snapshot["regime"]
    for name in ("lyapunov_exponent", "attractor_dim"):
        assert panel[name] == ("cannot say" if snapshot[name] is None else snapshot[name])
    assert panel["attractor_confidence"] == snapshot["attractor_confidence"]
    assert panel["frame_count"] == snapshot["frame_count"]
    assert panel["scores"] == [
        [match["signature_id"], match["score"], match["above_threshold"]] for match in snapshot["top_k_similarity"]
    ]


async def check_panels(dashboard: Dashboard, heard: Overheard, least: int) -> int:
    """Compare the panel with the websocket until ``least`` different snapshots have been on it; returns how many."""
    checked: set[tuple[int, int]] = set()

    async def enough() -> bool:
        panel = doubles(await dashboard.page.evaluate(_PANEL))
        if panel["snapshot"] is None:
            return False
        key = (panel["snapshot"]["origin"]["partition"], panel["snapshot"]["origin"]["offset"])
        await wait_for(lambda: key in heard.snapshots, what=f"the websocket has frame {key} as well")
        assert_panel_is(panel, heard.snapshots[key])
        checked.add(key)
        return len(checked) >= least

    await wait_for(enough, 30, f"{least} different snapshots have been on the panel")
    return len(checked)


async def test_the_dashboard_moves_on_recording_a(
    browser: Browser, topics: str, csiflow_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While recording a is played the panel's numbers are the websocket's and the waterfall moves."""
    options = StackOptions(
        data_dir=tmp_path / "kafka",
        listen_host="127.0.0.1",
        live_port=0,
        gateway_port=0,
        introspection=True,
        environment={"CSIFLOW_SIGNATURES": str(SIGNATURES)},
    )
    recording = open_recording(csiflow_data / "wire" / "a_two_node_60s.pcap")
    monkeypatch.setenv("CSIFLOW_KAFKA", topics)
    monkeypatch.setenv("CSIFLOW_STATE_DIR", str(tmp_path))
    async with (
        running_stack(CliSettings(), options, show_logs=False) as stack,
        listening(stack) as heard,
        opened(browser, stack.gateway_url, token=stack.token) as dashboard,
    ):
        await dashboard.wait_connected()
        playing = asyncio.create_task(send(recording, stack.replay, SPEED))
        try:
            await check_panels(dashboard, heard, 8)
            before = await dashboard.page.locator("#waterfall").screenshot()
            assert await dashboard.colours("#waterfall") > 60
            for key in sorted(await dashboard.state("introspection")):
                await dashboard.choose(key)
                await expect(dashboard.page.locator("#stream-panel")).to_have_attribute("data-stream", key)
                await check_panels(dashboard, heard, 1)

            async def moved() -> bool:
                return bool(await dashboard.page.locator("#waterfall").screenshot() != before)

            await wait_for(moved, 20, "the waterfall has another picture than before")
        finally:
            report = await playing
        assert report.sent == FRAMES
        await wait_for(lambda: len(heard.snapshots) == FRAMES, 60, "a snapshot of every frame is on the websocket")
        await assert_the_end(dashboard, heard)
        dashboard.assert_clean()


async def assert_the_end(dashboard: Dashboard, heard: Overheard) -> None:
    """What the page shows at the end is the last that every stream said."""
    last = heard.last_of_each_stream(list(heard.snapshots.values()))
    assert len(last) == 6

    async def settled() -> bool:
        return bool(
            doubles(await dashboard.state("introspection")) == last
            and doubles(await dashboard.state("sensing")) == heard.last_of_each_stream(heard.sensing)
        )

    await wait_for(settled, 30, "the page has the last message of each stream")
    for key, snapshot in last.items():
        await dashboard.choose(key)

        async def painted(snapshot: dict[str, Any] = snapshot) -> bool:
            return bool(doubles(await dashboard.state("shown")) == snapshot)

        await wait_for(painted, what=f"the panel is at the last snapshot of {key}")
        assert_panel_is(doubles(await dashboard.page.evaluate(_PANEL)), snapshot)
    for node in {key.split("/")[0] for key in last}:
        card = dashboard.page.locator(f'.card[data-node="{node}"]')
        await expect(card.locator('input[type="radio"]')).to_have_count(3)
        await expect(card.locator(".badge")).to_contain_text("replay", ignore_case=True)
    motion = sum(event["event"] == "MotionStarted" for event in heard.events)
    await expect(dashboard.page.locator('#events [data-event="MotionStarted"]')).to_have_count(motion)
    await dashboard.wait_text("#not-live", "a replayed recording")
