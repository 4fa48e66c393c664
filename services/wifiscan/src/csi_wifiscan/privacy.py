"""The second line of defence: nothing that looks like an address gets into a log line.

The first is that no message is made of what was scanned. Exceptions that nobody foresaw may quote it, so their text is
replaced by their type and place.
"""

from __future__ import annotations

import logging
import re
import traceback

from csi_wifiscan.errors import ScanError

_ADDRESS = re.compile(r"(?<![0-9A-Fa-f])[0-9A-Fa-f]{2}(?:[:-]?[0-9A-Fa-f]{2}){5}(?![0-9A-Fa-f])")
"""Any spelling, also inside the interface names that Linux makes of addresses (wlx001122334455)."""
_HIDDEN = "xx:xx:xx:xx:xx:xx"


def redact(text: str) -> str:
    """Replace everything that looks like an address."""
    return _ADDRESS.sub(_HIDDEN, text)


class Redacted(logging.Formatter):
    """Formats records without addresses."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line."""
        return redact(super().format(record))


def anonymous(error: Exception) -> ScanError:
    """Return what may be said of an exception whose text may quote what was scanned."""
    if isinstance(error, ScanError):
        return error
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}, line {frames[-1].lineno}" if frames else "an unknown place"
    return ScanError(f"{type(error).__name__} in {place}; its text is withheld, as it may quote what was scanned")
