"""The dashboard in a real browser, as the tests see it."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

from playwright.async_api import Browser, Page
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import TimeoutError as PlaywrightTimeoutError
from support.waiting import wait_for

TOKEN = "a-token-for-tests-0123456789abcdef"  # noqa: S105  # of gateways that live as long as a test

_NETWORK_CHANGED = "net::ERR_NETWORK_CHANGED"

_COUNT_COLOURS = """async png => {
    const image = new Image();
    image.src = "data:image/png;base64," + png;
    await image.decode();
    const canvas = new OffscreenCanvas(image.width, image.height);
    const context = canvas.getContext("2d");
    context.drawImage(image, 0, 0);
    return new Set(new Uint32Array(context.getImageData(0, 0, image.width, image.height).data.buffer)).size;
}"""


@dataclass
class Dashboard:
    """An open page and what went wrong on it."""

    page: Page
    origin: str
    complaints: list[str] = field(default_factory=list)
    """Console errors and warnings, uncaught exceptions."""
    requests: list[str] = field(default_factory=list)
    """Addresses of everything the page asked for, websockets included."""

    async def state(self, name: str) -> Any:
        """A member of ``window.csiflow``."""
        return await self.page.evaluate("name => window.csiflow?.[name] ?? null", name)

    async def wait_connected(self) -> None:
        """Wait until REST and every websocket are up."""

        async def connected() -> bool:
            return bool(await self.state("link") == "connected")

        try:
            await wait_for(connected, 30, "the dashboard is connected")
        except AssertionError as error:
            raise AssertionError(
                f"{error}; banner: {await self.page.locator('#banner').inner_text()}; console: {self.complaints}"
            ) from error

    async def wait_text(self, selector: str, text: str) -> None:
        """Wait until the first visible element of ``selector`` contains ``text``."""
        try:
            await self.page.locator(selector).filter(has_text=text).first.wait_for(state="visible", timeout=20_000)
        except PlaywrightTimeoutError as error:
            found = await self.page.locator(selector).all_inner_texts()
            raise AssertionError(f"{selector} does not say {text!r} but {found}; console: {self.complaints}") from error

    async def number(self, selector: str) -> float | None:
        """The exact number behind what is shown; ``None`` where the page says it cannot say."""
        element = self.page.locator(selector)
        if (await element.inner_text()).strip() == "cannot say":
            return None
        value = await element.locator("data").get_attribute("value")
        assert value is not None
        return float(value)

    async def choose(self, key: str) -> None:
        """Select a stream as a reader does."""
        await self.page.locator(f'input[type="radio"][value="{key}"]').check()

    async def colours(self, selector: str) -> int:
        """Different colours in a screenshot of the element."""
        png = await self.page.locator(selector).screenshot()
        blank = await self.page.context.new_page()
        try:
            return int(await blank.evaluate(_COUNT_COLOURS, base64.b64encode(png).decode()))
        finally:
            await blank.close()

    def assert_clean(self) -> None:
        """Nothing was complained about, and no request left the gateway."""
        assert self.complaints == []
        own = (self.origin + "/", self.origin.replace("http", "ws", 1) + "/", "data:", "blob:")
        assert [address for address in self.requests if not address.startswith(own)] == []
        assert not [address for address in self.requests if TOKEN in address]


async def goto(page: Page, address: str) -> None:
    """Open the address; once more each time the machine's network changed meanwhile."""
    for _ in range(5):
        try:
            await page.goto(address)
        except PlaywrightError as error:
            if _NETWORK_CHANGED not in str(error):
                raise
        else:
            return
    raise AssertionError(f"the machine's network changed five times while {address} was opened")


@asynccontextmanager
async def opened(
    browser: Browser,
    origin: str,
    *,
    token: str | None = TOKEN,
    width: int = 1440,
    height: int = 950,
    scheme: Literal["light", "dark"] = "light",
) -> AsyncIterator[Dashboard]:
    """Open the dashboard at ``origin`` in a profile of its own, with the token in the fragment."""
    context = await browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
    context.set_default_timeout(20_000)
    page = await context.new_page()
    dashboard = Dashboard(page, origin)
    page.on("request", lambda request: dashboard.requests.append(request.url))
    page.on("websocket", lambda websocket: dashboard.requests.append(websocket.url))
    page.on("pageerror", lambda error: dashboard.complaints.append(f"uncaught: {error.stack or error}"))

    def heard(kind: str, text: str) -> None:
        # Chromium aborts requests when an interface of the machine comes or goes, as Docker's do; the page recovers.
        if kind in {"error", "warning", "assert"} and _NETWORK_CHANGED not in text:
            dashboard.complaints.append(f"{kind}: {text}")

    page.on("console", lambda message: heard(message.type, message.text))
    try:
        await goto(page, origin + "/" + ("" if token is None else f"#token={token}"))
        yield dashboard
    finally:
        await context.close()
