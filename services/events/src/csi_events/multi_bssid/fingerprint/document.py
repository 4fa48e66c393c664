"""The document that ``csiflow fingerprint learn`` writes: the states of a room as one host heard them."""

from __future__ import annotations

from math import isfinite
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec
from csi_runtime.documents import write_whole
from csi_schemas.common import Provenance

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SUFFIX = ".fingerprint.json"
STATES = ("empty", "standing", "sitting", "walking")
"""The four templates of ADR-022."""
MOST_STATES = 16
MOST_WINDOWS = 1000
"""Windows of one state; more are not learnt."""
MOST_BYTES = 32 * 1024 * 1024
LEAST_SLOTS = 3


class LearntSlot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is known of an access point that takes part. Nothing here tells who owns it."""

    slot: int
    """Its number on the host while it was learnt."""
    generation: int
    channel: int
    band: int
    radio: int
    level_dbm: float
    """Mean over all states."""


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One moment of a take."""

    take: int
    """Takes are numbered from 0 over the whole document."""
    levels_dbm: tuple[float, ...]
    """One a slot, in the order of ``slots``."""
    spreads: tuple[float, ...]
    """One a slot: log of the standard deviation, see ``levels.vector``."""


class State(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One state of the room."""

    name: str
    windows: tuple[Window, ...]


class Fingerprints(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """States of one room as one host heard them in one run of its agent."""

    kind: Literal["csiflow-fingerprints"]
    version: Literal[1]
    id: str
    node_id: str
    learnt_at: str
    """ISO 8601, UTC."""
    provenance: Provenance
    epoch: int
    """Of the agent while it was learnt."""
    started_s: float
    """When the agent had been started, s since the Unix epoch by the receiver's clock."""
    learnt_s: float
    """When the last window was heard, same clock."""
    slots: tuple[LearntSlot, ...]
    states: tuple[State, ...]


class Problem(NamedTuple):
    """One thing that is wrong with one file."""

    file: str
    message: str
    remedy: str = "learn it again with csiflow fingerprint learn, or remove the file"

    def __str__(self) -> str:
        return f"{self.file}: {self.message}; {self.remedy}"


_decoder = msgspec.json.Decoder(Fingerprints)


def read(path: Path) -> tuple[Fingerprints | None, list[Problem]]:
    """Decode and check one file; without a document there is at least one problem."""
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            return None, [Problem(path.name, f"{size} bytes; fingerprints have at most {MOST_BYTES}")]
        document = _decoder.decode(path.read_bytes())
    except OSError as error:
        return None, [
            Problem(path.name, f"cannot be read: {error.strerror or error}", "make it readable, or remove it")
        ]
    except msgspec.DecodeError as error:
        return None, [Problem(path.name, str(error))]
    problems = [Problem(path.name, message) for message in faults(document)]
    return (None if problems else document), problems


def faults(document: Fingerprints) -> Iterator[str]:
    """Everything about a decoded document that a type cannot say."""
    numbers = [learnt.slot for learnt in document.slots]
    if len(numbers) < LEAST_SLOTS or len(set(numbers)) != len(numbers) or not all(0 <= n < 32 for n in numbers):
        yield f"slots {numbers}: at least {LEAST_SLOTS} distinct numbers from 0 to 31 are needed"
    names = [state.name for state in document.states]
    if not 2 <= len(names) <= MOST_STATES or len(set(names)) != len(names) or not all(names):
        yield f"states {names}: 2 to {MOST_STATES} distinct names are needed"
    for state in document.states:
        if not 5 <= len(state.windows) <= MOST_WINDOWS:
            yield f"state {state.name} has {len(state.windows)} windows: 5 to {MOST_WINDOWS} are needed"
        for number, window in enumerate(state.windows):
            values = (*window.levels_dbm, *window.spreads)
            if len(window.levels_dbm) != len(numbers) or len(window.spreads) != len(numbers):
                yield f"window {number} of {state.name} does not have one level and one spread for each slot"
            elif not all(isfinite(value) and abs(value) <= 200 for value in values):
                yield f"window {number} of {state.name} holds a number that is no level or spread"
    if not (isfinite(document.started_s) and isfinite(document.learnt_s)):
        yield "started_s and learnt_s must be finite"


def write(path: Path, document: Fingerprints, *, replace: bool = False) -> None:
    """Write a document whole or not at all.

    Raises:
        FileExistsError: the file exists and ``replace`` is false.
        OSError: it cannot be written.
    """
    write_whole(path, msgspec.json.encode(document) + b"\n", replace=replace)
