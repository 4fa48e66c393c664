"""``python -m csi_gateway``."""

import sys

from csi_gateway.app import main

sys.exit(main())
