"""``python -m csi_events``."""

import os
import sys

# numpy reads this on import. The kernels' matrices are small: a second BLAS thread would only take a core from others.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from csi_events.app import main

sys.exit(main())
