"""``python -m csi_introspection.cluster``."""

import sys

from csi_introspection.cluster.app import main

sys.exit(main())
