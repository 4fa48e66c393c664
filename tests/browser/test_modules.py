"""The dashboard's own arithmetic and words, run in the browser and compared with twins written here."""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import AsyncIterator
from typing import Any, get_args

import msgspec
import numpy as np
import pytest
import uvicorn
from csi_gateway.pages import page_routes
from csi_runtime.operations import QuietServer
from csi_schemas.events import AnyEvent
from playwright.async_api import Browser, Page
from starlette.applications import Starlette
from support.waiting import wait_for


@pytest.fixture
async def module_page(browser: Browser) -> AsyncIterator[Page]:
    """A page of the gateway's own static files, from which their modules can be imported."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(Starlette(routes=page_routes()), log_config=None, lifespan="off", loop="none")
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await wait_for(lambda: server.started, what="the static files are served")
        page = await browser.new_page()
        await page.goto(f"http://127.0.0.1:{listener.getsockname()[1]}/static/icon.svg")
        yield page
        await page.close()
    finally:
        server.should_exit = True
        await serving
        listener.close()


async def call(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """Evaluate ``body`` with the module as ``m`` and the argument as ``x``."""
    return await page.evaluate(f"async x => {{ const m = await import('/static/js/{module}.js'); {body} }}", argument)


async def test_back_off_doubles_with_jitter_up_to_its_cap(module_page: Page) -> None:
    """The n-th wait lies in the upper half of min(cap, first * 2^n); success starts from the beginning."""
    waits = """const b = new m.Backoff({first: 500, cap: 15000, random: () => x});
        return Array.from({length: 12}, () => b.next());"""
    low = await call(module_page, "backoff", waits, 0)
    high = await call(module_page, "backoff", waits, 0.999)
    for number, (least, most) in enumerate(zip(low, high, strict=True)):
        ceiling = min(15000, 500 * 2**number)
        assert least == ceiling / 2
        assert ceiling * 0.99 < most <= ceiling
    again = "const b = new m.Backoff({random: () => 0}); b.next(); b.next(); b.reset(); return b.next();"
    after = await call(module_page, "backoff", again)
    assert after == 250


def oklab_lightness(rgb: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """OKLab lightness of sRGB values 0-1, shape (n, 3): the inverse of what the page computes."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    to_lms = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    lms = np.cbrt(linear @ to_lms.T)
    return np.asarray(lms @ np.array([0.2104542553, 0.7936177850, -0.0040720468]))


async def test_the_colour_map_is_perceptually_uniform(module_page: Page) -> None:
    """Lightness rises in equal steps over the whole map; the colour of a null sub-carrier is darker than all of it."""
    pixels, null = await call(module_page, "colormap", "return [[...m.makeColorMap()], m.NULL_PIXEL];")
    packed = np.array([*pixels, null], np.uint32)
    rgb = np.stack([packed >> shift & 0xFF for shift in (0, 8, 16)], axis=1) / 255.0
    lightness = oklab_lightness(rgb)
    steps = np.diff(lightness[:256])
    assert len(pixels) == 256
    coarse = np.diff(lightness[:256:15])  # single steps are rounded by as much as they are, to 8 bits a channel
    np.testing.assert_allclose(coarse, coarse.mean(), rtol=0.08)
    assert steps.min() > -0.002
    assert lightness[256] < lightness[0] - 0.05


async def test_the_ring_keeps_columns_of_time(module_page: Page) -> None:
    """Random frames, late ones included: a column of the last minute is its last frame or empty, as in a dict."""
    rng = np.random.default_rng(11)
    start = 1_800_000_000_000.0
    times = (
        start
        + np.sort(rng.uniform(0, 200_000, 1500))
        - rng.choice([0.0, 400.0, 59_950.0, 70_000.0], 1500, p=[0.7, 0.15, 0.1, 0.05])
    )
    frames = [[float(at), rng.integers(0, 50, 5).tolist()] for at in times]
    columns, span, seen, span_range = await call(
        module_page,
        "amplitude-ring",
        """const ring = new m.AmplitudeRing(5);
           for (const [at, amplitude] of x) ring.add(at, amplitude);
           const last = m.columnAt(ring.newestMs);
           const plain = column => column && [...column];
           const seen = Array.from({length: m.COLUMNS}, (_, back) => plain(ring.column(last - back)));
           return [m.COLUMNS, m.SPAN_MS, seen, ring.range()];""",
        frames,
    )
    width = span / columns
    naive: dict[int, list[int]] = {}
    newest = 0.0
    for at, amplitude in frames:
        if math.floor(at / width) > math.floor(newest / width) - columns:
            naive[math.floor(at / width)] = amplitude
            newest = max(newest, at)
    last = math.floor(newest / width)
    assert seen == [naive.get(last - back) for back in range(columns)]
    present = sorted(value for back in range(columns) for value in naive.get(last - back, []) if value > 0)
    assert span_range == {
        "low": present[math.floor(0.02 * len(present))],
        "high": present[math.floor(0.98 * len(present))],
    }


async def test_every_event_has_words(module_page: Page) -> None:
    """Each event type of the contract is told in words, not by its name; an unknown one by its name."""
    fields = {"timestamp_ns": 30_000_000_000, "node_id": "1", "provenance": "live", "source": "esp32"}
    for kind in get_args(AnyEvent):
        own = {
            field.name: 1.5 if field.type is float else 1_000_000_000
            for field in msgspec.structs.fields(kind)
            if field.required
        }
        title, detail = await call(
            module_page,
            "format",
            "return m.eventWords(x);",
            {**own, **fields, "reason": "few frames", "event": kind.__struct_config__.tag},
        )
        assert title != kind.__name__
        assert "undefined" not in title + detail
        assert "NaN" not in title + detail
    assert await call(module_page, "format", "return m.eventWords({event: 'New'});") == ["New", ""]


@pytest.mark.parametrize(
    ("label", "words"),
    [
        ("1x64@6", "64 sub-carriers, channel 6"),
        ("3x30@36", "3 antennas × 30 sub-carriers, channel 36"),  # noqa: RUF001  # as the page writes it
        ("1x192@?", "192 sub-carriers"),
        ("something else", "something else"),
    ],
)
async def test_stream_labels_in_words(module_page: Page, label: str, words: str) -> None:
    """A stream label is told in words; one of another form is left as it is."""
    assert await call(module_page, "format", "return m.streamWords(x);", label) == words


async def test_the_page_may_load_nothing_from_elsewhere(module_page: Page) -> None:
    """The content security policy allows the gateway's own files only, and no inline script or style."""
    response = await module_page.goto(module_page.url.replace("/static/icon.svg", "/"))
    assert response is not None
    policy = (await response.all_headers())["content-security-policy"]
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == directives["style-src"] == directives["connect-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
