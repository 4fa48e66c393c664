"""Values with units on the command line."""

from __future__ import annotations

import pytest
import typer
from csiflow.parameters import parse_address, parse_duration, parse_speed


@pytest.mark.parametrize(
    ("text", "seconds"), [("20s", 20), ("500ms", 0.5), ("1.5m", 90), ("1h", 3600), ("7", 7), (" 2 s ", 2)]
)
def test_durations(text: str, seconds: float) -> None:
    """A duration is a number with ms, s, m or h; plain numbers are seconds."""
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1 day", "1e3", "nan"])
def test_what_is_no_duration(text: str) -> None:
    """Everything else is refused with the text quoted."""
    with pytest.raises(typer.BadParameter, match="is not a duration"):
        parse_duration(text)


@pytest.mark.parametrize(("text", "speed"), [("1", 1.0), ("0.5", 0.5), ("max", None), ("MAX", None)])
def test_speeds(text: str, speed: float | None) -> None:
    """A speed is a factor of real time, or max."""
    assert parse_speed(text) == speed


@pytest.mark.parametrize("text", ["0", "-1", "fast", "inf", "nan", ""])
def test_what_is_no_speed(text: str) -> None:
    """Zero, negative, infinite and wordy speeds are refused."""
    with pytest.raises(typer.BadParameter, match="is not a speed"):
        parse_speed(text)


@pytest.mark.parametrize("text", ["127.0.0.1:5005", "[::1]:1", "node:65535"])
def test_addresses(text: str) -> None:
    """Host and port, IPv6 in brackets, are taken as they are."""
    assert parse_address(text) == text


@pytest.mark.parametrize("text", ["5005", "host", "host:", ":5005", "host:0", "host:65536", "host:http"])
def test_what_is_no_address(text: str) -> None:
    """Anything without both a host and a port is refused."""
    with pytest.raises(typer.BadParameter, match="is not an address"):
        parse_address(text)


@pytest.mark.parametrize("text", ["0", "0s", "0.0m"])
def test_a_duration_of_nothing_is_too_short(text: str) -> None:
    """It is a duration, so the message does not deny that."""
    with pytest.raises(typer.BadParameter, match="is too short"):
        parse_duration(text)
