"""Compiled kernels are cached; one that calls those of other files is compiled anew when any of them is edited."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import csi_events
import numpy as np
import pytest
from csi_events._compile import kernel
from csi_events.multi_bssid.slots import Record, flags, floats, integers
from csi_runtime.kernel_cache import cached_under, source_digest
from numba.core.dispatcher import Dispatcher
from support.kernels import follows_edits, needs_scipy

if TYPE_CHECKING:
    from collections.abc import Iterator

HELPER = """
from csi_events._compile import kernel

@kernel("int64()")
def constant():
    return {value}
"""
CALLER = """
from csi_events._compile import kernel
from helper import constant

@kernel("int64()", composed=True)
def answer():
    return constant()

print(answer(), sum(answer.stats.cache_hits.values()))
"""


def test_an_edit_of_a_called_file_reaches_cached_callers(tmp_path: Path) -> None:
    """The second run takes the cache; after an edit of the helper only, the caller's answer is the new one."""
    follows_edits(tmp_path, CALLER, HELPER)


def foreign(compiled: Any, file: Path) -> set[str]:
    """Kernels and numbers of other files of the package that a kernel of ``file`` uses, or one that it calls does."""
    imports = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    imported = {
        a.asname or a.name for node in imports if (node.module or "").startswith("csi_events") for a in node.names
    }
    module = vars(import_module(compiled.py_func.__module__))
    named = {name: module[name] for name in compiled.py_func.__code__.co_names if name in module}
    found = {
        n for n, value in named.items() if n in imported and isinstance(value, Dispatcher | int | float | np.ndarray)
    }
    for name, value in named.items():
        if name not in imported and isinstance(value, Dispatcher):
            found |= foreign(value, file)
    return found


def kernels() -> Iterator[tuple[Path, Any]]:
    """Every compiled function of the package, with the file that defines it."""
    package = Path(csi_events.__file__).parent
    for file in sorted(package.rglob("*.py")):
        if file.stem == "__main__":
            continue
        name = ".".join(("csi_events", *file.relative_to(package).with_suffix("").parts)).removesuffix(".__init__")
        for compiled in vars(import_module(name)).values():
            if isinstance(compiled, Dispatcher) and compiled.py_func.__module__ == name:
                yield file, compiled


def test_kernels_that_need_other_files_are_composed() -> None:
    """Every kernel of the package that uses a kernel or a number of another file has the folder's digest."""
    checked = set()
    for file, compiled in kernels():
        others = foreign(compiled, file)
        if others:
            named = compiled.py_func.__name__
            assert cached_under(compiled) == source_digest(file.parent), f"{file.name}: {named} uses {others}"
            checked.add(named)
    assert {"observe", "embed", "judge_in_turn", "feedback_gradient", "adapt"} <= checked


def test_no_kernel_needs_scipy() -> None:
    """The service's image has none; where it is installed, such a kernel compiles and only the image fails."""
    found = {
        f"{file.name}: {compiled.py_func.__name__}": needed
        for file, compiled in kernels()
        if (needed := needs_scipy(compiled.py_func))
    }
    assert found == {}


def test_linear_algebra_in_a_kernel_is_found() -> None:
    """Products of matrices, in any spelling, and what numba hands to LAPACK; not sums and elementwise products."""

    def plain(a: np.ndarray, b: np.ndarray) -> Any:
        return (a * b).sum() + np.abs(a).max()

    def solves(a: np.ndarray, b: np.ndarray) -> Any:
        b @= a
        return np.linalg.solve(a, a @ b) + np.dot(a, b) + np.vdot(a, b)

    assert needs_scipy(plain) == set()
    assert needs_scipy(solves) == {"@", "linalg", "dot", "vdot"}


def test_other_types_are_refused() -> None:
    """A kernel does not compile in the hot path: it says which types it takes."""

    @kernel("float64(float64)")
    def twice(x: float) -> float:
        return 2.0 * x

    assert twice(2.0) == 4.0
    with pytest.raises(TypeError, match="No matching definition"):
        twice("2")  # type: ignore[arg-type]


class Pair(Record):
    """Arrays of several kinds."""

    values = floats(2, 3)
    seen = flags()
    count = integers(1)


@kernel("void(float64, pair)", pair=Pair.layout)
def mark(value: float, pair: Pair) -> None:
    """Write to each kind."""
    pair.values[1, 2] = value
    pair.seen[4] = True
    pair.count[0] += 1


def test_a_record_is_seen_alike_by_kernels_and_python() -> None:
    """What a kernel writes the object shows, in memory of its own and in memory that is given."""
    given = np.zeros(1, np.dtype([("before", "u1"), ("pair", Pair.layout)], align=True))
    for pair in (Pair(), Pair(given["pair"])):
        mark(2.5, pair.record)
        mark(3.5, pair.record)
        assert pair.values.tolist() == [[0, 0, 0], [0, 0, 3.5]]
        assert pair.seen.dtype == np.bool_
        assert np.flatnonzero(pair.seen).tolist() == [4]
        assert pair.count[0] == 2
        assert pair.nbytes == Pair.layout.itemsize >= 6 * 8 + 32 + 8
    assert given["pair"]["values"][0, 1, 2] == 3.5
