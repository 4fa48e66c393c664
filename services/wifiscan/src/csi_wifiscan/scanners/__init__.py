"""Ways to scan: one port, an adapter for each platform's interfaces, and which of them this host can use."""

from __future__ import annotations

from csi_wifiscan.scanners.choice import Option, choose, options
from csi_wifiscan.scanners.port import NATIVE_INTERVAL_S, Scanner

__all__ = ["NATIVE_INTERVAL_S", "Option", "Scanner", "choose", "options"]
