"""Token, disconnection, recovery, and a page that is too slow."""

from __future__ import annotations

import asyncio
import re
import time
from itertools import count

import pytest
from browser.conftest import StartGateway
from browser.messages import record, snapshot
from browser.page import TOKEN, goto, opened
from csi_schemas.events import MotionStarted
from csi_schemas.topics import EVENTS, INTROSPECTION
from playwright.async_api import Browser, Route, expect
from support.kafka import produce
from support.waiting import free_port, wait_for


async def test_the_token_leaves_the_address_at_once(browser: Browser, gateway: str) -> None:
    """The token is taken out of the address bar, kept for the tab over a reload, and in no request's address."""
    async with opened(browser, gateway) as dashboard:
        assert dashboard.page.url == f"{gateway}/"
        await dashboard.wait_connected()
        await dashboard.page.reload()
        await dashboard.wait_connected()
        assert dashboard.page.url == f"{gateway}/"
        assert any("/ws/sensing" in address for address in dashboard.requests)
        dashboard.assert_clean()


async def test_without_a_token_the_page_says_how_to_get_one(browser: Browser, gateway: str) -> None:
    """No token: a form to paste one; the right one connects, the whole printed address as well."""
    async with opened(browser, gateway, token=None) as dashboard:
        await dashboard.wait_text("#token-dialog", "csiflow up")
        await dashboard.page.get_by_label("Token", exact=True).fill(f"{gateway}/#token={TOKEN}")
        await dashboard.page.get_by_role("button", name="Connect").click()
        await dashboard.wait_connected()
        assert not await dashboard.page.locator("#token-dialog").is_visible()


async def test_a_refused_token_is_asked_for_again(browser: Browser, gateway: str) -> None:
    """A wrong token is said to be refused and forgotten; no websocket was tried with it."""
    wrong = TOKEN[::-1]
    async with opened(browser, gateway, token=wrong) as dashboard:
        await dashboard.wait_text("#token-dialog", "refused")
        assert "Authorization" not in await dashboard.page.locator("#token-dialog").inner_text()
        assert await dashboard.state("link") == "unauthorised"
        assert await dashboard.page.evaluate("Object.values(sessionStorage)") == []
        assert not any(address.startswith("ws") for address in dashboard.requests)


@pytest.mark.parametrize(("failures", "outcome"), [(1, "connected"), (2, "said")])
async def test_a_module_that_does_not_arrive(browser: Browser, gateway: str, failures: int, outcome: str) -> None:
    """A module whose request is aborted is fetched again by itself once; after that the page says so."""
    context = await browser.new_context()
    page = await context.new_page()
    left = count(failures, -1)

    async def abort(route: Route) -> None:
        await (route.abort() if next(left) > 0 else route.continue_())

    await page.route("**/js/link.js", abort)
    await goto(page, f"{gateway}/#token={TOKEN}")
    if outcome == "connected":
        await expect(page.locator("#link-state")).to_have_text("Connected", timeout=20_000)
    else:
        await expect(page.locator("#failure")).to_contain_text("could not be loaded", timeout=20_000)
    await context.close()


async def test_disconnection_is_said_and_mended(browser: Browser, start_gateway: StartGateway, topics: str) -> None:
    """A killed gateway brings a banner with a countdown; one on the same port again, and the page goes on by itself."""
    port = free_port()
    async with start_gateway(port) as first, opened(browser, f"http://127.0.0.1:{port}") as dashboard:
        await dashboard.wait_connected()
        await produce(topics, INTROSPECTION.name, [record(snapshot(regime="idle", sequence=1))])
        await dashboard.wait_text("#regime", "idle")
        dashboard.assert_clean()
        await first.kill()
        await dashboard.wait_text("#banner", "Disconnected")
        await dashboard.wait_text("#banner", "Trying again in")
        await dashboard.wait_text("#link-state", "Disconnected")
        await dashboard.wait_text("#waterfall-note", "Disconnected")
        assert "grayscale" in await dashboard.page.locator("main").evaluate("main => getComputedStyle(main).filter")
        async with start_gateway(port):
            await dashboard.wait_connected()
            await expect(dashboard.page.locator("#banner")).to_be_hidden()
            await produce(topics, INTROSPECTION.name, [record(snapshot(regime="chaotic", sequence=2))])
            await dashboard.wait_text("#regime", "chaotic")


async def test_another_token_after_a_restart_is_asked_for(browser: Browser, start_gateway: StartGateway) -> None:
    """A gateway that comes back with another token is not retried forever: the page asks for the new one."""
    port = free_port()
    async with start_gateway(port) as first, opened(browser, f"http://127.0.0.1:{port}") as dashboard:
        await dashboard.wait_connected()
        await first.kill()
        await dashboard.wait_text("#banner", "Disconnected")
        async with start_gateway(port, "another-token-than-before-0123456789"):
            await dashboard.wait_text("#token-dialog", "refused")


async def test_a_slow_page_is_told_what_it_missed(browser: Browser, start_gateway: StartGateway, topics: str) -> None:
    """A page that stops reading until the gateway drops messages says how many it missed, and lives on."""
    port = free_port()
    async with start_gateway(port) as service, opened(browser, f"http://127.0.0.1:{port}") as dashboard:
        await dashboard.wait_connected()
        debugger = await dashboard.page.context.new_cdp_session(dashboard.page)
        paused = asyncio.Event()
        debugger.on("Debugger.paused", lambda _: paused.set())
        await debugger.send("Debugger.enable")
        await debugger.send("Debugger.pause")
        await asyncio.wait_for(paused.wait(), 20)
        numbers = count(time.time_ns())

        def large() -> MotionStarted:
            return MotionStarted(timestamp_ns=next(numbers), node_id="1", provenance="live", source=20_000 * "x")

        async def dropped() -> float:
            await produce(topics, EVENTS.name, [record(large()) for _ in range(200)])
            return await service.metric("csiflow_gateway_dropped_total", endpoint="events")

        await wait_for(dropped, 60, "the gateway drops messages for a page that does not read")
        await debugger.send("Debugger.resume")
        await debugger.detach()
        await dashboard.wait_text("#dropped", "too slow for the events messages")
        total = await service.metric("csiflow_gateway_dropped_total", endpoint="events")
        words = await dashboard.page.locator("#dropped").inner_text()
        assert 0 < int(re.findall(r"dropped (\d+)", words)[0]) <= total
        assert await dashboard.state("link") == "connected"
        dashboard.assert_clean()
