"""Nodes in a simulated room, frame by frame: the scene moves the body, the channel follows, the receiver digitises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.codec import encode_csi

from csi_ingest.synthetic.channel import Link, Room
from csi_ingest.synthetic.radio import RadioParameters, Receiver

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from csi_ingest.synthetic.scene import Scene

MAX_NODES = 255
_ACCESS_POINT = (0.15, 0.45, 0.7)
"""Place of the transmitter, as fractions of the room."""
_PLACES = (
    (0.9, 0.2, 0.4),
    (0.5, 0.95, 0.5),
    (0.2, 0.92, 0.4),
    (0.85, 0.9, 0.45),
    (0.95, 0.55, 0.4),
    (0.5, 0.06, 0.45),
    (0.1, 0.1, 0.4),
    (0.7, 0.5, 0.9),
)
"""Places of the first nodes, as fractions of the room; later ones stand anywhere."""


def default_links(count: int, room: Room | None = None, seed: int = 0) -> tuple[Link, ...]:
    """Return one link for each node, all from one access point.

    Raises:
        ValueError: ``count`` is not 1 to ``MAX_NODES``.
    """
    if not 1 <= count <= MAX_NODES:
        raise ValueError(f"{count} nodes; the simulator has 1 to {MAX_NODES}")
    room = room or Room()
    generator = np.random.default_rng(seed)
    anywhere = generator.uniform(0.05, 0.95, (max(0, count - len(_PLACES)), 3)).tolist()

    def place(fractions: Sequence[float]) -> tuple[float, float, float]:
        x, y, z = (float(extent * fraction) for extent, fraction in zip(room.size, fractions, strict=True))
        return x, y, z

    return tuple(Link(place(_ACCESS_POINT), place(spot), room=room) for spot in (*_PLACES, *anywhere)[:count])


@dataclass(slots=True)
class SimulatedNode:
    """One node: where it is, what its receiver does, and its frame counter."""

    number: int
    link: Link
    scene: Scene
    receiver: Receiver
    static: NDArray[np.complex128]
    sequence: int = 0

    def channel(self, t: NDArray[np.float64]) -> NDArray[np.complex128]:
        """Return the noiseless channel (T, S) at seconds ``t`` (T,) since the scene's start."""
        body = self.scene.positions(t)
        channel = np.repeat(self.static[np.newaxis], len(t), axis=0)
        present = ~np.isnan(body[:, 0])
        channel[present] += self.link.scattered_channel(body[present])
        return channel

    def datagram(self, t: float) -> bytes:
        """Return the next ADR-018 datagram, measured ``t`` seconds after the scene's start."""
        iq, rssi = self.receiver.receive(self.channel(np.array([t]))[0])
        datagram = encode_csi(
            self.number,
            iq.tobytes(),
            sequence=self.sequence,
            n_subcarriers=self.link.n_subcarriers,
            frequency_mhz=self.link.frequency_mhz,
            rssi_dbm=rssi,
        )
        self.sequence = (self.sequence + 1) % 2**32
        return datagram


def simulated_node(
    number: int, link: Link, scene: Scene, parameters: RadioParameters | None = None, seed: int = 0
) -> SimulatedNode:
    """Make a node; the same arguments give the same datagrams."""
    receiver = Receiver(parameters or RadioParameters(), np.random.default_rng([seed, number]))
    return SimulatedNode(number, link, scene, receiver, link.static_channel())
