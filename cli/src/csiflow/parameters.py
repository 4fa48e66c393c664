"""Command-line values with a unit: durations and speeds."""

from __future__ import annotations

import re

import typer

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$")
_SECONDS = {"ms": 0.001, "s": 1.0, None: 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(text: str) -> float:
    """Seconds of ``20s``, ``1.5m``, ``500ms``, ``1h`` or a plain number of seconds.

    Raises:
        typer.BadParameter: not a duration above zero.
    """
    match = _DURATION.match(text.strip())
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if match and seconds <= 0:
        raise typer.BadParameter(f"{text!r} is too short; give more than nothing, for example 20s")
    if seconds <= 0:
        raise typer.BadParameter(f"{text!r} is not a duration; write 20s, 500ms, 2m or 1h")
    return seconds


def parse_speed(text: str) -> float | None:
    """Replay speed as a factor of real time; ``None`` for ``max``.

    Raises:
        typer.BadParameter: neither ``max`` nor a factor above zero.
    """
    if text.strip().lower() == "max":
        return None
    try:
        speed = float(text)
    except ValueError:
        speed = 0.0
    if not 0 < speed < 1e6:
        raise typer.BadParameter(f"{text!r} is not a speed; write a factor of real time such as 1, 0.5 or 6, or max")
    return speed


def parse_address(text: str) -> str:
    """Return ``HOST:PORT`` (``[::1]:5005`` for IPv6) as it was given.

    Raises:
        typer.BadParameter: not of that form.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or not 0 < int(port) < 65536 or not host:
        raise typer.BadParameter(f"{text!r} is not an address; write HOST:PORT, for example 127.0.0.1:5005")
    return text
