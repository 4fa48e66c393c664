"""How this package's numba kernels are compiled and cached.

numba keys a cached kernel by the text of the file it is defined in, so a kernel that calls one of another file keeps
running that other file's old code after an edit. Here every kernel is keyed by the text of the whole package.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from numba import njit

FASTMATH = {"contract", "reassoc", "nsz"}
"""Lets sums be vectorised; keeps NaN and infinity, which mean something here, and exact division, which rounds."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def source_digest(package: Path) -> bytes:
    """SHA-256 over the names and texts of the Python files in ``package``, in name order."""
    digest = hashlib.sha256()
    for file in sorted(package.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.digest()


def kernel_decorator(package: Path) -> Callable[[_Function], _Function]:
    """Return the decorator for the kernels of ``package``: compiled at first call, cached on disk, GIL released.

    The cache is in ``NUMBA_CACHE_DIR`` where that is set, else beside the sources or in the user's cache folder.
    """
    stamp = source_digest(package)

    def kernel(function: _Function) -> _Function:
        compiled: Any = njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")(function)
        # numba offers no public way to widen the stamp; tests/unit/introspection/test_compile.py watches this seam.
        compiled._cache._cache_file._source_stamp = stamp  # noqa: SLF001
        return compiled  # type: ignore[no-any-return]

    return kernel


kernel = kernel_decorator(Path(__file__).parent)
"""Decorator of every kernel in this package."""
