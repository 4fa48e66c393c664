"""What compiled kernels must hold to: edits reach their cached code, and they need no library that is not installed."""

from __future__ import annotations

import ast
import inspect
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OF_SCIPY = {"linalg", "dot", "vdot", "kron"}
"""What numba compiles to calls of scipy's BLAS and LAPACK, beside ``@``."""


def needs_scipy(function: Callable[..., Any]) -> set[str]:
    """What in a kernel's text numba cannot compile without scipy, which the services' images do not have."""
    nodes = list(ast.walk(ast.parse(textwrap.dedent(inspect.getsource(function)))))
    products = (ast.BinOp, ast.AugAssign)
    found = {"@" for node in nodes if isinstance(node, products) and isinstance(node.op, ast.MatMult)}
    return found | {node.attr for node in nodes if isinstance(node, ast.Attribute) and node.attr in OF_SCIPY}


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
