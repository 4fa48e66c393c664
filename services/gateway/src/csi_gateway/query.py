"""Query parameters, checked: a parameter nobody reads is an error, not silence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from csi_gateway.errors import bad_request

if TYPE_CHECKING:
    from starlette.datastructures import QueryParams

MAX_HZ = 1000.0


def known(query: QueryParams, *names: str) -> None:
    """Raise :class:`~csi_gateway.errors.Refusal` for any parameter that is not one of ``names``."""
    for name in query:
        if name not in names:
            allowed = f"the parameters here are {', '.join(names)}" if names else "there are no parameters here"
            raise bad_request(f"unknown parameter {name!r}", allowed)


def names(query: QueryParams, parameter: str) -> frozenset[str] | None:
    """Values of a repeatable, comma separated parameter; ``None`` when it is absent."""
    given = query.getlist(parameter)
    if not given:
        return None
    found = [part.strip() for value in given for part in value.split(",")]
    if not all(found):
        raise bad_request(
            f"{parameter}= holds an empty name", f"give one or more, as {parameter}=1&{parameter}=2 or {parameter}=1,2"
        )
    return frozenset(found)


def integer(query: QueryParams, parameter: str, default: int | None, low: int, high: int) -> int | None:
    """One whole number from ``low`` to ``high``."""
    text = _single(query, parameter)
    if text is None:
        return default
    try:
        value = int(text)
    except ValueError:
        value = low - 1
    if not low <= value <= high:
        raise bad_request(
            f"{parameter}={text} is not a whole number from {low} to {high}", f"give {parameter} such a number"
        )
    return value


def rate(query: QueryParams, parameter: str) -> float | None:
    """One number of messages per second, above 0 and at most :data:`MAX_HZ`."""
    text = _single(query, parameter)
    if text is None:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value <= MAX_HZ:
        raise bad_request(
            f"{parameter}={text} is not a rate above 0 and at most {MAX_HZ:g} per second",
            f"give {parameter} such a number, or leave it out to get every message",
        )
    return value


def flag(query: QueryParams, parameter: str) -> bool:
    """0 or 1; absent is 0."""
    return integer(query, parameter, 0, 0, 1) == 1


def _single(query: QueryParams, parameter: str) -> str | None:
    given = query.getlist(parameter)
    if len(given) > 1:
        raise bad_request(f"{parameter}= is given {len(given)} times", "give it once")
    return given[0] if given else None
