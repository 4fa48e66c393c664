"""How this package's numba kernels are compiled: when they are imported, for the types named, never later.

A call with other types raises ``TypeError`` instead of compiling in the hot path. numba keys a cached kernel by the
text of its own file, so a kernel calls kernels of its own file only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import njit

FASTMATH = {"contract", "reassoc", "arcp", "nsz"}
"""Lets sums be vectorised; keeps NaN, which means "not known" here."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(*signatures: str) -> Callable[[_Function], _Function]:
    """Return the decorator that compiles a function for ``signatures`` now, or loads it from the cache on disk.

    The cache is in ``NUMBA_CACHE_DIR`` where that is set, else beside the sources or in the user's cache folder.
    """
    decorate: Callable[[_Function], _Function] = njit(
        list(signatures), cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy"
    )
    return decorate
