"""``manifest.json`` beside recordings: what their makers know that the arrays do not say."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from csiflow.evaluation.errors import EvaluationError

NAME = "manifest.json"
LEVELS = 3
"""A manifest is looked for in a recording's folder and this many above it."""


def entry_for(recording: Path) -> dict[str, Any] | None:
    """Return the entry of the nearest manifest that lists ``recording``, ``None`` without one.

    Raises:
        EvaluationError: a manifest is no list of objects with a ``file``.
    """
    folder = recording.resolve().parent
    for above in (folder, *list(folder.parents)[:LEVELS]):
        path = above / NAME
        if path.is_file():
            entry = _entries(path).get(recording.resolve().relative_to(above).as_posix())
            if entry is not None:
                return entry
    return None


@lru_cache(maxsize=16)
def _entries(path: Path) -> dict[str, dict[str, Any]]:
    try:
        listed = msgspec.json.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise EvaluationError(f"{path} cannot be read: {error}; mend it or move it away") from error
    if not isinstance(listed, list) or not all(
        isinstance(entry, dict) and isinstance(entry.get("file"), str) for entry in listed
    ):
        raise EvaluationError(f"{path} is no list of objects with a file each; mend it or move it away")
    return {entry["file"]: entry for entry in listed}
