"""How this package's numba kernels are compiled and cached: each keyed by the texts of the whole package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from csi_runtime.kernel_cache import cache_under, source_digest
from numba import njit

FASTMATH = {"contract", "reassoc", "nsz"}
"""Lets sums be vectorised; keeps NaN and infinity, which mean something here, and exact division, which rounds."""

KERNELS = "*.py"
"""Files of the package that kernels may need: none of its folders'."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel_decorator(package: Path) -> Callable[[_Function], _Function]:
    """Return the decorator for the kernels of ``package``: compiled at first call, cached on disk, GIL released.

    The cache is in ``NUMBA_CACHE_DIR`` where that is set, else beside the sources or in the user's cache folder.
    """
    digest = source_digest(package, KERNELS)

    def kernel(function: _Function) -> _Function:
        compiled: Any = njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")(function)
        cache_under(compiled, digest)
        return compiled  # type: ignore[no-any-return]

    return kernel


kernel = kernel_decorator(Path(__file__).parent)
"""Decorator of every kernel in this package."""
