"""The zones on the dashboard are what was fused."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import pytest
from browser.conftest import StartGateway
from browser.messages import SECOND, fused, record, snapshot
from browser.page import Dashboard, opened
from csi_schemas.introspection import Similarity
from csi_schemas.topics import CLUSTER, INTROSPECTION
from playwright.async_api import Browser, expect
from support.kafka import produce
from support.waiting import free_port, wait_for

CARD = '#zones [data-zone="living room"]'


@pytest.fixture
async def gateway(start_gateway: StartGateway, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Origin of a gateway that calls nothing stale while a test lasts, or after the seconds the test gives."""
    port = free_port()
    async with start_gateway(port, CSIFLOW_GATEWAY_STALE_AFTER=str(getattr(request, "param", 600))):
        yield f"http://127.0.0.1:{port}"


async def test_a_zone_shows_what_its_nodes_say_together(browser: Browser, gateway: str, topics: str) -> None:
    """Regime, agreement, motion, the best match with its node, each member's share, who is missing since when."""
    match = Similarity("walk", 0.8765432, above_threshold=True, state="confirmed")
    begun = Similarity("walk", 0.625, above_threshold=True, state="emerging")
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await expect(dashboard.page.locator("#zones-section")).to_be_hidden()
        sent = fused(
            {"2": 0.8125, "1": 0.1875},
            left={"9": time.time_ns() - 310 * SECOND, "10": None},
            best_match=match,
            best_match_node="2",
            moving=True,
            onset_node="2",
        )
        await produce(topics, CLUSTER.name, [sent])
        await dashboard.wait_text(f"{CARD} .regime", "transient")
        await dashboard.wait_text(f"{CARD} .agreement", "81 % agreement of 2 nodes")
        await dashboard.wait_text(f"{CARD} .since", "moving; began")
        await dashboard.wait_text(f"{CARD} .since", "at node 2")
        await dashboard.wait_text(f"{CARD} .zone-match", "Recognised: Walking through, 0.877 at node 2")
        await produce(
            topics,
            CLUSTER.name,
            [
                fused(
                    {"2": 0.8125, "1": 0.1875},
                    left={"9": time.time_ns() - 310 * SECOND, "10": None},
                    best_match=begun,
                    best_match_node="1",
                )
            ],
        )
        await dashboard.wait_text(f"{CARD} .zone-match", "Begins like: Walking through, 0.625 at node 1")
        await expect(dashboard.page.locator(f"{CARD} .badge")).to_have_text("Live")
        rows = dashboard.page.locator(f"{CARD} .members li")
        assert [await row.get_attribute("data-node") for row in await rows.all()] == ["1", "2", "9", "10"]
        assert await rows.nth(1).locator("data").get_attribute("value") == "0.8125"
        assert [await row.get_attribute("data-left") for row in await rows.all()] == ["false", "false", "true", "true"]
        for row, words in ((2, "silent for 5 min"), (2, "not in the fusion"), (3, "never heard")):
            await dashboard.wait_text(f"{CARD} .members li:nth-child({row + 1})", words)
        assert (await dashboard.state("zones"))["living room"]["agreement"] == 0.8125
        dashboard.assert_clean()


async def test_nodes_come_and_go(browser: Browser, gateway: str, topics: str) -> None:
    """Members appear in order of their names; a zone that nobody reports from says so and is no longer live."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, CLUSTER.name, [fused({"2": 1.0}, agreement=1.0, provenance="replay")])
        await dashboard.wait_text(f"{CARD} .agreement", "one node reports")
        await produce(topics, CLUSTER.name, [fused({"1": 0.5, "2": 0.5}), fused({"3": 1.0}, zone="attic")])
        rows = dashboard.page.locator(f"{CARD} .members li")
        await expect(rows).to_have_count(2)
        assert [await row.get_attribute("data-node") for row in await rows.all()] == ["1", "2"]
        zones = await dashboard.page.locator("#zones > article").all()
        assert [await zone.get_attribute("data-zone") for zone in zones] == ["attic", "living room"]
        await produce(topics, CLUSTER.name, [fused({}, left={"2": time.time_ns() - 2 * SECOND})])
        await dashboard.wait_text(f"{CARD} .regime", "No node reports")
        await expect(dashboard.page.locator(f"{CARD} .badge")).to_have_text("Was live")
        await expect(rows).to_have_count(1)
        await expect(rows.first).to_have_attribute("data-left", "true")
        dashboard.assert_clean()


@pytest.mark.parametrize("gateway", [1], indirect=True)
async def test_a_fusion_that_stopped_is_not_taken_for_now(browser: Browser, gateway: str, topics: str) -> None:
    """After the time for staleness the zone's regime is told as the last one known; a new page sees it the same way."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, CLUSTER.name, [fused({"1": 1.0})])
        await dashboard.wait_text(f"{CARD} .regime", "Not known; last: transient")
        async with opened(browser, gateway) as later:
            await later.wait_text(f"{CARD} .regime", "Not known; last: transient")
            later.assert_clean()
        dashboard.assert_clean()


async def test_without_introspection_there_are_no_zones(
    browser: Browser, start_gateway: StartGateway, topics: str
) -> None:
    """The page connects without the websocket that is not there, and shows no empty panel."""
    await produce(topics, INTROSPECTION.name, [record(snapshot())])
    port = free_port()
    async with (
        start_gateway(port, CSIFLOW_INTROSPECTION_ENABLED="false"),
        opened(browser, f"http://127.0.0.1:{port}") as page,
    ):
        await page.wait_connected()
        await wait_for(lambda: listed(page), what="the rates are shown")
        await expect(page.page.locator("#zones-section")).to_be_hidden()
        page.assert_clean()


async def listed(dashboard: Dashboard) -> bool:
    """Whether the masthead lists the websockets there are, and only those."""
    names = await dashboard.page.locator("#rates dd").evaluate_all("all => all.map(each => each.dataset.channel)")
    return sorted(names) == ["events", "sensing"]
