"""The amplitude waterfall: real colours, moving, null sub-carriers dark, streams apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count

import numpy as np
from aiokafka import AIOKafkaProducer
from browser.messages import frame, record, snapshot
from browser.page import Dashboard, opened
from csi_schemas.frame import CsiFrame
from csi_schemas.topics import FRAMES, INTROSPECTION
from numpy.typing import NDArray
from playwright.async_api import Browser, expect
from support.kafka import produce
from support.waiting import wait_for

RISING = np.linspace(10, 100, 64).astype(np.int8)

_COLUMNS = """() => {
    const shown = document.getElementById("waterfall");
    const canvas = new OffscreenCanvas(shown.width, shown.height);
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(shown, 0, 0);
    const pixels = new Uint32Array(context.getImageData(0, 0, canvas.width, canvas.height).data.buffer);
    const columns = [];
    for (let x = 0; x < canvas.width; x += 1) {
        const column = [];
        for (let y = 0; y < canvas.height; y += 1) column.push(pixels[y * canvas.width + x]);
        if (column.some(pixel => pixel !== 0)) columns.push(column);
    }
    return columns;
}"""


@asynccontextmanager
async def publishing(topics: str, make: Callable[[int], list[CsiFrame]]) -> AsyncIterator[None]:
    """Publish ``make(0)``, ``make(1)``, … twenty times a second while the context is open."""
    stop = asyncio.Event()
    producer = AIOKafkaProducer(bootstrap_servers=topics)
    await producer.start()

    async def publish() -> None:
        for number in count():
            for key, value in map(record, make(number)):
                await producer.send_and_wait(FRAMES.name, value, key)
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), 0.05)
            if stop.is_set():
                return

    task = asyncio.create_task(publish())
    try:
        yield
    finally:
        stop.set()
        await task
        await producer.stop()


async def drawn(dashboard: Dashboard, least: int) -> NDArray[np.uint32]:
    """The columns of the canvas that show data, once there are ``least``: (columns, pixels), top first."""

    async def enough() -> list[list[int]] | None:
        columns = await dashboard.page.evaluate(_COLUMNS)
        return columns if len(columns) >= least else None

    return np.array(await wait_for(enough, 30, f"{least} columns of the waterfall are drawn"), np.uint32)


def brightness(pixels: NDArray[np.uint32]) -> NDArray[np.float64]:
    """Relative luminance of little-endian RGBA pixels, without gamma."""
    red, green, blue = ((pixels >> shift & 0xFF).astype(float) for shift in (0, 8, 16))
    return np.asarray(0.2126 * red + 0.7152 * green + 0.0722 * blue)


async def test_it_shows_the_amplitudes_and_moves(browser: Browser, gateway: str, topics: str) -> None:
    """Many colours, other ones later; the last message is the published frame; low sub-carriers are at the bottom."""
    rng = np.random.default_rng(3)

    def noisy(number: int) -> list[CsiFrame]:
        return [frame((RISING + rng.integers(0, 20, 64)).astype(np.int8), sequence=number)]

    async with opened(browser, gateway) as dashboard, publishing(topics, noisy):
        await seen(dashboard, topics, noisy)
        columns = await drawn(dashboard, 20)
        assert len(np.unique(columns)) > 60
        assert brightness(columns[:, 5]).mean() > brightness(columns[:, -5]).mean() + 40
        assert await dashboard.colours("#waterfall") > 60

        async def moved() -> bool:
            later = await dashboard.page.evaluate(_COLUMNS)
            return len(later) > len(columns)

        await wait_for(moved, 20, "the waterfall moves on")
        dashboard.assert_clean()


async def test_null_sub_carriers_are_dark(browser: Browser, gateway: str, topics: str) -> None:
    """A sub-carrier without energy is darker than the weakest one with some, and takes no part in the scale."""
    amplitude = np.concatenate([np.zeros(16), np.linspace(50, 100, 24)]).astype(np.int8)  # 40: one bin each

    def make(number: int) -> list[CsiFrame]:
        return [frame(amplitude, sequence=number)]

    async with opened(browser, gateway) as dashboard, publishing(topics, make):
        await seen(dashboard, topics, make)
        columns = await drawn(dashboard, 5)
        height = columns.shape[1]
        null, present = columns[:, int(height * 0.65) :], columns[:, : int(height * 0.55)]
        assert len(np.unique(null)) == 1
        assert brightness(null).max() < brightness(present).min()
        assert float(await dashboard.page.locator("#scale-low").get_attribute("value") or "nan") >= 50
        dashboard.assert_clean()


async def test_streams_never_mix(browser: Browser, gateway: str, topics: str) -> None:
    """Two interleaved streams of one node and one width: each has its own picture, the other's frames are not in it."""

    def both(number: int) -> list[CsiFrame]:
        return [
            frame(RISING, frequency_mhz=2437, sequence=2 * number),
            frame(RISING[::-1].copy(), frequency_mhz=2462, sequence=2 * number + 1),
        ]

    async with opened(browser, gateway) as dashboard, publishing(topics, both):
        await seen(dashboard, topics, both)
        for key, rises in (("1/1x64@6/live", True), ("1/1x64@11/live", False), ("1/1x64@6/live", True)):
            await dashboard.choose(key)
            await expect(dashboard.page.locator("#waterfall")).to_have_attribute("data-stream", key)
            columns = await drawn(dashboard, 10)
            assert len(np.unique(columns, axis=0)) == 1, "every frame of a stream is the same, so must its columns be"
            top, bottom = brightness(columns[0, :10]).mean(), brightness(columns[0, -10:]).mean()
            assert (top > bottom) == rises
        dashboard.assert_clean()


async def seen(dashboard: Dashboard, topics: str, make: Callable[[int], list[CsiFrame]]) -> None:
    """Wait until the page shows a stream; a node is known by a window or snapshot, so publish one of each stream."""
    await dashboard.wait_connected()
    await produce(topics, INTROSPECTION.name, [record(snapshot(stream=sample.stream.label)) for sample in make(0)])
    await wait_for(lambda: dashboard.state("amplitude"), 30, "amplitudes arrive")
