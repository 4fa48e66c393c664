"""Linear models of motion levels and presence, for native scans and for those of commands.

Fitted by regularised maximum likelihood on simulated rooms (``csi_ingest.synthetic``) whose seeds are below 1000 or
above 2000; `csiflow bench rooms` measures on seeds 1000-1199.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NATIVE, COMMAND = 0, 1
"""First index of both: 10-20 scans a second, or about two."""
LEVELS: Final = np.array(
    (
        (
            (-0.248, -0.334, -0.790, -0.472, -0.271, -0.123, -0.601, 0.239, 0.209, -5.430),
            (0.190, -0.224, 0.060, 0.028, -0.829, -0.113, 0.277, -0.827, 0.772, -0.880),
            (0.225, -0.107, 0.269, 0.141, 0.343, -0.506, 0.542, 0.809, -1.194, 1.093),
            (-0.167, 0.665, 0.461, 0.303, 0.756, 0.743, -0.219, -0.222, 0.213, 5.216),
        ),
        (
            (-0.093, -0.058, -0.250, -0.447, -0.432, -0.096, -0.292, -0.246, 0.093, -2.932),
            (-0.084, -0.049, -0.194, -0.228, -0.581, 0.186, 0.161, 0.164, -0.031, -0.349),
            (0.170, -0.002, 0.062, -0.147, 0.013, -0.021, 0.063, 0.112, -0.307, 0.093),
            (0.008, 0.109, 0.383, 0.822, 1.000, -0.068, 0.068, -0.030, 0.245, 3.187),
        ),
    )
)
"""(2, 4, 10): weights of the nine logarithmic energies of :func:`csi_events.multi_bssid.motion.features` and a constant
for None, Minimal, Moderate and High."""
PRESENCE: Final = np.array(
    (
        (0.578, 0.226, 1.036, 0.755, -0.002, -0.175, 0.531, -0.670, -0.428, 1.971, 4.756),
        (0.206, 0.064, 0.220, 0.511, 0.196, 0.173, 0.219, -0.395, -0.341, 2.106, 1.586),
    )
)
"""(2, 11): the same energies, the logarithm of the shift energy, and a constant: logarithm of the odds of presence."""
