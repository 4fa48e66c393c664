"""Linear models of motion levels and presence, for native scans and for those of commands.

Written by ``bench/fit_motion_model.py``, which fits them by regularised maximum likelihood on what the pipeline saw of
simulated rooms (``csi_ingest.synthetic``) of seeds 0-31, each with another radio and another body; ``csiflow bench
rooms`` measures on seeds 1000-1199.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NATIVE, COMMAND = 0, 1
"""First index of both: 10-20 scans a second, or about two."""
LEVELS: Final = np.array(
    (
        (
            (-0.427, -0.299, -0.496, -0.721, -0.338, -0.342, -0.394, 0.359, 0.353, -0.110, -3.825),
            (-0.034, -0.043, 0.438, -0.348, -0.650, -0.295, 0.176, -0.085, 0.295, 0.678, 0.140),
            (0.201, -0.089, 0.075, 0.306, 0.193, -0.595, 0.260, 0.356, -0.727, 0.072, 0.126),
            (0.260, 0.431, -0.017, 0.762, 0.795, 1.232, -0.042, -0.629, 0.079, -0.641, 3.559),
        ),
        (
            (-0.220, -0.118, -0.271, -0.735, -0.505, -0.009, -0.499, 0.275, 0.088, -0.006, -2.035),
            (-0.142, -0.043, -0.086, -0.460, -0.405, 0.033, 0.218, 0.054, -0.302, 0.859, -1.372),
            (0.085, 0.022, 0.044, 0.022, -0.133, 0.059, 0.177, -0.155, -0.261, -0.177, 0.129),
            (0.276, 0.139, 0.313, 1.172, 1.043, -0.083, 0.104, -0.173, 0.474, -0.676, 3.278),
        ),
    )
)
"""(2, 4, 11): weights of the nine logarithmic energies of :func:`csi_events.multi_bssid.motion.features`, of the
logarithm of the levels' shift, and a constant, for None, Minimal, Moderate and High."""
PRESENCE: Final = np.array(
    (
        (0.457, 0.389, 0.895, 0.776, -0.048, 0.158, 0.793, -1.262, -0.400, 1.429, 4.337),
        (0.106, 0.162, 0.220, 0.533, 0.194, 0.321, 0.886, -0.923, -0.224, 1.087, 2.446),
    )
)
"""(2, 11): the same, for the logarithm of the odds of presence."""
