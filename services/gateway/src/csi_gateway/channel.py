"""A channel: the messages of one topic, and the clients that want them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from csi_gateway.client import Client
    from csi_gateway.message import Message

SLICE = 16
"""Messages given to the clients before the loop gets a turn to move bytes; at most half a ring."""


class Channel:
    """Gives every message to every client; no client can hold up another beyond its patience."""

    def __init__(self, on_change: Callable[[int], None] | None = None) -> None:
        """``on_change`` is called with the number of clients whenever it changes."""
        self._clients: set[Client] = set()
        self._room = asyncio.Event()
        self._on_change = on_change

    def __len__(self) -> int:
        return len(self._clients)

    def add(self, client: Client) -> None:
        """Give ``client`` every message from now on."""
        self._clients.add(client)
        client.wakers.add(self._room.set)
        self._changed()

    def remove(self, client: Client) -> None:
        """Give ``client`` nothing more."""
        self._clients.discard(client)
        client.wakers.discard(self._room.set)
        self._room.set()
        self._changed()

    async def publish(self, messages: Sequence[Message]) -> None:
        """Give ``messages`` to all clients, in slices between which the transports get a turn."""
        for start in range(0, len(messages), SLICE):
            if not self._clients:
                return
            if start:
                await asyncio.sleep(0)
            part = messages[start : start + SLICE]
            await self._make_room(len(part))
            for client in self._clients:
                for message in part:
                    client.offer(message)
                client.flush()

    async def _make_room(self, count: int) -> None:
        """Wait for clients whose ring would overflow, as long as they have patience left."""
        loop = asyncio.get_running_loop()
        while waiting := [client for client in self._clients if client.impatient_for(count)]:
            self._room.clear()
            began = loop.time()
            try:
                async with asyncio.timeout(min(client.patience for client in waiting)):
                    await self._room.wait()
            except TimeoutError:
                pass
            spent = loop.time() - began
            for client in waiting:
                client.patience -= spent

    def _changed(self) -> None:
        if self._on_change is not None:
            self._on_change(len(self._clients))
