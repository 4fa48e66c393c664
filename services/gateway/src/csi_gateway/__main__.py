"""``python -m csi_gateway``."""

from csi_gateway.app import main

main()
