"""The gateway's parts put together: what it reads, what it keeps, whom it tells."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import structlog
from csi_schemas.topics import CLUSTER, EVENTS, FRAMES, INTROSPECTION, LATEST, SENSING

from csi_gateway.channel import Channel
from csi_gateway.feed import Feed, Handler
from csi_gateway.nodes import Nodes
from csi_gateway.readers import (
    AmplitudeReader,
    ClusterReader,
    EventReader,
    LatestReader,
    SensingReader,
    SnapshotReader,
)
from csi_gateway.recent import RecentEvents
from csi_gateway.zones import Zones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from csi_gateway.settings import GatewaySettings

log = structlog.get_logger(__name__)

FUSED_KEPT = 100
"""Fused snapshots of each partition read back at the start. A zone that nobody takes part in falls silent, so where it
shares a partition with one that goes on its last word may be older than these; another comes with its next node."""


class Gateway:
    """Feeds, state and channels of one gateway process."""

    def __init__(self, settings: GatewaySettings, now_ns: Callable[[], int] = time.time_ns) -> None:
        """``now_ns`` is the clock staleness is judged by."""
        self.settings = settings
        self.now_ns = now_ns
        self.nodes = Nodes(settings.stale_after)
        self.zones = Zones(settings.stale_after)
        self.events = RecentEvents(settings.events_kept)
        self.channels: dict[str, Channel] = {
            "sensing": Channel(),
            "introspection": Channel(),
            "cluster": Channel(),
            "events": Channel(),
            "amplitude": Channel(on_change=self._amplitude_clients_changed),
        }
        self._restored = False
        self._feeds = self._make_feeds()
        self._restore = self._feed(
            LATEST.name,
            LatestReader(self.nodes, introspection=settings.introspection_enabled).handle,
            start="beginning",
            only_history=True,
        )
        self._amplitude_wanted = asyncio.Event()
        self._amplitude_unwanted = asyncio.Event()

    @property
    def checks(self) -> Mapping[str, Callable[[], str | None]]:
        """Readiness: every topic is being read and the last values of an earlier run are known."""
        return {
            "kafka": lambda: "; ".join(feed.problem for feed in self._feeds if feed.problem) or None,
            "latest": lambda: None if self._restored else self._restore.problem or "reading the latest values",
        }

    async def run(self) -> None:
        """Read until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for feed in self._feeds:
                tasks.create_task(feed.run(), name=f"feed {feed.topic}")
            tasks.create_task(self._restore_latest(), name="restore latest")
            tasks.create_task(self._run_amplitude(), name="amplitude")

    def _make_feeds(self) -> list[Feed]:
        channels = self.channels
        feeds = [
            self._feed(SENSING.name, SensingReader(self.nodes, channels["sensing"]).handle),
            self._feed(
                EVENTS.name,
                EventReader(self.nodes, self.events, channels["events"]).handle,
                start=self.settings.events_kept,
            ),
        ]
        if self.settings.introspection_enabled:
            feeds += [
                self._feed(INTROSPECTION.name, SnapshotReader(self.nodes, channels["introspection"]).handle),
                self._feed(CLUSTER.name, ClusterReader(self.zones, channels["cluster"]).handle, start=FUSED_KEPT),
            ]
        return feeds

    def _feed(self, topic: str, handle: Handler, start: int | str = "end", *, only_history: bool = False) -> Feed:
        return Feed(
            topic,
            self.settings.kafka,
            handle,
            start=start,  # type: ignore[arg-type]
            only_history=only_history,
            probe_interval=self.settings.probe_interval,
        )

    async def _restore_latest(self) -> None:
        await self._restore.run()
        self._restored = True
        log.info("latest values restored", streams=len(self.nodes.latest_sensing()))

    def _amplitude_clients_changed(self, count: int) -> None:
        wanted, unwanted = self._amplitude_wanted, self._amplitude_unwanted
        (wanted if count else unwanted).set()
        (unwanted if count else wanted).clear()

    async def _run_amplitude(self) -> None:
        """Read frames only while somebody watches them."""
        while True:
            await self._amplitude_wanted.wait()
            feed = self._feed(FRAMES.name, AmplitudeReader(self.channels["amplitude"]).handle)
            reading = asyncio.create_task(feed.run(), name=f"feed {FRAMES.name}")
            watching = asyncio.create_task(self._amplitude_unwanted.wait(), name="amplitude watchers")
            try:
                await asyncio.wait({reading, watching}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                watching.cancel()
                reading.cancel()
                await asyncio.wait({reading, watching})
            if not reading.cancelled():
                reading.result()  # a feed that only ends by failing: let the failure be seen
