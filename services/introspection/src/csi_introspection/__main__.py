"""``python -m csi_introspection``."""

import os
import sys

# numpy reads this on import. The kernels bring their own loops: BLAS threads would only take memory.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from csi_introspection.app import main

sys.exit(main())
