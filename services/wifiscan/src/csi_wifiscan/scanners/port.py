"""The port: what the scheduler needs of a platform."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from csi_wifiscan.access_point import AccessPoint

NATIVE_INTERVAL_S = 0.05
COMMAND_INTERVAL_S = 0.5


class Scanner(Protocol):
    """A way to learn which access points the radio hears."""

    name: str
    native: bool
    """Reads through an interface that can give 10-20 scans a second; else a program is run for each scan."""
    interval_s: float
    """Shortest sensible time between two scans."""
    trigger_interval_s: float | None
    """Time between two calls of ``trigger``; ``None`` when scanning needs none."""

    def scan(self) -> Sequence[AccessPoint]:
        """Return what the radio has heard, as of now.

        Raises:
            ScanError: it cannot be read this time.
        """
        ...

    def trigger(self) -> None:
        """Ask the radio to look at all channels again; returns at once, later scans show what it found.

        Raises:
            ScanError: the host does not allow it now.
        """
        ...

    def close(self) -> None:
        """Let go of handles."""
        ...
