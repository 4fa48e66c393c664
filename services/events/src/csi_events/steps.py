"""Work that is cut in steps, so that no frame waits for all of it."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[float, None, T]
"""Yields what the next step will take, us, about; returns what all of them came to."""


def at_once(steps: Steps[T]) -> T:
    """Do all steps and return what they came to."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            value: T = end.value
            return value
