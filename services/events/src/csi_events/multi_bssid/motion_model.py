"""Linear models of motion levels and presence, for native scans and for those of commands.

Fitted by regularised maximum likelihood on what the pipeline saw of simulated rooms: those of ``csi_ingest.synthetic``,
seeds below 30 and 2000-2003, and twenty of slow shadows of 3-8 dB alone, so that a walk is more than the fast fading
that the former have beside them. ``csiflow bench rooms`` measures on seeds 1000-1199.
"""

from __future__ import annotations

from typing import Final

import numpy as np

NATIVE, COMMAND = 0, 1
"""First index of both: 10-20 scans a second, or about two."""
LEVELS: Final = np.array(
    (
        (
            (-0.565, -0.449, -0.792, -0.441, -0.343, -0.189, -0.284, -0.122, 0.386, -0.347, -4.811),
            (0.108, -0.126, 0.500, -0.311, -0.589, 0.279, -0.321, 0.045, 0.273, 0.700, 1.325),
            (-0.125, 0.193, 0.180, 0.027, 0.465, -0.899, 0.403, 0.628, -0.900, 0.242, -0.133),
            (0.581, 0.382, 0.112, 0.725, 0.468, 0.808, 0.201, -0.551, 0.241, -0.595, 3.620),
        ),
        (
            (-0.196, -0.177, -0.384, -0.451, -0.616, 0.444, -0.230, -0.329, 0.025, -0.321, -1.784),
            (0.064, -0.248, -0.078, -0.011, -0.302, 0.018, 0.066, -0.030, -0.399, 1.092, -1.534),
            (0.208, -0.028, 0.157, -0.098, -0.092, -0.144, -0.020, 0.231, -0.240, -0.305, 0.344),
            (-0.076, 0.452, 0.304, 0.560, 1.010, -0.317, 0.184, 0.128, 0.615, -0.465, 2.974),
        ),
    )
)
"""(2, 4, 11): weights of the nine logarithmic energies of :func:`csi_events.multi_bssid.motion.features`, of the
logarithm of the levels' shift, and a constant, for None, Minimal, Moderate and High."""
PRESENCE: Final = np.array(
    (
        (0.760, 0.515, 0.936, 0.657, 0.061, -0.094, 0.383, -0.631, -0.411, 2.472, 4.595),
        (0.344, 0.218, 0.272, 0.583, 0.149, -0.373, 0.600, -0.484, -0.098, 2.084, 1.038),
    )
)
"""(2, 11): the same, for the logarithm of the odds of presence."""
