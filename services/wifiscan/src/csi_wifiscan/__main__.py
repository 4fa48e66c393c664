"""``python -m csi_wifiscan``."""

from __future__ import annotations

import sys

from csi_wifiscan.main import main

sys.exit(main())
