"""Waiting for a condition, with a time limit that names what did not happen."""

from __future__ import annotations

import asyncio
import inspect
import socket
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

_POLL_S = 0.02


@overload
async def wait_for(condition: Callable[[], Awaitable[T]], timeout: float = ..., what: str = ...) -> T: ...
@overload
async def wait_for(condition: Callable[[], T], timeout: float = ..., what: str = ...) -> T: ...
async def wait_for(condition: Callable[[], object], timeout: float = 20.0, what: str = "") -> object:
    """Evaluate ``condition`` until it is true and return its value.

    Args:
        condition: a function or coroutine function.
        timeout: seconds until the test fails.
        what: the condition in words, for the failure.

    Raises:
        AssertionError: the condition was not true in time.
    """
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if inspect.isawaitable(value):
            value = await value
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout:g} s: {what or condition} (last value: {value!r})")
        await asyncio.sleep(_POLL_S)


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A TCP (or UDP) port of the loopback interface that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
