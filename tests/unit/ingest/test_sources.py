"""Choosing a source: the best that sends, and a reason for every better one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from csi_ingest.sources import Heard, choose, choose_source, heard_between

PORT = "0.0.0.0:5005"


@pytest.mark.parametrize(
    ("frames", "source", "passed_over"),
    [
        ({"esp32": 3, "wifi-enhanced:23": 5, "wifi": 1}, "esp32", []),
        ({"esp32": 1}, "esp32", []),
        ({"wifi-enhanced:23": 5, "wifi-enhanced:7": 1, "wifi": 2}, "wifi-enhanced:23", ["esp32"]),
        ({"wifi-enhanced:2": 1}, "wifi-enhanced:2", ["esp32"]),
        ({"wifi": 1}, "wifi", ["esp32", "wifi-enhanced"]),
        ({"wifi-enhanced:0": 4, "wifi": 1}, "wifi", ["esp32", "wifi-enhanced"]),
        ({"wifi-enhanced:0": 4}, "synthetic", ["esp32", "wifi-enhanced", "wifi"]),
        ({}, "synthetic", ["esp32", "wifi-enhanced", "wifi"]),
    ],
)
def test_the_best_source_that_sends(frames: dict[str, int], source: str, passed_over: list[str]) -> None:
    """esp32, then wifi-enhanced, then wifi, then synthetic; each better one has its reason."""
    choice = choose(Heard(3.0, PORT, frames))
    assert choice.source == source
    assert list(choice.passed_over) == passed_over
    assert len(choice.reasons) == len(passed_over)
    assert all(reason.startswith(f"not {name}: ") for reason, name in zip(choice.reasons, passed_over, strict=True))


def test_reasons_say_what_was_listened_to() -> None:
    """The port and the time are in the reason; without a live port that is the reason."""
    heard = choose(Heard(3.0, PORT, {})).passed_over
    assert heard["esp32"] == f"no CSI frame came in on {PORT} within 3 s"
    deaf = choose(Heard(3.0, None, {})).passed_over
    assert all("CSIFLOW_INGEST_LIVE" in reason for reason in deaf.values())


def stats(**live: int) -> dict[str, Any]:
    """What /stats says, as far as it matters here."""
    return {"listeners": {"live": PORT}, "sources": {"live": live, "replay": {"esp32": 999}}}


def test_only_what_came_while_listening_on_the_live_port_counts() -> None:
    """Neither earlier frames nor those of the replay port make a source live."""
    heard = heard_between(stats(esp32=10, wifi=1), stats(esp32=10, wifi=4), 3.0)
    assert heard.frames == {"wifi": 3}


async def test_listening_ends_as_soon_as_csi_comes_in() -> None:
    """The third reading has a CSI frame: the choice is made without waiting out the time."""
    readings = [stats(), stats(), stats(esp32=1)]

    async def read() -> Mapping[str, Any]:
        return readings.pop(0)

    choice = await choose_source(read, seconds=3600.0)
    assert choice.source == "esp32"
    assert readings == []


async def test_without_a_live_port_nothing_is_waited_for() -> None:
    """An ingest without a live port has synthetic chosen at once."""

    async def read() -> Mapping[str, Any]:
        return {"listeners": {}, "sources": {}}

    assert (await choose_source(read, seconds=3600.0)).source == "synthetic"
