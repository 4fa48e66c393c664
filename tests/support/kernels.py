"""A program of two modules with compiled kernels, to see whether an edit of one reaches the other's cached code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def follows_edits(folder: Path, caller: str, helper: str) -> None:
    """Check that a cached kernel is used again, and not after an edit of a module that it calls.

    Args:
        folder: where the program and its cache go.
        caller: the text of its main module, which prints the answer of a kernel and its cache hits.
        helper: the text of its module ``helper``, with a place for the ``value`` that the answer is.
    """
    (folder / "caller.py").write_text(caller)
    (folder / "helper.py").write_text(helper.format(value=1))
    assert _run(folder) == ["1", "0"]
    assert _run(folder) == ["1", "1"]
    (folder / "helper.py").write_text(helper.format(value=2))
    assert _run(folder) == ["2", "0"]


def _run(folder: Path) -> list[str]:
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "caller.py"], cwd=folder, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()
