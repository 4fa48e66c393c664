"""What the dashboard shows is what was published."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from browser.messages import SECOND, record, sensing, signature, snapshot
from browser.page import Dashboard, opened
from csi_events.processor import EventsProcessor
from csi_events.settings import EventsSettings
from csi_schemas.common import Provenance
from csi_schemas.events import MotionStarted, NodeBack, NodeStale, PresenceStarted
from csi_schemas.introspection import Similarity
from csi_schemas.topics import EVENTS, INTROSPECTION, SENSING
from csi_streaming.testing import Harness
from playwright.async_api import Browser, Page, expect
from support.kafka import produce
from support.waiting import wait_for
from unit.events.multi_bssid.test_streams import NODE, Room, send, updates


async def time_of_day(page: Page, ns: int) -> str:
    """The reader's local time of a time stamp, worked out apart from the page's own code."""
    script = "ms => new Date(ms).toTimeString().slice(0, 8)"
    return str(await page.evaluate(script, ns / 1e6))


async def test_numbers_are_the_messages(browser: Browser, gateway: str, topics: str) -> None:
    """Regime, exponent, dimension, confidence and scores on the page equal those of the published snapshot."""
    similar = [Similarity("walk", 0.8765432, above_threshold=True), Similarity("other", 0.25, above_threshold=False)]
    sent = snapshot(similar=similar, sequence=41)
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, INTROSPECTION.name, [record(sent)])
        await dashboard.wait_text("#regime", "periodic")
        assert await dashboard.number("#lyapunov") == sent.lyapunov_exponent
        assert await dashboard.number("#dimension") == sent.attractor_dim
        assert await dashboard.number("#attractor-confidence") == sent.attractor_confidence
        assert await dashboard.number("#frames") == 41
        assert await dashboard.page.locator("#lyapunov").inner_text() == "\u2212" + "0.123"
        assert await dashboard.page.locator("#dimension").inner_text() == "2.10"
        rows = dashboard.page.locator("#matches li")
        await expect(rows).to_have_count(2)
        assert float(await rows.nth(0).locator("data").get_attribute("value") or "nan") == 0.8765432
        assert "Walking through" in await rows.nth(0).inner_text()
        assert "recognised" in await rows.nth(0).inner_text()
        assert "recognised" not in await rows.nth(1).inner_text()
        assert await rows.nth(0).locator(".mark").evaluate("mark => mark.style.left") == "75%"
        assert (await dashboard.state("shown"))["lyapunov_exponent"] == sent.lyapunov_exponent
        await dashboard.page.locator("#gauge .main-svg").first.wait_for()
        dashboard.assert_clean()


async def test_only_the_whole_of_a_motion_is_recognised(browser: Browser, gateway: str, topics: str) -> None:
    """A match whose head alone was seen is beginning; with its end it is recognised; taken back it is neither."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        begun = Similarity("walk", 0.8, above_threshold=True, state="emerging")
        whole = Similarity("walk", 0.8, above_threshold=True, state="confirmed")
        for match, words in (
            (begun, "beginning"),
            (whole, "recognised"),
            (Similarity("walk", 0.8, above_threshold=False), ""),
        ):
            await produce(topics, INTROSPECTION.name, [record(snapshot(similar=[match]))])
            await expect(dashboard.page.locator("#matches .verdict")).to_have_text(words)
        dashboard.assert_clean()


async def test_a_signature_added_later_gets_its_name(
    browser: Browser, gateway: str, topics: str, tmp_path: Path
) -> None:
    """The library may grow while the page is open; one that was simulated is not passed off as a recorded one."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        (tmp_path / "signatures" / "fall.sig.json").write_bytes(signature("fall", "Falling", 0.5, "synthetic"))
        await produce(topics, INTROSPECTION.name, [record(snapshot(similar=[Similarity("fall", 0.5, False)]))])
        await dashboard.wait_text("#matches .name", "Falling (synthetic)")
        dashboard.assert_clean()


async def test_what_the_data_cannot_say_is_said(browser: Browser, gateway: str, topics: str) -> None:
    """A null exponent and dimension appear as words, never as a number."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, INTROSPECTION.name, [record(snapshot(regime="unknown", lyapunov=None, dimension=None))])
        await dashboard.wait_text("#regime", "unknown")
        assert await dashboard.page.locator("#lyapunov").inner_text() == "cannot say"
        assert await dashboard.page.locator("#dimension").inner_text() == "cannot say"
        dashboard.assert_clean()


async def test_presence_and_motion_per_node(browser: Browser, gateway: str, topics: str) -> None:
    """Each node's card says who is there, since when the event said, and how it breathes; nodes do not mix."""
    started = PresenceStarted(
        timestamp_ns=time.time_ns() - 20 * SECOND, node_id="1", provenance="live", source="esp32", stream="1x64@6"
    )
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, EVENTS.name, [record(started)])
        await produce(
            topics,
            SENSING.name,
            [
                record(sensing("1", breathing=14.4)),
                record(sensing("2", "1x128@11", level="active")),
            ],
        )
        await dashboard.wait_text('[data-node="1"] .motion', "Somebody, still")
        await dashboard.wait_text('[data-node="2"] .motion', "Somebody, moving a lot")
        since = await time_of_day(dashboard.page, started.timestamp_ns)
        await dashboard.wait_text('[data-node="1"] .since', f"there since {since}")
        await dashboard.wait_text('[data-node="1"] .breathing', "Breathing 14.4 a minute")
        assert await dashboard.page.locator('[data-node="2"] .breathing').is_hidden()
        assert "\u221247 dBm" in await dashboard.page.locator('[data-node="1"] .source').inner_text()
        await dashboard.wait_text('[data-node="2"] .streams', "128 sub-carriers, channel 11")
        await dashboard.wait_text("#events", "Somebody is there")
        dashboard.assert_clean()


async def test_a_laptop_is_shown_like_any_node(browser: Browser, gateway: str, topics: str) -> None:
    """What events says of scans of access points fills a card of its own, beside that of an ESP32."""
    worker = Harness(lambda partition: EventsProcessor(partition, EventsSettings()))
    send(worker, Room(30, walks=(15, 30)).frames())
    found = updates(worker)[-1]
    assert found.classification.presence
    ended = time.time_ns()
    found.timestamp, found.window.start_ns, found.window.end_ns = ended / 1e9, ended - SECOND, ended
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, SENSING.name, [record(sensing("1")), record(found)])
        await dashboard.wait_text(f'[data-node="{NODE}"] .motion', "Somebody")
        await dashboard.wait_text(f'[data-node="{NODE}"] .streams', "scan")
        await dashboard.wait_text('[data-node="1"] .streams', "64 sub-carriers")
        dashboard.assert_clean()


@pytest.mark.parametrize(("provenance", "badge"), [("replay", "Replay"), ("synthetic", "Synthetic")])
async def test_what_is_not_live_is_unmistakable(
    browser: Browser, gateway: str, topics: str, provenance: Provenance, badge: str
) -> None:
    """Replayed and synthetic nodes carry a badge on the card and the panel, and the page says it in a sentence."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, SENSING.name, [record(sensing(provenance=provenance))])
        await produce(topics, INTROSPECTION.name, [record(snapshot(provenance=provenance))])
        await dashboard.wait_text('[data-node="1"] .badge', badge)
        await dashboard.wait_text("#stream-provenance", badge)
        await dashboard.wait_text("#not-live", "Nothing here is live")
        dashboard.assert_clean()


async def test_a_replay_never_meets_the_node_itself(browser: Browser, gateway: str, topics: str) -> None:
    """A node and a replay of the same node are two cards with a state each."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(
            topics,
            SENSING.name,
            [record(sensing(level="absent")), record(sensing(level="active", provenance="replay"))],
        )
        await dashboard.wait_text('.card[data-node="1"][data-provenance="live"] .motion', "Nobody there")
        await dashboard.wait_text('.card[data-node="1"][data-provenance="replay"] .motion', "moving a lot")
        await dashboard.wait_text("#not-live", "Not everything here is live")
        dashboard.assert_clean()


async def test_motion_raises_a_toast(browser: Browser, gateway: str, topics: str) -> None:
    """MotionStarted raises one toast per node and is logged; an event from before the page was opened raises none."""
    old = MotionStarted(
        timestamp_ns=time.time_ns() - 60 * SECOND, node_id="7", provenance="live", source="esp32", stream="1x64@6"
    )
    await produce(topics, EVENTS.name, [record(old)])
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        now = time.time_ns()
        events = [
            MotionStarted(timestamp_ns=now, node_id="1", provenance="live", source="esp32", stream=stream)
            for stream in ("1x64@6", "1x128@6")
        ]
        await produce(topics, EVENTS.name, [record(event) for event in events])
        await dashboard.wait_text(".toast", "Motion at node 1")
        await dashboard.wait_text(".toast", "128 sub-carriers, channel 6")
        await expect(dashboard.page.locator(".toast")).to_have_count(1)
        await expect(dashboard.page.locator('#events [data-event="MotionStarted"]')).to_have_count(3)
        await dashboard.page.locator(".toast button").click()
        await expect(dashboard.page.locator(".toast")).to_have_count(0)
        dashboard.assert_clean()


async def test_a_silent_node_is_shown_as_silent(browser: Browser, gateway: str, topics: str) -> None:
    """After NodeStale the card says for how long and passes no old state off as now; NodeBack undoes it."""
    last_seen = time.time_ns() - 12 * SECOND
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, SENSING.name, [record(sensing(level="active", timestamp_ns=last_seen))])
        await produce(topics, INTROSPECTION.name, [record(snapshot(timestamp_ns=last_seen))])
        stale = NodeStale(
            timestamp_ns=last_seen + 5 * SECOND,
            node_id="1",
            provenance="live",
            source="esp32",
            last_seen_ns=last_seen,
        )
        await produce(topics, EVENTS.name, [record(stale)])
        card = dashboard.page.locator('[data-node="1"].card')
        await expect(card).to_have_attribute("data-stale", "true")
        await dashboard.wait_text('[data-node="1"] .age', "silent for")
        words = await card.locator(".age").inner_text()
        silent = int(words.removeprefix("silent for ").removesuffix(" s"))
        assert 7 <= silent <= (time.time_ns() - last_seen) / SECOND + 1
        await dashboard.wait_text('[data-node="1"] .motion', "Not known")
        await dashboard.wait_text('[data-node="1"] .badge', "Was live")
        await dashboard.wait_text("#introspection-note", "The last values before this stream fell silent")
        await dashboard.wait_text(".waterfall-note", "this stream is silent")
        now = time.time_ns()
        back = NodeBack(
            timestamp_ns=now, node_id="1", provenance="live", source="esp32", stale_since_ns=stale.last_seen_ns
        )
        await produce(topics, EVENTS.name, [record(back)])
        await produce(topics, SENSING.name, [record(sensing(level="absent", timestamp_ns=now))])
        await dashboard.wait_text('[data-node="1"] .motion', "Nobody there")
        await expect(card).to_have_attribute("data-stale", "false")
        dashboard.assert_clean()


async def test_latest_values_are_there_at_once(browser: Browser, gateway: str, topics: str) -> None:
    """A page opened after the messages were published shows them without waiting for new ones."""
    sent = snapshot(regime="chaotic", lyapunov=0.5)
    await produce(topics, INTROSPECTION.name, [record(sent)])
    await produce(topics, SENSING.name, [record(sensing(level="present_moving"))])
    async with opened(browser, gateway) as first:  # the gateway has them for sure once one page shows them
        await first.wait_text("#regime", "chaotic")
        async with opened(browser, gateway) as dashboard:
            await dashboard.wait_text("#regime", "chaotic")
            assert await dashboard.number("#lyapunov") == 0.5
            await dashboard.wait_text('[data-node="1"] .motion', "moving")
            dashboard.assert_clean()


async def test_a_hidden_page_draws_nothing(browser: Browser, gateway: str, topics: str) -> None:
    """While hidden the page takes messages in but leaves its panel alone; shown again it catches up."""
    async with opened(browser, gateway) as dashboard:
        await dashboard.wait_connected()
        await produce(topics, INTROSPECTION.name, [record(snapshot(regime="idle", sequence=1))])
        await dashboard.wait_text("#regime", "idle")
        await dashboard.page.evaluate(
            "hidden => { Object.defineProperty(document, 'hidden', { configurable: true, get: () => hidden });"
            " document.dispatchEvent(new Event('visibilitychange')); }",
            True,
        )
        await produce(topics, INTROSPECTION.name, [record(snapshot(regime="transient", sequence=2))])
        await wait_for(lambda: taken(dashboard, 2), what="the hidden page took the snapshot")
        frames = (
            "n => new Promise(done => { const step = () => (n-- > 0 ? requestAnimationFrame(step) : done()); step(); })"
        )
        await dashboard.page.evaluate(frames, 40)
        assert await dashboard.page.locator("#regime").inner_text() == "idle"
        await dashboard.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
        await dashboard.wait_text("#regime", "transient")
        dashboard.assert_clean()


async def taken(dashboard: Dashboard, sequence: int) -> bool:
    """Whether the page has the snapshot with this sequence number."""
    known = await dashboard.state("introspection")
    return any(message["sequence"] == sequence for message in known.values())


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light"), (1440, "light")])
async def test_it_fits_the_screen(browser: Browser, gateway: str, topics: str, width: int, scheme: str) -> None:
    """Neither a phone nor a desk needs to scroll sideways, and the colours follow the reader's scheme."""
    async with opened(browser, gateway, width=width, scheme="dark" if scheme == "dark" else "light") as dashboard:
        await dashboard.wait_connected()
        await produce(topics, SENSING.name, [record(sensing())])
        await produce(topics, INTROSPECTION.name, [record(snapshot(similar=[Similarity("walk", 0.5, False)]))])
        await dashboard.wait_text("#regime", "periodic")
        await dashboard.page.locator("#gauge .main-svg").first.wait_for()
        assert await dashboard.page.evaluate("document.documentElement.scrollWidth") <= width
        spill = (
            "card => card.querySelector('.matches').getBoundingClientRect().right - card.getBoundingClientRect().right"
        )
        assert await dashboard.page.locator(".card.introspection").evaluate(spill) <= 0, "the scores leave their card"
        ground = await dashboard.page.evaluate("getComputedStyle(document.body).backgroundColor")
        levels = [int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")]
        assert (max(levels) < 64) == (scheme == "dark")
        dashboard.assert_clean()
