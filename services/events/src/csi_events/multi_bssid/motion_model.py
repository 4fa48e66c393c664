"""Linear models of motion levels and presence, for native scans and for those of commands.

Fitted by regularised maximum likelihood on what the pipeline saw of simulated rooms (``csi_ingest.synthetic``), whose
seeds are below 30 or above 2000; ``csiflow bench rooms`` measures on seeds 1000-1199.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NATIVE, COMMAND = 0, 1
"""First index of both: 10-20 scans a second, or about two."""
LEVELS: Final = np.array(
    (
        (
            (-0.314, -0.348, -0.844, -0.523, -0.256, -0.098, -0.501, 0.030, 0.384, -0.196, -5.114),
            (0.125, -0.298, -0.027, -0.002, -0.762, -0.060, 0.069, -0.574, 0.515, 1.191, -2.114),
            (0.181, -0.086, 0.312, 0.228, 0.411, -0.556, 0.487, 0.750, -1.127, 0.094, 1.189),
            (0.008, 0.731, 0.558, 0.297, 0.607, 0.713, -0.055, -0.207, 0.228, -1.089, 6.039),
        ),
        (
            (-0.147, -0.101, -0.285, -0.505, -0.442, -0.035, -0.269, -0.216, 0.239, -0.182, -2.139),
            (-0.117, -0.193, -0.224, -0.168, -0.471, 0.149, 0.015, -0.089, -0.170, 1.329, -2.128),
            (0.142, -0.019, 0.087, -0.093, 0.047, -0.039, 0.046, 0.113, -0.347, 0.049, 0.059),
            (0.122, 0.313, 0.422, 0.766, 0.865, -0.075, 0.208, 0.192, 0.278, -1.196, 4.208),
        ),
    )
)
"""(2, 4, 11): weights of the nine logarithmic energies of :func:`csi_events.multi_bssid.motion.features`, of the
logarithm of the levels' shift, and a constant, for None, Minimal, Moderate and High."""
PRESENCE: Final = np.array(
    (
        (0.618, 0.272, 1.015, 0.896, -0.105, -0.089, 0.564, -0.811, -0.434, 2.325, 5.125),
        (0.246, 0.068, 0.218, 0.547, 0.223, 0.212, 0.180, -0.390, -0.457, 2.454, 1.387),
    )
)
"""(2, 11): the same, for the logarithm of the odds of presence."""
