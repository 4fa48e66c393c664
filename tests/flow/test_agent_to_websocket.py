"""A laptop's scans all the way: scripted scanner, real agent, UDP, ingest, Kafka, events, gateway, websocket."""

from __future__ import annotations

import asyncio
import json
import threading
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from csi_ingest.synthetic import NATIVE, ScanSimulator, Scene, Segment, neighbourhood
from csi_wifiscan.access_point import AccessPoint
from csi_wifiscan.agent import Agent
from csi_wifiscan.pace import Pace
from csi_wifiscan.sender import Sender
from support.gateway import running_gateway
from support.services import running
from support.waiting import wait_for
from unit.ingest.flow import ingest
from unit.wifiscan.scripted import ScriptedScanner
from unit.wifiscan.test_privacy import SECRETS, assert_private

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

HOST = "00c0ffee00c0ffee"
ACCESS_POINTS = 12
EMPTY_S, WALK_S, HZ = 8.0, 10.0, 20.0
CALIBRATE_S = 5.0


def scans() -> list[list[AccessPoint]]:
    """What a laptop hears while nobody is there and then somebody walks, under names and addresses to look for."""
    scene = Scene((Segment("empty", EMPTY_S), Segment("walk", WALK_S)))
    parameters = replace(NATIVE, missed=0.0, every_scan=True)
    room = neighbourhood(ACCESS_POINTS, 21)
    readings = (
        ScanSimulator(room, scene, parameters, 21).scans(np.arange(1, int((EMPTY_S + WALK_S) * HZ)) / HZ).readings
    )
    return [
        [
            AccessPoint(secret.bssid, float(dbm), secret.ssid, None, a.channel, a.band, a.radio)
            for secret, a, dbm in zip(SECRETS, room, row, strict=False)
        ]
        for row in readings.rssi_dbm
    ]


def run_agent(address: str, played: list[list[AccessPoint]]) -> None:
    """Run an agent on the script in real time: what follows goes by the time of arrival."""
    with Sender(address, None) as sender:
        agent = Agent(ScriptedScanner(played), sender, Pace(1 / HZ, 1 / HZ), HOST, epoch=7, sequence=1)
        agent.run(threading.Event(), len(played))


async def collect(websocket: ClientConnection, into: list[str]) -> None:
    """Keep everything that comes until cancelled."""
    while True:
        into.append(await websocket.recv(decode=True))


@pytest.mark.timeout(300)  # the first start of events compiles its kernels
async def test_a_walk_in_front_of_a_laptop_reaches_the_dashboard_and_no_name_does(topics: str) -> None:
    """Calibrating first, then permitted and still, then moving; every field of ADR-022; nothing that was scanned.

    Searched are all websockets, the REST answers and every service's log.
    """
    played = scans()
    environment = {
        "CSIFLOW_KAFKA": topics,
        "CSIFLOW_EVENTS_HTTP_PORT": "0",
        "CSIFLOW_EVENTS_MULTI_BSSID__CALIBRATE_S": str(CALIBRATE_S),
    }
    received: dict[str, list[str]] = {"sensing": [], "events": [], "introspection": []}
    async with (
        ingest(topics) as started,
        running("csi_events", environment, timeout=240) as events,
        running_gateway(topics) as gateway,
        gateway.connect("/ws/sensing") as sensing,
        gateway.connect("/ws/events") as happened,
        gateway.connect("/ws/introspection") as introspection,
    ):
        await gateway.clients("sensing", 1)
        sockets = zip((sensing, happened, introspection), received.values(), strict=True)
        readers = [asyncio.create_task(collect(websocket, into)) for websocket, into in sockets]
        await asyncio.to_thread(run_agent, started.listeners["live"], played)
        stats = await started.settled(len(played))

        def last_window() -> bool:
            return any(json.loads(message)["origin"]["offset"] >= len(played) - 20 for message in received["sensing"])

        await wait_for(last_window, 60, "the walk's last window is on the websocket")
        answers = [await gateway.get(path) for path in ("/api/v1/nodes", "/api/v1/sensing/latest")]
        for reader in readers:
            reader.cancel()
        logged = "\n".join(line for service in (started.service, events, gateway.service) for line in service.lines)

    assert stats["published"] == len(played)
    updates: list[dict[str, Any]] = [json.loads(message) for message in received["sensing"]]
    assert {(u["node_id"], u["source"], u["provenance"]) for u in updates} == {
        (HOST, f"wifi-enhanced:{ACCESS_POINTS}", "live")
    }
    assert {u["bssid_count"] for u in updates} == {ACCESS_POINTS}
    assert [u["tick"] for u in updates] == list(range(1, len(updates) + 1))
    assert updates[0]["quality_verdict"] == "Defer"
    assert "calibrating" in updates[0]["quality_reason"]
    began = updates[0]["timestamp"]
    still = [u for u in updates if CALIBRATE_S + 1 < u["timestamp"] - began < EMPTY_S - 0.5]
    walk = [u for u in updates if u["timestamp"] - began > EMPTY_S + 2]
    assert {u["quality_verdict"] for u in still + walk} == {"Permit"}
    assert {u["enhanced_motion"]["level"] for u in still} == {"None"}
    assert not any(u["classification"]["presence"] for u in still)
    assert {u["enhanced_motion"]["level"] for u in walk} & {"Moderate", "High"}
    assert walk[-1]["classification"]["presence"]
    assert all(0 <= u["signal_quality_score"] <= 1 for u in updates)
    assert all("enhanced_breathing" not in u for u in updates), "nobody held still for long enough"
    assert not received["introspection"], "scans have no introspection"
    assert [status for status, _ in answers] == [200, 200]
    assert_private("\n".join([*chain(*received.values()), json.dumps(answers), logged]).encode())
