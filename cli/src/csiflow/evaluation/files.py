"""From what was typed to the recordings meant: files, folders, patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Sequence
from pathlib import Path

from csiflow.evaluation.errors import EvaluationError
from csiflow.evaluation.takes import caught


def expand(given: Sequence[str]) -> list[Path]:
    """Return the recordings, each once, in the order given; those of a folder or a pattern by name.

    A file that does not exist stays in the list, so that it is reported beside the results of the others.

    Raises:
        EvaluationError: a folder or a pattern holds no recording.
    """
    found: dict[Path, None] = {}
    for text in given:
        path = Path(text)
        if path.is_dir():
            matches = sorted(path.rglob("*.npz"))
            if not matches:
                raise EvaluationError(f"there is no .npz recording in the folder {path}")
        elif glob.has_magic(text) and not path.exists():
            matches = sorted(Path(match) for match in glob.glob(text, recursive=True))  # noqa: PTH207 - ** and absolute
            if not matches:
                raise EvaluationError(f"no file matches {text}")
        else:
            matches = [path]
        found.update(dict.fromkeys(matches))
    return list(found)


def group_name(path: Path, group: re.Pattern[str] | None) -> str:
    """Return the name under which a recording's figures are pooled: its folder's, or what the pattern catches."""
    found = caught(path.as_posix(), group) if group else None
    return path.resolve().parent.name if found is None else found
