"""``--source auto``: takes the best source that really sends, in the order esp32, wifi-enhanced, wifi, synthetic.

The decision is a pure function of what a running ingest counted on its live port for a few seconds; whoever asks is
told why the better sources were passed over. Nothing becomes synthetic in silence.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

ORDER = ("esp32", "wifi-enhanced", "wifi", "synthetic")
LISTEN_SECONDS = 3.0
"""Long enough for a node at 1 frame/s and for an agent's first scan."""
_POLL_SECONDS = 0.1
_ENHANCED = "wifi-enhanced:"


class Heard(NamedTuple):
    """What came in on the live port while listening."""

    seconds: float
    address: str | None
    """The live port; ``None`` when ingest does not listen on one."""
    frames: Mapping[str, int]
    """CSI frames and scans by source: ``esp32``, ``wifi-enhanced:23``, ``wifi``."""


class Choice(NamedTuple):
    """The chosen source, and why it is not a better one."""

    source: str
    """``esp32``, ``wifi-enhanced:<slots>``, ``wifi`` or ``synthetic``."""
    passed_over: dict[str, str]
    """Why not, for each better source, in their order."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The same as lines to print."""
        return tuple(f"not {source}: {reason}" for source, reason in self.passed_over.items())


def choose(heard: Heard) -> Choice:
    """Decide which source to use."""
    passed_over: dict[str, str] = {}
    where = f"on {heard.address} within {heard.seconds:g} s"
    nowhere = "ingest listens on no live port (CSIFLOW_INGEST_LIVE is empty)" if heard.address is None else None
    if heard.frames.get("esp32"):
        return Choice("esp32", passed_over)
    passed_over["esp32"] = nowhere or f"no CSI frame came in {where}"
    slots = [int(source.removeprefix(_ENHANCED)) for source, n in heard.frames.items() if n and _ENHANCED in source]
    if max(slots, default=0) > 1:
        return Choice(f"{_ENHANCED}{max(slots)}", passed_over)
    passed_over["wifi-enhanced"] = nowhere or (
        "an agent reports, but hears fewer than two access points"
        if slots or heard.frames.get("wifi")
        else f"no scan of a wifiscan agent came in {where}"
    )
    if heard.frames.get("wifi"):
        return Choice("wifi", passed_over)
    passed_over["wifi"] = nowhere or (
        "an agent reports, but hears no access point" if slots else f"no scan of a wifiscan agent came in {where}"
    )
    return Choice("synthetic", passed_over)


async def choose_source(stats: Callable[[], Awaitable[Mapping[str, Any]]], seconds: float = LISTEN_SECONDS) -> Choice:
    """Listen through a running ingest and choose; returns at once when CSI comes in, the best there is.

    Args:
        stats: reads ingest's ``GET /stats``; what it raises is passed on.
        seconds: how long to listen.
    """
    loop = asyncio.get_running_loop()
    before = await stats()
    deadline = loop.time() + (seconds if before["listeners"].get("live") else 0.0)
    while True:
        heard = heard_between(before, await stats(), seconds)
        if heard.frames.get("esp32") or loop.time() >= deadline:
            return choose(heard)
        await asyncio.sleep(_POLL_SECONDS)


def heard_between(before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Heard:
    """Return what the live port took in between two readings of ``GET /stats``."""
    earlier = before["sources"].get("live", {})
    now = after["sources"].get("live", {})
    gained = {source: count - earlier.get(source, 0) for source, count in now.items()}
    return Heard(seconds, after["listeners"].get("live"), {source: n for source, n in gained.items() if n > 0})
