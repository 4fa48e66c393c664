"""Laptops in the simulated room that scan the access points around them and send what an agent would send."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from csi_schemas.codec import encode

from csi_ingest.synthetic.neighbourhood import Building, neighbourhood
from csi_ingest.synthetic.scans import COMMAND, NATIVE, NATIVE_HZ, ScanSimulator

if TYPE_CHECKING:
    from csi_ingest.synthetic.scene import Scene

_SLOWEST_NATIVE_HZ = 5.0
_ACCESS_POINTS = 24
_HEIGHT_M = 0.8
_MARGIN_M = 0.4


@dataclass(slots=True)
class SimulatedLaptop:
    """One host and its node id."""

    node_id: str
    simulator: ScanSimulator

    def datagram(self, t: float) -> bytes:
        """Return the datagram of the next scan, made ``t`` seconds after the scene's start."""
        (packet,) = self.simulator.packets(self.simulator.scans(np.array([t])), self.node_id)
        return encode(packet)


def simulated_laptop(
    number: int, scene: Scene, seed: int = 0, scan_hz: float = NATIVE_HZ, access_points: int = _ACCESS_POINTS
) -> SimulatedLaptop:
    """Make laptop ``number``, somewhere in the first flat; all laptops of a seed hear the same building.

    Raises:
        ValueError: ``access_points`` is not 1 to 32.
    """
    building = Building()
    generator = np.random.default_rng([seed, number, 0x1A97])
    node_id = f"{int(generator.integers(1 << 60, 1 << 63)):016x}"
    x, y = (float(generator.uniform(_MARGIN_M, extent - _MARGIN_M)) for extent in building.flat[:2])
    host = (x, y, _HEIGHT_M)
    heard = neighbourhood(access_points, seed, building=building, host=host)
    parameters = NATIVE if scan_hz > _SLOWEST_NATIVE_HZ else COMMAND
    return SimulatedLaptop(node_id, ScanSimulator(heard, scene, parameters, seed * 1000 + number, building, host))
