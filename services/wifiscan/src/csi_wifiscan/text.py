"""Bytes that a program printed, as lines: byte order marks, UTF-16, UTF-8 and code pages."""

from __future__ import annotations

import codecs

from csi_wifiscan.errors import ScanError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes, code_page: str | None = None) -> str:
    r"""Text of what a program printed.

    A byte order mark decides; then zero bytes on one side of every pair, which is UTF-16; then UTF-8 if it is valid
    throughout; then ``code_page``. Bytes that it does not have, or without one those that are not UTF-8, become
    ``\xNN``: shown, not guessed.

    Raises:
        ScanError: UTF-16 that ends inside a character, or an unknown code page.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _strict(data[len(mark) :], encoding)
    if b"\0" in data:
        zeros_low, zeros_high = data[0::2].count(0), data[1::2].count(0)
        if max(zeros_low, zeros_high) > len(data) // 4:
            return _strict(data, "utf-16-le" if zeros_high > zeros_low else "utf-16-be")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _lenient(data, code_page or "utf-8")


def lines_of(text: str) -> list[str]:
    """Lines without their ends. Only CR and LF end a line: names may hold what Python takes for one besides."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _strict(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise ScanError(f"byte {error.start} is no {encoding} text; was the text cut off?") from None


def _lenient(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding, errors="backslashreplace")
    except LookupError:
        raise ScanError(f"{encoding!r} is no code page that Python knows; cp437, cp850 or cp936 for example") from None
