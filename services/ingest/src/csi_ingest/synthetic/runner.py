"""The simulator in real time: datagrams of every node to an ingest's synthetic port."""

from __future__ import annotations

import asyncio
import heapq
from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np

from csi_ingest.sender import UdpSender
from csi_ingest.synthetic.laptop import simulated_laptop
from csi_ingest.synthetic.scans import NATIVE_HZ
from csi_ingest.synthetic.scene import DEFAULT_SCENE
from csi_ingest.synthetic.simulator import default_links, simulated_node

if TYPE_CHECKING:
    from collections.abc import Callable

    from csi_ingest.sender import Address
    from csi_ingest.synthetic.radio import RadioParameters
    from csi_ingest.synthetic.scene import Scene

_PROGRESS_SECONDS = 0.1


class _Sender(Protocol):
    def datagram(self, t: float) -> bytes: ...


class _Source(NamedTuple):
    """A simulated device, and when it sends."""

    device: _Sender
    rate_hz: float
    offset: float
    """Of its raster, as a share of the interval, so that the devices take turns."""


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
    laptops: int = 0,
    scan_hz: float = NATIVE_HZ,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Send simulated datagrams to ``address``, the synthetic port of an ingest, and return how many.

    The port decides: ingest labels whatever comes in there ``synthetic``. Deadlines are absolute, so the rate holds on
    average; a frame is measured at the scene time at which it is due.

    Args:
        address: an ingest's synthetic port.
        nodes: how many that send CSI, numbered from 1.
        rate_hz: frames per second and node.
        duration_s: seconds of scene time to send, that is ``rate_hz * duration_s`` frames of each node and ``scan_hz *
            duration_s`` scans of each laptop, rounded up; ``None``: until cancelled.
        seed: of noise, phases, jitter, and the places of the ninth node and later ones.
        scene: what happens in the room.
        radio: properties of the receivers.
        jitter_s: standard deviation of a frame's time around its place on the raster, as a busy channel gives it; at
            most a fifth of the raster is used.
        laptops: how many hosts in the room send scans of the access points they hear (:mod:`~.laptop`).
        scan_hz: scans per second and laptop; above 5 they are said to be read through a native interface.
        progress: called with the number sent about ten times a second and at the end.

    Raises:
        SendError: the address cannot be used, or nobody listens there.
        ValueError: a parameter is out of range.
    """
    for name, rate in (("rate", rate_hz), ("scan rate", scan_hz)):
        if not rate > 0:
            raise ValueError(f"{name} is {rate} a second; it must be above 0")
    if duration_s is not None and not duration_s > 0:
        raise ValueError(f"duration is {duration_s} s; it must be above 0")
    links = default_links(nodes, seed=seed) if nodes or not laptops else ()
    sources = [
        _Source(simulated_node(place + 1, link, scene, radio, seed), rate_hz, place / len(links))
        for place, link in enumerate(links)
    ] + [
        _Source(simulated_laptop(place + 1, scene, seed, scan_hz), scan_hz, (place + 0.5) / laptops)
        for place in range(laptops)
    ]
    frames = [inf if duration_s is None else ceil(source.rate_hz * duration_s) for source in sources]
    generator = np.random.default_rng(seed)

    def due(frame: int, place: int) -> float:
        _, rate, offset = sources[place]
        deviation = generator.normal(0.0, min(jitter_s, 0.2 / rate))
        return float(max(0.0, (frame + offset) / rate + np.clip(deviation, -0.45 / rate, 0.45 / rate)))

    loop = asyncio.get_running_loop()
    async with UdpSender(address) as sender:
        start = reported = loop.time()
        queue = [(due(0, place), 0, place) for place in range(len(sources))]
        heapq.heapify(queue)
        while queue:
            t, frame, place = heapq.heappop(queue)
            wait = start + t - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)
            await sender.send(sources[place].device.datagram(t))
            if frame + 1 < frames[place]:
                heapq.heappush(queue, (due(frame + 1, place), frame + 1, place))
            if progress is not None and loop.time() - reported >= _PROGRESS_SECONDS:
                reported = loop.time()
                progress(sender.sent)
        if progress is not None:
            progress(sender.sent)
        return sender.sent
