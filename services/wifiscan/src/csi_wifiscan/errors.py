"""What can go wrong; no message ever contains what was scanned."""

from __future__ import annotations


class ScanError(RuntimeError):
    """A scan failed; the agent counts it, waits, and goes on."""


class ParseError(ScanError):
    """A text is not what its program prints, or not all of it.

    ``line`` counts from 1; the text of the line is withheld, as it may hold names.
    """

    def __init__(self, line: int, expected: str) -> None:
        super().__init__(f"line {line}: {expected}")
        self.line = line


class UnavailableError(ScanError):
    """This host cannot scan in this way; the message says why and what would help."""


class SettingError(RuntimeError):
    """A command-line option or a file it names cannot be used."""
