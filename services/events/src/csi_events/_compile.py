"""How this package's numba kernels are compiled: when they are imported, for the types named, never later.

A call with other types raises ``TypeError`` instead of compiling in the hot path. numba keys a cached kernel by the
text of its own file, so a kernel calls kernels of its own file only; one that calls those of other files is
``composed``, and keyed by the texts of all files in and below its folder.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from csi_runtime.kernel_cache import cache_under, source_digest
from numba import from_dtype, njit, types

if TYPE_CHECKING:
    import numpy as np

FASTMATH = {"contract", "reassoc", "arcp", "nsz"}
"""Lets sums be vectorised; keeps NaN, which means "not known" here."""

_Function = TypeVar("_Function", bound=Callable[..., Any])


def kernel(*signatures: str, composed: bool = False, **records: np.dtype[np.void]) -> Callable[[_Function], _Function]:
    """Return the decorator that compiles a function for ``signatures`` now, or loads it from the cache on disk.

    The cache is in ``NUMBA_CACHE_DIR`` where that is set, else beside the sources or in the user's cache folder.

    Args:
        signatures: in numba's words, and those of ``records``.
        composed: the function calls kernels, or has constants, of other files in or below its folder.
        records: what a signature calls a structured type.
    """
    names = {**vars(types), **{name: from_dtype(layout) for name, layout in records.items()}}

    def decorate(function: _Function) -> _Function:
        compiled: Any = njit(cache=True, nogil=True, fastmath=FASTMATH, error_model="numpy")(function)
        if composed:
            cache_under(compiled, source_digest(Path(function.__code__.co_filename).parent))
        for signature in signatures:
            compiled.compile(eval(signature, {}, names))  # noqa: S307 - as numba itself reads them; all are literals
        compiled.disable_compile()
        return compiled  # type: ignore[no-any-return]

    return decorate
