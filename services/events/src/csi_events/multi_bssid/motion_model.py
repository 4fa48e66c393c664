"""Linear models of motion levels and presence, for native scans and for those of commands.

Fitted by regularised maximum likelihood on what the pipeline saw of simulated rooms (``csi_ingest.synthetic``), whose
seeds are below 30, or 2000-2003; ``csiflow bench rooms`` measures on seeds 1000-1199.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NATIVE, COMMAND = 0, 1
"""First index of both: 10-20 scans a second, or about two."""
LEVELS: Final = np.array(
    (
        (
            (-0.407, -0.524, -0.780, -0.400, -0.401, -0.317, -0.330, -0.019, 0.296, 0.065, -5.332),
            (0.371, -0.321, 0.381, -0.061, -0.796, 0.241, -0.010, -0.475, 0.449, 0.818, 0.488),
            (-0.050, 0.151, 0.204, 0.105, 0.411, -0.904, 0.534, 0.561, -0.973, 0.330, -0.269),
            (0.086, 0.695, 0.195, 0.355, 0.786, 0.981, -0.194, -0.066, 0.228, -1.213, 5.113),
        ),
        (
            (-0.261, -0.062, -0.376, -0.525, -0.658, 0.131, -0.302, -0.470, 0.029, 0.195, -3.113),
            (-0.058, -0.152, -0.086, -0.150, -0.224, 0.075, 0.027, -0.037, -0.372, 1.318, -1.379),
            (0.117, 0.064, 0.168, -0.264, -0.065, -0.054, 0.009, 0.330, -0.195, -0.325, 0.945),
            (0.202, 0.150, 0.294, 0.939, 0.947, -0.152, 0.267, 0.178, 0.538, -1.187, 3.548),
        ),
    )
)
"""(2, 4, 11): weights of the nine logarithmic energies of :func:`csi_events.multi_bssid.motion.features`, of the
logarithm of the levels' shift, and a constant, for None, Minimal, Moderate and High."""
PRESENCE: Final = np.array(
    (
        (0.819, 0.539, 1.113, 0.844, -0.005, 0.032, 0.612, -1.075, -0.296, 2.526, 5.720),
        (0.346, 0.182, 0.362, 0.585, 0.244, 0.115, 0.612, -0.476, -0.339, 2.056, 2.242),
    )
)
"""(2, 11): the same, for the logarithm of the odds of presence."""
