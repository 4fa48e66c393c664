"""``python -m csi_ingest``."""

import sys

from csi_ingest.app import main

sys.exit(main())
