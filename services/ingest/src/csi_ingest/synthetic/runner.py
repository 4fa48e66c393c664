"""The simulator in real time: datagrams of every node to an ingest's synthetic port."""

from __future__ import annotations

import asyncio
import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from csi_ingest.sender import UdpSender
from csi_ingest.synthetic.scene import DEFAULT_SCENE, Scene
from csi_ingest.synthetic.simulator import default_links, simulated_node

if TYPE_CHECKING:
    from collections.abc import Callable

_PROGRESS_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class SyntheticParameters:
    """What to simulate, and how fast."""

    nodes: int = 2
    """Nodes 1 to this."""
    rate: float = 30.0
    """Frames per second and node."""
    jitter_ms: float = 2.0
    """Standard deviation of a frame's time around its place on the raster, as a busy channel gives it."""
    scene: Scene = DEFAULT_SCENE
    seed: int = 0


async def run_synthetic(
    address: str,
    parameters: SyntheticParameters | None = None,
    duration: float | None = None,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Send simulated datagrams to ``address``, the synthetic port of an ingest, and return how many.

    The port decides: ingest labels whatever comes in there ``synthetic``. Deadlines are absolute, so the rate holds on
    average; a frame is measured at the scene time at which it is due.

    Args:
        address: ``HOST:PORT``.
        parameters: what to simulate.
        duration: seconds after which to stop; ``None``: until cancelled.
        progress: called with the number sent about ten times a second and at the end.

    Raises:
        SendError: the address cannot be used, or nobody listens there.
        ValueError: a parameter is out of range.
    """
    parameters = parameters or SyntheticParameters()
    if not parameters.rate > 0:
        raise ValueError(f"rate is {parameters.rate} frames/s; it must be above 0")
    links = default_links(parameters.nodes)
    nodes = [
        simulated_node(number, link, parameters.scene, seed=parameters.seed)
        for number, link in enumerate(links, start=1)
    ]
    generator = np.random.default_rng(parameters.seed)
    jitter = min(parameters.jitter_ms / 1000, 0.2 / parameters.rate)

    def due(frame: int, place: int) -> float:
        raster = (frame + place / len(nodes)) / parameters.rate
        return float(raster + np.clip(generator.normal(0.0, jitter), -0.45 / parameters.rate, 0.45 / parameters.rate))

    loop = asyncio.get_running_loop()
    async with UdpSender(address) as sender:
        start = reported = loop.time()
        queue = [(due(0, place), 0, place) for place in range(len(nodes))]
        heapq.heapify(queue)
        while True:
            t, frame, place = heapq.heappop(queue)
            if duration is not None and t >= duration:
                break
            wait = start + t - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            await sender.send(nodes[place].datagram(max(t, 0.0)))
            heapq.heappush(queue, (due(frame + 1, place), frame + 1, place))
            if progress is not None and loop.time() - reported >= _PROGRESS_SECONDS:
                reported = loop.time()
                progress(sender.sent)
        if progress is not None:
            progress(sender.sent)
        return sender.sent
