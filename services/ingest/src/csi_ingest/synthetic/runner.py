"""The simulator in real time: datagrams of every node to an ingest's synthetic port."""

from __future__ import annotations

import asyncio
import heapq
from math import ceil, inf
from typing import TYPE_CHECKING

import numpy as np

from csi_ingest.sender import UdpSender
from csi_ingest.synthetic.scene import DEFAULT_SCENE
from csi_ingest.synthetic.simulator import default_links, simulated_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_ingest.sender import Address
    from csi_ingest.synthetic.radio import RadioParameters
    from csi_ingest.synthetic.scene import Scene

_PROGRESS_SECONDS = 0.1


async def run_synthetic(
    address: Address,
    *,
    nodes: int = 2,
    rate_hz: float = 30.0,
    duration_s: float | None = None,
    seed: int = 0,
    scene: Scene = DEFAULT_SCENE,
    radio: RadioParameters | None = None,
    jitter_s: float = 0.002,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Send simulated datagrams to ``address``, the synthetic port of an ingest, and return how many.

    The port decides: ingest labels whatever comes in there ``synthetic``. Deadlines are absolute, so the rate holds on
    average; a frame is measured at the scene time at which it is due.

    Args:
        address: an ingest's synthetic port.
        nodes: how many, numbered from 1.
        rate_hz: frames per second and node.
        duration_s: seconds of scene time to send, that is ``rate_hz * duration_s`` frames of each node, rounded up;
            ``None``: until cancelled.
        seed: of noise, phases, jitter, and the places of the ninth node and later ones.
        scene: what happens in the room.
        radio: properties of the receivers.
        jitter_s: standard deviation of a frame's time around its place on the raster, as a busy channel gives it; at
            most a fifth of the raster is used.
        progress: called with the number sent about ten times a second and at the end.

    Raises:
        SendError: the address cannot be used, or nobody listens there.
        ValueError: a parameter is out of range.
    """
    if not rate_hz > 0:
        raise ValueError(f"rate is {rate_hz} frames/s; it must be above 0")
    if duration_s is not None and not duration_s > 0:
        raise ValueError(f"duration is {duration_s} s; it must be above 0")
    frames = inf if duration_s is None else ceil(rate_hz * duration_s)
    links = default_links(nodes, seed=seed)
    simulated = [simulated_node(number, link, scene, radio, seed) for number, link in enumerate(links, start=1)]
    generator = np.random.default_rng(seed)
    jitter = min(jitter_s, 0.2 / rate_hz)

    def due(frame: int, place: int) -> float:
        raster = (frame + place / nodes) / rate_hz
        return float(max(0.0, raster + np.clip(generator.normal(0.0, jitter), -0.45 / rate_hz, 0.45 / rate_hz)))

    loop = asyncio.get_running_loop()
    async with UdpSender(address) as sender:
        start = reported = loop.time()
        queue = [(due(0, place), 0, place) for place in range(nodes)]
        heapq.heapify(queue)
        while queue:
            t, frame, place = heapq.heappop(queue)
            wait = start + t - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            await sender.send(simulated[place].datagram(t))
            if frame + 1 < frames:
                heapq.heappush(queue, (due(frame + 1, place), frame + 1, place))
            if progress is not None and loop.time() - reported >= _PROGRESS_SECONDS:
                reported = loop.time()
                progress(sender.sent)
        if progress is not None:
            progress(sender.sent)
        return sender.sent
